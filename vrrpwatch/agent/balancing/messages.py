"""What the agent and the process that keeps IPVS say to each other: lines of JSON, over a pair of sockets.

The agent sends what is to be done, each on a line of its own; the answers are news, and every second a sign of life,
``{}``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.balancing.plan import Target
from vrrpwatch.agent.balancing.values import Role
from vrrpwatch.agent.config.companions import Ipvs
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice
from vrrpwatch.wire.text import safe_text

# A thousand virtual servers and MAX_REAL real servers, each with a path or a command of two thousand characters.
MAX_ORDER: Final = 32 * 1024 * 1024
# A line of news has ten times as many characters at most, which the agent reads (auditing.children.MAX_LINE).
MOST_WORDS: Final = 1_000
ALIVE: Final = b"{}\n"
ALIVE_EVERY: Final[Seconds] = 1.0


class Configure(NamedTuple):
    """Settings from now on; ``ledger`` is the file that remembers what is ours, and is heeded the first time."""

    settings: Ipvs
    ledger: Path


class Become(NamedTuple):
    """The sync daemon's role from now on."""

    role: Role


class End(NamedTuple):
    """Take everything away that is ours, and end."""


Order = Configure | Become | End


class Line(NamedTuple):
    """For people; a :class:`Notice` where all is well."""

    text: str


class Judged(NamedTuple):
    """What is known of a real server, by :func:`name`."""

    name: str
    good: bool
    detail: str


class State(NamedTuple):
    """See :meth:`vrrpwatch.agent.balancing.keeper.Listener.state`."""

    role: Role | None
    trouble: str


News = Line | Judged | State


def name(target: Target) -> str:
    """What both sides call a real server."""
    return f"{target.real} of {target.of}"


def encode_order(order: Order) -> bytes:
    """A line for the process."""
    match order:
        case Configure(settings, ledger):
            made = f'{{"settings":{settings.model_dump_json()},"ledger":{json.dumps(str(ledger))}}}\n'
            return made.encode()
        case Become(role):
            return json.dumps({"become": role}).encode() + b"\n"
        case End():
            return b'{"end":true}\n'


def decode_order(line: bytes) -> Order:
    """What the agent, which is trusted, has sent."""
    told: dict[str, Any] = json.loads(line)
    if "settings" in told:
        return Configure(Ipvs.model_validate(told["settings"]), Path(told["ledger"]))
    return Become(told["become"]) if "become" in told else End()


def encode_news(news: News) -> bytes:
    """A line for the agent; what it says may have come from anywhere, and is safe to print from here on."""
    match news:
        case Line(text):
            told: dict[str, Any] = {"line": safe_text(text, MOST_WORDS), "well": isinstance(text, Notice)}
        case Judged(target, good, detail):
            told = {"real": target, "good": good, "detail": safe_text(detail, MOST_WORDS)}
        case State(role, trouble):
            told = {"role": role, "trouble": safe_text(trouble, MOST_WORDS)}
    return json.dumps(told).encode() + b"\n"


def decode_news(told: Mapping[str, Any]) -> News | None:
    """``None`` for a sign of life; raises :class:`KeyError` for anything else that is no news."""
    if not told:
        return None
    if "line" in told:
        return Line(Notice(told["line"]) if told["well"] else told["line"])
    if "real" in told:
        return Judged(told["real"], told["good"], told["detail"])
    return State(told["role"], told["trouble"])


def judged(target: Target, result: Result) -> Judged:
    """The news of a verdict."""
    return Judged(name(target), result.good, result.detail)
