"""The kernel's filter for a live capture: classic BPF, put together here, that passes what the scan keeps or counts.

Everything with the group bit passes, and of unicast what the redundancy protocols and their companions send: protocol
112, AH, pfsync, IGMP, neighbour discovery and MLD, ARP, and the UDP ports of conntrackd, IPVS sync, HSRP and GLBP.
The kernel takes a frame's outermost VLAN tag off before it asks, so tags that are found in a frame are inner ones.
Numbers and ancillary loads are those of linux/filter.h and linux/bpf_common.h.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vrrpwatch.capture.errors import CaptureError

# BPF_LD with a size, absolute or from X on; BPF_LDX, BPF_ALU, BPF_JMP, BPF_RET and BPF_MISC.
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
HALF_FROM_X, BYTE_FROM_X = 0x48, 0x50
SET_X, TO_X, FROM_X = 0x01, 0x07, 0x87
AND, SHIFT_LEFT, ADD, ADD_X = 0x54, 0x64, 0x04, 0x0C
JUMP, EQUAL, GREATER, NOT_LESS, ANY_BIT = 0x05, 0x15, 0x25, 0x35, 0x45
RETURN = 0x06

# Where to load from: what the kernel knows beside the frame, and the network header wherever it is.
PROTOCOL, PACKET_TYPE, HARDWARE_TYPE = 0xFFFFF000, 0xFFFFF004, 0xFFFFF01C
NETWORK = 0xFFF00000
ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
PACKET_BROADCAST, PACKET_MULTICAST = 1, 2

# BPF_MAXINSNS.
MAX_INSTRUCTIONS = 4096

UDP_PORTS = (3780, 3781, 8848, 1985, 2029, 3222)
# VRRP and CARP, AH, pfsync.
PROTOCOLS = (112, 51, 240)
IGMP, UDP, ICMPV6 = 2, 17, 58
# Routers and neighbours, and both versions of MLD (RFC 4861, 2710, 3810).
ICMPV6_TYPES = (*range(130, 138), 143)
# Hop-by-hop options, routing, fragment, destination options: what lies behind them is the scan's to find.
EXTENSIONS = (0, 43, 44, 60)
TAGS = (0x8100, 0x88A8, 0x9100)
IPV4, ARP, IPV6, MPLS, MPLS_UPSTREAM, PPPOE = 0x0800, 0x0806, 0x86DD, 0x8847, 0x8848, 0x8864
PPP_IPV4, PPP_IPV6, PPP_MPLS, PPP_MPLS_UPSTREAM = 0x0021, 0x0057, 0x0281, 0x0283
# How many labels of a stack are followed.
LABELS = 4


class Instruction(NamedTuple):
    """A ``struct sock_filter``: ``jt`` and ``jf`` are how many instructions a jump passes over."""

    code: int
    jt: int
    jf: int
    k: int


class ExpressionError(CaptureError):
    """A filter expression that cannot be compiled or is too much for the kernel: one line."""


# What an expression begins with, see `both`.
_ETHERNET_ONLY = (
    Instruction(LOAD_WORD, 0, 0, HARDWARE_TYPE),
    Instruction(EQUAL, 2, 0, ARPHRD_ETHER),
    Instruction(EQUAL, 1, 0, ARPHRD_LOOPBACK),
    Instruction(RETURN, 0, 0, 0),
)


class Label(NamedTuple):
    """A place to jump to."""

    name: str


class Do(NamedTuple):
    """An instruction that does not jump."""

    code: int
    k: int = 0


class If(NamedTuple):
    """A jump to ``then`` where the accumulator compares with ``k`` as ``code`` says, else on to what follows."""

    code: int
    k: int
    then: str


class Go(NamedTuple):
    """A jump in any case."""

    then: str


Statement = Label | Do | If | Go


def assemble(statements: Iterable[Statement]) -> tuple[Instruction, ...]:
    """Resolves the labels; raises :class:`ValueError` for a jump back or to nowhere, which the kernel would refuse."""
    places: dict[str, int] = {}
    code: list[Do | Go | Instruction] = []
    for statement in statements:
        if isinstance(statement, Label):
            places[statement.name] = len(code)
        elif isinstance(statement, If):
            # A comparison reaches 255 instructions far, a plain jump any place: so it is always both.
            code += Instruction(statement.code, 0, 1, statement.k), Go(statement.then)
        else:
            code.append(statement)
    return tuple(_resolved(one, place, places) for place, one in enumerate(code))


def _resolved(one: Do | Go | Instruction, place: int, places: dict[str, int]) -> Instruction:
    match one:
        case Instruction():
            return one
        case Do():
            return Instruction(one.code, 0, 0, one.k)
        case Go():
            far = places.get(one.then, -1) - place - 1
            if far < 0:
                raise ValueError(f"a jump back or to nowhere: from {place} to {one.then}")
            return Instruction(JUMP, 0, 0, far)


def packed(program: Sequence[Instruction]) -> bytes:
    """The program as an array of ``struct sock_filter``."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def kept(snaplen: int) -> tuple[Instruction, ...]:
    """The program that passes ``snaplen`` octets of every frame that the scan keeps or counts."""
    return assemble((*_links(), *_encapsulations(), *_networks(), Label("accept"), Do(RETURN, snaplen)))


