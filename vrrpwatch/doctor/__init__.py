"""Checks whether this host and its network can carry VRRP and CARP at all."""
