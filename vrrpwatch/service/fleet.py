"""A store as a screen shows it: polled in the background, with people's decisions written there."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Final

from vrrpwatch.core.model import Instant
from vrrpwatch.store.fleet import Fleet

# Seconds between two looks at the store.
POLL: Final = 1.0


class FleetRun:
    """All sensors of the store at ``url``; ``who`` is noted with what is acknowledged.

    :meth:`pump` runs in a thread of its own; all else may be called from any other and never waits for the store.
    """

    def __init__(self, url: str, who: str) -> None:
        """Raises :class:`vrrpwatch.store.places.StoreError` where there is no such store."""
        self.fleet: Final = Fleet(url, clock=time.time_ns)
        self._who = who
        self._wanted: SimpleQueue[Callable[[], bool]] = SimpleQueue()
        self.fleet.poll()

    def acknowledge(self, finding: str) -> None:
        self._wanted.put(lambda: self.fleet.acknowledge(finding, self._who))

    def withdraw(self, finding: str) -> None:
        self._wanted.put(lambda: self.fleet.acknowledge(finding, ""))

    def silence(self, finding: str, until: Instant) -> None:
        self._wanted.put(lambda: self.fleet.silence(finding, until))

    def pump(self, closing: Flag) -> None:
        """Polls and writes until ``closing`` is set; raises :class:`vrrpwatch.store.places.StoreError` for trouble."""
        while not closing.is_set():
            try:
                self._wanted.get(timeout=POLL / 4)()
            except Empty:
                self.fleet.poll()

    def close(self) -> None:
        self.fleet.close()
