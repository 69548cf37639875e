"""Worker processes: the same report whatever their number, and no trace of them afterwards, however they end."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.capture.captures import OTHER_ROUTER, START, Sent, beats, outcome, pcap, pcapng, segments, write
from tests.capture.files import pcap_header, record
from vrrpwatch.capture import workers
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.scan import MAX_ROWS
from vrrpwatch.capture.session import WANTED, Options, analyse
from vrrpwatch.capture.sources import Facts
from vrrpwatch.capture.workers import Workers
from vrrpwatch.core.frames import Batch
from vrrpwatch.report.json import render, to_json


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The worker processes of a test, all of which have ended when it has."""
    started: list[subprocess.Popen[bytes]] = []
    start = workers._start

    def remembered() -> workers._Worker | None:
        worker = start()
        assert worker is not None
        started.append(worker.process)
        return worker

    monkeypatch.setattr(workers, "_start", remembered)
    yield started
    assert all(process.returncode is not None for process in started)


def captures(folder: Path) -> list[str]:
    """A rotation, two interfaces at one time, one with losses, and what is damaged or no capture; in no order."""
    paths = [write(folder, f"cap{part}.pcap", pcap(beats(20, part * 25.0))) for part in range(5)]
    paths += [write(folder, f"eth{link}.pcap", pcap(beats(60, link + 10.5, OTHER_ROUTER))) for link in range(3)]
    sent = [*beats(10), *beats(10, 30.0)]
    paths.append(write(folder, "lossy.pcapng", pcapng(sent, b"lan", lost=(8, 31, 21))))
    paths.append(write(folder, "cut.pcap", pcap(beats(20, 200.0))[:-5]))
    paths.append(write(folder, "text.pcap", b"no capture at all, whatever its name may say"))
    paths.append(str(folder / "missing.pcap"))
    return [*paths[1::2], *paths[::2]]


