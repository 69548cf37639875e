"""The optional failover agent: speaks VRRP and CARP and holds the addresses, audited by the program's own sniffer."""
