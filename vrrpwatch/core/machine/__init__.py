"""A router of VRRPv2, VRRPv3 or CARP as a pure function: no socket, no clock, nothing drawn at random."""
