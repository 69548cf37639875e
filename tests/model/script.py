"""A schedule as text: who the routers are and what happens to them, one JSON object a line."""

import json
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from vrrpwatch.core.machine.settings import CarpSettings, Settings, VrrpSettings
from vrrpwatch.core.model import Seconds


class Weather(NamedTuple):
    """From now on packets are lost and doubled with these chances, and take up to ``delay`` seconds each."""

    at: Seconds
    loss: float
    duplication: float
    delay: Seconds


class Cut(NamedTuple):
    """From now on nothing gets from the first to the second router of any of these pairs; no pairs: all is healed."""

    at: Seconds
    pairs: tuple[tuple[int, int], ...]


class Start(NamedTuple):
    """A router is started; one that had crashed begins anew."""

    at: Seconds
    router: int


class Stop(NamedTuple):
    """A router is shut down in order."""

    at: Seconds
    router: int


class Crash(NamedTuple):
    """A host loses power."""

    at: Seconds
    router: int


class Stall(NamedTuple):
    """A host freezes: packets wait, timers do not fire, what it holds it goes on holding."""

    at: Seconds
    router: int


class Resume(NamedTuple):
    """It goes on, and finds its timers due or what was sent to it in the meantime first."""

    at: Seconds
    router: int
    timers_first: bool


class Rank(NamedTuple):
    """A router's priority changes, or a CARP host's demotion."""

    at: Seconds
    router: int
    value: int


class Link(NamedTuple):
    """A router's interface goes down or comes up."""

    at: Seconds
    router: int
    up: bool


Happening = Weather | Cut | Start | Stop | Crash | Stall | Resume | Rank | Link
HAPPENINGS: tuple[type[Happening], ...] = (Weather, Cut, Start, Stop, Crash, Stall, Resume, Rank, Link)


class Script(NamedTuple):
    """One schedule.  In calm weather no packet takes longer than ``delay``; it ends at ``until``, seconds from 0."""

    seed: str
    delay: Seconds
    until: Seconds
    routers: tuple[Settings, ...]
    happenings: tuple[Happening, ...]


def written(script: Script) -> str:
    """The schedule as lines."""
    head = {"seed": script.seed, "delay": script.delay, "until": script.until}
    routers = [{"router": type(r).__name__, **_plain(r)} for r in script.routers]
    happenings = [{"do": type(h).__name__.lower(), **h._asdict()} for h in script.happenings]
    return "".join(json.dumps(line) + "\n" for line in [head, *routers, *happenings])


def read(lines: Iterable[str]) -> Script:
    """The schedule that was written so; raises ``ValueError`` or ``KeyError`` for anything else."""
    head, *rest = [json.loads(line) for line in lines if line.strip()]
    routers = tuple(_settings(line) for line in rest if "do" not in line)
    kinds = {kind.__name__.lower(): kind for kind in HAPPENINGS}
    happenings = [_happening(kinds[line.pop("do")], line) for line in rest if "do" in line]
    return Script(head["seed"], head["delay"], head["until"], routers, tuple(happenings))


def _plain(settings: Settings) -> dict[str, object]:
    texts = {"address": str(settings.address), "addresses": [str(address) for address in settings.addresses]}
    return {**settings._asdict(), **texts}


def _settings(line: dict[str, object]) -> Settings:
    kind = {"VrrpSettings": VrrpSettings, "CarpSettings": CarpSettings}[str(line.pop("router"))]
    addresses = line.pop("addresses")
    assert isinstance(addresses, list)
    settings: Settings = kind(
        **{**line, "address": ip_address(str(line["address"])), "addresses": tuple(map(ip_address, addresses))}
    )
    return settings


def _happening(kind: type[Happening], line: dict[str, object]) -> Happening:
    pairs = line.get("pairs")
    if isinstance(pairs, list):
        line["pairs"] = tuple((a, b) for a, b in pairs)
    return kind(**line)  # type: ignore[arg-type]  # what a line holds is known when it is run