def test_the_report_is_the_same_for_any_number_of_workers(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    paths = captures(tmp_path)
    alone = outcome(*paths)
    assert not children
    assert len(alone.errors) == 2
    assert segments(alone) == ["cap", "cut", "eth0", "eth1", "eth2", "lan"]
    for count in (2, 5):
        together = outcome(*paths, workers=count)
        assert render(to_json(together.analysis)) == render(to_json(alone.analysis))
        assert together.errors == alone.errors
    assert children


def test_one_capture_needs_no_worker(tmp_path: Path, children: list["subprocess.Popen[bytes]"]) -> None:
    assert outcome(write(tmp_path, "cap.pcap", pcap(beats(3))), workers=4).errors == ()
    assert not children


def long(folder: Path, name: str, first: int = 0) -> str:
    """A capture of three batches, each larger than a pipe holds, whose adverts are a millisecond apart."""
    # Numbered, for what comes again within a second is looked at one by one.
    frames = [record(Sent(0, identification=number).frame)[8:] for number in range(4096)]
    records = np.zeros(2 * MAX_ROWS + 100, [("seconds", "<u4"), ("fraction", "<u4"), ("rest", f"V{len(frames[0])}")])
    numbers = np.arange(len(records))
    milliseconds = START // 10**6 + first + numbers
    records["seconds"], records["fraction"] = milliseconds // 1000, milliseconds % 1000 * 1000
    records["rest"] = np.array(frames, np.void)[numbers % len(frames)]
    return write(folder, name, pcap_header() + records.tobytes())


def test_a_worker_that_is_killed_costs_its_capture_alone(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    lost = long(tmp_path, "lost.pcap")
    # Far later, so that the first worker is to read them after the one it is killed over.
    others = [write(tmp_path, f"lan{part}.pcap", pcap(beats(5, 1000.0 * part))) for part in (1, 2, 3)]
    told: list[int] = []

    def kill_the_first(read: int, total: int | None) -> None:  # noqa: ARG001
        if not told:
            children[0].kill()
        told.append(read)

    found = analyse([lost, *others], Options(workers=2), kill_the_first)
    assert found.errors == (
        f"{lost}: the process that read it died (killed by SIGKILL); what it gave before is analysed",
    )
    assert not found.interrupted
    assert [source.packets for source in found.analysis.sources] == [MAX_ROWS, 5, 5, 5]


def test_a_worker_that_dies_at_once_is_told_apart_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_COMMAND", (sys.executable, "-c", "raise SystemExit(7)"))
    paths = [write(tmp_path, f"cap{part}.pcap", pcap(beats(5, 10.0 * part))) for part in range(5)]
    found = outcome(*paths, workers=2)
    assert [line.partition(": ")[2] for line in found.errors] == [
        "the process that read it died (exit code 7); what it gave before is analysed"
    ] * 2
    assert [source.packets for source in found.analysis.sources] == [0, 0, 5, 5, 5]


def test_where_no_process_can_be_started_captures_are_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_COMMAND", (str(tmp_path / "missing"),))
    paths = [write(tmp_path, f"cap{part}.pcap", pcap(beats(5, 10.0 * part))) for part in range(3)]
    assert outcome(*paths, workers=2) == outcome(*paths)


def test_a_capture_that_is_wanted_out_of_turn_is_read_here(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    paths = [long(tmp_path, "cap0.pcap"), *(write(tmp_path, f"cap{n}.pcap", pcap(beats(n))) for n in (1, 2, 3))]
    crew = Workers(list(enumerate(paths)), WANTED, 1)
    told: list[tuple[int, Facts]] = []

    def packets(batches: Iterator[Batch]) -> int:
        return sum(batch.packets for batch in batches)

    first = crew.read(0, lambda *known: told.append(known))
    assert next(first).packets == MAX_ROWS
    assert packets(crew.read(2, lambda *known: told.append(known))) == 2
    assert packets(first) == MAX_ROWS + 100
    assert packets(crew.read(3, lambda *known: told.append(known))) == 3
    assert packets(crew.read(1, lambda *known: told.append(known))) == 1
    assert [facts.format for _, facts in told] == ["pcap"] * len(told)
    assert {source: facts.consumed for source, facts in told} == {
        n: Path(path).stat().st_size for n, path in enumerate(paths)
    }
    crew.close()
    assert len(children) == 1


def test_a_failure_crosses_the_pipe(tmp_path: Path, children: list["subprocess.Popen[bytes]"]) -> None:
    paths = [write(tmp_path, "empty.pcap", b""), write(tmp_path, "good.pcap", pcap(beats(3)))]
    crew = Workers(list(enumerate(paths)), WANTED, 1)
    with pytest.raises(CaptureError, match="is empty"):
        list(crew.read(0, lambda *_: None))
    assert sum(batch.packets for batch in crew.read(1, lambda *_: None)) == 3
    crew.close()
    assert len(children) == 1


DRIVER = """
import json, os, signal, sys
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.capture import workers

pids, start = [], workers._start
def remembered():
    worker = start()
    pids.append(worker.process.pid)
    return worker
workers._start = remembered

def progress(read, total):
    progress.calls += 1
    if progress.calls == 3:
        {deed}
progress.calls = 0
outcome = analyse(sys.argv[1:], Options(workers=2), progress)
print(json.dumps([outcome.interrupted, outcome.errors, outcome.analysis.totals.packets, pids]))
"""


def driven(deed: str, *paths: str) -> "subprocess.CompletedProcess[str]":
    """An analysis by two workers in a process group of its own, that does something as it learns of the third batch."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", DRIVER.format(deed=deed), *paths],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=False,
    )


def ends(pid: int) -> bool:
    """Whether a process is no more, or ends within a minute."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd_open to wait for processes with")
class TestEnds:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[str]:
        return [long(tmp_path, f"cap{part}.pcap", part * 3 * MAX_ROWS) for part in range(3)]

    def test_an_interrupt_from_the_terminal_leaves_a_report_and_nothing_else(self, paths: list[str]) -> None:
        # As a terminal does it: every process of the group gets the signal.
        run = driven("os.killpg(0, signal.SIGINT)", *paths)
        assert (run.returncode, run.stderr) == (0, "")
        interrupted, errors, packets, pids = json.loads(run.stdout)
        assert (interrupted, errors) == (True, [])
        # The third batch was learnt of, but not taken in any more.
        assert packets == 2 * MAX_ROWS
        assert len(pids) == 2
        assert all(map(ends, pids))

    def test_an_undisturbed_end_is_silent(self, paths: list[str]) -> None:
        run = driven("pass", *paths)
        assert (run.returncode, run.stderr) == (0, "")
        interrupted, errors, packets, pids = json.loads(run.stdout)
        assert (interrupted, errors, packets) == (False, [], 3 * (2 * MAX_ROWS + 100))
        assert all(map(ends, pids))

    def test_workers_end_with_a_parent_that_is_killed(self, paths: list[str]) -> None:
        run = driven("print(*pids, flush=True), os.kill(os.getpid(), signal.SIGKILL)", *paths)
        assert (run.returncode, run.stderr) == (-signal.SIGKILL, "")
        pids = [int(pid) for pid in run.stdout.split()]
        assert len(pids) == 2
        assert all(map(ends, pids))
