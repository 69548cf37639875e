"""What can be asked of a running agent, and what it answers: one JSON object a line, each way.

Requests are ``{"command": "status"}``, ``{"command": "drain", "routers": […], "wait": SECONDS}``, ``undrain`` with
``routers``, and ``reload``.  Answers carry ``schema``, and ``error`` where something is wrong.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from vrrpwatch.agent.telling.status import SCHEMA, Status
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# A request names routers; without names all are meant, so that nobody needs more than this.
MAX_REQUEST: Final = 16_384
# As long as the settings may have it (config.fields.Delay).
MAX_WAIT: Final[Seconds] = 1_000.0

Command = Literal["status", "drain", "undrain", "reload"]
_KEYS: Final[Mapping[Command, frozenset[str]]] = {
    "status": frozenset(),
    "drain": frozenset({"routers", "wait"}),
    "undrain": frozenset({"routers"}),
    "reload": frozenset(),
}
# Whose fault it is: the request's, the asker's rights, or nobody's yet.
Fault = Literal["usage", "forbidden", "busy", "failed"]


class RequestError(Exception):
    """A request that cannot be met: whose fault it is, and one line for each thing that is wrong."""

    def __init__(self, fault: Fault, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.fault: Fault = fault
        self.lines = lines


class Request(NamedTuple):
    """``routers`` empty means all; ``wait`` ``None`` as long as the settings say."""

    command: Command
    routers: tuple[str, ...] = ()
    wait: Seconds | None = None


class Handed(NamedTuple):
    """What became of one router that was drained.

    ``to`` is who is master in its place, and ``None`` where nobody is or needs to be; ``why`` is then the reason, and
    ``done`` whether it is as good as handed over: this host was no master anyway.
    """

    router: str
    done: bool
    to: IPAddress | None
    why: str = ""


class Commands(Protocol):
    """What the agent does when it is asked to.  All may raise :class:`RequestError`, with every name that is wrong."""

    def status(self) -> Status:
        """The state of all; its routers may be asked for while other things happen."""

    async def drain(self, routers: tuple[str, ...], wait: Seconds | None) -> tuple[Handed, ...]:
        """Hands routers over, and returns when others are master or the time is over.

        Where the asker leaves, it is cancelled: waiting ends, and the routers stay drained.
        """

    async def undrain(self, routers: tuple[str, ...]) -> tuple[str, ...]:
        """Takes that back, and returns the names of the routers that take part again."""

    async def reload(self) -> tuple[str, ...]:
        """Reads the settings again, and returns a line for each thing that has changed."""


def parse(line: bytes) -> Request:
    """A request; raises :class:`RequestError` saying what is wrong with it."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError("usage", "the request is no JSON") from None
    if not isinstance(told, dict):
        raise RequestError("usage", "the request is no JSON object")
    command = told.pop("command", None)
    if not isinstance(command, str) or command not in _KEYS:
        raise RequestError("usage", f"command: one of {', '.join(_KEYS)} is needed")
    keys = _KEYS[command]  # type: ignore[index]  # it is one of them
    if not keys >= told.keys():
        raise RequestError("usage", f"{command} knows {' and '.join(sorted(keys)) or 'no key'} and nothing else")
    return Request(command, _routers(told.get("routers", [])), _wait(told.get("wait")))  # type: ignore[arg-type]


def _routers(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RequestError("usage", "routers: a list of names is needed")
    return tuple(dict.fromkeys(value))


def _wait(value: Any) -> Seconds | None:
    if value is None:
        return None
    # Nothing compares with NaN.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_WAIT:
        raise RequestError("usage", f"wait: a number of seconds from 0 to {MAX_WAIT:g} is needed")
    return float(value)


def dump(answer: Mapping[str, Any]) -> bytes:
    """An answer as a line, with the schema."""
    return json.dumps({"schema": SCHEMA, **answer}, separators=(",", ":")).encode() + b"\n"


def error(fault: Fault, *lines: str) -> bytes:
    """The answer to a request that is not met."""
    return dump({"error": {"fault": fault, "lines": list(lines)}})
