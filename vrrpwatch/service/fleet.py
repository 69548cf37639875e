"""A store as a screen shows it: polled in the background, with people's decisions written there."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Final

from vrrpwatch.core.model import Instant
from vrrpwatch.service.shared import SharedView
from vrrpwatch.store.fleet import Fleet
from vrrpwatch.store.places import StoreError

# Seconds between two looks at the store.
POLL: Final = 1.0


class _Polled(SharedView):
    """A fleet that says when it could not be read of late."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self.abridged: Final = True
        self.trouble: StoreError | None = None

    @property
    def now(self) -> Instant:
        if self.trouble is not None:
            raise self.trouble
        return super().now


class FleetRun:
    """All sensors of the store at ``url``; ``who`` is noted with what is acknowledged.

    :meth:`pump` runs in a thread of its own; all else may be called from any other and never waits for the store.
    """

    def __init__(self, url: str, who: str) -> None:
        """Raises :class:`vrrpwatch.store.places.StoreError` where there is no such store."""
        self.fleet: Final = Fleet(url, clock=time.time_ns)
        self.view: Final = _Polled(self.fleet)
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
        """Polls and writes until ``closing`` is set; trouble with the store shows in the view until it is over."""
        while not closing.is_set():
            try:
                self._work()
                self.view.trouble = None
            except StoreError as error:
                self.view.trouble = error
                closing.wait(POLL)

    def _work(self) -> None:
        try:
            self._wanted.get(timeout=POLL)()
        except Empty:
            self.fleet.poll()

    def close(self) -> None:
        self.fleet.close()
