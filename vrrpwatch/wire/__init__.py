"""Redundancy protocols on the wire: bytes to values and back, nothing else."""
