"""What the generator put into a capture is what the analysis finds in it, no more and no less."""

from collections import Counter
from pathlib import Path

import pytest

from tests.bench.generate import Plan, generate
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.keys import Keys

# Groups 0 and 2 lose their master, 1 and 3 are handed over, 18 and 19 have two at the end.
PLAN = Plan(packets=30_000, adverts=0.05, groups=20, failovers=4, splits=2)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "eth0.pcap"
    generate(PLAN, path)
    return path


@pytest.fixture(scope="module")
def analysis(capture: Path) -> Analysis:
    outcome = analyse([str(capture)], Options())
    assert outcome.errors == ()
    return outcome.analysis


def test_every_packet_is_counted(analysis: Analysis) -> None:
    assert (analysis.totals.packets, analysis.totals.adverts, len(analysis.groups)) == (30_000, 1_500, 20)
    assert Counter(group.key.protocol for group in analysis.groups) == {"vrrp": 18, "carp": 2}
    assert {segment.id for segment in analysis.segments} == {"eth0", "eth0/10", "eth0/20", "eth0/30"}


def test_every_takeover_has_its_cause_and_its_time(analysis: Analysis) -> None:
    changes = [event for event in analysis.events if event.kind == "master-changed"]
    assert [(event.group.segment, event.group.id, event.cause, event.expected_gap) for event in changes] == [
        ("eth0", 1, "timed-out", 3.609375),
        ("eth0/10", 1, "resigned", 0.609375),
        ("eth0/20", 1, "timed-out", 3.390625),
        ("eth0/30", 1, "resigned", 0.609375),
    ]
    for event in changes:
        assert event.gap == pytest.approx(event.expected_gap, abs=2e-6)
    assert Counter(event.kind for event in analysis.events) == {
        "master-appeared": 20,
        "master-changed": 4,
        "master-resigned": 2,
    }


def test_every_fault_is_found_and_none_is_made_up(analysis: Analysis) -> None:
    contested = {(group.key.segment, group.key.id) for group in analysis.groups if group.state == "contested"}
    assert contested == {("eth0/20", 5), ("eth0/30", 5)}
    rules = Counter(finding.rule for finding in analysis.findings)
    # Nobody joins conntrackd's group, on any of the four segments.
    assert (rules.pop("split-brain"), rules.pop("unjoined-multicast")) == (2, 4)
    assert set(rules) == {"unauthenticated"}


def test_what_is_signed_verifies(capture: Path) -> None:
    addresses = [["10.2.1.1"], ["10.0.4.1"]]
    ah, carp = ({"protocol": use, "secret": "benchkey"} for use in ("vrrp-ah", "carp"))
    keys = Keys.model_validate({"version": 1, "key": [ah, carp | {"addresses": addresses}]})
    found = analyse([str(capture)], Options(keys=keys)).analysis
    verdicts = Counter((speaker.auth, speaker.authentic) for group in found.groups for speaker in group.speakers)
    assert verdicts["ah", True] == 2
    assert verdicts["carp", True] == 3
    assert "auth-failed" not in {finding.rule for finding in found.findings}
