"""One tracker that is polled: when its check is made, for how long at most, and when its verdict is another."""

import asyncio
import random
from collections.abc import Callable

from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.tracking.checks.base import Check, CheckError, Result, reason
from vrrpwatch.agent.tracking.streak import Streak
from vrrpwatch.core.model import Seconds


def next_due(due: Seconds, now: Seconds, interval: Seconds, draw: Callable[[], float]) -> Seconds:
    """When the check after the one that was due is made; ``draw`` gives numbers from 0 to 1.

    One that took longer than its interval is followed at once.  After more than that (the host stood still, and all
    are late alike) it is drawn anew.
    """
    due += interval
    return due if now <= due + interval else now + draw() * interval


class Poller:
    """Makes one check at a time, and reports the first verdict and every other one.

    ``first`` is how many seconds the first check waits.  The second follows it at random within an interval, so that
    trackers that begin together do not stay together.
    """

    def __init__(
        self,
        tracker: Polled,
        check: Check,
        report: Callable[[Result], None],
        first: Seconds = 0.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._tracker = tracker
        self._check = check
        self._report = report
        self._first = first
        self._draw = draw
        self._streak = Streak()
        self._told: tuple[bool, int | None] | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        interval = self._tracker.interval
        try:
            await asyncio.sleep(self._first)
            self._judge(await self._once())
            due = loop.time() + self._draw() * interval
            while True:
                await asyncio.sleep(due - loop.time())
                self._judge(await self._once())
                due = next_due(due, loop.time(), interval, self._draw)
        finally:
            await self._check.close()

    async def _once(self) -> Result:
        try:
            async with asyncio.timeout(self._tracker.timeout) as limit:
                return await self._check.run()
        except CheckError as error:
            return Result(False, str(error))
        except OSError as error:
            # The kernel has timeouts too.
            if isinstance(error, TimeoutError) and limit.expired():
                return Result(False, f"no result within {self._tracker.timeout:g} s")
            return Result(False, reason(error))

    def _judge(self, result: Result) -> None:
        self._streak = self._streak.after(result.good, self._tracker.rise, self._tracker.fall)
        told = (result.good, result.number)
        if result.good is self._streak.good and told != self._told:
            self._told = told
            self._report(result)
