"""When checks are made, when they are given up, and what is told of them: on a clock that jumps."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.agent.tracking.virtual import play
from vrrpwatch.agent.config.trackers import TcpTracker
from vrrpwatch.agent.tracking.checks.base import CheckError, Result
from vrrpwatch.agent.tracking.poller import Poller, next_due

GOOD, BAD = Result(True, "good"), Result(False, "bad")


class Acted:
    """A check that does as its script says: a result, something to raise, or how long it hangs."""

    def __init__(self, script: Iterator[Result | Exception | float]) -> None:
        self._script = script
        self.began: list[float] = []
        self.closed = False

    async def run(self) -> Result:
        self.began.append(asyncio.get_running_loop().time())
        turn = next(self._script, None)
        match turn:
            case None:
                return GOOD
            case Exception():
                raise turn
            case Result():
                return turn
            case float():
                await asyncio.sleep(turn)
                return GOOD

    async def close(self) -> None:
        self.closed = True


def tracker(**more: float) -> TcpTracker:
    return TcpTracker.model_validate(
        {"name": "t", "type": "tcp", "host": "192.0.2.1", "port": 1, "interval": 2, "timeout": 3, **more}
    )


def played(
    *script: Result | Exception | float, seconds: float, draw: float = 1.0, first: float = 0.0, **more: float
) -> tuple[list[float], list[tuple[float, Result]]]:
    """When checks began, and when what was told."""
    check = Acted(iter(script))
    told: list[tuple[float, Result]] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        poller = Poller(tracker(**more), check, lambda one: told.append((loop.time(), one)), first, lambda: draw)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait({task})

    play(scene())
    assert check.closed
    return check.began, told


def test_checks_come_once_an_interval_and_only_what_is_new_is_told() -> None:
    began, told = played(GOOD, GOOD, BAD, BAD, GOOD, seconds=9)
    assert began == [0, 2, 4, 6, 8]
    assert told == [(0, GOOD), (4, BAD), (8, GOOD)]


def test_the_first_waits_its_turn_and_the_second_comes_at_random_within_an_interval() -> None:
    began, _ = played(seconds=6.5, first=0.5, draw=0.25)
    assert began == [0.5, 1.0, 3.0, 5.0]


def test_a_check_that_hangs_is_bad_at_its_timeout_and_never_made_twice_at_once() -> None:
    # Given up at 3 and, due at 2, made again at once; given up at 6 and, due at 4, at once again.
    began, told = played(GOOD, 100.0, 100.0, seconds=9, draw=0.0)
    assert began[:3] == [0, 0, 3]
    assert told[:2] == [(0, GOOD), (3, Result(False, "no result within 3 s"))]


def test_what_a_check_raises_is_why_it_is_bad() -> None:
    _, told = played(
        CheckError("holds no number"), OSError(111, "Connect call failed ('192.0.2.1', 1)"), GOOD, seconds=5
    )
    assert told == [(0, Result(False, "holds no number")), (4, GOOD)]
    _, told = played(OSError(111, "Connect call failed ('192.0.2.1', 1)"), seconds=1)
    assert told == [(0, Result(False, "Connection refused"))]
    # The kernel gives up too, and says so in the same words as a timeout of ours.
    _, told = played(TimeoutError(110, "Connect call failed"), seconds=1)
    assert told == [(0, Result(False, "Connection timed out"))]


def test_rise_and_fall_hold_a_verdict_back() -> None:
    _, told = played(GOOD, BAD, GOOD, BAD, BAD, GOOD, GOOD, GOOD, seconds=16, rise=3, fall=2)
    assert told == [(0, GOOD), (8, BAD), (14, GOOD)]


def test_another_number_is_told_while_the_verdict_stays() -> None:
    five, six, minus = Result(True, "5", 5), Result(True, "6", 6), Result(False, "-1", -1)
    _, told = played(five, five, six, minus, five, minus, minus, seconds=13, fall=2)
    # A single bad number waits for a second, the good one between them is told for it is another than 6.
    assert told == [(0, five), (4, six), (8, five), (12, minus)]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (10.0, 12.0),
        (11.9, 12.0),
        (12.5, 12.0),  # a check that took longer than its interval is followed at once
        (14.0, 12.0),
        (14.1, 14.6),  # the host stood still: drawn anew
        (1000.0, 1000.5),
    ],
)
def test_the_next_check_is_due_an_interval_after_the_last_was(now: float, expected: float) -> None:
    assert next_due(10.0, now, 2.0, lambda: 0.25) == pytest.approx(expected)
