"""The scripts of cases.toml, played packet by packet, as whole runs and cut at random: the verdict is the same."""

import random
import tomllib
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.core.builders import unlossy
from vrrpwatch.core.analysis import GroupInfo
from vrrpwatch.core.census import Census, Witnesses, describe
from vrrpwatch.core.checks import Checks
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.model import Advert, Event, Evidence, GroupKey, SpeakerKey, nanoseconds
from vrrpwatch.core.neighbours import Neighbours
from vrrpwatch.core.runs import Contents, Piece, join
from vrrpwatch.wire.values import Carp, Vrrp

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cases.toml").read_text())["case"]
START = 1_000_000_000 * 10**9
DESTINATION = IPv4Address("224.0.0.18")
SHARED = "192.0.2.100"
# These rules come with every VRRPv2 speaker without authentication and say nothing about mastership.
BESIDE_THE_POINT = {"unauthenticated"}


def speaker(name: str) -> SpeakerKey:
    number = ord(name[0]) - ord("A") + 1
    return SpeakerKey(IPv4Address(f"192.0.2.{number}"), f"02:00:00:00:00:{number:02x}")


def advert(name: str, what: dict[str, Any], *, resigns: bool = False) -> Advert:
    carp = "advbase" in what
    addresses = tuple(IPv4Address(a) for a in what.get("addresses", [SHARED]))
    interval = float(what.get("interval", 1.0))
    version = what.get("version", 2)
    advbase, advskew = (255, 255) if resigns else (what.get("advbase", 0), what.get("advskew", 0))
    priority = 0 if resigns else what.get("priority", 0)
    message: Vrrp | Carp
    if carp:
        message = Carp(1, advskew, 7, what.get("demotion", 0), advbase, 0, 1, bytes(20))
        # OpenBSD, where both are 0.
        interval = advbase + advskew / 256 or 1 / 256
    else:
        message = Vrrp(version, 1, priority, len(addresses), interval, 0, addresses, 0 if version == 2 else None)
    return Advert(
        group=GroupKey("lan", "carp" if carp else "vrrp", 4, 1, str(DESTINATION)),
        speaker=speaker(what.get("same", name)),
        destination=DESTINATION,
        message=message,
        version=2 if carp else version,
        priority=None if carp else priority,
        advbase=advbase if carp else None,
        advskew=advskew if carp else None,
        demotion=what.get("demotion", 0) if carp else None,
        interval=interval,
        addresses=None if carp else addresses,
        auth="carp" if carp else "none",
        password=None,
        checksum="plain",
        ttl=255,
        tos=0,
        dont_fragment=False,
        spi=None,
        claims=True,
        resigns=resigns,
        implementation=None,
    )


@dataclass
class Stage:
    """A mastership with its findings, fed as the engine feeds it."""

    findings: Findings = field(default_factory=Findings)
    contents: Contents = field(default_factory=Contents)
    census: Census = field(default_factory=Census)

    def __post_init__(self) -> None:
        self.neighbours = Neighbours(self.findings)
        self.checks = Checks(self.findings, None)
        self.mastership = Mastership(self.findings, self.neighbours, unlossy(self.findings), self.checks.takes_turns)

    def play(self, pieces: list[Piece], until: int) -> tuple[GroupInfo, list[Event]]:
        for piece in sorted(pieces, key=lambda p: (p.first, p.first_packet)):
            self.mastership.advance(piece.first)
            run, fresh, closed = join(piece)
            if closed is not None:
                self.checks.late(closed)
            self.census.count(piece)
            if fresh:
                self.checks.started(run)
                self.neighbours.advertised(run.advert, piece.first)
            self.checks.heard(run, piece.first, piece.last)
            self.checks.counted(run, piece.adverts, piece.last)
            began, ended = Evidence(0, piece.first_packet), Evidence(0, piece.last_packet)
            self.mastership.hear(run.advert, piece.first, piece.last, began, ended)
            self.neighbours.advance(piece.first)
        self.checks.settle()
        self.mastership.advance(until)
        self.mastership.finish(until)
        self.neighbours.finish(until)
        for content in self.contents.items:
            if content.run is not None:
                self.checks.late(content.run)
        ((key, record),) = self.census.groups.items()
        nobody = Witnesses(lambda _group: (), lambda _group: (), lambda _group, _speaker: (None, None))
        return describe(key, record, self.mastership.trackers.get(key), nobody, until), self.mastership.events


def pieces_of(case: dict[str, Any], stage: Stage, cut: random.Random | None) -> list[Piece]:
    """The script as pieces: one a packet (``cut`` is None) or longer ones cut at random."""
    packets: list[tuple[int, int, str, bool]] = []
    for line, stretch in enumerate(case["hear"]):
        what = case["speakers"][stretch["who"]]
        default = what["advbase"] + what["advskew"] / 256 if "advbase" in what else what.get("interval", 1.0)
        every = stretch.get("every", default)
        packets.extend(
            (START + nanoseconds(stretch["from"] + number * every), line, stretch["who"], stretch.get("resigns", False))
            for number in range(stretch["count"])
        )
    packets.sort()
    contents = {}
    stretches: dict[int, list[tuple[int, int]]] = {}
    for number, (at, line, who, resigns) in enumerate(packets, start=1):
        if (who, resigns) not in contents:
            said = advert(who, case["speakers"][who], resigns=resigns)
            contents[who, resigns] = stage.contents.add(said, number)
        stretches.setdefault(line, []).append((at, number))
    pieces = []
    for line, heard in stretches.items():
        stretch = case["hear"][line]
        content = contents[stretch["who"], stretch.get("resigns", False)]
        while heard:
            size = 1 if cut is None else cut.randint(1, len(heard))
            part, heard = heard[:size], heard[size:]
            gaps = [b[0] - a[0] for a, b in pairwise(part)]
            pieces.append(
                Piece(content, 0, part[0][0], part[-1][0], size, part[0][1], part[-1][1], max(gaps, default=0))
            )
    return pieces


def told(events: list[Event]) -> list[list[Any]]:
    names = {speaker(name).ip: name for name in "ABC"}
    return [
        [
            round((event.at - START) / 1e9, 6),
            event.kind,
            names[event.old] if event.old is not None else "",
            names[event.new] if event.new is not None else "",
            event.cause or "",
            "" if event.gap is None else round(event.gap, 6),
            "" if event.expected_gap is None else event.expected_gap,
        ]
        for event in events
    ]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_verdict_is_the_scripts(case: dict[str, Any]) -> None:
    stage = Stage()
    group, events = stage.play(pieces_of(case, stage, None), START + nanoseconds(case["until"]))
    assert told(events) == case["events"]
    assert group.state == case["state"]
    assert (group.master.ip if group.master else "") == (speaker(case["master"]).ip if case["master"] else "")
    rules = sorted({finding.rule for finding in stage.findings.all()} - BESIDE_THE_POINT)
    assert rules == case.get("findings", [])
    if "successor" in case:
        assert group.successor is not None
        assert (group.successor.ip, group.successor.in_seconds) == (
            speaker(case["successor"][0]).ip,
            case["successor"][1],
        )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cutting_runs_anywhere_changes_no_result(case: dict[str, Any]) -> None:
    packetwise = Stage()
    expected = packetwise.play(pieces_of(case, packetwise, None), START + nanoseconds(case["until"]))
    for seed in range(40):
        stage = Stage()
        group, events = stage.play(pieces_of(case, stage, random.Random(seed)), START + nanoseconds(case["until"]))
        assert (group, events) == expected
        assert stage.findings.all() == packetwise.findings.all()
