"""Multicast volume as the scan counts it: every group frame, by flow and by destination and whole second."""

import struct
from ipaddress import ip_address

import numpy as np
import pytest

from tests.capture import files, frames
from vrrpwatch.core.frames import Kind, unpack_vlans

ADVERT = frames.ethernet(frames.ipv4(frames.VRRP2))
BROADCAST = b"\xff" * 6
SECOND = 10**9


def volume(data: bytes) -> list[tuple[str, str, Kind, int, int]]:
    """Destination, origin, protocol, packets and bytes of each flow."""

    def name(family: int, octets: bytes) -> str:
        if family == 0:
            return octets[:6].hex(":")
        return str(ip_address(octets[:4] if family == 4 else octets))

    return [
        (
            name(int(row["family"]), row["destination"].tobytes()),
            name(int(row["origin_family"]), row["origin"].tobytes()),
            Kind(int(row["protocol"])),
            int(row["packets"]),
            int(row["bytes"]),
        )
        for row in files.read(data).flows
    ]


def only(frame: bytes, linktype: int = 1) -> tuple[str, str, Kind]:
    """Destination, origin and protocol of a capture's one frame."""
    (row,) = volume(files.pcap([frame], linktype))
    return row[:3]


def test_flows_have_original_lengths_and_times() -> None:
    times = (SECOND, SECOND + 999_999_000, 2 * SECOND, SECOND + 5000)
    data = files.pcap_header() + b"".join(files.record(ADVERT, at, length=100) for at in times)
    assert volume(data) == [("224.0.0.18", "10.0.0.1", Kind.ADVERT, 4, 400)]
    (row,) = files.read(data).flows
    assert (int(row["first"]), int(row["last"])) == (SECOND, 2 * SECOND)


def test_seconds_are_whole_ones_of_a_destination() -> None:
    other = frames.ethernet(frames.ipv4(frames.VRRP2, source=bytes((10, 0, 0, 2))))
    bystander = frames.ethernet(frames.ipv4(b"", 17))
    sent = (
        (ADVERT, SECOND),
        (other, SECOND + 999_999_000),
        (bystander, SECOND + 999_999_000),
        (ADVERT, 2 * SECOND),
        (ADVERT, SECOND + 5000),
    )
    result = files.read(files.pcap_header() + b"".join(files.record(frame, at, length=100) for frame, at in sent))
    sums: dict[tuple[bytes, int, int], list[int]] = {}
    for row in result.seconds:
        key = (row["destination"].tobytes()[:4], int(row["redundancy"]), int(row["second"]))
        packets, size = sums.get(key, (0, 0))
        sums[key] = [packets + int(row["packets"]), size + int(row["bytes"])]
    assert sums == {
        (frames.VRRP_GROUP, 1, 1): [3, 300],
        (frames.VRRP_GROUP, 0, 1): [1, 100],
        (frames.VRRP_GROUP, 1, 2): [1, 100],
    }


def test_a_destination_that_jumps_between_seconds() -> None:
    times = (SECOND * (number & 1) for number in range(40_000))
    result = files.read(files.pcap_header() + b"".join(files.record(ADVERT, at) for at in times))
    assert max(len(batch.seconds) for batch in result.batches) <= 32768 + 1
    assert [int(result.seconds["packets"][result.seconds["second"] == second].sum()) for second in (0, 1)] == [
        20_000
    ] * 2


def test_vlans_and_interfaces_have_rows_of_their_own() -> None:
    inner = frames.tagged(frames.ipv4(frames.VRRP2), (0x88A8, 5), (0x8100, 6))
    data = files.section() + files.interface() * 2
    data += files.enhanced(ADVERT, 0, 0) + files.enhanced(ADVERT, 0, 1) + files.enhanced(inner, 0, 1)
    rows = files.read(data).flows
    assert [(int(row["interface"]), unpack_vlans(int(row["vlans"]))) for row in rows] == [(0, ()), (1, ()), (1, (5, 6))]


@pytest.mark.parametrize(
    ("protocol", "payload", "kind"),
    [
        (112, frames.VRRP2, Kind.ADVERT),
        (112, frames.CARP, Kind.CARP),
        (51, frames.ah(frames.VRRP2), Kind.ADVERT),
        (51, frames.ah(frames.CARP), Kind.CARP),
        (51, frames.ah(b"", 89), Kind.AH_OTHER),
        (51, b"", Kind.AH_OTHER),
        (2, b"\x16" + bytes(7), Kind.IGMP),
        (240, bytes(8), Kind.PFSYNC),
        (89, bytes(8), Kind.OSPF),
        (103, bytes(8), Kind.PIM),
        (1, bytes(8), Kind.ICMP),
        (6, bytes(20), Kind.TCP),
        (47, bytes(8), Kind.IP),
        (132, bytes(8), Kind.IP),
        (17, frames.udp(3780), Kind.CONNTRACKD),
        (17, frames.udp(8848), Kind.IPVS),
        (17, frames.udp(1985), Kind.HSRP),
        (17, frames.udp(3222), Kind.GLBP),
        (17, frames.udp(5353), Kind.MDNS),
        (17, frames.udp(1900), Kind.SSDP),
        (17, frames.udp(5355), Kind.LLMNR),
        (17, frames.udp(67), Kind.DHCP),
        (17, frames.udp(9, source=5353), Kind.UDP),
        (17, b"", Kind.UDP),
    ],
)
def test_protocols_on_ipv4(protocol: int, payload: bytes, kind: Kind) -> None:
    packet = frames.ethernet(frames.ipv4(payload, protocol, destination=bytes((239, 1, 2, 3))))
    assert only(packet) == ("239.1.2.3", "10.0.0.1", kind)


