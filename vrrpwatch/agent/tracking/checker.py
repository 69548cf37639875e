"""Makes the checks of all trackers that are polled, each in a task of its own."""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from vrrpwatch.agent.config.agent import MAX_TRACKERS
from vrrpwatch.agent.config.trackers import Polled, ScriptTracker, UnitTracker
from vrrpwatch.agent.launcher import Ending, Launcher, Program
from vrrpwatch.agent.tracking.checks.base import CheckError, Result
from vrrpwatch.agent.tracking.checks.making import made
from vrrpwatch.agent.tracking.checks.process import Processes
from vrrpwatch.agent.tracking.poller import Poller
from vrrpwatch.core.model import Seconds

# Trackers that begin together make their first checks within so many seconds.
SPREAD: Final = 0.5
_NOTHING: Final = Program(("/bin/true",), None, 30.0)


class Checker:
    """The trackers go by numbers; one that is changed is another, with another number.

    What their checks raise that they should not makes them bad, and is written to the standard error; they go on.
    """

    def __init__(self, report: Callable[[int, Result], None]) -> None:
        self._report = report
        # Each tracker holds one thread at most, so none waits for another's.
        self._pool = ThreadPoolExecutor(max_workers=MAX_TRACKERS, thread_name_prefix="check")
        self._processes = Processes()
        self._launcher = Launcher()
        self._ready: asyncio.Task[Ending] | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def set(self, wanted: Mapping[int, Polled]) -> None:
        """Ends what is not wanted any more, and begins what is new."""
        for number in self._tasks.keys() - wanted.keys():
            self._tasks.pop(number).cancel()
        fresh = [number for number in wanted if number not in self._tasks]
        for index, number in enumerate(fresh):
            tracker = wanted[number]
            self._begin(number, tracker, min(SPREAD, tracker.interval) * index / len(fresh))

    async def close(self) -> None:
        """Ends all checks, and with them what they have started."""
        tasks = list(self._tasks.values())
        self.set({})
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._launcher.close()
        # What hangs is left behind.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, number: int, tracker: Polled, first: Seconds) -> None:
        try:
            check = made(tracker, self._pool, self._processes, self._launcher)
        except CheckError as error:
            self._report(number, Result(False, str(error)))
            return
        poller = Poller(tracker, check, partial(self._report, number), first)
        run = self._with_launcher(poller) if isinstance(tracker, ScriptTracker | UnitTracker) else poller.run()
        task = asyncio.create_task(run, name=tracker.name)
        self._tasks[number] = task
        task.add_done_callback(partial(self._ended, number, tracker))

    async def _with_launcher(self, poller: Poller) -> None:
        """Once it is there: how long it takes to start is no fault of the first program's."""
        if self._ready is None:
            self._ready = asyncio.create_task(self._launcher.run(_NOTHING))
        await asyncio.wait({self._ready})
        await poller.run()

    def _ended(self, number: int, tracker: Polled, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._tasks.get(number) is task:
            traceback.print_exception(error)
            self._report(number, Result(False, f"the check itself failed: {type(error).__name__}: {error}"))
            self._begin(number, tracker, tracker.interval)
