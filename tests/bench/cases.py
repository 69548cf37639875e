"""What is measured: the captures, our command, the programs beside it, and the bars to stay under."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Spent

# What people type today to see all of VRRP and CARP, tagged, on IPv6 and in AH.
FILTER = "ip proto 112 or ip proto 51 or ip6 proto 112 or (vlan and (ip proto 112 or ip6 proto 112))"
VRRPWATCH = str(Path(sys.executable).with_name("vrrpwatch"))


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture to generate: options of ``tests.bench.generate`` but for the path."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit on our command: seconds, megabytes, or our seconds over those of the peer at ``peer``."""

    unit: str
    most: float
    aim: float | None = None
    peer: int | None = None

    def value(self, ours: Spent, peers: Sequence[Spent]) -> float:
        if self.peer is not None:
            return ours.seconds / peers[self.peer].seconds
        return ours.megabytes if self.unit == "MB" else ours.seconds


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the comparison; ``{NAME}`` in a command is the path of that capture."""

    name: str
    what: str
    ours: tuple[str, ...]
    peers: tuple[tuple[str, ...], ...]
    bars: tuple[Bar, ...]
    captures: tuple[Capture, ...] = ()


def _analyze(capture: Capture) -> tuple[str, ...]:
    return (VRRPWATCH, "analyze", "--output", "json", f"{{{capture.name}}}")


def _tcpdump(capture: Capture, *words: str) -> tuple[str, ...]:
    # Started by root it would give its rights up first, and then might not be allowed to read the capture.
    rights = ("-Z", "root") if os.geteuid() == 0 else ()
    return ("tcpdump", *rights, "-n", "-r", f"{{{capture.name}}}", *words)


def _capture(name: str, packets: int, *options: str) -> Capture:
    return Capture(name, ("--packets", str(packets), "--seed", "1", *options))


def cases(*, quick: bool, full: bool) -> tuple[Case, ...]:
    """All cases: a tenth of the size when ``quick``, the 4 GB capture too when ``full``."""
    scale = 10 if quick else 1
    mixed = _capture("mixed", 5_000_000 // scale, "--groups", "400", "--failovers", "20")
    adverts = _capture("adverts", 2_000_000 // scale, "--adverts", "1", "--groups", "100", "--failovers", "20")
    small = _capture("small", 20_000, "--groups", "20", "--failovers", "2")
    medium = _capture("medium", 200_000, "--groups", "20", "--failovers", "2")
    huge = _capture("huge", 10_500_000, "--groups", "400", "--failovers", "20")
    memory = Bar("MB", 150)
    found = [
        Case("help", "vrrpwatch --help", (VRRPWATCH, "--help"), (), (Bar("s", 0.15),)),
        Case(
            "small",
            "20 k packets, whole process (tshark: 200 k)",
            _analyze(small),
            (("tshark", "-q", "-z", "io,phs", "-r", "{medium}"),),
            (Bar("s", 0.5), Bar("x", 0.1, peer=0)),
            (small, medium),
        ),
        Case(
            "adverts",
            f"{2_000 // scale} k advertisements of 100 groups",
            _analyze(adverts),
            (_tcpdump(adverts),),
            (Bar("x", 0.5, 0.25, peer=0), memory),
            (adverts,),
        ),
        Case(
            "mixed",
            f"{5_000 // scale} k packets, 1 % advertisements, 9 % other multicast",
            _analyze(mixed),
            (_tcpdump(mixed, FILTER),),
            (Bar("x", 1.0, 0.6, peer=0), memory),
            (mixed,),
        ),
    ]
    if full:
        found.append(Case("huge", "10.5 M packets, 4 GB", _analyze(huge), (), (memory,), (huge,)))
    return tuple(found)
