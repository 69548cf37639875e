"""State-sync and neighbour protocols, byte by byte, and found by their protocol and port."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import ethernet, ipv4, ipv6, octets
from vrrpwatch.wire.companions import decode_companion, decode_ipvs, decode_pfsync
from vrrpwatch.wire.glbp import decode_glbp
from vrrpwatch.wire.hsrp import decode_hsrp
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Companion, Conntrackd, Glbp, Hsrp, IpvsSync, Packet, Pfsync

HSRP1 = "00 00 10 03 0a 78 01 00 636973636f000000 0a0000fe"
HSRP2 = "01 28 02 00 06 04 0001 02000000000a 00000078 00000bb8 00002710 0a0000fe 000000000000000000000000"
TEXT = "03 08 636973636f000000"
MD5 = "04 1c 01 00 0000 0a000001 00000001 000102030405060708090a0b0c0d0e0f"
GLBP = "01 00 0001 0000 02000000000a"
GLBP_HELLO = "01 1c 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 01 04 0a0000fe"


def udp(port: int, payload: str) -> Packet:
    data = octets(payload)
    return dissect(ethernet(ipv4(octets("1000") + port.to_bytes(2) + octets("0008 0000") + data, 17)), 1)


@pytest.mark.parametrize(
    ("packet", "companion"),
    [
        (udp(3780, "10 20 0010 00000007 00000000"), Conntrackd(1, 0, 0x20, 16, 7)),
        (udp(3781, "12 08 0008 00000009"), Conntrackd(1, 2, 8, 8, 9)),
        (udp(8848, "05 0a 0084"), IpvsSync(0, 10, 132, 5)),
        (udp(8848, "00 0a 0084 05 01 0000"), IpvsSync(1, 10, 132, 5)),
        (udp(3222, GLBP), Glbp(1, 1, None, None, None, None)),
        (udp(3779, "10 20 0010 00000007"), None),
        (udp(3780, "10 20 0010"), None),
        (udp(8848, "00 0a"), None),
        (udp(8848, "00 0a 0004"), None),
        (dissect(ethernet(ipv4(octets("1000 0e"), 17)), 1), None),
        (dissect(ethernet(ipv4(octets("1000 0ec4 0010 0000 10 20 0010 00000007"), 17, flags=1)), 1), None),
        (dissect(ethernet(ipv4(octets("1000 0ec4 0010 0000 10 20 0010 00000007"), 6)), 1), None),
        (dissect(ethernet(ipv4(octets("02 02 03 04"), 240)), 1), Pfsync(2, None, 3, 4)),
    ],
)
def test_companions_by_protocol_and_port(packet: Packet, companion: Companion | None) -> None:
    assert decode_companion(packet) == companion


def test_ipvs_version_one_keeps_its_own_number() -> None:
    assert decode_ipvs(octets("00 0a 0084 05 02 0000")) == IpvsSync(2, 10, 132, 5)


@pytest.mark.parametrize("version", [5, 6, 7])
def test_pfsync_with_subheaders(version: int) -> None:
    header = bytes((version,)) + octets("00 0114") + bytes(range(16))
    assert decode_pfsync(header + octets("03 14 ffff")) == Pfsync(version, 276, 3, 65535)
    assert decode_pfsync(header + octets("03 14 ff")) is None
    assert decode_pfsync(header[:3]) is None


def test_hsrp1() -> None:
    message = decode_hsrp(octets(HSRP1))
    assert message == Hsrp(
        version=1,
        opcode=0,
        state=16,
        group=1,
        priority=120,
        hello=3.0,
        hold=10.0,
        addresses=(IPv4Address("10.0.0.254"),),
        auth="text",
        auth_data=b"cisco\0\0\0",
    )
    assert message.active


def test_hsrp1_without_an_address_or_authentication() -> None:
    message = decode_hsrp(octets("00 01 02 03 0a 78 01 00 0000000000000000 00000000"))
    assert message is not None
    assert (message.opcode, message.addresses, message.auth, message.active) == (1, (), "none", False)


def test_hsrp1_with_md5() -> None:
    message = decode_hsrp(octets(f"00 00 10 03 0a 78 01 00 0000000000000000 0a0000fe {MD5}"))
    assert message is not None
    assert (message.auth, message.auth_data) == ("md5", octets(MD5)[2:])


@pytest.mark.parametrize(
    "payload",
    ["", "00", HSRP1[:-2], "00 03 0001 000a 01 00 0001 0000 0000 0000 00000000 00000000", "05 00", "01 28 02 00"],
)
def test_hsrp_that_says_nothing_of_a_group(payload: str) -> None:
    assert decode_hsrp(octets(payload)) is None


def test_hsrp2() -> None:
    message = decode_hsrp(octets(HSRP2))
    assert message == Hsrp(
        version=2,
        opcode=0,
        state=6,
        group=1,
        priority=120,
        hello=3.0,
        hold=10.0,
        addresses=(IPv4Address("10.0.0.254"),),
        auth="none",
    )
    assert message.active


@pytest.mark.parametrize(("tlv", "auth"), [(TEXT, "text"), (MD5, "md5")])
def test_hsrp2_authentication_on_either_side_of_the_group_state(tlv: str, auth: str) -> None:
    for payload in (HSRP2 + tlv, tlv + HSRP2):
        message = decode_hsrp(octets(payload))
        assert message is not None
        assert (message.auth, message.auth_data, message.group) == (auth, octets(tlv)[2:], 1)


def test_hsrp2_on_ipv6() -> None:
    tlv = "01 28 02 00 05 06 0fff 02000000000a 00000064 00000bb8 00002710 fe800000000000000000000000000064"
    packet = dissect(ethernet(ipv6(octets("07ed 07ed 0032 0000" + tlv), 17, destination="ff02::66"), 0x86DD), 1)
    message = decode_companion(packet)
    assert isinstance(message, Hsrp)
    assert (message.group, message.addresses, message.active) == (4095, (IPv6Address("fe80::64"),), False)


def test_hsrp2_of_another_version_or_cut() -> None:
    assert decode_hsrp(octets(HSRP2.replace("01 28 02", "01 28 03", 1))) is None
    assert decode_hsrp(octets(HSRP2)[:-1]) is None


def test_glbp() -> None:
    message = decode_glbp(octets(GLBP + GLBP_HELLO + "03 07 01 05 414243"))
    assert message == Glbp(
        version=1,
        group=1,
        state=32,
        priority=100,
        hello=3.0,
        hold=10.0,
        addresses=(IPv4Address("10.0.0.254"),),
        auth="text",
    )
    assert message.active


@pytest.mark.parametrize(
    ("tlv", "auth"), [("03 03 02", "md5"), ("03 03 03", "md5"), ("03 03 00", "none"), ("03 02", "none")]
)
def test_glbp_authentication(tlv: str, auth: str) -> None:
    message = decode_glbp(octets(GLBP + tlv + GLBP_HELLO))
    assert message is not None
    assert (message.auth, message.priority) == (auth, 100)


def test_glbp_with_an_ipv6_address_or_none() -> None:
    head = GLBP + "01 28 00 08 00 64 0000 00000bb8 00002710 0258 3840 0000 02 10"
    message = decode_glbp(octets(head + "fe800000000000000000000000000064"))
    assert message is not None
    assert (message.addresses, message.active) == ((IPv6Address("fe80::64"),), False)
    unknown = decode_glbp(octets(GLBP + "01 18 00 08 00 64 0000 00000bb8 00002710 0258 3840 0000 00 00"))
    assert unknown is not None
    assert (unknown.addresses, unknown.hello) == ((), 3.0)


def test_glbp_whose_address_is_cut_or_of_no_known_length() -> None:
    head = GLBP + "01 1c 00 08 00 64 0000 00000bb8 00002710 0258 3840 0000 01"
    for tail in ("05 0a0000fe", "10 0a0000fe", "03 0a0000fe", "04 00000000"):
        message = decode_glbp(octets(f"{head} {tail}"))
        assert message is not None
        assert (message.addresses, message.state) == ((), 8)


@pytest.mark.parametrize("tlvs", ["01 00", "01 01", "01", "01 ff 0000", "02 10" + "00" * 14, "01 04 0000"])
def test_glbp_whose_tlvs_do_not_hold_a_hello(tlvs: str) -> None:
    assert decode_glbp(octets(GLBP + tlvs)) == Glbp(1, 1, None, None, None, None)


@pytest.mark.parametrize("payload", ["", GLBP[:-2], "02" + GLBP[2:]])
def test_other_glbp_is_not_read(payload: str) -> None:
    assert decode_glbp(octets(payload)) is None
