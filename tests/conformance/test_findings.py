"""The scripts of findings/*.toml, played into capture files and analysed whole, cut anywhere, and as a rotation."""

import random
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.capture.files import kept
from tests.conformance.stage import START, Case, Sent, pcap, pcapng, play
from vrrpwatch.capture.session import WANTED, Options, analyse
from vrrpwatch.capture.sources import Facts, read_here
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import Engine, EngineOptions
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.frames import Batch, Loss
from vrrpwatch.core.keys import Keys
from vrrpwatch.core.model import Evidence, Finding, nanoseconds
from vrrpwatch.core.policy import Policy

FILES = sorted((Path(__file__).parent / "findings").glob("*.toml"))
CASES: list[Any] = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in tomllib.loads(path.read_text())["case"]
]
SEGMENT = "lan"
GROUP = "vrrp|4|1|224.0.0.18"


def options(case: Case) -> Options:
    return Options(
        policy=Policy.model_validate(case["policy"]) if "policy" in case else None,
        keys=Keys.model_validate(case["keys"]) if "keys" in case else None,
        budget=case.get("budget"),
        reveal=case.get("reveal", False),
    )


def write(case: Case, sent: list[Sent], path: Path) -> str:
    if "interfaces" in case:
        path.write_bytes(pcapng(sent, case["interfaces"], case.get("drops", [])))
    else:
        path.write_bytes(pcap(sent))
    return str(path)


def whole(case: Case, directory: Path) -> tuple[list[Sent], Analysis]:
    sent = play(case)
    outcome = analyse([write(case, sent, directory / f"{SEGMENT}.pcap")], options(case))
    assert outcome.errors == ()
    return sent, outcome.analysis


def seconds(at: int) -> float:
    return round((at - START) / 10**9, 6)


def named(sent: list[Sent], evidence: Evidence) -> list[Any]:
    """A packet as scripts name it: who sent it and when, and which of several of that moment it is."""
    packet = sent[evidence.packet - 1]
    alike = [at for at, other in enumerate(sent, start=1) if (other.who, other.moment) == (packet.who, packet.moment)]
    place = [packet.who, packet.moment]
    return place if alike[0] == evidence.packet else [*place, alike.index(evidence.packet) + 1]


def told(sent: list[Sent], finding: Finding) -> dict[str, Any]:
    group = "" if finding.group is None else str(finding.group).removeprefix(f"{finding.segment}|")
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "segment": finding.segment,
        "group": group,
        "subject": finding.subject,
        "count": finding.count,
        "first": seconds(finding.first),
        "last": seconds(finding.last),
        "evidence": [named(sent, evidence) for evidence in finding.evidence],
    }


def expected(finding: dict[str, Any]) -> dict[str, Any]:
    defaults = {"segment": SEGMENT, "group": GROUP, "count": 1, "last": finding["first"]}
    fields = {**defaults, **finding}
    return {name: value for name, value in fields.items() if name not in ("says", "never")}


