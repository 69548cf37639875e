"""Tests of the failover agent."""
