"""Our decoder against tcpdump and tshark, on every VRRP and CARP packet of the corpus."""
