"""Membership of every version, byte by byte, and reports that promise more than they hold."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.wire.frames import octets
from vrrpwatch.wire.igmp import decode_igmp, decode_mld
from vrrpwatch.wire.values import MembershipQuery, MembershipReport

VRRP4, NOWHERE4 = IPv4Address("224.0.0.18"), IPv4Address(0)
VRRP6, NOWHERE6 = IPv6Address("ff02::12"), IPv6Address(0)
FF02_12 = "ff02000000000000 0000000000000012"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("11 00 0000 00000000", MembershipQuery("igmp", 1, NOWHERE4)),
        ("11 64 0000 00000000", MembershipQuery("igmp", 2, NOWHERE4)),
        ("11 0a 0000 e0000012", MembershipQuery("igmp", 2, VRRP4)),
        ("11 64 0000 00000000 02 7d 0000", MembershipQuery("igmp", 3, NOWHERE4)),
        ("12 00 0000 e0000012", MembershipReport("igmp", 1, joined=(VRRP4,))),
        ("16 00 0000 e0000012", MembershipReport("igmp", 2, joined=(VRRP4,))),
        ("17 00 0000 e0000012", MembershipReport("igmp", 2, left=(VRRP4,))),
        ("14 00 0000 e0000012", None),
        ("16 00 0000 e00000", None),
        ("", None),
    ],
)
def test_igmp(payload: str, message: MembershipQuery | MembershipReport | None) -> None:
    assert decode_igmp(octets(payload)) == message


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("82 00 0000 2710 0000" + "00" * 16, MembershipQuery("mld", 1, NOWHERE6)),
        ("82 00 0000 2710 0000" + FF02_12, MembershipQuery("mld", 1, VRRP6)),
        ("82 00 0000 2710 0000" + "00" * 16 + "02 7d 0000", MembershipQuery("mld", 2, NOWHERE6)),
        ("83 00 0000 0000 0000" + FF02_12, MembershipReport("mld", 1, joined=(VRRP6,))),
        ("84 00 0000 0000 0000" + FF02_12, MembershipReport("mld", 1, left=(VRRP6,))),
        ("86 00 0000 0000 0000" + FF02_12, None),
        ("83 00 0000 0000 0000" + FF02_12[:-2], None),
        ("8f 00 0000 0000", None),
        ("", None),
    ],
)
def test_mld(payload: str, message: MembershipQuery | MembershipReport | None) -> None:
    assert decode_mld(octets(payload)) == message


@pytest.mark.parametrize(
    ("record", "joined", "left"),
    [
        ("01 00 0001 e0000012 0a000001", True, False),
        ("01 00 0000 e0000012", False, True),
        ("02 00 0000 e0000012", True, False),
        ("02 00 0001 e0000012 0a000001", True, False),
        ("03 00 0000 e0000012", False, True),
        ("03 00 0001 e0000012 0a000001", True, False),
        ("04 00 0000 e0000012", True, False),
        ("05 00 0001 e0000012 0a000001", True, False),
        ("05 00 0000 e0000012", False, False),
        ("06 00 0001 e0000012 0a000001", False, False),
        ("07 00 0000 e0000012", False, False),
    ],
)
def test_what_a_record_means(record: str, joined: bool, left: bool) -> None:
    assert decode_igmp(octets("22 00 0000 0000 0001" + record)) == MembershipReport(
        "igmp", 3, joined=(VRRP4,) if joined else (), left=(VRRP4,) if left else ()
    )


def test_records_follow_each_other_past_sources_and_auxiliary_data() -> None:
    report = octets(
        """22 00 0000 0000 0003
        04 01 0002 e0000001 0a000001 0a000002 ffffffff
        03 00 0000 e0000002
        04 00 0000 e0000003"""
    )
    assert decode_igmp(report) == MembershipReport(
        "igmp", 3, joined=(IPv4Address("224.0.0.1"), IPv4Address("224.0.0.3")), left=(IPv4Address("224.0.0.2"),)
    )


def test_mld2_records() -> None:
    report = octets(
        f"""8f 00 0000 0000 0002
        01 00 0001 {FF02_12} fe80000000000000 0000000000000001
        03 00 0000 ff020000000000000000000000000016"""
    )
    assert decode_mld(report) == MembershipReport("mld", 2, joined=(VRRP6,), left=(IPv6Address("ff02::16"),))


def test_a_report_yields_the_records_it_holds_and_not_those_it_promises() -> None:
    assert decode_igmp(octets("22 00 0000 0000 ffff 04 00 0000 e0000012 04 00 0000 e00000")) == MembershipReport(
        "igmp", 3, joined=(VRRP4,)
    )
    assert decode_igmp(octets("22 00 0000 0000 0002 04 ff ffff e0000012 04 00 0000 e0000012")) == MembershipReport(
        "igmp", 3, joined=(VRRP4,)
    )