def by_name(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(findings, key=lambda told: (told["rule"], told["segment"], told["group"], told["subject"]))


@pytest.mark.parametrize("case", CASES)
def test_the_findings_are_the_scripts(case: Case, tmp_path: Path) -> None:
    sent, analysis = whole(case, tmp_path)
    beside = set(case.get("beside", []))
    mine = [finding for finding in analysis.findings if finding.rule not in beside]
    wanted = case.get("findings", [])
    assert by_name(told(sent, finding) for finding in mine) == by_name(expected(entry) for entry in wanted)
    assert beside <= {finding.rule for finding in analysis.findings}
    for entry in wanted:
        rule, subject, segment = entry["rule"], entry["subject"], entry.get("segment")
        (summary,) = {
            found.summary
            for found in mine
            if (found.rule, found.subject) == (rule, subject) and segment in (None, found.segment)
        }
        assert all(text in summary for text in entry.get("says", []))
        assert not any(text in summary for text in entry.get("never", []))


@pytest.mark.parametrize("case", CASES)
def test_groups_and_events_are_the_scripts(case: Case, tmp_path: Path) -> None:
    _, analysis = whole(case, tmp_path)
    if "adverts" in case:
        assert analysis.totals.adverts == case["adverts"]
        assert sum(group.adverts for group in analysis.groups) == case["adverts"]
    if "groups" in case:
        assert {
            str(group.key): [
                group.state,
                "" if group.master is None else str(group.master.ip),
                [str(speaker.key.ip) for speaker in group.speakers],
            ]
            for group in analysis.groups
        } == case["groups"]
    if "events" in case:
        assert [[seconds(event.at), event.kind, str(event.new or "")] for event in analysis.events] == case["events"]


def cut_anywhere(batch: Batch, chance: random.Random) -> list[Batch]:
    """``batch`` cut between rows; packets that are no rows and all counts go with the last part."""
    rows = len(batch.frames)
    return cut_at(batch, sorted(chance.randint(0, rows) for _ in range(chance.randint(1, 12))))


def cut_at(batch: Batch, rows: list[int]) -> list[Batch]:
    """The same, cut before these ``rows``."""
    bounds = [0, *rows, len(batch.frames)]
    empty = {name: batch_column[:0] for name, batch_column in counted_columns(batch)}
    parts = []
    for start, end in pairwise(bounds[:-1]):
        if start < end:
            frames = batch.frames[start:end]
            none: dict[str, Any] = dict.fromkeys(("packets", "bytes", "multicast_packets", "multicast_bytes"), 0)
            times: dict[str, Any] = {"first": int(frames["at"].min()), "last": int(frames["at"].max())}
            steps = tuple(step for step in batch.steps if step.packet in frames["packet"])
            parts.append(batch._replace(frames=frames, steps=steps, losses=(), skipped={}, **none, **times, **empty))
    gone = {step for part in parts for step in part.steps}
    rest = tuple(step for step in batch.steps if step not in gone)
    frames = batch.frames[bounds[-2] :]
    # After a step the batch's greatest instant is none of the rest's.
    last = int(frames["at"].max()) if gone and len(frames) else None if gone else batch.last
    return [*parts, batch._replace(frames=frames, steps=rest, last=last)]


def counted_columns(batch: Batch) -> list[tuple[str, Any]]:
    """The arrays that count traffic instead of holding it."""
    return [
        (name, value)
        for name, value in batch._asdict().items()
        if isinstance(value, np.ndarray) and name not in ("frames", "data")
    ]


@pytest.mark.parametrize("case", CASES)
def test_cutting_batches_anywhere_changes_nothing(case: Case, tmp_path: Path) -> None:
    _, analysis = whole(case, tmp_path)
    known: list[Facts] = []

    def learn(_source: int, facts: Facts) -> None:
        known[:] = [facts]

    batches = kept(read_here(str(tmp_path / f"{SEGMENT}.pcap"), 0, WANTED, learn))
    losses: tuple[Loss, ...] = tuple(loss for batch in batches for loss in batch.losses)
    chosen = options(case)

    def name(_source: int, interface: int, _ifindex: int) -> str:
        return known[0].interfaces[interface].name or SEGMENT

    for seed in range(12):
        chance = random.Random(seed)
        engine = Engine(EngineOptions(name, chosen.policy, chosen.keys, chosen.budget, chosen.reveal, losses))
        for batch in batches:
            for part in cut_anywhere(batch, chance):
                engine.feed(part)
        assert engine.finish(analysis.sources) == analysis


def counted_through(analysis: Analysis, before: int) -> Analysis:
    """The analysis of a rotation of two files as if they were one; the first holds ``before`` packets."""

    def through(source: int, packet: int) -> Evidence:
        return Evidence(0, packet + source * before)

    return analysis._replace(
        sources=(),
        events=tuple(
            event._replace(source=0, packet=through(event.source, event.packet).packet) for event in analysis.events
        ),
        findings=tuple(
            replace(finding, evidence=tuple(through(*evidence) for evidence in finding.evidence))
            for finding in analysis.findings
        ),
    )


@pytest.mark.parametrize("case", [case for case in CASES if not {"step", "interfaces"} & case.values[0].keys()])
def test_a_rotation_is_one_capture(case: Case, tmp_path: Path) -> None:
    sent, analysis = whole(case, tmp_path)
    one = counted_through(analysis, 0)
    # Files that share an instant are no rotation: they are cut where time goes on.
    bounds = [n for n in range(1, len(sent)) if sent[n - 1].at < sent[n].at]
    chance = random.Random(len(sent))
    for bound in chance.sample(bounds, min(6, len(bounds))):
        paths = [
            write(case, sent[:bound], tmp_path / f"{SEGMENT}-1.pcap"),
            write(case, sent[bound:], tmp_path / f"{SEGMENT}-2.pcap"),
        ]
        outcome = analyse(paths, options(case))
        assert outcome.errors == ()
        assert counted_through(outcome.analysis, bound) == one


def test_no_rule_is_without_a_case() -> None:
    raised = {entry["rule"] for case in CASES for entry in case.values[0].get("findings", [])}
    assert raised == set(RULES)


def test_the_clock_of_scripts_is_exact() -> None:
    assert seconds(START + nanoseconds(3.609375)) == 3.609375
