"""vrrpwatch: tells the truth about VRRP and CARP on a network."""

__version__ = "0.1.0"
