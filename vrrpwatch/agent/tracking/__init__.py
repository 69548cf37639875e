"""Trackers: what a router's priority, or whether it may run at all, depends on besides the network."""
