"""Mutated frames of every link type: each gives a value, keeps its bounds, and costs work in proportion to its size.

Repeatable: case N is the same frame everywhere.  ``VRRPWATCH_FUZZ`` is how many frames to try.
"""

import os
import random
import re
import sys
from collections.abc import Callable
from types import FrameType

import numpy as np

from tests.wire.frames import ethernet, ipv4, ipv6, octets
from vrrpwatch.wire.arp import decode_arp
from vrrpwatch.wire.auth import ah_icv, trailer_digest
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.companions import decode_companion
from vrrpwatch.wire.igmp import decode_igmp, decode_mld
from vrrpwatch.wire.ip import IPV4
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.macs import virtual_router
from vrrpwatch.wire.nd import decode_nd
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import Malformed, MembershipReport, Packet

CASES = int(os.environ.get("VRRPWATCH_FUZZ", "20000"))
# Counting calls is slow, so every so many cases only.
COUNTED = 20
# What a frame may cost in calls: its headers a fixed number; each octet, which is shown as text too, a few more.
CALLS_PER_FRAME, CALLS_PER_OCTET = 500, 8

NAME = re.compile(r"[a-z0-9 -]{1,30}|ethertype 0x[0-9a-f]{4}|unknown link type [0-9]{1,5}")

TRAILER = "01 05 0000 68000000 8000 0003 000102030405060708090a0b0c0d0e0f"
VRRP2 = octets("21 33 64 02 01 01 0000 0a0000fe 0a0000fd 6162000000000000")
VRRP3 = octets("31 33 64 01 0064 0000 0a0000fe")
CARP = octets("212a0007000163a20000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")
AH = octets("70 04 0000 0a000001 00000007 0102030405060708090a0b0c")
HSRP2 = "01 28 02 00 06 04 0001 02000000000a 00000078 00000bb8 00002710 0a0000fe 000000000000000000000000"
GLBP = (
    "01 00 0001 0000 02000000000a"
    "01 1c 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 01 04 0a0000fe"
    "03 07 01 05 414243"
)

PACKETS4 = [
    ipv4(VRRP2),
    ipv4(VRRP2 + octets(TRAILER)),
    ipv4(VRRP3),
    ipv4(VRRP3 + octets(TRAILER)),
    ipv4(VRRP3, options=octets("94040000")),
    ipv4(VRRP3, flags=0x2000),
    ipv4(CARP),
    ipv4(AH + VRRP2, 51),
    ipv4(octets("22 00 0000 0000 0002 04 00 0001 e0000012 0a000001 03 00 0000 e0000001"), 2),
    ipv4(octets("11 64 0000 00000000 02 7d 0000"), 2),
    ipv4(octets("1000 0ec4 0018 0000 10 20 0010 00000007"), 17),
    ipv4(octets("1000 2290 0010 0000 00 0a 0084 05 01 0000"), 17),
    ipv4(octets("07c1 07c1 001c 0000 00 00 10 03 0a 78 01 00 636973636f000000 0a0000fe"), 17),
    ipv4(octets("07c1 07c1 0032 0000" + HSRP2 + "03 08 636973636f000000"), 17),
    ipv4(octets("0c96 0c96 0032 0000" + GLBP), 17),
    ipv4(octets("05 00 0024") + bytes(16) + octets("03 14 0001") + bytes(12), 240),
]
PACKETS6 = [
    ipv6(octets("31 33 64 01 0064 0000 fe800000000000000000000000000100")),
    ipv6(octets("3c 00 05020000 0100 2b 00 010400000000 33 00 000000000000") + AH + CARP, 0),
    ipv6(octets("70 00 0001 00000001") + VRRP3, 44),
    ipv6(octets("3a 00 05020000 0100 8f 00 0000 0000 0001 04 00 0000 ff020000000000000000000000000012"), 0),
    ipv6(octets("88 00 0000 a0000000 fe800000000000000000000000000100 02 01 00005e000233"), 58),
]
ARP = octets("0001 0800 06 04 0001 00005e000133 0a0000fe ffffffffffff 0a0000fe")
MACS = octets("01005e000012 02000000000a")
LINKS = [
    (1, MACS, True),
    (1, MACS + octets("8100 000a"), True),
    (1, MACS + octets("88a8 0064 9100 0002 8100 0003 8100 0004"), True),
    (1, MACS + octets("0040 aaaa03 000000"), True),
    (113, octets("0002 0001 0006 02000000000a0000"), True),
    (1, MACS + octets("8864 11 00 0001 0040 0021"), False),
    (1, MACS + octets("8847 000100ff 000201ff"), False),
    (101, b"", False),
    (12, b"", False),
    (14, b"", False),
    (0, octets("02000000"), False),
    (108, octets("00000002"), False),
    (9, octets("ff03 0021"), False),
    (50, octets("0281 000101ff"), False),
    (51, octets("11 00 0001 0040 0021"), False),
    (228, b"", False),
]
SEEDS = (
    [
        (linktype, head + (b"\x08\0" if typed else b"") + packet)
        for linktype, head, typed in LINKS
        for packet in PACKETS4
    ]
    + [(1, ethernet(packet, 0x86DD)) for packet in PACKETS6]
    + [(linktype, packet) for linktype in (101, 229) for packet in PACKETS6]
    + [(276, octets("0800 0000 00000003 0001 02 06 02000000000a0000") + packet) for packet in PACKETS4]
    + [(1, ethernet(ARP, 0x0806)), (9999, ARP)]
)
EDGES = (0, 1, 2, 7, 8, 0x21, 0x31, 0x45, 0x60, 0x7F, 0x80, 0xFE, 0xFF)


