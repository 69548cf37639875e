"""How the two listings' words become the packet filter's numbers: protocols, addresses, ranges, MAC addresses."""

from ipaddress import ip_address, ip_network
from typing import Final

from vrrpwatch.doctor.packet_filter import Condition, Span

# IANA protocol numbers under the names that nft and iptables list them by; /etc/protocols may lack some.
PROTOCOLS: Final = {
    "ip": 0,
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "gre": 47,
    "esp": 50,
    "ipv6-esp": 50,
    "ah": 51,
    "ipv6-ah": 51,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ospf": 89,
    "ospfigp": 89,
    "pim": 103,
    "ipcomp": 108,
    "comp": 108,
    "vrrp": 112,
    "carp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
    "pfsync": 240,
}
ETHERTYPES: Final = {"ip": 0x0800, "arp": 0x0806, "ip6": 0x86DD, "8021q": 0x8100, "vlan": 0x8100}
UNKNOWN: Final = "unknown"


def unknown(what: str) -> Condition:
    """A condition that is not followed: neither held nor refused."""
    return Condition(UNKNOWN, names=(what,))


def protocol(word: str | int) -> Span | None:
    """An IP protocol by its number or name."""
    return number(PROTOCOLS.get(word, word) if isinstance(word, str) else word)


def ethertype(word: str | int) -> Span | None:
    """A protocol above Ethernet by its number or nft's name."""
    return number(ETHERTYPES.get(word, word) if isinstance(word, str) else word)


def number(word: str | int) -> Span | None:
    """A number, or a range as ``1-5`` or ``1:5``."""
    if isinstance(word, int):
        return Span(word, word)
    first, dash, last = word.replace(":", "-").partition("-")
    try:
        return Span(int(first, 0), int(last if dash else first, 0))
    except ValueError:
        return None


def address(word: str) -> Span | None:
    """An address, a network as ``192.0.2.0/24``, or a range as ``192.0.2.1-192.0.2.9``."""
    try:
        if "-" in word:
            first, _, last = word.partition("-")
            return Span(int(ip_address(first)), int(ip_address(last)))
        network = ip_network(word, strict=False)
    except ValueError:
        return None
    return Span(int(network[0]), int(network[-1]))


def mac(word: str) -> Span | None:
    """A MAC address as the 48-bit number that it is."""
    octets = word.split(":")
    try:
        value = int("".join(octet.zfill(2) for octet in octets), 16)
    except ValueError:
        return None
    return Span(value, value) if len(octets) == 6 else None
