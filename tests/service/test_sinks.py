"""What those say who want to know of a live run, besides what they are for."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from vrrpwatch.capture import evidence
from vrrpwatch.capture.evidence import Evidence
from vrrpwatch.core.analysis import Totals
from vrrpwatch.core.model import NANOSECONDS, Event, Finding, GroupKey, Severity
from vrrpwatch.core.news import News
from vrrpwatch.service.sinks import Comparer, EvidenceKeeper
from vrrpwatch.store.masters import LastMaster

A, B, C = (ip_address(f"10.0.0.{number}") for number in (1, 2, 3))


def findings(count: int, at: int) -> News:
    found = tuple(
        Finding("split-brain", Severity.CRITICAL, "eth0", None, f"router {number}", at, at, 1, "", ())
        for number in range(count)
    )
    return News(at, (), found, (), (), Totals(0, 0, 0, 0, 0), 0, {})


def test_findings_that_get_no_evidence_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_WAITING", 3)
    said: list[str] = []
    keeper = EvidenceKeeper(Evidence(str(tmp_path), 1 << 20), said.append)
    keeper.tell(findings(3, at=NANOSECONDS))
    assert said == []
    for second in (1, 2):
        keeper.tell(findings(5, at=second * NANOSECONDS))
    assert len(said) == 1
    assert said[0].startswith("too many critical findings to keep evidence of each: ")
    keeper.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert said[-1] == "critical findings without a file of evidence, since there were too many: 2"


def test_a_master_that_changed_while_nobody_watched_is_told_of_once() -> None:
    first, second, third = (GroupKey("eth0", "vrrp", 4, number, "224.0.0.18") for number in (51, 52, 53))
    # Saturday, 31 January 2026, 21:03:07.9 UTC.
    last = 1_769_893_387_900_000_000
    said: list[str] = []
    comparer = Comparer({first: LastMaster(A, last), second: LastMaster(A, last)}, said.append)
    events = (
        Event(last + 1, "master-appeared", first, 0, 1, new=B),
        Event(last + 1, "master-appeared", second, 0, 2, new=A),
        Event(last + 1, "master-appeared", third, 0, 3, new=B),
        Event(last + 2, "master-changed", first, 0, 4, old=B, new=C),
        Event(last + 2, "master-changed", second, 0, 5, old=A, new=B),
    )
    for event in events:
        comparer.tell(News(event.at, (event,), (), (), (), Totals(0, 0, 0, 0, 0), 0, {}))
    (line,) = said
    assert line.startswith("VRRP 51 on eth0: the master was 10.0.0.1 until 2026-01-31 21:03:07, and is 10.0.0.2 now: ")
