"""A reason is given where the other program's fields are exactly what it predicts, and nowhere else."""

from dataclasses import replace

import pytest

from vrrpwatch.capture.second_opinion_reading import Reading
from vrrpwatch.capture.second_opinion_reasons import Heard, Reason, compare_readings, heard
from vrrpwatch.wire.checksum import camp
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Malformed

RAW_IP = 101
# The passphrase is love, the address 10.1.1.252.
CARP = "212a0007000163a2 0000000000000001 bed06b842dc2fcede38f5139bf18d984f1276796"


def hear(payload: str, fragment: str = "0000") -> Heard:
    length = 20 + len(bytes.fromhex(payload))
    frame = bytes.fromhex(f"4500 {length:04x} 0001 {fragment} ff70 0000 0a010101 e0000012" + payload)
    packet = dissect(frame, RAW_IP)
    message = decode_advert(packet)
    return heard(packet, message, None if isinstance(message, Malformed) else camp(message, packet))


def reasons(ours: Heard | None, theirs: Reading | None, *layers: str) -> list[tuple[str, Reason | None]]:
    return [(each.field, each.reason) for each in compare_readings(ours, theirs, layers)]


def test_a_field_that_the_other_program_does_not_state_is_no_difference() -> None:
    ours = hear(CARP)
    assert reasons(ours, Reading(protocol="carp", id=42)) == []
    assert reasons(ours, Reading(protocol="carp", id=43, advskew=1)) == [("id", None), ("advskew", None)]
    assert reasons(None, None) == []


def test_carp_taken_for_vrrp_must_have_the_misread_fields() -> None:
    misread = Reading(protocol="vrrp", version=2, type=1, id=42, priority=0, count=7, auth_type=0, interval=1.0)
    assert reasons(hear(CARP), misread) == [("protocol", Reason.CARP_AS_VRRP)]
    assert reasons(hear(CARP), replace(misread, priority=1)) == [("protocol", None)]


def test_vrrp_taken_for_carp_must_have_the_misread_fields() -> None:
    ours = hear("2101640100016efd 0a0101fe 0000000000000000")
    misread = Reading(protocol="carp", version=2, type=1, id=1, advskew=100, authlen=1, advbase=1, checksum="good")
    assert reasons(ours, misread) == [("protocol", Reason.VRRP_AS_CARP)]
    assert reasons(ours, replace(misread, counter=0x0A0101FE00000000)) == [("protocol", Reason.VRRP_AS_CARP)]
    assert reasons(ours, replace(misread, counter=7)) == [("protocol", None)]


@pytest.mark.parametrize(
    ("layers", "protocol", "reason"),
    [
        (("eth", "ethertype", "ip", "gre", "eth", "ethertype", "ip", "vrrp"), "vrrp", Reason.TUNNEL),
        (("eth", "ethertype", "ip", "udp", "vxlan", "eth", "ethertype", "ip", "carp"), "carp", Reason.TUNNEL),
        (("raw", "ip", "ipv6", "vrrp"), "vrrp", Reason.TUNNEL),
        (("eth", "ethertype", "ip", "icmp", "ip", "vrrp"), "vrrp", Reason.QUOTED),
        (("fr", "ip", "vrrp"), "vrrp", Reason.LINK_TYPE),
        (("eth", "ethertype", "ip", "vrrp"), "vrrp", None),
        ((), "vrrp", None),
    ],
)
def test_what_we_do_not_hear(layers: tuple[str, ...], protocol: str, reason: Reason | None) -> None:
    theirs = Reading(protocol="carp" if protocol == "carp" else "vrrp")
    assert reasons(None, theirs, *layers) == [("packet", reason)]


@pytest.mark.parametrize(("number", "reason"), [(17, Reason.OTHER_AS_CARP), (112, None), (51, None), (None, None)])
def test_carp_that_is_not_protocol_112(number: int | None, reason: Reason | None) -> None:
    assert reasons(None, Reading(protocol="carp", ip_protocol=number), "eth", "ip", "carp") == [("packet", reason)]


def test_what_they_do_not_hear() -> None:
    assert reasons(hear(CARP), None) == [("packet", None)]
    assert reasons(hear("", fragment="2000"), None) == [("packet", Reason.EMPTY)]
    assert reasons(hear(CARP, fragment="0004"), None) == [("packet", Reason.FRAGMENT)]


def test_a_wrong_verdict_needs_its_own_reason() -> None:
    good = hear("2101640100016efd 0a0101fe 0000000000000000")
    assert reasons(good, Reading(protocol="vrrp", checksum="bad")) == [("checksum", None)]
    plain = hear("3101c801000a7be5 c0a8ca64")
    assert reasons(plain, Reading(protocol="vrrp", checksum="bad")) == [("checksum", Reason.PLAIN_CHECKSUM)]


def test_what_is_read_of_a_malformed_message() -> None:
    unknown = hear("8103640964050000 0a0101fe")
    exact = Reading(protocol="vrrp", version=8, auth_type=0x64, interval=5.0, checksum="bad")
    assert reasons(unknown, exact) == [
        ("auth_type", Reason.UNKNOWN_VERSION),
        ("interval", Reason.UNKNOWN_VERSION),
        ("checksum", Reason.MALFORMED_CHECKSUM),
    ]
    assert reasons(unknown, replace(exact, auth_type=1))[0] == ("auth_type", None)
    assert reasons(unknown, Reading(protocol="vrrp", priority=99)) == [("priority", None)]
