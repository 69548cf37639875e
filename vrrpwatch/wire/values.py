"""What the decoders return: plain values, one per header, with nothing judged and nothing dropped.

Addresses are :mod:`ipaddress` objects, MAC addresses are lower-case ``aa:bb:cc:dd:ee:ff`` strings,
durations are seconds.  Decoders and encoders live in the sibling modules; this one has only shapes.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple

IPAddress = IPv4Address | IPv6Address
Mac = str

Camp = Literal["plain", "pseudo-header", "pseudo-header-multicast", "bad"]


class Ipv4(NamedTuple):
    """An IPv4 header (RFC 791); ``fragment_offset`` and the lengths are in octets."""

    source: IPv4Address
    destination: IPv4Address
    ttl: int
    tos: int
    identification: int
    dont_fragment: bool
    more_fragments: bool
    fragment_offset: int
    protocol: int
    header_length: int
    total_length: int


class Ipv6(NamedTuple):
    """An IPv6 header with its extension headers walked (RFC 8200); ``fragment_offset`` is in octets."""

    source: IPv6Address
    destination: IPv6Address
    hop_limit: int
    traffic_class: int
    flow_label: int
    payload_length: int
    next_header: int
    extensions: tuple[int, ...]
    more_fragments: bool
    fragment_offset: int


class AuthenticationHeader(NamedTuple):
    """An IPsec Authentication Header (RFC 4302); ``icv`` has whatever length the header gives."""

    next_header: int
    spi: int
    sequence: int
    icv: bytes


class Packet(NamedTuple):
    """One captured frame, taken apart down to the transport payload.

    ``vlans`` are VIDs from outer to inner; a priority tag (VID 0) names no VLAN and is left out.
    ``group`` is the destination MAC's group bit; cooked frames answer it by packet type, and links
    without addresses by the IP destination.  ``payload`` is what was captured of the ``payload_length``
    bytes that IP announces (never link padding), starting ``payload_offset`` bytes into the frame.
    ``skipped`` names why the frame was not taken further (``None``: it was).  ``overlong`` is true when IP announces
    more than the frame had on the wire: a lie, not a cut capture.
    """

    linktype: int
    source_mac: Mac | None = None
    destination_mac: Mac | None = None
    vlans: tuple[int, ...] = ()
    ifindex: int | None = None
    group: bool = False
    ethertype: int | None = None
    network: Ipv4 | Ipv6 | None = None
    network_offset: int = 0
    authentication: AuthenticationHeader | None = None
    protocol: int | None = None
    payload: bytes = b""
    payload_offset: int = 0
    payload_length: int = 0
    fragment: Literal["first", "later"] | None = None
    skipped: str | None = None
    overlong: bool = False


class HmacTrailer(NamedTuple):
    """keepalived's 28-byte HMAC trailer (keepalived 2.4, vrrp_hmac)."""

    type: int
    key_id: int
    seconds: int
    fraction: int
    counter: int
    digest: bytes


class Vrrp(NamedTuple):
    """A VRRPv2 (RFC 3768) or VRRPv3 (RFC 9568) advertisement.

    ``auth_type`` is ``None`` in version 3.  ``length`` is the IP payload's, trailer included.
    ``complete`` is false when the capture's snap length cut it: ``addresses`` then holds what survived.
    """

    version: Literal[2, 3]
    vrid: int
    priority: int
    count: int  # type: ignore[assignment]  # no method of tuples here
    interval: float
    checksum: int
    addresses: tuple[IPAddress, ...]
    auth_type: int | None = None
    auth_data: bytes = b""
    trailer: HmacTrailer | None = None
    length: int = 0
    complete: bool = True


class Carp(NamedTuple):
    """A CARP advertisement (OpenBSD sys/netinet/ip_carp.h).  ``counter`` and ``digest`` are ``None`` where cut off."""

    vhid: int
    advskew: int
    authlen: int
    demotion: int
    advbase: int
    checksum: int
    counter: int | None
    digest: bytes | None
    length: int = 36
    complete: bool = True