def mutated(number: int) -> tuple[bytes, int, int]:
    """Frame ``number``, its link type and length: a well-formed one, changed, cut or with something put in."""
    dice = random.Random(number)
    linktype, seed = dice.choice(SEEDS)
    frame = bytearray(seed)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(frame) + 1)
        match dice.randrange(6):
            case 0 if at < len(frame):
                frame[at] = dice.choice(EDGES)
            case 1 if at < len(frame):
                frame[at] ^= 1 << dice.randrange(8)
            case 2:
                del frame[at:]
            case 3:
                frame[at:at] = dice.randbytes(dice.choice((1, 4, 8, 40)))
            case 4:
                frame[at : at + 2] = dice.choice((b"\xff\xff", b"\0\0", b"\0\x01"))
            case _:
                frame[at:at] = frame[at : at + dice.randrange(1, 64)] * dice.choice((1, 2, 30))
    if not dice.randrange(50):
        linktype = dice.randrange(1 << 32)
    return bytes(frame), linktype, len(frame) + dice.choice((0, 0, 0, -5, 1, 100, 1 << 31))


def probe(frame: bytes, linktype: int, length: int) -> None:
    """Decodes ``frame`` as everything that it could be and asserts what must hold of any frame."""
    packet = dissect(frame, linktype, length)
    assert packet.linktype == linktype & 0xFFFF
    assert 0 <= packet.payload_offset <= len(frame)
    assert len(packet.payload) <= packet.payload_length
    assert packet.payload == frame[packet.payload_offset :][: len(packet.payload)]
    assert len(packet.vlans) <= 4
    assert all(0 < vid < 4096 for vid in packet.vlans)
    assert packet.skipped is None or NAME.fullmatch(packet.skipped)
    _probe_payload(packet)
    virtual_router(packet.source_mac)
    ah_icv(frame[packet.network_offset :], b"key")
    assert safe_text(packet.payload).isprintable()


def _probe_payload(packet: Packet) -> None:
    data = packet.payload
    message = decode_advert(packet)
    assert len(message.addresses if not hasattr(message, "vhid") else ()) * 4 <= len(data)
    if isinstance(message, Malformed):
        assert message.reason
    else:
        judged = camp(message, packet)
        assert (judged is None) == (not message.complete or packet.network is None)
        if packet.network is not None:
            trailer_digest(b"key", data, packet.network.source)
    decode_companion(packet)
    decode_arp(data)
    decode_nd(data)
    for report in (decode_igmp(data), decode_mld(data)):
        if isinstance(report, MembershipReport):
            assert (len(report.joined) + len(report.left)) * 8 <= len(data)


def calls_of(action: Callable[[], None]) -> int:
    """How many Python and C functions ``action`` calls."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_every_seed_is_well_formed() -> None:
    followed = [dissect(frame, linktype) for linktype, frame in SEEDS]
    assert {packet.skipped for packet in followed} == {None, "unknown link type 9999"}
    assert sum(packet.protocol == 112 for packet in followed) == 8 * 17 + 3 * 3
    adverts = [decode_advert(packet) for packet in followed if packet.protocol == 112]
    assert not [message for message in adverts if isinstance(message, Malformed)]


def test_mutated_frames() -> None:
    for number in range(CASES):
        frame, linktype, length = mutated(number)
        if number % COUNTED:
            probe(frame, linktype, length)
            continue
        calls = calls_of(lambda frame=frame, linktype=linktype, length=length: probe(frame, linktype, length))  # type: ignore[misc]
        assert calls <= CALLS_PER_FRAME + CALLS_PER_OCTET * len(frame), f"case {number}"


def test_a_column_over_mutated_frames_never_leaves_its_arena() -> None:
    frames = [mutated(number)[0] for number in range(min(CASES, 2000))]
    arena = np.frombuffer(b"".join(frames), np.uint8)
    starts = np.cumsum([0] + [len(frame) for frame in frames[:-1]])
    ends = starts + [len(frame) for frame in frames]
    rows, whole = IPV4.column(arena, starts + 14, ends)
    for frame, row, held in zip(frames, rows, whole, strict=True):
        header = IPV4.unpack(frame, 14)
        assert held == (header is not None)
        assert row["total_length"] == (0 if header is None else header.total_length)
