"""Measures vrrpwatch beside tcpdump and tshark on generated captures, and fails where a bar is missed."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.cases import Capture, Case, cases
from tests.bench.measure import CommandError, Spent, alternate, pin


def _line(program: str, spent: Spent) -> str:
    # Processor time tells whether something else was running: on a quiet machine it is nearly the wall time.
    return f"  {program:10}{spent.seconds:9.3f} s ({spent.busy:.3f} busy) {spent.megabytes:6.0f} MB"


def _make(capture: Capture, folder: Path) -> Path:
    path = folder / f"{capture.name}{'-'.join(capture.options).replace('--', '-')}.pcap"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        command = [sys.executable, "-m", "tests.bench.generate", *capture.options, str(unfinished)]
        subprocess.run(command, check=True)
        unfinished.rename(path)
    return path


def _measure(case: Case, folder: Path, runs: int) -> bool:
    """Measures and prints one case; whether it stayed under its bars."""
    paths = {capture.name: str(_make(capture, folder)) for capture in case.captures}
    commands = [[word.format(**paths) for word in command] for command in (case.ours, *case.peers)]
    ours, *peers = alternate(commands, runs, folder / "errors.txt")
    print(f"\n{case.name}: {case.what}")
    print(_line("vrrpwatch", ours))
    for command, spent in zip(case.peers, peers, strict=True):
        ratio = ours.seconds / spent.seconds
        print(f"{_line(Path(command[0]).name, spent)}   ratio {ratio:.3f}")
    kept = True
    for bar in case.bars:
        value = bar.value(ours, peers)
        met = value <= bar.most
        kept = kept and met
        aim = f", aim {bar.aim:g}" if bar.aim is not None else ""
        print(f"  {'ok    ' if met else 'MISSED'} {value:.3f} {bar.unit} (at most {bar.most:g}{aim})")
    sys.stdout.flush()
    return kept


def main() -> int:
    """The command; 0 when every bar is kept, 1 when one is missed, 2 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a tenth of the packets")
    size.add_argument("--full", action="store_true", help="a capture of 4 GB too")
    parser.add_argument("--only", action="append", metavar="NAME", help="this case alone (may be repeated)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command; their median counts (default 5)")
    parser.add_argument("--captures", type=Path, help="keep the captures in this folder, and use what is there")
    given = parser.parse_args()
    chosen = [case for case in cases(quick=given.quick, full=given.full) if not given.only or case.name in given.only]
    if not chosen:
        parser.error(f"no such case: {', '.join(given.only)}")
    core = pin()
    print(
        f"{platform.platform()}, Python {platform.python_version()}, core {core} of {os.cpu_count()}, {given.runs} runs"
    )
    with tempfile.TemporaryDirectory(prefix="vrrpwatch-bench-") as scratch:
        folder: Path = given.captures or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        try:
            kept = [_measure(case, folder, given.runs) for case in chosen]
        except (CommandError, subprocess.CalledProcessError, FileNotFoundError) as error:
            print(f"cannot measure: {error}", file=sys.stderr)
            return 2
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
