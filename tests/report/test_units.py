"""Figures in words, each worked out by hand."""

import pytest

from tests.report import sample
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Evidence, GroupKey
from vrrpwatch.report import units


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_772_359_200_000_001_999, "2026-03-01T10:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775Z"),
        (-(2**63), "1677-09-21T00:12:43.145224Z"),
    ],
)
def test_rfc3339(at: int, text: str) -> None:
    assert rfc3339(at) == text


def test_clock() -> None:
    at = sample.at(1.5)
    assert (units.clock(at), units.clock(at, 3), units.clock(at, 0)) == ("10:00:01.500000", "10:00:01.500", "10:00:01")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.0995, "0.1 s"),
        (3.609375, "3.61 s"),
        (1.0, "1 s"),
        (303.0, "5 min 3 s"),
        (7_500.0, "2 h 5 min"),
        (273_600.0, "3 d 4 h"),
        (-1.5, "-1.5 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1210, "1.21 kB"), (999_900, "1 MB"), (34_500_000, "34.5 MB")]
)
def test_scaled(value: float, text: str) -> None:
    assert units.scaled(value, "B") == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 0, "0 %"), (1, 1_000_000, "<0.1 %"), (1, 100, "1.0 %"), (50, 100, "50 %")]
)
def test_share(part: int, whole: int, text: str) -> None:
    assert units.share(part, whole) == text


def test_group_names_tell_only_what_is_unusual() -> None:
    assert units.group_name(sample.VRRP_51) == "VRRP 51 on eth0/10"
    assert units.group_name(sample.VRRP6_9) == "VRRP 9 (IPv6) on eth1"
    assert units.group_name(GroupKey("eth0", "carp", 4, 1, "unicast")) == "CARP 1 (unicast) on eth0"


def test_packets_name_their_capture_where_there_are_several() -> None:
    evidence = (Evidence(0, 912), Evidence(0, 913), Evidence(1, 57))
    sources = sample.sample().sources
    assert units.packet_list(evidence, sources) == "a.pcap packets 912, 913; b.pcapng packet 57"
    assert units.packet_list(evidence[:1], sources[:1]) == "packet 912"


def test_span() -> None:
    assert units.span(sample.at(0), sample.at(0)) == "at 10:00:00.000"
    assert units.span(sample.at(0), sample.at(90_000)) == "2026-03-01 10:00:00 to 2026-03-02 11:00:00"
