"""255 groups at 10 centiseconds, by the agent and by keepalived: ``python -m tests.bench.crowd``.

Two hosts at one switch, a master and a backup: both are the agent in a first run, and both keepalived in a second one.
Each side, with its children, is held to one processor: the master to the first, the backup to the second.  A recording
on the switch, with the kernel's timestamps, tells how long after one another a group's advertisements left; the
kernel's accounts tell what processor time each side and its children took.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.lab import agents
from tests.lab.daemons import Instance, keepalived
from tests.lab.frames import Growing
from tests.lab.network import Host, Lab, Process, missing
from tests.lab.waiting import wait_until

GROUPS, INTERVAL, SECONDS = 255, 0.1, 60.0
MASTER, BACKUP = 11, 12
# A gap of more than 1.5 intervals is a late advertisement; so much more processor time than keepalived is too much.
LATE, MOST = 1.5, 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Crowd(NamedTuple):
    """What one program did: adverts, late ones, the greatest gap and processor time in seconds, the master's MB."""

    adverts: int
    late: int
    greatest: float
    busy: dict[str, float]
    memory: int


def main() -> int:
    """The command; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crowd", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--groups", type=int, default=GROUPS)
    parser.add_argument("--only", choices=("agent", "keepalived"))
    given = parser.parse_args()
    why = missing("keepalived", "taskset")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    makers = {"agent": _agent, "keepalived": _keepalived}
    seen = {
        name: _measured(make, given.groups, given.seconds)
        for name, make in makers.items()
        if given.only in (None, name)
    }
    return _report(seen, given.seconds)


def _addresses(groups: int) -> list[str]:
    return [f"198.51.100.{number}" for number in range(1, groups + 1)]


def _agent(host: Host, groups: int, priority: int) -> Process:
    routers = [
        agents.router(f"r{number}", id=number, priority=priority, interval=INTERVAL, addresses=[f"{address}/32"])
        for number, address in enumerate(_addresses(groups), 1)
    ]
    return agents.start(host, *routers)


def _keepalived(host: Host, groups: int, priority: int) -> Process:
    return keepalived(
        host,
        *(
            Instance(vrid=number, priority=priority, addresses=(f"{address}/32",), version=3, interval=INTERVAL)
            for number, address in enumerate(_addresses(groups), 1)
        ),
    )


def _measured(make: Callable[[Host, int, int], Process], groups: int, seconds: float) -> Crowd:
    with Lab() as lab:
        lab.bridge("lan")
        sides = {"master": (lab.host("master", MASTER), 200), "backup": (lab.host("backup", BACKUP), 100)}
        processes: dict[str, Process] = {}
        path = lab.folder / "crowd.pcap"
        command = (
            "tcpdump",
            "-i",
            "lan",
            "-U",
            "-s",
            "128",
            "-B",
            "16384",
            "--immediate-mode",
            "-w",
            str(path),
            "-Z",
            "root",
            "vrrp",
        )
        tcpdump = lab.switch.start(*command)
        wait_until(lambda: "listening on" in tcpdump.log.read_text(), at_most=10, what="tcpdump")
        recording = Growing(path)
        for number, (name, (host, priority)) in enumerate(sides.items()):
            processes[name] = make(host, groups, priority)
            for pid in processes[name].family():
                subprocess.run(("taskset", "-apc", str(number), str(pid)), check=True, capture_output=True)
            if name == "master":
                wait_until(lambda: _spoken(recording, groups), at_most=30, what="a master of all groups")
        # The bursts of announcements after a takeover are over.
        _wait(8.0)
        before = {name: _busy(process) for name, process in processes.items()}
        start = time.time()
        _wait(seconds)
        end = time.time()
        busy = {name: _busy(process) - before[name] for name, process in processes.items()}
        memory = _memory(processes["master"]) // 1024
        tcpdump.stop()
        gaps = [
            later.at - one.at
            for number in range(1, groups + 1)
            for one, later in pairwise(recording.adverts(f"192.0.2.{MASTER}", number))
            if start <= one.at / 1e9 and later.at / 1e9 <= end
        ]
        others = sum(len(recording.adverts(f"192.0.2.{BACKUP}", number)) for number in range(1, groups + 1))
        if others:
            print(f"the backup has advertised {others} times", file=sys.stderr)
        return Crowd(len(gaps), sum(gap > LATE * INTERVAL * 1e9 for gap in gaps), max(gaps) / 1e9, busy, memory)


def _spoken(recording: Growing, groups: int) -> bool:
    return all(recording.adverts(f"192.0.2.{MASTER}", number) for number in range(1, groups + 1))


def _wait(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, at_most=seconds + 5, what="the measurement", every=0.2)


def _busy(process: Process) -> float:
    """Seconds of processor time of a program, its children, and those that have ended."""
    ticks = 0
    for pid in process.family():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def _memory(process: Process) -> int:
    """Proportional set size, in KiB."""
    rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in process.family())
    return sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:"))


def _report(seen: dict[str, Crowd], seconds: float) -> int:
    print(f"{'':12}{'adverts':>9}{'late':>6}{'greatest gap':>14}{'as master':>11}{'as backup':>11}{'memory':>10}")
    for name, one in seen.items():
        shares = [f"{one.busy[side] / seconds:10.1%}" for side in ("master", "backup")]
        gap = f"{1e3 * one.greatest:.0f} ms"
        print(f"{name:12}{one.adverts:9,}{one.late:6}{gap:>14} {shares[0]} {shares[1]}{one.memory:7} MB")
    if len(seen) < 2:
        return 0
    ratios = {side: seen["agent"].busy[side] / seen["keepalived"].busy[side] for side in ("master", "backup")}
    print(f"processor time beside keepalived's: {ratios['master']:.1f} x as master, {ratios['backup']:.1f} x as backup")
    return int(seen["agent"].late > 0 or max(ratios.values()) > MOST)


if __name__ == "__main__":
    sys.exit(main())
