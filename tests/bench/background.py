"""Everything on a network that is no advertisement: conversations, and the multicast that is always there."""

from collections.abc import Callable
from ipaddress import IPv6Address

import numpy as np

from tests.bench.columns import (
    SHORTEST,
    Frames,
    Numbers,
    Rows,
    ethernet,
    ipv4,
    ipv6,
    link_local,
    put,
    put_bytes,
    put_checksum,
    word_sum,
)
from tests.bench.groups import VLANS

HOSTS = 400
FIRST_HOST = 1000
SWITCH = 0x02005E100001
GATEWAY = 0x00005E000101  # the virtual MAC of every segment's first group
SSDP = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n'
RECORD = b"\0\0\x84\0\0\0\0\1\0\0\0\0\7printer\5_http\4_tcp\5local\0\0\x10\x80\1\0\0\0\x78\0\0"
CHASSIS = (
    b"\x02\x07\x04\x02\x00\x5e\x10\x00\x01\x04\x07\x03\x02\x00\x5e\x10\x00\x01\x06\x02\x00\x78\x0a\x06switch\x00\x00"
)

Maker = Callable[[np.random.Generator, int], tuple[Rows, Numbers, Numbers]]


def _address(host: Numbers) -> Numbers:
    """10.SEGMENT.252.x of a host, beyond all groups; a host stays on one segment."""
    segment = host % len(VLANS)
    number: Numbers = (10 << 24) + (segment << 16) + 0xFC00 + host - FIRST_HOST
    return number


def _from(rows: Rows, host: Numbers) -> None:
    put(rows, 6, 6, 0x020000000000 + host)


def _to_group(rows: Rows, address: str) -> int:
    """Writes the multicast MAC of an IPv4 group (RFC 1112 §6.4) and returns the group's number."""
    number = int.from_bytes(bytes(int(part) for part in address.split(".")))
    put(rows, 0, 6, 0x01005E000000 | number & 0x7FFFFF)
    return number


def _to_group6(rows: Rows, address: str) -> bytes:
    """Writes the multicast MAC of an IPv6 group (RFC 2464 §7) and returns the group's bytes."""
    packed = IPv6Address(address).packed
    put_bytes(rows, 0, b"\x33\x33" + packed[12:])
    return packed


def _hosts(random: np.random.Generator, count: int) -> Numbers:
    return FIRST_HOST + random.integers(0, HOSTS, count)


