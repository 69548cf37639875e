"""Reads what administrators declared (keepalived, ucarp, conntrackd, FRR) as typed values, and makes policies of it."""
