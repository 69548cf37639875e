"""The scan leaves every frame where `dissect` leaves it, and names what stops it in the same words."""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.capture import files, frames
from tests.fuzz.test_wire import mutated
from vrrpwatch.core.frames import Kind, unpack_vlans
from vrrpwatch.wire.ip import UDP
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Ipv6, Packet

CASES = int(os.environ.get("VRRPWATCH_FUZZ", "20000"))
STRETCH = 2000
PORTS = {
    3780: Kind.CONNTRACKD,
    3781: Kind.CONNTRACKD,
    8848: Kind.IPVS,
    1985: Kind.HSRP,
    2029: Kind.HSRP,
    3222: Kind.GLBP,
    5353: Kind.MDNS,
    1900: Kind.SSDP,
    5355: Kind.LLMNR,
    67: Kind.DHCP,
    68: Kind.DHCP,
    546: Kind.DHCP,
    547: Kind.DHCP,
}
PROTOCOLS = {1: Kind.ICMP, 6: Kind.TCP, 89: Kind.OSPF, 103: Kind.PIM, 240: Kind.PFSYNC}
MESSAGES = {130: Kind.MLD, 131: Kind.MLD, 132: Kind.MLD, 143: Kind.MLD, 135: Kind.ND, 136: Kind.ND}


def kind_of(packet: Packet) -> Kind:
    """What a frame that `dissect` followed to its end is kept as."""
    if packet.network is None:
        return Kind.ARP
    if packet.protocol == 112:
        return Kind.ADVERT
    if packet.authentication is not None:
        return Kind.AH_OTHER
    if packet.protocol == 17:
        udp = UDP.unpack(packet.payload)
        return Kind.UDP if udp is None else PORTS.get(udp.destination_port, Kind.UDP)
    if isinstance(packet.network, Ipv6):
        if packet.protocol == 58:
            return MESSAGES.get(packet.payload[0], Kind.ICMPV6) if packet.payload else Kind.ICMPV6
    elif packet.protocol == 2:
        return Kind.IGMP
    return PROTOCOLS.get(packet.protocol or 0, Kind.IP)


Maker = Callable[[int], tuple[bytes, int, int]]


def agree(first: int, count: int, wanted: frozenset[Kind], made: Maker = mutated) -> None:
    """Reads ``count`` cases of ``made`` as one pcapng capture, an interface each, and takes each apart beside it."""
    packets: dict[int, tuple[bytes, Packet]] = {}
    capture = [files.section()]
    links: dict[int, int] = {}
    for number in range(count):
        frame, linktype, length = made(first + number)
        linktype &= 0xFFFF
        length = max(0, min(length, 0x7FFFFFFF))
        if linktype not in links:
            links[linktype] = len(links)
            capture.append(files.interface(linktype))
        capture.append(files.enhanced(frame, 10**15, links[linktype], length=length))
        packets[number + 1] = frame, dissect(frame, linktype, length)
    result = files.read(b"".join(capture), wanted=wanted)
    assert (result.damage, result.packets) == (None, count)

    followed = [n for n, (_, packet) in packets.items() if packet.skipped is None and kind_of(packet) in wanted]
    assert [int(row["packet"]) for row in result.frames] == followed
    for row, content in zip(result.frames, result.contents(), strict=True):
        number = int(row["packet"])
        frame, packet = packets[number]
        expected = (
            packet.network_offset,
            packet.payload_offset,
            min(packet.payload_length, 0x7FFFFFFF),
            (packet.ifindex or 0) & 0x7FFFFFFF,
            kind_of(packet),
        )
        got = tuple(int(row[name]) for name in ("network", "payload", "payload_length", "ifindex", "kind"))
        assert got == expected, (first + number - 1, packet)
        assert unpack_vlans(int(row["vlans"])) == packet.vlans
        assert content == frame
    assert result.skipped == Counter(packet.skipped for _, packet in packets.values() if packet.skipped)
    assert sum(batch.multicast_packets for batch in result.batches) == sum(p.group for _, p in packets.values())
    assert int(result.flows["packets"].sum()) == sum(p.group for _, p in packets.values())


@pytest.mark.parametrize("made", [mutated, frames.everyday])
@pytest.mark.parametrize("wanted", [files.EVERYTHING, files.OF_INTEREST], ids=["everything", "of interest"])
def test_frames_taken_apart(wanted: frozenset[Kind], made: Maker) -> None:
    for first in range(0, CASES, STRETCH):
        agree(first, min(STRETCH, CASES - first), wanted, made)


@pytest.mark.parametrize("tags", [(), ((0x8100, 10),), ((0x88A8, 100), (0x8100, 10))])
@pytest.mark.parametrize("family", [4, 6])
def test_ports_of_no_interest_beside_those_of_interest(family: int, tags: tuple[tuple[int, int], ...]) -> None:
    """The fast way out looks at the upper octet of a port only: every port must still come out right."""
    packets = (
        frames.ipv4(frames.udp(port, b""), 17, destination=frames.B)
        if family == 4
        else frames.ipv6(frames.udp(port, b""), 17, destination=frames.A6)
        for port in range(65536)
    )
    ethertype = 0x0800 if family == 4 else 0x86DD
    sent = (frames.tagged(packet, *tags, ethertype=ethertype, destination=frames.HOST_MAC) for packet in packets)
    wanted = frozenset((Kind.CONNTRACKD, Kind.IPVS, Kind.HSRP, Kind.GLBP))
    result = files.read(files.pcap(sent), wanted=wanted)
    assert [int(row["packet"]) - 1 for row in result.frames] == [1985, 2029, 3222, 3780, 3781, 8848]
    assert result.skipped == {"vxlan": 2, "geneve": 1}
