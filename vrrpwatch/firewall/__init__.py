"""Firewall rules that confine advertisements and state synchronisation to where a policy says they belong."""
