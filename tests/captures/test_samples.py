"""Every sample capture is analysed and must give the report that its expectation, written from the packets, gives."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.captures.analyzing import analyze, compare, compare_with_packets
from tests.lab.record import CAPTURES
from tests.lab.stage import SCENARIOS

EXPECTED = CAPTURES / "expected"
SAMPLES = sorted(path for path in CAPTURES.iterdir() if path.suffix in {".pcap", ".pcapng"})


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_sample_gives_its_report(path: Path) -> None:
    expected = tomllib.loads((EXPECTED / f"{path.stem}.toml").read_text())
    found = analyze(path)
    compare(expected, found, path.stem)
    compare_with_packets(path, found)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_sample_is_small(path: Path) -> None:
    assert path.stat().st_size < 60_000


def test_every_sample_has_a_scenario_an_expectation_and_a_readme_line() -> None:
    names = {path.name for path in SAMPLES}
    assert names == {scenario.name + scenario.suffix for scenario in SCENARIOS.values()}
    assert {path.stem for path in SAMPLES} == {path.stem for path in EXPECTED.glob("*.toml")}
    told = set(re.findall(r"^\| `([^`]+)`", (CAPTURES / "README.md").read_text(), re.MULTILINE))
    assert names == told
