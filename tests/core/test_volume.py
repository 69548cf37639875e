"""Multicast volume: figures worked out by hand, budgets, bounds, and the law that cutting rows changes nothing."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vrrpwatch.core import register, volume
from vrrpwatch.core.analysis import Rate, VolumeInfo
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import FLOWS, SECONDS, Kind
from vrrpwatch.core.ledger import Ledger
from vrrpwatch.core.model import NANOSECONDS, Finding
from vrrpwatch.core.names import PROTOCOL_NAMES, STATE_SYNC, protocol_name
from vrrpwatch.core.volume import Volume

START = 1_700_000_000


@dataclass(frozen=True)
class Seen:
    """Packets of one origin to one destination at one instant, ``at`` seconds after the start."""

    at: float
    to: str = "224.0.0.18"
    by: str = "10.0.0.1"
    packets: int = 1
    size: int = 60
    kind: Kind = Kind.ADVERT
    vlan: int = 0


def _address(text: str) -> tuple[int, bytes]:
    if text.count(":") == 5 and "::" not in text:
        return 0, bytes.fromhex(text.replace(":", "")).ljust(16, b"\0")
    address = ip_address(text)
    return address.version, address.packed.ljust(16, b"\0")


Rows = tuple[NDArray[np.void], NDArray[np.void]]


def rows(*seen: Seen) -> Rows:
    flows, seconds = np.zeros(len(seen), dtype=FLOWS), np.zeros(len(seen), dtype=SECONDS)
    for flow, second, item in zip(flows, seconds, seen, strict=True):
        at = START * NANOSECONDS + round(item.at * NANOSECONDS)
        family, destination = _address(item.to)
        for row in (flow, second):
            row["vlans"] = 1 << 60 | item.vlan if item.vlan else 0
            row["family"], row["destination"] = family, np.frombuffer(destination, dtype=np.uint8)
            row["packets"], row["bytes"] = item.packets, item.packets * item.size
        flow["protocol"] = item.kind
        flow["origin_family"], origin = _address(item.by)
        flow["origin"] = np.frombuffer(origin, dtype=np.uint8)
        flow["first"], flow["last"] = at, at
        second["second"], second["redundancy"] = at // NANOSECONDS, item.kind in STATE_SYNC
    return flows, seconds


def segment_of(_source: int, _interface: int, _ifindex: int, vlans: int) -> str:
    return f"eth0/{vlans & 0xFFF}" if vlans else "eth0"


def total(*seen: Seen) -> tuple[VolumeInfo, ...]:
    added = Volume(Findings())
    added.add(*rows(*seen), segment_of)
    added.finish()
    return added.results()


def budget_findings(*seen: Seen, budget: float | None = None, policy: "Policy | None" = None) -> list[Finding]:
    findings = Findings()
    added = Volume(findings, budget, policy)
    added.add(*rows(*seen), segment_of)
    added.finish()
    return list(findings.all())


class Policy:
    """A policy that gives VLAN 10 a budget of its own."""

    def budget_for(self, segment: str) -> float | None:
        return 5.0 if segment == "eth0/10" else None


def test_figures_of_one_destination() -> None:
    (info,) = total(
        Seen(0.2, packets=3), Seen(0.7, by="10.0.0.2", packets=2, size=100), Seen(1.0), Seen(4.2, packets=4)
    )
    # 10 packets and 3·60 + 2·100 + 60 + 4·60 = 680 bytes in 4 s; second 0 holds 5 packets and 380 bytes.
    assert info == VolumeInfo(
        segment="eth0",
        destination="224.0.0.18",
        protocol="vrrp",
        packets=10,
        bytes=680,
        sources=("10.0.0.1", "10.0.0.2"),
        first=START * NANOSECONDS + 200_000_000,
        last=START * NANOSECONDS + 4_200_000_000,
        packets_per_second=Rate(2.5, 5.0),
        bits_per_second=Rate(1360.0, 3040.0),
        bucket=1,
        series=((5, 380), (1, 60), (0, 0), (0, 0), (4, 240)),
    )


def test_less_than_a_second_counts_as_one() -> None:
    (info,) = total(Seen(0.0), Seen(0.1))
    assert info.packets_per_second == Rate(2.0, 2.0)


def test_destinations_segments_and_protocols_are_told_apart() -> None:
    infos = total(
        Seen(0, size=100),
        Seen(0, kind=Kind.CARP, size=100),
        Seen(0, vlan=10),
        Seen(0, to="ff02::12", by="fe80::1", size=90),
        Seen(0, to="01:80:c2:00:00:00", by="02:00:00:00:00:01", kind=Kind.STP, size=50),
        Seen(0, to="255.255.255.255", kind=Kind.DHCP, size=60),
    )
    assert [(info.segment, info.destination, info.protocol, info.bytes) for info in infos] == [
        ("eth0", "224.0.0.18", "carp,vrrp", 200),
        ("eth0", "ff02::12", "vrrp", 90),
        ("eth0", "255.255.255.255", "dhcp", 60),
        ("eth0/10", "224.0.0.18", "vrrp", 60),
        ("eth0", "01:80:c2:00:00:00", "stp", 50),
    ]
    assert infos[4].sources == ("02:00:00:00:00:01",)


def test_sources_stand_in_order_of_first_appearance_whatever_the_order_of_rows() -> None:
    (info,) = total(Seen(3, by="10.0.0.3"), Seen(1, by="10.0.0.9"), Seen(2, by="10.0.0.1"), Seen(0, by="10.0.0.3"))
    assert info.sources == ("10.0.0.3", "10.0.0.9", "10.0.0.1")


def test_no_more_than_256_sources_are_named() -> None:
    (info,) = total(*(Seen(number / 100, by=str(IPv4Address(0x0A000000 + number))) for number in range(300)))
    assert len(info.sources) == 256
    assert info.sources[-1] == "10.0.0.255"
    assert info.packets == 300


def test_a_long_capture_has_wider_buckets() -> None:
    (info,) = total(*(Seen(second) for second in range(1000)))
    # 1000 s need buckets of 2 s; they begin at even seconds, and so does the capture.
    assert info.bucket == 2
    assert info.series == ((2, 120),) * 500


def test_flows_name_ip_destinations_only() -> None:
    added = Volume(Findings())
    added.add(*rows(Seen(1), Seen(2), Seen(1, to="01:80:c2:00:00:00")), segment_of)
    (flow,) = [flow for number in range(2) if (flow := added.flow(number)) is not None]
    assert (flow.segment, flow.destination, flow.packets) == ("eth0", ip_address("224.0.0.18"), 2)
    assert (flow.first, flow.last) == ((START + 1) * NANOSECONDS, (START + 2) * NANOSECONDS)


def test_the_budget_is_per_segment_and_second() -> None:
    (found,) = budget_findings(
        Seen(1, packets=60),
        Seen(1.5, to="225.0.0.50", kind=Kind.CONNTRACKD, packets=41),
        Seen(2, packets=100),
        Seen(7, packets=30),
        Seen(7.9, to="225.0.0.50", kind=Kind.CONNTRACKD, by="10.0.0.7", packets=90),
        Seen(9, packets=99, vlan=10),
    )
    assert (found.rule, found.segment, found.subject, found.count) == ("multicast-budget", "eth0", "eth0", 2)
    assert (found.first, found.last) == ((START + 1) * NANOSECONDS, (START + 7) * NANOSECONDS)
    assert found.summary == (
        "redundancy and state-sync multicast peaks at 120 packets/s, the budget is 100; "
        "most of it in all: 190 packets of vrrp from 10.0.0.1 to 224.0.0.18"
    )


def test_other_multicast_is_not_budgeted() -> None:
    assert budget_findings(Seen(0, to="224.0.0.251", kind=Kind.MDNS, packets=5000)) == []


def test_budgets_of_single_segments_come_from_the_policy() -> None:
    seen = (Seen(0, packets=6, vlan=10), Seen(0, packets=6))
    assert [found.subject for found in budget_findings(*seen, policy=Policy())] == ["eth0/10"]
    assert [found.subject for found in budget_findings(*seen, budget=5.5)] == ["eth0", "eth0/10"]


destinations = st.sampled_from(["224.0.0.18", "225.0.0.50", "ff02::12", "01:80:c2:00:00:00"])
origins = st.sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1", "02:00:00:00:00:01"])
kinds = st.sampled_from([Kind.ADVERT, Kind.CARP, Kind.CONNTRACKD, Kind.MDNS, Kind.STP])
traffic = st.lists(
    st.builds(
        Seen,
        at=st.integers(0, 20_000).map(lambda tenths: tenths / 10),
        to=destinations,
        by=origins,
        packets=st.integers(1, 40),
        size=st.integers(60, 1500),
        kind=kinds,
        vlan=st.sampled_from([0, 10]),
    ),
    max_size=60,
)


@given(traffic, st.data())
def test_cutting_and_shuffling_within_the_window_changes_nothing(seen: list[Seen], data: st.DataObject) -> None:
    delays = data.draw(st.lists(st.integers(0, 110), min_size=len(seen), max_size=len(seen)))
    order = sorted(range(len(seen)), key=lambda index: seen[index].at + delays[index])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seen)), max_size=8)))
    # Some of the packets of a row may come in a row of their own.
    pieces: list[list[Seen]] = []
    for start, end in zip([0, *cuts], [*cuts, len(seen)], strict=True):
        piece = [seen[index] for index in order[start:end]]
        split = [replace(item, packets=item.packets - 1) for item in piece if item.packets > 1]
        pieces.append([replace(item, packets=1) for item in piece] + split)
    whole_findings, cut_findings = Findings(), Findings()
    whole, cut = Volume(whole_findings, 20.0), Volume(cut_findings, 20.0)
    whole.add(*rows(*seen), segment_of)
    whole.settle()
    for piece in pieces:
        cut.add(*rows(*piece), segment_of)
        cut.settle()
    assert cut.results() == whole.results()
    whole.finish()
    cut.finish()
    assert cut.results() == whole.results()
    assert cut_findings.all() == whole_findings.all()


@given(traffic)
def test_sums_and_peaks_are_those_of_a_plain_count(seen: list[Seen]) -> None:
    counted: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
    for item in seen:
        seconds = counted.setdefault((f"eth0/{item.vlan}" if item.vlan else "eth0", item.to), {})
        packets, size = seconds.get(int(item.at), (0, 0))
        seconds[int(item.at)] = (packets + item.packets, size + item.packets * item.size)
    infos = total(*seen)
    assert {(info.segment, info.destination) for info in infos} == set(counted)
    for info in infos:
        seconds = counted[info.segment, info.destination]
        assert info.packets == sum(packets for packets, _ in seconds.values())
        assert info.bytes == sum(size for _, size in seconds.values())
        assert info.packets_per_second.peak == max(packets for packets, _ in seconds.values())
        assert info.bits_per_second.peak == 8 * max(size for _, size in seconds.values())
        assert sum(packets for packets, _ in info.series) == info.packets
        assert len(info.series) <= 600
    assert [info.bytes for info in infos] == sorted((info.bytes for info in infos), reverse=True)


def test_results_may_be_asked_at_any_time() -> None:
    added = Volume(Findings())
    added.add(*rows(Seen(0.1, packets=2)), segment_of)
    assert added.results()[0].packets_per_second.peak == 2
    added.add(*rows(Seen(0.2, packets=3)), segment_of)
    assert added.results()[0].packets_per_second.peak == 5


def test_forged_destinations_and_sources_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_SEGMENTS", "MAX_DESTINATIONS", "MAX_ORIGINS", "MAX_TALKERS", "MAX_KNOWN"):
        monkeypatch.setattr(register, name, 8)
    for name in ("MAX_ORIGINS", "MAX_PAIRS", "MAX_PENDING", "MAX_SERIES"):
        monkeypatch.setattr(volume, name, 8)
    added = Volume(Findings(), 1.0)
    for number in range(100):
        seen = Seen(number, to=f"225.0.0.{number}", by=f"10.0.0.{number}", vlan=number % 20, packets=2)
        added.add(*rows(seen), segment_of)
        added.settle()
    added.finish()
    infos = added.results()
    # Eight destinations, and for each of nine segments one that holds all the others.
    assert len(infos) <= 8 + 9
    assert sum(info.packets for info in infos) == 200
    assert {info.destination for info in infos} == {f"225.0.0.{number}" for number in range(8)} | {"other"}
    assert added.evicted > 0


def test_one_packet_from_the_future_does_not_cut_later_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "MAX_PENDING", 50)
    added = Volume(Findings())
    added.add(*rows(Seen(0), Seen(4e9)), segment_of)
    added.settle()
    for _ in range(10):
        added.add(*rows(Seen(5.5, packets=3)), segment_of)
        added.settle()
    assert added.results()[0].packets_per_second.peak == 30


def test_nothing_gives_nothing() -> None:
    added = Volume(Findings())
    added.add(*rows(), segment_of)
    added.finish()
    assert (added.results(), added.evicted) == ((), 0)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert set(PROTOCOL_NAMES) == set(Kind)
    assert len(set(PROTOCOL_NAMES.values())) == len(Kind)
    assert [protocol_name(kind) for kind in (Kind.ADVERT, Kind.AH_OTHER, 63)] == ["vrrp", "ah", "other"]


def test_a_ledger_folds_by_key_and_gives_up_what_is_small() -> None:
    ledger = Ledger(np.add, np.minimum)
    ledger.add(np.array([5, 3, 5]), np.array([1, 1, 1]), np.array([9, 4, 2]))
    ledger.add(np.array([3]), np.array([10]), np.array([7]))
    keys, (sums, least) = ledger.take_below(5)
    assert (keys.tolist(), sums.tolist(), least.tolist()) == ([3], [11], [4])
    keys, (sums, least) = ledger.merged()
    assert (keys.tolist(), sums.tolist(), least.tolist()) == ([5], [2], [2])


def test_what_a_ledger_gave_up_stays_as_it_was() -> None:
    ledger = Ledger(np.add)
    ledger.add(np.array([1, 2, 8]), np.array([10, 20, 80]))
    keys, (sums,) = ledger.take_below(5)
    ledger.add(np.array([6, 7]), np.array([60, 70]))
    ledger.merged()
    assert (keys.tolist(), sums.tolist()) == ([1, 2], [10, 20])


KEYS = st.lists(st.integers(0, 40), max_size=30)
DEEDS = st.lists(st.one_of(KEYS, st.integers(0, 40), st.none()), max_size=30)


@given(DEEDS)
def test_a_ledger_is_a_dictionary_however_its_table_widens_and_shrinks(deeds: list[list[int] | int | None]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("vrrpwatch.core.ledger.SMALL", 4)
        patched.setattr("vrrpwatch.core.ledger.WIDE", 16)
        kept, model = Ledger(np.add, np.minimum), dict[int, tuple[int, int]]()
        for number, deed in enumerate(deeds):
            if isinstance(deed, list):
                kept.add(*(np.array(column, dtype=np.int64) for column in (deed, deed, [-number] * len(deed))))
                for key in deed:
                    sum_, least = model.get(key, (0, 0))
                    model[key] = sum_ + key, min(least, -number)
            elif deed is None:
                kept.clear()
                model.clear()
            else:
                taken = kept.take_below(deed)
                assert _listed(taken) == sorted((key, *model.pop(key)) for key in list(model) if key < deed)
        assert _listed(kept.merged()) == sorted((key, *values) for key, values in model.items())
        assert len(kept) == len(model)


def _listed(rows: tuple[NDArray[np.int64], tuple[NDArray[np.int64], ...]]) -> list[tuple[int, ...]]:
    keys, columns = rows
    return list(zip(keys.tolist(), *(column.tolist() for column in columns), strict=True))


def test_a_flood_leaves_no_wide_table_behind() -> None:
    ledger = Ledger(np.add)
    flood = np.arange(1_000_000)
    ledger.add(flood, flood)
    wide = ledger.merged()[0].base
    ledger.take_below(999_990)
    narrow = ledger.merged()[0].base
    assert wide is not None
    assert narrow is not None
    assert (wide.nbytes, narrow.nbytes) == (16_000_000, 160)
