"""What the encoders put on the wire, and that decoding it gives the message back."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.frames import ethernet, ipv4, ipv6, octets
from vrrpwatch.wire.ah import decode_ah, encode_ah
from vrrpwatch.wire.arp import decode_arp, encode_arp
from vrrpwatch.wire.carp import encode_carp
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.nd import decode_nd, encode_na
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import (
    Arp,
    AuthenticationHeader,
    Camp,
    Carp,
    HmacTrailer,
    IPAddress,
    NeighbourAdvertisement,
    Packet,
    Vrrp,
)
from vrrpwatch.wire.vrrp import encode_vrrp

SOURCE, GROUP = IPv4Address("192.168.202.101"), IPv4Address("224.0.0.18")
PEER = IPv4Address("192.168.202.102")
SOURCE6, GROUP6 = IPv6Address("fe80::1"), IPv6Address("ff02::12")
FRR = Vrrp(3, 1, 200, 1, 0.1, 0, (IPv4Address("192.168.202.100"),))

BYTE = st.integers(0, 255)
ID = st.integers(1, 255)
MAC = st.binary(min_size=6, max_size=6).map(lambda mac: mac.hex(":"))
TRAILERS = st.builds(
    HmacTrailer,
    type=BYTE,
    key_id=BYTE,
    seconds=st.integers(0, 2**32 - 1),
    fraction=st.integers(0, 2**16 - 1),
    counter=st.integers(0, 2**16 - 1),
    digest=st.binary(min_size=16, max_size=16),
)


def carried(payload: bytes, source: IPAddress, destination: IPAddress) -> Packet:
    if isinstance(source, IPv6Address):
        return dissect(ethernet(ipv6(payload, source=str(source), destination=str(destination)), 0x86DD), 1)
    return dissect(ethernet(ipv4(payload, source=str(source), destination=str(destination))), 1)


@pytest.mark.parametrize(
    ("rule", "destination", "checksum"),
    [
        ("pseudo-header", GROUP, "1048"),
        ("plain", GROUP, "7be5"),
        ("pseudo-header", PEER, "654b"),
        ("pseudo-header-multicast", PEER, "1048"),
    ],
)
def test_the_camps_of_vrrp3(rule: Camp, destination: IPv4Address, checksum: str) -> None:
    assert encode_vrrp(FRR, SOURCE, destination, rule) == octets(f"3101c801000a {checksum} c0a8ca64")


def test_vrrp2_pads_its_authentication_data() -> None:
    message = Vrrp(2, 51, 100, 1, 1.0, 0, (IPv4Address("10.0.0.254"),), auth_type=1, auth_data=b"ab")
    assert encode_vrrp(message, SOURCE, GROUP) == octets("21 33 64 01 01 01 0d6a 0a0000fe 6162000000000000")


def test_carp_as_published() -> None:
    message = Carp(42, 0, 7, 0, 1, 0, 1, octets("bed06b842dc2fcede38f5139bf18d984f1276796"))
    assert encode_carp(message) == octets("212a0007000163a20000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (FRR._replace(interval=0.005), "an interval of 0.005 s is no multiple of 1/100 s"),
        (FRR._replace(interval=40.96), "vrrp3.interval does not hold 4096"),
        (FRR._replace(vrid=256), "vrrp3"),
        (FRR._replace(version=2, interval=0.5), "an interval of 0.5 s is no multiple of 1/1 s"),
        (FRR._replace(addresses=FRR.addresses * 256), "vrrp3"),
    ],
)
def test_vrrp_that_its_fields_cannot_hold(message: Vrrp, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        encode_vrrp(message, SOURCE, GROUP)


def test_there_is_no_bad_rule() -> None:
    with pytest.raises(ValueError, match="bad is none"):
        encode_vrrp(FRR, SOURCE, GROUP, "bad")


@given(
    vrid=ID,
    priority=BYTE,
    interval=st.integers(1, 255),
    addresses=st.lists(st.ip_addresses(v=4), max_size=255),
    auth_type=st.sampled_from([0, 1, 2, 254]),
    auth_data=st.binary(min_size=8, max_size=8),
    trailer=st.none() | TRAILERS,
)
def test_vrrp2_comes_back(
    vrid: int,
    priority: int,
    interval: int,
    addresses: list[IPAddress],
    auth_type: int,
    auth_data: bytes,
    trailer: HmacTrailer | None,
) -> None:
    # Cisco's MD5 has a body of its own, in which nothing can be told from a trailer.
    trailer = None if auth_type == 254 else trailer
    message = Vrrp(
        2, vrid, priority, len(addresses), float(interval), 0, tuple(addresses), auth_type, auth_data, trailer
    )
    payload = encode_vrrp(message, SOURCE, GROUP)
    packet = carried(payload, SOURCE, GROUP)
    decoded = decode_advert(packet)
    assert isinstance(decoded, Vrrp)
    assert decoded._replace(checksum=0) == message._replace(length=len(payload))
    assert camp(decoded, packet) == "plain"


@given(
    vrid=ID,
    priority=BYTE,
    interval=st.integers(1, 4095),
    addresses=st.lists(st.ip_addresses(v=4), min_size=1, max_size=255)
    | st.lists(st.ip_addresses(v=6), min_size=1, max_size=255),
    trailer=st.none() | TRAILERS,
    rule=st.sampled_from(["plain", "pseudo-header", "pseudo-header-multicast"]),
)
def test_vrrp3_comes_back(
    vrid: int, priority: int, interval: int, addresses: list[IPAddress], trailer: HmacTrailer | None, rule: Camp
) -> None:
    four = isinstance(addresses[0], IPv4Address)
    source: IPAddress = SOURCE if four else SOURCE6
    destination: IPAddress = PEER if four else GROUP6
    message = Vrrp(3, vrid, priority, len(addresses), interval / 100, 0, tuple(addresses), trailer=trailer)
    payload = encode_vrrp(message, source, destination, rule)
    packet = carried(payload, source, destination)
    decoded = decode_advert(packet)
    assert isinstance(decoded, Vrrp)
    assert decoded._replace(checksum=0) == message._replace(length=len(payload))
    assert camp(decoded, packet) == (rule if four else "pseudo-header")


@given(
    vhid=ID,
    advskew=BYTE,
    demotion=BYTE,
    advbase=BYTE,
    counter=st.integers(0, 2**64 - 1),
    digest=st.binary(min_size=20, max_size=20),
)
def test_carp_comes_back(vhid: int, advskew: int, demotion: int, advbase: int, counter: int, digest: bytes) -> None:
    message = Carp(vhid, advskew, 7, demotion, advbase, 0, counter, digest)
    packet = carried(encode_carp(message), SOURCE, GROUP)
    decoded = decode_advert(packet)
    assert isinstance(decoded, Carp)
    assert decoded._replace(checksum=0) == message
    assert camp(decoded, packet) == "plain"


@given(
    next_header=BYTE,
    spi=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**32 - 1),
    words=st.integers(0, 254),
)
def test_ah_comes_back(next_header: int, spi: int, sequence: int, words: int) -> None:
    header = AuthenticationHeader(next_header, spi, sequence, b"icv." * words)
    assert decode_ah(encode_ah(header) + b"more") == header


@given(
    operation=st.integers(0, 65535),
    sender_mac=MAC,
    sender_ip=st.ip_addresses(v=4),
    target_mac=MAC,
    target_ip=st.ip_addresses(v=4),
)
def test_arp_comes_back(
    operation: int, sender_mac: str, sender_ip: IPv4Address, target_mac: str, target_ip: IPv4Address
) -> None:
    message = Arp(operation, sender_mac, sender_ip, target_mac, target_ip)
    assert decode_arp(encode_arp(message) + bytes(18)) == message


@given(
    target=st.ip_addresses(v=6),
    router=st.booleans(),
    solicited=st.booleans(),
    override=st.booleans(),
    mac=st.none() | MAC,
)
def test_na_comes_back(target: IPv6Address, router: bool, solicited: bool, override: bool, mac: str | None) -> None:
    message = NeighbourAdvertisement(target, router, solicited, override, mac)
    assert decode_nd(encode_na(message, SOURCE6, IPv6Address("ff02::1"))) == message
