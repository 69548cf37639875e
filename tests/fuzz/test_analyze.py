"""Mutated captures take the whole way of ``analyze`` without a crash; ``python -m tests.fuzz`` tries many more."""

import os
from pathlib import Path

from tests.fuzz.captures import mutated_capture, probe_capture

CASES = int(os.environ.get("VRRPWATCH_FUZZ", "20000")) // 50


def test_mutated_captures(tmp_path: Path) -> None:
    path = tmp_path / "mutated.pcap"
    packets = 0
    for number in range(CASES):
        path.write_bytes(mutated_capture(number))
        packets += probe_capture(path)
    # Most of them are still captures, with several packets each.
    assert packets > 3 * CASES


def test_a_case_is_the_same_every_time() -> None:
    assert mutated_capture(7) == mutated_capture(7)
    assert len({mutated_capture(number) for number in range(50)}) > 40
