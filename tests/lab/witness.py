"""Who has virtual addresses and who advertises them, to the microsecond: what must never be so is judged from this.

The kernels of the hosts tell when an address comes and goes (``ip monitor``), a recording on the switch who advertises.
"""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from tests.lab.frames import Growing, Heard
from tests.lab.network import Host, Lab, Process
from tests.lab.waiting import wait_until

# A master that is late by less advertises; so late is one of interval 0.2 s that waits for a busy machine.
_LATE = 2.0
_LINE = re.compile(r"^\[([^\]]+)\] (Deleted )?\d+: \S+ +inet6? ([0-9a-f.:]+)/")


class Span(NamedTuple):
    """Something that was so; seconds since 1970."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


class Witness:
    """Watches hosts (by name, with their own addresses) on the bridge ``lan`` from now on."""

    def __init__(self, lab: Lab, hosts: dict[str, Host], addresses: dict[str, str]) -> None:
        self._addresses = addresses
        self._logs: dict[str, Process] = {}
        self._own = dict(hosts)
        path = lab.folder / "witness.pcap"
        # Short records: the ring has room for a number of the longest that there can be.
        command = ("tcpdump", "-i", "lan", "-U", "-s", "256", "--immediate-mode", "-w", str(path), "-Z", "root", "vrrp")
        log = lab.switch.start(*command).log
        wait_until(lambda: "listening on" in log.read_text(), at_most=10, what="tcpdump to listen", seen=log.read_text)
        self.recording = Growing(path)
        for name, host in hosts.items():
            self._logs[name] = host.start("ip", "-ts", "monitor", "address")

    def adverts(self, vrid: int, name: str) -> list[Heard]:
        """What a host advertised and meant: resignations are none."""
        return [one for one in self.recording.adverts(self._addresses[name], vrid) if one.priority]

    def until_more(self, source: str, vrid: int, count: int, at_most: float = 30) -> None:
        """Waits for so many more adverts."""
        wanted = len(self.recording.adverts(source, vrid)) + count
        wait_until(
            lambda: len(self.recording.adverts(source, vrid)) >= wanted,
            at_most=at_most,
            what=f"{count} more adverts of {vrid} from {source}",
            seen=self._said,
        )

    def held(self, name: str, address: str, now: float) -> list[Span]:
        """When the kernel of a host had the address."""
        spans: list[Span] = []
        since: float | None = None
        for line in self._logs[name].log.read_text(errors="replace").splitlines():
            match = _LINE.match(line)
            if match is None or match[3] != address:
                continue
            at = datetime.fromisoformat(match[1]).timestamp()
            if match[2] is None:
                since = at if since is None else since
            elif since is not None:
                spans.append(Span(since, at))
                since = None
        return [*spans, *([Span(since, now)] if since is not None else [])]

    def has(self, name: str, address: str) -> bool:
        """Whether it has the address now."""
        return bool([one for one in self.held(name, address, float("inf")) if one.end == float("inf")])

    def masters(self, address: str) -> set[str]:
        """Who has the address now."""
        return {name for name in self._logs if self.has(name, address)}

    def until_masters(self, address: str, *names: str, at_most: float = 15) -> None:
        """Waits until just these have it."""
        wait_until(
            lambda: self.masters(address) == set(names),
            at_most=at_most,
            what=f"{address} to be on {' and '.join(names) or 'nobody'}",
            seen=lambda: f"it is on {self.masters(address)}: {self._said()}",
        )

    def doubles(self, vrid: int, address: str, interval: float, since: float = 0) -> list[Span]:
        """When two hosts had the address and advertised it, from ``since`` on."""
        now = time.time()
        mastery = {
            name: list(_both(_spoken(self.adverts(vrid, name), interval), self.held(name, address, now)))
            for name in self._logs
        }
        names = sorted(mastery)
        return [
            span
            for index, name in enumerate(names)
            for other in names[index + 1 :]
            for span in _both(_both(mastery[name], mastery[other]), [Span(since, now)])
        ]

    def holes(self, address: str, since: float) -> list[Span]:
        """When nobody had the address, from ``since`` until now."""
        now = time.time()
        found: list[Span] = []
        end = since
        for span in sorted(span for name in self._logs for span in self.held(name, address, now)):
            if span.start > end:
                found.append(Span(end, span.start))
            end = max(end, span.end)
        return [*found, *([Span(end, now)] if end < now else [])]

    def _said(self) -> str:
        return "\n".join(
            f"{process.name}: {process.log.read_text(errors='replace')[-1200:]}"
            for host in self._own.values()
            for process in host.processes
            if process.running() and process not in self._logs.values()
        )


def _spoken(adverts: Iterable[Heard], interval: float) -> Iterator[Span]:
    """The stretches in which adverts followed one another."""
    start = last = None
    for one in adverts:
        at = one.at / 1e9
        if start is None or last is None:
            start = at
        elif at - last > _LATE * interval:
            yield Span(start, last)
            start = at
        last = at
    if start is not None and last is not None:
        yield Span(start, last)


def _both(one: Iterable[Span], other: Iterable[Span]) -> Iterator[Span]:
    others = list(other)
    for mine in one:
        for theirs in others:
            span = Span(max(mine.start, theirs.start), min(mine.end, theirs.end))
            if span.length > 0:
                yield span
