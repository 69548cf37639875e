"""A day of traffic through a monitor, as fast as it goes: ``python -m tests.bench.endurance`` says how memory grows."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from vrrpwatch.capture.files import Stream, open_capture
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.capture.session import WANTED
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.core.monitor import Monitor
from vrrpwatch.service.memory import Trimmer, return_freed_memory

GROUPS = 40
# As many advertisements as those groups send in a day, and nearly as much other multicast.
OPTIONS = ("--adverts", "0.5", "--multicast", "0.4", "--groups", str(GROUPS), "--failovers", "20", "--seed", "1")
# Packets a second that one of those groups, and what is heard beside it, comes to: the last hour is full.
PACE = 2.2
HOURS = 24
# What is read at a time: a few seconds of that traffic.
STEP = 32_768
# Hours that do not count: in the first all there is to hear is heard for the first time.
WARMING = 1
MOST_GROWTH = 0.02
# Made once: each new path notes its parts in a table of the interpreter's own, which would grow by the looking.
STATM = Path("/proc/self/statm")


class Sips:
    """A capture in small pieces, as a live segment gives it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readinto(self, view: memoryview, /) -> int:
        return self._stream.readinto(view[:STEP])

    def close(self) -> None:
        self._stream.close()


def resident() -> int:
    """This process's resident memory, in bytes."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """The command; 1 where memory grows by more than ``MOST_GROWTH`` after the first hour, in any later one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.endurance", description=__doc__)
    parser.add_argument("--hours", type=int, default=HOURS)
    given = parser.parse_args()
    if given.hours < WARMING + 2:
        parser.error(f"--hours: at least {WARMING + 2}, of which {WARMING} to warm up")
    return_freed_memory()
    with tempfile.TemporaryDirectory(prefix="vrrpwatch-endurance-") as folder:
        path = Path(folder) / "day.pcap"
        packets = str(round(GROUPS * given.hours * 3600 * PACE))
        subprocess.run(
            [sys.executable, "-m", "tests.bench.generate", "--packets", packets, *OPTIONS, str(path)], check=True
        )
        path_text = str(path)
        monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: "eth0"))
        reader = CaptureReader(path_text, wanted=WANTED, stream=Sips(open_capture(path_text)), batch_bytes=1)
        trimmer = Trimmer()
        sizes: list[int] = []
        readings: list[int] = []
        began, start, told = time.perf_counter(), 0, 0
        for batch in reader.batches():
            monitor.feed(batch)
            monitor.tick(monitor.now)
            news = monitor.news()
            trimmer.tell(news)
            told += len(news.events)
            start = start or monitor.now
            readings.append(resident())
            if (monitor.now - start) // (3600 * NANOSECONDS) > len(sizes):
                # What is free comes and goes between two looks: an hour's median is what the program holds.
                sizes.append(round(median(readings)))
                readings.clear()
                print(f"hour {len(sizes):2}: {sizes[-1] / 1e6:.1f} MB, {told} events", flush=True)
        spent = time.perf_counter() - began
    settled = sizes[WARMING:]
    growth, most = settled[-1] / settled[0] - 1, max(settled) / settled[0] - 1
    print(f"{packets} packets in {spent:.0f} s")
    print(f"growth after the first hour, from hour {WARMING + 1} to {len(sizes)}: {growth:.2%}", end="")
    print(f", {most:.2%} at most (limit {MOST_GROWTH:.0%}); with the first hour {sizes[-1] / sizes[0] - 1:.2%}")
    return int(most > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
