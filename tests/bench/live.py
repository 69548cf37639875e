"""Measures watching an interface beside tcpdump: ``python -m tests.bench.live``, as root.

Two network namespaces and a pair of interfaces between them are made and removed again.
"""

import argparse
import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.network import run
from tests.lab.waiting import wait_until

ORDINARY, STEADY = 4_000, 50_000
# Seconds for a program to have begun, or to have come to what was sent last.
SETTLE = 1.0
RATES = (200_000, 400_000, 600_000, 800_000, 1_000_000)
# As a service runs it: with a journal and metrics.
_WATCH = (
    str(Path(sys.executable).with_name("vrrpwatch")),
    *("watch", "-i", "in", "--output", "none", "--metrics", "0", "--store"),
)
_PRINTING = ("tcpdump", "-n", "-i", "in")
_WRITING = ("tcpdump", "-n", "-i", "in", "-w", "/dev/null", "-Z", "root")
PROGRAMS: dict[str, Sequence[str]] = {"vrrpwatch": _WATCH, "tcpdump": _PRINTING, "tcpdump -w": _WRITING}


@dataclass(frozen=True, slots=True)
class Measured:
    """One program at one rate: packets sent and lost, and its share of a core while they were sent."""

    sent: int
    lost: int
    share: float


@contextlib.contextmanager
def pair() -> Iterator[tuple[str, str]]:
    """Two namespaces: one with the interface ``out``, the other with its peer ``in``."""
    names = [f"vrrpwatch-bench-{os.getpid()}-{end}" for end in ("out", "in")]
    try:
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        run("ip", "-n", names[0], "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", names[1])
        for name, end in zip(names, ("out", "in"), strict=True):
            run("ip", "-n", name, "link", "set", end, "up")
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(("ip", "netns", "delete", name), check=False)


def measure(spaces: tuple[str, str], command: Sequence[str], rate: int, seconds: float, folder: Path) -> Measured:
    """Runs one program on a core of its own, or on the only one, while another sends."""
    cores = sorted(os.sched_getaffinity(0))
    log = folder / "log"
    if command is _WATCH:
        command = (*command, str(folder / f"journal-{rate}.db"))
    with log.open("wb") as output:
        watcher = subprocess.Popen(
            ("taskset", "-c", str(cores[-1]), "ip", "netns", "exec", spaces[1], *command),
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
        wait_until(lambda: b"listening on" in log.read_bytes(), at_most=10, what=f"{command[0]} to listen")
        # What it costs to begin and to end is not what it costs to go on.
        time.sleep(SETTLE)
        before = _busy(watcher.pid)
        sender = ("taskset", "-c", str(cores[0]), "ip", "netns", "exec", spaces[0], sys.executable)
        kind = "ordinary" if rate == ORDINARY else "adverts"
        arguments = ("-m", "tests.bench.live_sender", "out", str(rate), str(seconds), kind)
        sent = int(subprocess.run((*sender, *arguments), check=True, capture_output=True, text=True).stdout)
        time.sleep(SETTLE)
        spent = _busy(watcher.pid) - before
        watcher.send_signal(signal.SIGINT)
        watcher.wait()
    # What it had not come to when it was told to end is not lost.
    dropped = re.search(rb"([\d,]+) packets? dropped by kernel|kernel dropped ([\d,]+)", log.read_bytes())
    lost = sent if dropped is None else int((dropped[1] or dropped[2]).replace(b",", b""))
    return Measured(sent, lost, spent / seconds)


def _busy(pid: int) -> float:
    """Processor seconds of a process so far (proc(5): fields 14 and 15, behind a name that may hold anything)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """The command; 0 when the bars are kept, 1 when one is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="how long to send at each rate (default 3)")
    given = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    shares: dict[tuple[str, int], float] = {}
    whole: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch, pair() as spaces:
        for rate in (ORDINARY, STEADY, *RATES):
            for name, command in PROGRAMS.items():
                # What it costs to begin shall not count much where little is to be done.
                seconds = given.seconds * (4 if rate <= STEADY else 1)
                told = measure(spaces, command, rate, seconds, Path(scratch))
                shares[name, rate] = told.share
                reached = told.sent / seconds
                if not told.lost:
                    whole[name] = max(whole.get(name, 0), reached)
                print(
                    f"{name:12} {rate:9,}/s asked {reached:9,.0f}/s sent"
                    f" {100 * told.lost / told.sent:6.2f} % lost {100 * told.share:6.1f} % of a core",
                    flush=True,
                )
    print("\nmost without loss: " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in whole.items()))
    ratio = shares["vrrpwatch", STEADY] / shares["tcpdump", STEADY]
    bars = (
        ("processor time at 50,000 adverts/s against tcpdump printing", ratio, 0.6),
        ("share of a core at 4,000 packets/s", shares["vrrpwatch", ORDINARY], 0.03),
        ("tcpdump's rate without loss against ours", whole.get("tcpdump", 0) / max(whole.get("vrrpwatch", 0), 1), 1.0),
    )
    for what, value, most in bars:
        print(f"  {'ok    ' if value <= most else 'MISSED'} {what}: {value:.3f} (at most {most:g})")
    return 0 if all(value <= most for _, value, most in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
