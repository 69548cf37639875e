"""The protocols' names as reports and scripts see them, and which of them keep redundant routers in step."""

from typing import Final

from vrrpwatch.core.frames import Kind

PROTOCOL_NAMES: Final[dict[Kind, str]] = {
    Kind.OTHER: "other",
    Kind.ADVERT: "vrrp",
    Kind.ARP: "arp",
    Kind.ND: "nd",
    Kind.IGMP: "igmp",
    Kind.MLD: "mld",
    Kind.PFSYNC: "pfsync",
    Kind.CONNTRACKD: "conntrackd",
    Kind.IPVS: "ipvs",
    Kind.HSRP: "hsrp",
    Kind.GLBP: "glbp",
    Kind.AH_OTHER: "ah",
    Kind.CARP: "carp",
    Kind.MDNS: "mdns",
    Kind.SSDP: "ssdp",
    Kind.LLMNR: "llmnr",
    Kind.DHCP: "dhcp",
    Kind.OSPF: "ospf",
    Kind.PIM: "pim",
    Kind.STP: "stp",
    Kind.LLDP: "lldp",
    Kind.CDP: "cdp",
    Kind.LACP: "lacp",
    Kind.ICMPV6: "icmpv6",
    Kind.UDP: "udp",
    Kind.TCP: "tcp",
    Kind.ICMP: "icmp",
    Kind.IP: "ip",
}

# What the multicast budget is about: redundancy protocols and the state synchronisation that comes with them.
STATE_SYNC: Final = frozenset(
    {Kind.ADVERT, Kind.CARP, Kind.HSRP, Kind.GLBP, Kind.PFSYNC, Kind.CONNTRACKD, Kind.IPVS},
)


def protocol_name(kind: int) -> str:
    """The lower-case name of a ``Kind``; a number that is none is ``other``."""
    try:
        return PROTOCOL_NAMES[Kind(kind)]
    except ValueError:
        return PROTOCOL_NAMES[Kind.OTHER]
