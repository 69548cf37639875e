"""What those say who want to know of a live run, besides what they are for."""

from pathlib import Path

import pytest

from vrrpwatch.capture import evidence
from vrrpwatch.capture.evidence import Evidence
from vrrpwatch.core.analysis import Totals
from vrrpwatch.core.model import NANOSECONDS, Finding, Severity
from vrrpwatch.core.news import News
from vrrpwatch.service.sinks import EvidenceKeeper


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
