"""What the agent and the process that checks for it say to each other: lines of JSON, over a pair of sockets.

The agent sends all trackers that are polled, each with a number that no other tracker ever has, whenever these change:
``[[1, {…}], [2, {…}]]``.  The answers are results, ``[1, true, "connected", null]``, and every second a sign of life,
``[]``.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.text import safe_text

# Eight times what a settings file may have: JSON writes some characters in six.
MAX_TRACKERS_LINE: Final = 32 * 1024 * 1024
# A detail has MOST_DETAIL characters, which may take ten times as many in JSON.
MAX_RESULT_LINE: Final = 8_192
MOST_DETAIL: Final = 200
ALIVE: Final = b"[]\n"
ALIVE_EVERY: Final[Seconds] = 1.0

_POLLED: Final[TypeAdapter[Polled]] = TypeAdapter(Annotated[Polled, Field(discriminator="type")])


def encode_tracker(number: int, tracker: Polled) -> bytes:
    """One of those that :func:`trackers_line` joins."""
    return b"[%d,%s]" % (number, tracker.model_dump_json().encode())


def trackers_line(encoded: Mapping[int, bytes]) -> bytes:
    """All of them, for the process to check from now on."""
    return b"[" + b",".join(encoded.values()) + b"]\n"


def decode_trackers(line: bytes, known: Mapping[int, Polled]) -> dict[int, Polled]:
    """By number; those that are ``known`` are not read again."""
    return {number: known.get(number) or _POLLED.validate_python(data) for number, data in json.loads(line)}


def encode_result(number: int, result: Result) -> bytes:
    """A line for the agent; the detail may be anything, and is safe to print from here on."""
    detail = safe_text(result.detail, MOST_DETAIL)
    return json.dumps([number, result.good, detail, result.number]).encode() + b"\n"


def decode_result(line: bytes) -> tuple[int, Result] | None:
    """``None`` for a sign of life; raises :class:`ValueError` for anything that is neither."""
    try:
        told: Any = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    match told:
        case []:
            return None
        case [int(index), bool(good), str(detail), int() | None as number]:
            return index, Result(good, detail, number)
        case _:
            raise ValueError("neither a result nor a sign of life")
