"""``python -m tests.fuzz``: as many mutated packets and capture files as asked for, and what the worst of them cost.

Case N is the same everywhere, so a number that is printed can be tried again with ``--first N --packets 1``.
"""

import argparse
import gc
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from tests.fuzz import captures, test_capture, test_wire

LIMIT_SECONDS = 0.05
# Processor time is measured, since a busy machine may stop anybody for longer; even so, what takes long once is timed
# so often again, and the best time counts.
AGAIN = 4
# Cases between two collections of garbage.
COLLECT = 10


@dataclass
class Tally:
    """What came of the cases tried so far; times are seconds of processor time."""

    tried: int = 0
    slowest: float = 0.0
    slowest_case: int = 0
    crashes: dict[int, str] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)

    def attempt(self, number: int, case: Callable[[], object]) -> None:
        """Runs one case."""
        self.tried += 1
        taken = self._time(number, case)
        if taken > min(self.slowest or LIMIT_SECONDS, LIMIT_SECONDS):
            taken = min(taken, *(self._time(number, case) for _ in range(AGAIN)))
        if taken > LIMIT_SECONDS:
            self.slow.append(f"case {number}: {taken * 1000:.0f} ms")
        if taken > self.slowest:
            self.slowest, self.slowest_case = taken, number
        if self.tried % COLLECT == 0:
            # The memory reported is what cases need and keep, not what the tracebacks of refused ones hold until then.
            gc.collect()

    def _time(self, number: int, case: Callable[[], object]) -> float:
        start = process_time()
        try:
            case()
        except Exception as error:  # the very thing that is looked for: any exception at all is a crash
            self.crashes[number] = f"case {number}: {type(error).__name__}: {error}"
        return process_time() - start

    def report(self, kind: str, before: float) -> None:
        """Prints the figures, and the first crashes and slow cases by number."""
        print(f"{kind} tried     {self.tried:>12,}")
        print(f"  crashes          {len(self.crashes):>12,}")
        print(f"  too slow         {len(self.slow):>12,}")
        print(f"  slowest          {self.slowest * 1000:>12.2f} ms (case {self.slowest_case})")
        print(f"  memory           {peak():>12.1f} MB, {before:.1f} MB before")
        for line in [*self.crashes.values(), *self.slow][:20]:
            print(f"  {line}")


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def packets(first: int, count: int) -> Tally:
    """Tries the mutated frames ``first`` and following."""
    tally = Tally()
    for number in range(first, first + count):
        tally.attempt(number, partial(test_wire.probe, *test_wire.mutated(number)))
    return tally


def files(first: int, count: int) -> Tally:
    """Reads the mutated files ``first`` and following."""
    tally = Tally()
    for number in range(first, first + count):
        tally.attempt(number, partial(test_capture.probe, test_capture.mutated_file(number)))
    return tally


def analyses(first: int, count: int) -> Tally:
    """Analyses the mutated captures ``first`` and following, each from a file of its own."""
    tally = Tally()
    with TemporaryDirectory(prefix="vrrpwatch-fuzz-") as folder:
        path = Path(folder, "mutated.pcap")
        for number in range(first, first + count):
            path.write_bytes(captures.mutated_capture(number))
            # Few hold more than thirty packets, but even a whole file may take no longer than one packet.
            tally.attempt(number, partial(captures.probe_capture, path))
    return tally


def main() -> int:
    """Tries what the command line asks for; 1 where anything crashed or took too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Try mutated packets and capture files.")
    parser.add_argument("--packets", type=int, default=1_000_000, help="how many packets (default %(default)s)")
    parser.add_argument(
        "--files", type=int, default=20_000, help="how many files to read, and as many to analyse (default %(default)s)"
    )
    parser.add_argument("--first", type=int, default=0, help="the first case's number (default %(default)s)")
    asked = parser.parse_args()
    failed = False
    trials = (
        ("packets ", packets, asked.packets),
        ("files   ", files, asked.files),
        ("analyses", analyses, asked.files),
    )
    for kind, trial, count in trials:
        before = peak()
        tally = trial(asked.first, count)
        tally.report(kind, before)
        failed |= bool(tally.crashes or tally.slow)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