def both(expression: Sequence[Instruction], program: Sequence[Instruction]) -> tuple[Instruction, ...]:
    """What passes both: ``expression`` (as libpcap compiles it for Ethernet), then ``program``.

    An expression speaks of Ethernet frames, so those of other interfaces do not match it.  Raises
    :class:`ExpressionError` where the kernel would not take the whole.
    """
    following = []
    for place, one in enumerate(expression):
        if one.code & 0x07 == RETURN and one.code != RETURN:
            raise ExpressionError("filter expression: its verdict is computed; put it otherwise, see pcap-filter(7)")
        passes = one.code == RETURN and one.k
        following.append(Instruction(JUMP, 0, 0, len(expression) - place - 1) if passes else one)
    whole = (*_ETHERNET_ONLY, *following, *program)
    if len(whole) > MAX_INSTRUCTIONS:
        raise ExpressionError(
            f"filter expression: makes {len(whole)} instructions and the kernel takes {MAX_INSTRUCTIONS}; shorten it"
        )
    return whole


def is_for_ethernet(program: Sequence[Instruction]) -> bool:
    """Whether there is an expression in it, which frames of other links never match."""
    return tuple(program[: len(_ETHERNET_ONLY)]) == _ETHERNET_ONLY


def _any(code: int, values: Iterable[int], then: str) -> Iterator[Statement]:
    return (If(code, value, then) for value in values)


def _links() -> Iterator[Statement]:
    """Passes what has the group bit; goes on with an EtherType in A and its place in X, or X two octets before IP."""
    yield Do(LOAD_WORD, HARDWARE_TYPE)
    yield from _any(EQUAL, (ARPHRD_ETHER, ARPHRD_LOOPBACK), "ethernet")
    # Whatever header another link has, the kernel knows what it says.
    yield Do(LOAD_WORD, PACKET_TYPE)
    yield from _any(EQUAL, (PACKET_BROADCAST, PACKET_MULTICAST), "accept")
    yield Do(SET_X, NETWORK - 2)
    yield Do(LOAD_WORD, PROTOCOL)
    yield If(EQUAL, ARP, "accept")
    yield If(EQUAL, IPV4, "other ipv4")
    yield If(EQUAL, IPV6, "other ipv6")
    yield Do(RETURN)
    # What is on its way out has no such type, so IP's destination decides; broadcasts are beyond 224.0.0.0 too.
    yield Label("other ipv4")
    yield Do(BYTE_FROM_X, 2 + 16)
    yield If(NOT_LESS, 0xE0, "accept")
    yield Go("ipv4")
    yield Label("other ipv6")
    yield Do(BYTE_FROM_X, 2 + 24)
    yield If(EQUAL, 0xFF, "accept")
    yield Go("ipv6")
    yield Label("ethernet")
    yield Do(LOAD_BYTE, 0)
    yield If(ANY_BIT, 1, "accept")
    for place in (12, 16, 20):
        yield Do(SET_X, place)
        yield Do(HALF_FROM_X, 0)
        yield from _any(EQUAL, TAGS, f"tag at {place}")
        yield Go("ethertype")
        yield Label(f"tag at {place}")
    # More tags than anybody uses: the scan may look.
    yield Go("accept")


