"""Tests of whom the agent tells of changes."""
