"""What tests of checks have in common: a loop to run one in, bounded waits, threads, and processes that are watched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.launcher import Launcher
from vrrpwatch.agent.tracking.checks.base import Check, Result
from vrrpwatch.agent.tracking.checks.making import made
from vrrpwatch.agent.tracking.checks.process import Processes
from vrrpwatch.agent.tracking.poller import Poller

# Seconds that something may take which happens at once on an idle machine.
SOON = 30.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@asynccontextmanager
async def ready(tracker: Polled) -> AsyncIterator[Check]:
    """The tracker's check, with threads and a launcher that has started."""
    pool = ThreadPoolExecutor(8)
    launcher = Launcher()
    if tracker.type in ("script", "systemd"):
        await launcher.start()
    check = made(tracker, pool, Processes(), launcher)
    try:
        yield check
    finally:
        await check.close()
        await launcher.close()
        pool.shutdown()


def first_result(tracker: Polled) -> Result:
    """What the first check of a tracker finds, through everything that a poller makes of its errors."""

    async def play() -> Result:
        found: asyncio.Queue[Result] = asyncio.Queue()
        async with ready(tracker) as check:
            polling = asyncio.create_task(Poller(tracker, check, found.put_nowait).run())
            try:
                return await asyncio.wait_for(found.get(), SOON)
            finally:
                polling.cancel()
                await asyncio.wait({polling})

    return asyncio.run(play())