def _encapsulations() -> Iterator[Statement]:
    """From the EtherType in A, whose place X is, to IP, which begins two octets after X."""
    yield Label("ethertype")
    yield If(EQUAL, IPV4, "ipv4")
    yield If(EQUAL, IPV6, "ipv6")
    yield If(EQUAL, ARP, "accept")
    yield If(EQUAL, PPPOE, "pppoe")
    yield from _any(EQUAL, (MPLS, MPLS_UPSTREAM), "mpls")
    yield If(GREATER, 1500, "reject")
    # A length instead: IEEE 802.2, of which there is little.
    yield Go("accept")
    yield Label("pppoe")
    yield Do(FROM_X)
    yield Do(ADD, 8)
    yield Do(TO_X)
    yield Do(HALF_FROM_X, 0)
    yield If(EQUAL, PPP_IPV4, "ipv4")
    yield If(EQUAL, PPP_IPV6, "ipv6")
    yield from _any(EQUAL, (PPP_MPLS, PPP_MPLS_UPSTREAM), "mpls")
    # RFC 1661 section 6.5: an odd first octet is all of a compressed protocol field.
    yield If(ANY_BIT, 0x0100, "accept")
    yield Label("reject")
    yield Do(RETURN)
    yield Label("mpls")
    for _ in range(LABELS):
        yield Do(FROM_X)
        yield Do(ADD, 4)
        yield Do(TO_X)
        yield Do(BYTE_FROM_X, 0)
        yield If(ANY_BIT, 1, "bottom")
    yield Go("accept")
    # RFC 4928 section 3: what lies below names no type, so its first nibble decides.
    yield Label("bottom")
    yield Do(BYTE_FROM_X, 2)
    yield Do(AND, 0xF0)
    yield If(EQUAL, 0x40, "ipv4")
    yield If(EQUAL, 0x60, "ipv6")
    yield Do(RETURN)


def _networks() -> Iterator[Statement]:
    """Passes IP packets of interest, which begin two octets after X."""
    yield Label("ipv4")
    yield Do(BYTE_FROM_X, 2 + 9)
    yield from _any(EQUAL, (*PROTOCOLS, IGMP), "accept")
    yield If(EQUAL, UDP, "udp over ipv4")
    yield Do(RETURN)
    yield Label("udp over ipv4")
    yield Do(HALF_FROM_X, 2 + 6)
    # Later fragments have no ports.
    yield If(ANY_BIT, 0x1FFF, "nothing")
    yield Do(BYTE_FROM_X, 2)
    yield Do(AND, 0x0F)
    yield Do(SHIFT_LEFT, 2)
    yield Do(ADD_X)
    yield Do(TO_X)
    yield Do(HALF_FROM_X, 2 + 2)
    yield from _any(EQUAL, UDP_PORTS, "accept")
    yield Do(RETURN)
    yield Label("ipv6")
    yield Do(BYTE_FROM_X, 2 + 6)
    yield from _any(EQUAL, (*PROTOCOLS, *EXTENSIONS), "accept")
    yield If(EQUAL, ICMPV6, "icmpv6")
    yield If(EQUAL, UDP, "udp over ipv6")
    yield Do(RETURN)
    yield Label("icmpv6")
    yield Do(BYTE_FROM_X, 2 + 40)
    yield from _any(EQUAL, ICMPV6_TYPES, "accept")
    yield Do(RETURN)
    yield Label("udp over ipv6")
    yield Do(HALF_FROM_X, 2 + 40 + 2)
    yield from _any(EQUAL, UDP_PORTS, "accept")
    yield Label("nothing")
    yield Do(RETURN)
