"""The sniffer that watches the running agent: keeps it running, and hands on what it finds wrong.

It is a child process at ordinary priority, which also sends the alerts; the agent reads some lines of it at most.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from vrrpwatch.agent.auditing.children import Child
from vrrpwatch.agent.auditing.concerns import Concern, concern
from vrrpwatch.agent.auditing.tasks import WatchingTask, packed
from vrrpwatch.alerts.backoff import Backoff
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice

# What the child may take to put away alerts that were not delivered.
_PATIENCE: Final[Seconds] = 5.0
# A sniffer that has run for so long ends for another reason than the last one did.
_STEADY: Final[Seconds] = 60.0
_MODULE: Final = "vrrpwatch.agent.auditing.sniffer"


class Watcher:
    """Watches until it is cancelled; ``concerned`` is told of each concern, ``told`` a line of what else there is."""

    def __init__(
        self,
        concerned: Callable[[Concern], None],
        told: Callable[[str], None],
        *,
        clock: Callable[[], Seconds] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        """``clock`` gives seconds that never step back."""
        self._concerned = concerned
        self._told = told
        self._clock = clock
        self._backoff = backoff or Backoff(random.random, first=1.0, cap=300.0)
        self._trouble = ""
        self.pid: int | None = None
        self.watching = False

    async def run(self, task: WatchingTask) -> None:
        """Has the routers of ``task`` watched, again and again where the sniffer ends; with other routers, begin anew.

        ``watching`` is whether it listens now.  When this is cancelled, the child ends, and is gone when it returns.
        """
        data = packed(task)
        while task.stations:
            began = self._clock()
            why = await self._watch(data)
            if self._clock() - began >= _STEADY:
                self._backoff.succeeded()
            wait = self._backoff.failed()
            self._told(f"the sniffer that watches this agent has ended ({why}): it is started again in {wait:.0f} s")
            await asyncio.sleep(wait)

    async def _watch(self, data: bytes) -> str:
        """One life of the child; returns why it ended."""
        self._trouble = ""
        try:
            child = await Child.start(_MODULE, data)
        except OSError as error:
            return error.strerror or str(error)
        self.pid = child.pid
        try:
            async with aclosing(child.lines()) as lines:
                async for line in lines:
                    self._hear(line)
        finally:
            self.watching = False
            self.pid = None
            status = await child.end(_PATIENCE)
        return self._trouble or (f"signal {-status}" if status < 0 else f"exit status {status}")

    def _hear(self, line: dict[str, object]) -> None:
        match line.get("type"):
            case "concern":
                self._concerned(concern(line))
            case "told":
                text = str(line.get("line"))
                self._told(Notice(text) if line.get("notice") else text)
            case "listening":
                self.watching = True
            case "failed":
                self._trouble = str(line.get("line"))
