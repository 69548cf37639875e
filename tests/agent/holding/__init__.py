"""Tests of what the agent holds: the pure parts, and on hosts in namespaces as root."""
