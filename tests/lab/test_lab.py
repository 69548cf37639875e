"""Live: each router daemon is crashed in the lab now, and the analysis of what the wire showed must say so."""

from pathlib import Path

import pytest

from tests.captures.analyzing import analyze, compare_with_packets
from tests.lab.network import missing
from tests.lab.record import main
from tests.lab.stage import SCENARIOS

# A busy machine lets a daemon act late but never early; FRR alone cuts up to 10 ms off its skew.
_EARLY, _LATE = 0.02, 0.75


# expected: 3 · 1 s + (256 - 100)/256 s; 3 · 1 s + 100/256 s; 3 · 0.5 s + (256 - 100)/256 · 0.5 s.
@pytest.mark.parametrize(
    ("name", "expected", "habit"),
    [
        ("keepalived-crash", 3.609375, 0.0),
        # ucarp looks only once per interval of its own whether its master is still there.
        ("ucarp-failover", 3.390625, 1.4),
        ("frr-v3-crash", 1.8046875, 0.0),
    ],
)
def test_crash_is_a_timed_out_takeover(tmp_path: Path, name: str, expected: float, habit: float) -> None:
    scenario = SCENARIOS[name]
    why = missing(*scenario.programs)
    if why is not None:
        pytest.skip(why)
    path = scenario.record(tmp_path)
    found = analyze(path)
    compare_with_packets(path, found)
    appeared, changed = found["events"]
    assert (appeared["kind"], appeared["to"]) == ("master-appeared", "192.0.2.11")
    assert (changed["kind"], changed["cause"]) == ("master-changed", "timed-out")
    assert (changed["from"], changed["to"]) == ("192.0.2.11", "192.0.2.12")
    assert changed["expected_gap"] == pytest.approx(expected, abs=1e-6)
    assert expected - _EARLY <= changed["gap"] <= expected + habit + _LATE
    (group,) = found["groups"]
    assert (group["state"], group["master"]["ip"]) == ("held", "192.0.2.12")


def test_recording_without_root_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["keepalived-crash"]) == 1
    assert capsys.readouterr().err == "keepalived-crash: the lab needs root: it makes network namespaces\n"


def test_recording_an_unknown_sample_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keepalived-crsh"])
    assert "no sample is called keepalived-crsh; there are keepalived-v2-healthy, " in capsys.readouterr().err