class Malformed(NamedTuple):
    """Protocol 112 that is no well-formed advertisement: why, and every field that could still be read.

    ``cut`` is true when the capture (its snap length, or fragmentation) is to blame and not the sender.
    """

    reason: str
    version: int | None = None
    type: int | None = None
    id: int | None = None
    priority: int | None = None
    count: int | None = None  # type: ignore[assignment]  # no method of tuples here
    auth_type: int | None = None
    interval: float | None = None
    checksum: int | None = None
    addresses: tuple[IPAddress, ...] = ()
    length: int = 0
    cut: bool = False


class Arp(NamedTuple):
    """An Ethernet/IPv4 ARP packet (RFC 826)."""

    operation: int
    sender_mac: Mac
    sender_ip: IPv4Address
    target_mac: Mac
    target_ip: IPv4Address

    @property
    def gratuitous(self) -> bool:
        """Whether it announces its sender's own address (RFC 5227 §1.1): sender and target address agree."""
        return self.sender_ip == self.target_ip


class NeighbourAdvertisement(NamedTuple):
    """An ICMPv6 Neighbor Advertisement (RFC 4861 §4.4); ``mac`` is the target link-layer address option."""

    target: IPv6Address
    router: bool
    solicited: bool
    override: bool
    mac: Mac | None


class NeighbourSolicitation(NamedTuple):
    """An ICMPv6 Neighbor Solicitation (RFC 4861 §4.3); ``mac`` is the source link-layer address option."""

    target: IPv6Address
    mac: Mac | None


class MembershipQuery(NamedTuple):
    """An IGMP (RFC 1112, 2236, 3376) or MLD (RFC 2710, 3810) query; a general one has an unspecified ``group``."""

    protocol: Literal["igmp", "mld"]
    version: int
    group: IPAddress


class MembershipReport(NamedTuple):
    """The groups that a host says it joins and leaves, from any version of IGMP or MLD report, leave or done."""

    protocol: Literal["igmp", "mld"]
    version: int
    joined: tuple[IPAddress, ...] = ()
    left: tuple[IPAddress, ...] = ()


class Pfsync(NamedTuple):
    """A pfsync header (OpenBSD sys/net/if_pfsync.h): its first subheader tells what it carries."""

    version: int
    length: int | None
    action: int
    count: int  # type: ignore[assignment]  # no method of tuples here


class Conntrackd(NamedTuple):
    """A conntrackd network header (conntrack-tools include/network.h).

    ``flags``: resync 2, nack 4, ack 8, alive 16, hello 32.
    """

    version: int
    type: int
    flags: int
    length: int
    sequence: int


class IpvsSync(NamedTuple):
    """An IPVS synchronisation header (Linux net/netfilter/ipvs/ip_vs_sync.c), version 0 or 1."""

    version: int
    syncid: int
    size: int
    connections: int


class Hsrp(NamedTuple):
    """A Cisco HSRP message: version 1 (RFC 2281) or the group state TLV of version 2.

    ``state`` is the protocol's own number (v1: 0 initial, 1 learn, 2 listen, 4 speak, 8 standby, 16 active;
    v2: 0 disabled, 1 init, 2 learn, 3 listen, 4 speak, 5 standby, 6 active); ``active`` is the verdict.
    """

    version: Literal[1, 2]
    opcode: int
    state: int
    group: int
    priority: int
    hello: float
    hold: float
    addresses: tuple[IPAddress, ...]
    auth: Literal["none", "text", "md5"]
    auth_data: bytes = b""

    @property
    def active(self) -> bool:
        return self.state == (16 if self.version == 1 else 6)


class Glbp(NamedTuple):
    """A Cisco GLBP message: the hello TLV where there is one (``state`` 32 is the active gateway)."""

    version: int
    group: int
    state: int | None
    priority: int | None
    hello: float | None
    hold: float | None
    addresses: tuple[IPAddress, ...] = ()
    auth: Literal["none", "text", "md5"] = "none"

    @property
    def active(self) -> bool:
        return self.state == 32


Companion = Pfsync | Conntrackd | IpvsSync | Hsrp | Glbp
