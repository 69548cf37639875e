"""The packets around a finding: those of its time and some before and after, once, in a file that is whole."""

from pathlib import Path

import pytest

from tests.capture import files
from tests.capture.test_writer import ETH0, HEADER, SECOND, SIZE, START, instants, packet
from vrrpwatch.capture import evidence, live_blocks
from vrrpwatch.capture.evidence import Evidence


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def filled(folder: Path, size: int = 1 << 20, each: int = 4) -> Evidence:
    """A packet a second for a minute, ``each`` in a chunk."""
    kept = Evidence(str(folder), size)
    kept.header(HEADER)
    kept.header(ETH0)
    for start in range(0, 60, each):
        kept.blocks(memoryview(b"".join(packet(second) for second in range(start, start + each))))
    return kept


@pytest.mark.parametrize("each", [1, 4, 60])
def test_ten_seconds_before_and_two_after(tmp_path: Path, each: int) -> None:
    kept = filled(tmp_path, each=each)
    kept.keep("split-brain|eth0", at(30), at(33))
    assert kept.settle(at(34.9)) == []
    (path,) = kept.settle(at(35))
    assert path == tmp_path / "split-brain_eth0.pcapng"
    assert instants(path) == [float(second) for second in range(20, 36)]
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_only_what_is_still_in_memory(tmp_path: Path) -> None:
    kept = filled(tmp_path, size=8 * SIZE + 2 * evidence.OVERHEAD, each=4)
    kept.keep("x", at(50), at(70))
    (path,) = kept.close()
    assert instants(path) == [float(second) for second in range(52, 60)]


def test_a_finding_has_one_file(tmp_path: Path) -> None:
    kept = filled(tmp_path)
    kept.keep("x", at(30), at(30))
    kept.keep("x", at(40), at(40))
    assert len(kept.settle(at(60))) == 1
    kept.keep("x", at(50), at(50))
    assert kept.settle(at(60)) == []


def test_what_an_earlier_run_kept_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_SAME", 3)
    for seconds in (10, 20, 30, 40):
        kept = filled(tmp_path)
        kept.keep("x", at(seconds), at(seconds))
        kept.close()
    firsts = {path.name: instants(path)[0] for path in tmp_path.iterdir()}
    assert firsts == {"x.pcapng": 0.0, "x-2.pcapng": 10.0, "x-3.pcapng": 30.0}


def test_a_name_stays_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    kept = filled(folder)
    kept.keep("../../etc/passwd\n" + "x" * 1000, at(30), at(30))
    (path,) = kept.settle(at(60))
    assert path.parent == folder
    assert path.name == ".._.._etc_passwd_" + "x" * 183 + ".pcapng"


def test_many_findings_make_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_WAITING", 3)
    monkeypatch.setattr(evidence, "MAX_FILES", 5)
    kept = filled(tmp_path)
    for number in range(4):
        kept.keep(f"a{number}", at(30), at(30))
    assert len(kept.settle(at(60))) == 3
    assert kept.left_out == 1
    # One that goes on asks again, and there is room now.
    kept.keep("a3", at(30), at(30))
    assert kept.left_out == 0
    for number in range(4):
        # However often they ask.
        kept.keep(f"b{number}", at(30), at(30))
        kept.keep(f"b{number}", at(30), at(31))
    assert len(kept.settle(at(60))) == 2
    assert kept.left_out == 3


def test_findings_without_a_file_are_known_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_FILES", 0)
    monkeypatch.setattr(evidence, "MAX_LEFT_OUT", 3)
    kept = filled(tmp_path)
    for number in range(5):
        kept.keep(f"a{number}", at(30), at(30))
    assert kept.left_out == 3


def test_a_folder_that_has_gone_is_an_alarm(tmp_path: Path) -> None:
    alarms: list[str] = []
    kept = Evidence(str(tmp_path / "none"), 1 << 20, alarms.append)
    kept.header(HEADER)
    kept.keep("x", at(0), at(1))
    assert kept.close() == []
    assert alarms == [f"{tmp_path}/none/x.pcapng: the evidence cannot be written (No such file or directory)"]


def test_losses_before_are_not_told_as_losses_then(tmp_path: Path) -> None:
    kept = filled(tmp_path)
    for second, dropped in ((1, 0), (2, 5), (61, 5), (62, 9)):
        kept.blocks(memoryview(live_blocks.interface_statistics(0, at(second), dropped)))
    kept.blocks(memoryview(packet(63)))
    kept.keep("x", at(63), at(63))
    (path,) = kept.close()
    assert files.read(path.read_bytes()).dropped == (4,)