@pytest.mark.parametrize(
    ("following", "payload", "kind"),
    [
        (58, b"\x8f" + bytes(7), Kind.MLD),
        (58, b"\x88" + bytes(23), Kind.ND),
        (58, b"\x86" + bytes(15), Kind.ICMPV6),
        (17, frames.udp(2029), Kind.HSRP),
        (17, frames.udp(547), Kind.DHCP),
        (2, bytes(8), Kind.IP),
    ],
)
def test_protocols_on_ipv6(following: int, payload: bytes, kind: Kind) -> None:
    packet = frames.ethernet(frames.ipv6(payload, following), 0x86DD, destination=bytes.fromhex("333300000012"))
    assert only(packet) == ("ff02::12", "fe80::1", kind)


@pytest.mark.parametrize(
    ("destination", "ethertype", "payload", "kind"),
    [
        ("ffffffffffff", 0x0806, frames.arp(1), Kind.ARP),
        ("0180c200000e", 0x88CC, bytes(40), Kind.LLDP),
        ("0180c2000002", 0x8809, b"\1" + bytes(40), Kind.LACP),
        ("0180c2000002", 0x8809, b"\3" + bytes(40), Kind.OTHER),
        ("0180c2000000", 38, b"\x42\x42\x03" + bytes(40), Kind.STP),
        ("01000ccccccc", 60, bytes.fromhex("aaaa0300000c2000") + bytes(40), Kind.CDP),
        ("01000ccccccd", 60, bytes.fromhex("aaaa0300000c010b") + bytes(40), Kind.STP),
        ("01000ccccccc", 60, bytes.fromhex("aaaa0300000c2003") + bytes(40), Kind.OTHER),
        ("010000000001", 0x1234, bytes(40), Kind.OTHER),
    ],
)
def test_frames_without_ip_go_by_their_macs(destination: str, ethertype: int, payload: bytes, kind: Kind) -> None:
    mac = bytes.fromhex(destination)
    assert only(frames.ethernet(payload, ethertype, destination=mac)) == (mac.hex(":"), "00:00:5e:00:01:33", kind)


def test_broadcast_frames_go_by_their_ip_destination() -> None:
    packet = frames.ipv4(frames.udp(67), 17, destination=bytes((10, 0, 0, 255)))
    assert only(frames.ethernet(packet, destination=BROADCAST)) == ("10.0.0.255", "10.0.0.1", Kind.DHCP)


def test_unicast_frames_are_none_of_it() -> None:
    inner = frames.ipv4(frames.VRRP2)
    assert volume(files.pcap([frames.ethernet(inner, destination=bytes(6))])) == []


@pytest.mark.parametrize(
    ("packet_type", "destination", "counted"),
    [(0, frames.VRRP_GROUP, 0), (1, frames.B, 1), (2, frames.B, 1), (4, frames.VRRP_GROUP, 1), (4, frames.B, 0)],
)
def test_cooked_frames_go_by_packet_type(packet_type: int, destination: bytes, counted: int) -> None:
    head = struct.pack("!HHH", packet_type, 1, 6) + frames.SOURCE_MAC + b"\0\0\x08\0"
    packet = head + frames.ipv4(frames.VRRP2, destination=destination)
    assert len(volume(files.pcap([packet], 113))) == counted


def test_a_cooked_broadcast_without_ip() -> None:
    head = struct.pack("!HHH", 1, 1, 6) + frames.SOURCE_MAC + b"\0\0\x08\x06"
    assert only(head + frames.arp(1), 113) == ("ff:ff:ff:ff:ff:ff", "00:00:5e:00:01:33", Kind.ARP)


@pytest.mark.parametrize(
    ("destination", "counted"), [(frames.VRRP_GROUP, 1), (b"\xff" * 4, 1), (bytes((10, 0, 0, 255)), 0)]
)
def test_links_without_addresses_go_by_ip(destination: bytes, counted: int) -> None:
    assert len(volume(files.pcap([frames.ipv4(frames.VRRP2, destination=destination)], 101))) == counted


def test_more_rows_than_a_batch_holds() -> None:
    packets = [frames.ethernet(frames.ipv4(frames.VRRP2, source=n.to_bytes(4))) for n in range(20000)]
    result = files.read(files.pcap(packets + packets, step=1000))
    assert len(result.batches) > 2
    assert max(len(batch.flows) + len(batch.seconds) for batch in result.batches) <= 16384
    origins = result.flows["origin"][:, :4].copy().view(">u4").ravel()
    assert np.array_equal(np.unique(origins), np.arange(20000))
    assert int(result.flows["packets"].sum()) == 40000
