"""The rules of the protocols, without I/O and without a clock."""
