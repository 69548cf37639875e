"""Tests of what the agent's routers say and hear."""
