"""Frames built by hand for the scan's tests: link headers, tags, IP, and what advertisements look like in them."""

import random
import struct
from typing import TypeVar

Drawn = TypeVar("Drawn")

HOST_MAC = bytes.fromhex("020000000002")
SOURCE_MAC = bytes.fromhex("00005e000133")
GROUP_MAC = bytes.fromhex("01005e000012")
A, B, VIP = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), bytes((10, 0, 0, 254))
VRRP_GROUP = bytes((224, 0, 0, 18))
A6 = bytes.fromhex("fe800000000000000000000000000001")
VRRP_GROUP6 = bytes.fromhex("ff020000000000000000000000000012")
# VRRPv2, VRID 51, priority 100, one address, interval 1 s: 0x2133 + 0x6401 + 0x0001 + 0x0a00 + 0x00fe is 0x9033,
# the complement of which is 0x6fcc.
VRRP2 = bytes.fromhex("2133640100016fcc0a0000fe") + bytes(8)
# CARP, vhid 42, advbase 1, from the ucarp documentation's vector.
CARP = bytes.fromhex("212a0007000163a20000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")


def ethernet(
    payload: bytes, ethertype: int = 0x0800, *, destination: bytes = GROUP_MAC, source: bytes = SOURCE_MAC
) -> bytes:
    return destination + source + struct.pack("!H", ethertype) + payload


def tagged(payload: bytes, *tags: tuple[int, int], ethertype: int = 0x0800, destination: bytes = GROUP_MAC) -> bytes:
    """An Ethernet frame with (TPID, TCI) tags, outer to inner."""
    body = b"".join(struct.pack("!HH", *tag) for tag in tags) + struct.pack("!H", ethertype) + payload
    return destination + SOURCE_MAC + body


def ipv4(
    payload: bytes,
    protocol: int = 112,
    *,
    source: bytes = A,
    destination: bytes = VRRP_GROUP,
    ttl: int = 255,
    tos: int = 0xC0,
    identification: int = 1,
    flags: int = 0,
    options: bytes = b"",
    total: int | None = None,
) -> bytes:
    """An IPv4 packet; ``flags`` is the flags and fragment offset word.  Its header checksum stays 0: nobody looks."""
    size = 20 + len(options)
    announced = size + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, tos, announced, identification, flags, ttl, protocol, 0)
    return head + source + destination + options + payload


def ipv6(
    payload: bytes,
    following: int = 112,
    *,
    source: bytes = A6,
    destination: bytes = VRRP_GROUP6,
    hop_limit: int = 255,
    traffic_class: int = 0xC0,
    flow: int = 0,
    announced: int | None = None,
) -> bytes:
    size = len(payload) if announced is None else announced
    return (
        struct.pack("!IHBB", 6 << 28 | traffic_class << 20 | flow, size, following, hop_limit)
        + source
        + destination
        + payload
    )


def udp(port: int, payload: bytes = b"data", *, source: int = 5000) -> bytes:
    return struct.pack("!HHHH", source, port, 8 + len(payload), 0) + payload


def ah(
    payload: bytes, following: int = 112, *, spi: int = 0x0A000001, sequence: int = 1, icv: bytes = bytes(12)
) -> bytes:
    return struct.pack("!BBHII", following, len(icv) // 4 + 1, 0, spi, sequence) + icv + payload


def arp(
    operation: int, sender: bytes = A, target: bytes = B, mac: bytes = SOURCE_MAC, asked: bytes = bytes(6)
) -> bytes:
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + sender + asked + target


def everyday(number: int) -> tuple[bytes, int, int]:
    """Frame ``number`` of unicast traffic, its link type and length: most to no port of interest, some odd or cut.

    Half is what the scan's fast way out takes, the rest is just beside it.  Repeatable: case N is the same everywhere.
    """
    dice = random.Random(number)

    def draw(usual: tuple[Drawn, ...], odd: tuple[Drawn, ...]) -> Drawn:
        return dice.choice(usual if dice.random() < 0.9 else odd)

    port = draw((443, 9000, dice.randrange(65536)), (1985, 2029, 3222, 3780, 3781, 4789, 6081, 8472, 8848))
    protocol = draw((6, 17, 17, 1), (2, 4, 41, 47, 51, 58, 112, 137, 240))
    segment = udp(port, dice.randbytes(draw((20, 300), (0, 4))))
    tpid = draw((0x8100,), (0x88A8, 0x9100))
    tags = [(tpid, dice.randrange(65536))] * draw((0, 1), (2, 5))
    if dice.random() < 0.6:
        flags = draw((0, 0x4000), (0x2000, 1, 0x1F00))
        total = draw((None,), (0, 19, 20, 27, 28, 256))
        packet = ipv4(segment, protocol, destination=B, flags=flags, total=total, options=draw((b"",), (bytes(4),)))
        frame = bytearray(tagged(packet, *tags, destination=HOST_MAC))
    else:
        packet = ipv6(segment, protocol, destination=A6)
        frame = bytearray(tagged(packet, *tags, ethertype=0x86DD, destination=HOST_MAC))
    for _ in range(draw((0,), (1, 2))):
        frame[dice.randrange(42)] ^= 1 << dice.randrange(8)
    del frame[draw((len(frame),), tuple(range(12, 70))) :]
    return bytes(frame), 1, len(frame) + draw((0,), (-5, 100))


def trailer(seconds: int, counter: int) -> bytes:
    """keepalived's 28-byte HMAC trailer with some digest."""
    return struct.pack("!BBHIHH", 1, 1, 0, seconds, 0, counter) + struct.pack("!I", counter) * 4
