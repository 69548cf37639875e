"""ARP and neighbour discovery, byte by byte."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import octets
from vrrpwatch.wire.arp import decode_arp, encode_arp
from vrrpwatch.wire.nd import decode_nd, encode_na
from vrrpwatch.wire.values import Arp, NeighbourAdvertisement, NeighbourSolicitation

GRATUITOUS = octets("0001 0800 06 04 0001 00005e000133 0a0000fe ffffffffffff 0a0000fe")
NA = octets("88 00 7869 a0000000 fe800000000000000000000000000100 02 01 00005e000233")
NS = octets("87 00 0000 00000000 fe800000000000000000000000000100")


def test_arp() -> None:
    message = Arp(
        operation=1,
        sender_mac="00:00:5e:00:01:33",
        sender_ip=IPv4Address("10.0.0.254"),
        target_mac="ff:ff:ff:ff:ff:ff",
        target_ip=IPv4Address("10.0.0.254"),
    )
    assert decode_arp(GRATUITOUS) == message
    assert encode_arp(message) == GRATUITOUS
    assert message.gratuitous


def test_an_ordinary_request_is_not_gratuitous() -> None:
    message = decode_arp(octets("0006 0800 06 04 0001 02000000000a 0a000001 000000000000 0a0000fe"))
    assert message is not None
    assert not message.gratuitous


@pytest.mark.parametrize(
    "payload",
    [
        GRATUITOUS[:27],
        b"",
        octets("0003") + GRATUITOUS[2:],
        octets("0001 86dd") + GRATUITOUS[4:],
        octets("0001 0800 08 04") + GRATUITOUS[6:],
        octets("0001 0800 06 10") + GRATUITOUS[6:],
    ],
)
def test_other_arp_is_not_read(payload: bytes) -> None:
    assert decode_arp(payload) is None


def test_arp_refuses_what_is_no_mac() -> None:
    with pytest.raises(ValueError, match="sender_mac does not take 5 octets"):
        encode_arp(Arp(1, "00:00:5e:00:01", IPv4Address(0), "00:00:00:00:00:00", IPv4Address(0)))


def test_neighbour_advertisement() -> None:
    message = NeighbourAdvertisement(IPv6Address("fe80::100"), True, False, True, "00:00:5e:00:02:33")
    assert decode_nd(NA) == message
    # 8800 + a000 + fe80 + 0100 + 0201 + 0000 + 5e00 + 0233 = 289b4; fe80 + 0001 + ff02 + 0001 + 0020 + 003a = 1fdde.
    # Together 48792, folded 8796, and so 7869.
    assert encode_na(message, IPv6Address("fe80::1"), IPv6Address("ff02::1")) == NA


def test_neighbour_solicitation() -> None:
    target = IPv6Address("fe80::100")
    assert decode_nd(NS) == NeighbourSolicitation(target, None)
    assert decode_nd(NS + octets("01 01 02000000000a")) == NeighbourSolicitation(target, "02:00:00:00:00:0a")
    # A nonce (RFC 3971) before it, and the wrong option for a solicitation.
    assert decode_nd(NS + octets("0e 01 000000000000 01 01 02000000000a")) == NeighbourSolicitation(
        target, "02:00:00:00:00:0a"
    )
    assert decode_nd(NS + octets("02 01 02000000000a")) == NeighbourSolicitation(target, None)


@pytest.mark.parametrize(
    "option", ["02", "02 00 00005e000233", "02 01 00005e0002", "02 02 00005e000233 0000000000000000"]
)
def test_damaged_options_give_no_address(option: str) -> None:
    message = decode_nd(NA[:24] + octets(option))
    assert isinstance(message, NeighbourAdvertisement)
    assert message.mac is None


def test_options_are_looked_through_to_a_limit() -> None:
    others = octets("0e 01 000000000000")
    near, far = (decode_nd(NA[:24] + others * count + NA[24:]) for count in (31, 32))
    assert isinstance(near, NeighbourAdvertisement)
    assert isinstance(far, NeighbourAdvertisement)
    assert (near.mac, far.mac) == ("00:00:5e:00:02:33", None)


@pytest.mark.parametrize("payload", [b"", NA[:23], b"\x85" + NA[1:], NA[:1] + b"\x01" + NA[2:]])
def test_other_icmpv6_is_not_read(payload: bytes) -> None:
    assert decode_nd(payload) is None


def test_na_refuses_what_is_no_mac() -> None:
    message = NeighbourAdvertisement(IPv6Address("fe80::100"), True, False, True, "00:00:5e")
    with pytest.raises(ValueError, match="00:00:5e is no MAC address"):
        encode_na(message, IPv6Address("fe80::1"), IPv6Address("ff02::1"))
