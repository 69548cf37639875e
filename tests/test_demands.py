"""Advertisements that every receiver must discard: from their bytes, a finding each, no speaker and no master."""

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import Ether
from scapy.layers.vrrp import VRRP
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis


def advert(ttl: int = 255, destination: str = "224.0.0.18", **fields: Any) -> Packet:
    message = VRRP(vrid=51, priority=100, ipcount=1, adv=1, addrlist=["192.0.2.1"], auth2=0, **fields)
    return Ether(dst="01:00:5e:00:00:12") / IP(src="192.0.2.11", dst=destination, ttl=ttl) / message


def advert6(hop_limit: int) -> Packet:
    # Made of bytes, since scapy's layer holds no IPv6 addresses: VRID 51, priority 100, 100 cs, fe80::1.
    network = IPv6(src="fe80::b", dst="ff02::12", hlim=hop_limit, nh=112)
    head, tail = bytes.fromhex("313364010064"), bytes.fromhex("fe80") + bytes(13) + b"\1"
    checksum = in6_chksum(112, network, head + bytes(2) + tail).to_bytes(2)
    return Ether(dst="33:33:00:00:00:12") / network / Raw(head + checksum + tail)


def judged(folder: Path, packets: list[Packet]) -> Analysis:
    path = str(folder / "lan.pcap")
    wrpcap(path, packets)
    return analyse([path], Options()).analysis


@pytest.mark.parametrize(
    ("packet", "rule"),
    [
        (advert(ttl=254), "bad-ttl"),
        (advert(ttl=1), "bad-ttl"),
        (advert6(64), "bad-ttl"),
        (advert(chksum=0x1234), "bad-checksum"),
    ],
)
def test_what_must_be_discarded_makes_no_master(tmp_path: Path, packet: Packet, rule: str) -> None:
    analysis = judged(tmp_path, [packet, packet])
    (found,) = analysis.findings
    assert (found.rule, found.segment, found.count) == (rule, "lan", 2)
    assert [evidence.packet for evidence in found.evidence] == [1, 2]
    assert analysis.totals.adverts == 0
    assert [group.speakers for group in analysis.groups if group.speakers] == []
    assert analysis.events == ()


@pytest.mark.parametrize("packet", [advert(), advert6(255), advert(ttl=64, destination="192.0.2.12")])
def test_what_may_be_accepted_is(tmp_path: Path, packet: Packet) -> None:
    analysis = judged(tmp_path, [packet])
    assert analysis.totals.adverts == 1
    assert {finding.rule for finding in analysis.findings} <= {"unauthenticated"}
    assert [event.kind for event in analysis.events] == ["master-appeared"]
