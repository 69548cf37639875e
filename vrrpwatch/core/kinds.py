"""What kinds of frames an observer keeps, and of flows it counts."""

from enum import IntEnum


class Kind(IntEnum):
    """Why a frame was kept (``FRAME.kind``) or what a flow carries (``FLOWS.protocol``)."""

    OTHER = 0
    ADVERT = 1  # IP protocol 112, bare or in AH: VRRP or CARP
    ARP = 2
    ND = 3
    IGMP = 4
    MLD = 5
    PFSYNC = 6
    CONNTRACKD = 7
    IPVS = 8
    HSRP = 9
    GLBP = 10
    AH_OTHER = 11  # flows only: AH with anything but protocol 112
    CARP = 12  # flows only: protocol 112 in CARP's shape (ADVERT is then VRRP)
    MDNS = 13
    SSDP = 14
    LLMNR = 15
    DHCP = 16
    OSPF = 17
    PIM = 18
    STP = 19
    LLDP = 20
    CDP = 21
    LACP = 22
    ICMPV6 = 23
    UDP = 24
    TCP = 25
    ICMP = 26
    IP = 27  # some other IP protocol