def _peers(random: np.random.Generator, host: Numbers) -> Numbers:
    """Another host on the same segment."""
    step = len(VLANS) * random.integers(1, HOSTS // len(VLANS), len(host))
    peer: Numbers = FIRST_HOST + (host - FIRST_HOST + step) % HOSTS
    return peer


def _sizes(random: np.random.Generator, count: int, shortest: int) -> Numbers:
    """Half bare acknowledgements, a third of anything, the rest full frames: 380 bytes on average."""
    kind = random.random(count)
    middle = random.integers(shortest + 4, 580, count)
    sizes: Numbers = np.where(kind < 0.49, shortest, np.where(kind < 0.84, middle, 1514)).astype(np.int64)
    return sizes


def tcp4(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """TCP with timestamps, its checksum left to the card as offload does."""
    rows = ethernet(count, 66, 0x0800)
    host = _hosts(random, count)
    peer = _peers(random, host)
    length = _sizes(random, count, 66)
    put(rows, 0, 6, 0x020000000000 + peer)
    _from(rows, host)
    ipv4(rows, _address(host), _address(peer), 6, length - 14, random.integers(0, 65536, count), dont_fragment=True)
    put(rows, 34, 2, random.choice(np.array([443, 9000, 5432, 9001]), count))
    put(rows, 36, 2, random.integers(32768, 61000, count))
    put(rows, 38, 4, random.integers(0, 1 << 32, count))
    put(rows, 42, 4, random.integers(0, 1 << 32, count))
    put(rows, 46, 4, 0x801001F6)
    put(rows, 54, 4, 0x0101080A)
    return rows, length, host


def udp4(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    rows = ethernet(count, 42, 0x0800)
    host = _hosts(random, count)
    peer = _peers(random, host)
    length = _sizes(random, count, 64)
    put(rows, 0, 6, 0x020000000000 + peer)
    _from(rows, host)
    ipv4(rows, _address(host), _address(peer), 17, length - 14, random.integers(0, 65536, count))
    put(rows, 34, 2, random.integers(32768, 61000, count))
    put(rows, 36, 2, random.choice(np.array([514, 27000]), count))
    put(rows, 38, 2, length - 34)
    return rows, length, host


def tcp6(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    rows = ethernet(count, 86, 0x86DD)
    host = _hosts(random, count)
    peer = _peers(random, host)
    length = _sizes(random, count, 86)
    put(rows, 0, 6, 0x020000000000 + peer)
    _from(rows, host)
    ipv6(rows, bytes(16), 6, length - 54)
    link_local(rows, 22, host % len(VLANS), host)
    link_local(rows, 38, host % len(VLANS), peer)
    put(rows, 54, 2, 443)
    put(rows, 56, 2, random.integers(32768, 61000, count))
    put(rows, 58, 4, random.integers(0, 1 << 32, count))
    put(rows, 62, 4, random.integers(0, 1 << 32, count))
    put(rows, 66, 4, 0x801001F6)
    put(rows, 74, 4, 0x0101080A)
    return rows, length, host


def _arp(random: np.random.Generator, count: int, operation: int) -> tuple[Rows, Numbers, Numbers]:
    """Hosts ask for their gateway, the segment's first group, and now and then for one of a few neighbours.

    Whoever is asked answers: the gateway from its virtual MAC, as its master does.
    """
    rows = ethernet(count, SHORTEST, 0x0806)
    host = _hosts(random, count)
    segment = host % len(VLANS)
    peer = FIRST_HOST + (host - FIRST_HOST + len(VLANS) * random.integers(1, 8, count)) % HOSTS
    gateway = random.random(count) < 0.8
    asked = np.where(gateway, (10 << 24) + (segment << 16) + 0x101, _address(peer))
    asked_mac = np.where(gateway, GATEWAY, 0x020000000000 + peer)
    host_mac = 0x020000000000 + host
    put(rows, 14, 6, 0x000108000604)
    put(rows, 20, 2, operation)
    sender = (host_mac, _address(host)) if operation == 1 else (asked_mac, asked)
    target = (0, asked) if operation == 1 else (host_mac, _address(host))
    put(rows, 0, 6, 0xFFFFFFFFFFFF if operation == 1 else host_mac)
    put(rows, 6, 6, sender[0])
    put(rows, 22, 6, sender[0])
    put(rows, 28, 4, sender[1])
    put(rows, 32, 6, target[0])
    put(rows, 38, 4, target[1])
    return rows, np.full(count, SHORTEST), host


def arp_reply(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    return _arp(random, count, 2)


def arp_request(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    return _arp(random, count, 1)


def _udp_group(
    random: np.random.Generator, count: int, group: str, port: int, payload: Numbers, header: int = 42
) -> tuple[Rows, Numbers, Numbers]:
    """UDP to an IPv4 group; only ``header`` bytes are set."""
    rows = ethernet(count, header, 0x0800)
    host = _hosts(random, count)
    _from(rows, host)
    ipv4(rows, _address(host), _to_group(rows, group), 17, payload + 28, random.integers(0, 65536, count), ttl=1)
    put(rows, 34, 2, port)
    put(rows, 36, 2, port)
    put(rows, 38, 2, payload + 8)
    return rows, payload + 42, host


def _record(rows: Rows, start: int, text: Numbers | int) -> None:
    """A DNS response of one TXT record with a single string of ``text`` bytes (RFC 6762 §18)."""
    put_bytes(rows, start, RECORD)
    put(rows, start + len(RECORD) - 2, 2, np.asarray(text) + 1)
    put(rows, start + len(RECORD), 1, text)


def mdns4(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    text = random.integers(1, 250, count)
    rows, length, host = _udp_group(random, count, "224.0.0.251", 5353, text + 1 + len(RECORD), 43 + len(RECORD))
    _record(rows, 42, text)
    return rows, length, host


def ssdp(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    size = len(SSDP)
    rows, length, host = _udp_group(random, count, "239.255.255.250", 1900, np.full(count, size), 42 + size)
    put_bytes(rows, 42, SSDP)
    return rows, length, host


def conntrackd(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """State messages of a firewall pair: version 1, type 0, growing sequence numbers (conntrack-tools network.h)."""
    payload = random.integers(60, 120, count) // 4 * 4
    rows, length, host = _udp_group(random, count, "225.0.0.50", 3780, payload, 50)
    put(rows, 42, 2, 0x1000)
    put(rows, 44, 2, payload)
    put(rows, 46, 4, np.sort(random.integers(0, 1 << 32, count)))
    return rows, length, host


def pfsync(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """pfsync version 6 updates (OpenBSD sys/net/if_pfsync.h)."""
    rows = ethernet(count, 66, 0x0800)
    host = _hosts(random, count)
    payload = random.integers(8, 300, count) * 4
    _from(rows, host)
    ipv4(
        rows,
        _address(host),
        _to_group(rows, "224.0.0.240"),
        240,
        payload + 20,
        random.integers(0, 65536, count),
        ttl=255,
        dont_fragment=True,
    )
    put(rows, 34, 2, 0x0600)
    put(rows, 36, 2, payload)
    put(rows, 54, 4, 0x03430001)
    return rows, payload + 34, host


def mdns6(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    payload = len(RECORD) + 81
    rows = ethernet(count, 62 + payload, 0x86DD)
    host = _hosts(random, count)
    _from(rows, host)
    ipv6(rows, _to_group6(rows, "ff02::fb"), 17, payload + 8, hop_limit=255)
    link_local(rows, 22, host % len(VLANS), host)
    put(rows, 54, 4, 5353 << 16 | 5353)
    put(rows, 58, 2, payload + 8)
    _record(rows, 62, 80)
    rows[:, -80:] = random.integers(97, 123, (count, 80))
    # IPv6 does not allow UDP to go without a checksum (RFC 8200 §8.1).
    put_checksum(rows, 60, 54, 62 + payload, word_sum(rows, 22, 54) + payload + 8 + 17)
    return rows, np.full(count, 62 + payload), host


def _igmp(host: Numbers, group: str, message: bytes, identification: Numbers) -> tuple[Rows, Numbers, Numbers]:
    """IGMP with the router alert option, as version 2 and 3 send it (RFC 3376 §4)."""
    rows = ethernet(len(host), SHORTEST, 0x0800)
    _from(rows, host)
    ipv4(rows, _address(host), _to_group(rows, group), 2, 24 + len(message), identification, ttl=1, tos=0xC0)
    put(rows, 14, 1, 0x46)
    put(rows, 34, 4, 0x94040000)
    put_checksum(rows, 24, 14, 38)
    put_bytes(rows, 38, message)
    put_checksum(rows, 40, 38, 38 + len(message))
    return rows, np.full(len(host), SHORTEST), host


def igmp_report(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    joins = bytes.fromhex("2200000000000001" + "04000000" + "effffffa")
    return _igmp(_hosts(random, count), "224.0.0.22", joins, random.integers(0, 65536, count))


def igmp_query(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """General queries of one querier per segment."""
    querier = FIRST_HOST + random.integers(0, len(VLANS), count)
    query = bytes.fromhex("116400000000000002" + "7d0000")
    return _igmp(querier, "224.0.0.1", query, random.integers(0, 65536, count))


def mld_report(random: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """MLDv2 reports for ff02::fb behind a hop-by-hop router alert (RFC 3810 §5)."""
    rows = ethernet(count, 90, 0x86DD)
    host = _hosts(random, count)
    _from(rows, host)
    ipv6(rows, _to_group6(rows, "ff02::16"), 0, 36, hop_limit=1)
    link_local(rows, 22, host % len(VLANS), host)
    put_bytes(rows, 54, bytes.fromhex("3a00050200000100"))
    put_bytes(rows, 62, bytes.fromhex("8f00000000000001" + "04000000") + IPv6Address("ff02::fb").packed)
    put_checksum(rows, 64, 62, 90, word_sum(rows, 22, 54) + 28 + 58)
    return rows, np.full(count, 90), host


def stp(_: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    """Rapid spanning tree hellos of an 802.3 frame with LLC (IEEE 802.1D)."""
    rows = ethernet(count, SHORTEST, 39)
    put(rows, 0, 6, 0x0180C2000000)
    put(rows, 6, 6, SWITCH)
    put_bytes(rows, 14, bytes.fromhex("424203" + "000002023c" + "800002005e100001" + "00000000" + "800002005e100001"))
    put_bytes(rows, 42, bytes.fromhex("8001" + "0000" + "1400" + "0200" + "0f00"))
    return rows, np.full(count, SHORTEST), np.full(count, FIRST_HOST)


def lldp(_: np.random.Generator, count: int) -> tuple[Rows, Numbers, Numbers]:
    rows = ethernet(count, SHORTEST, 0x88CC)
    put(rows, 0, 6, 0x0180C200000E)
    put(rows, 6, 6, SWITCH)
    put_bytes(rows, 14, CHASSIS)
    return rows, np.full(count, SHORTEST), np.full(count, FIRST_HOST)


UNICAST: tuple[tuple[float, Maker], ...] = ((0.83, tcp4), (0.11, udp4), (0.05, tcp6), (0.01, arp_reply))
MULTICAST: tuple[tuple[float, Maker], ...] = (
    (0.25, arp_request),
    (0.20, mdns4),
    (0.10, mdns6),
    (0.12, ssdp),
    (0.14, conntrackd),
    (0.055, pfsync),
    (0.03, igmp_report),
    (0.005, igmp_query),
    (0.03, mld_report),
    (0.06, stp),
    (0.01, lldp),
)


def background(random: np.random.Generator, at: Numbers, multicast: float) -> list[Frames]:
    """Frames for the instants ``at``, of which a share of ``multicast`` goes to groups, grouped by kind."""
    makers = [maker for _, maker in UNICAST] + [maker for _, maker in MULTICAST]
    shares = [(1 - multicast) * share for share, _ in UNICAST] + [multicast * share for share, _ in MULTICAST]
    chosen = random.choice(len(makers), len(at), p=np.array(shares) / sum(shares))
    frames = []
    for index, maker in enumerate(makers):
        when = at[chosen == index]
        if len(when):
            rows, length, host = maker(random, len(when))
            # The switch's own frames come untagged, as those of host 0's segment do.
            frames.append(Frames(when, rows, length, VLANS[host % len(VLANS)]))
    return frames
