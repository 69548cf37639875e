"""Tests of the agent's trackers."""
