"""Tests of the firewall rules: what they say, and what a real kernel does with them."""
