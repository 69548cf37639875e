"""Tests of what keeps the agent honest."""
