"""A store as a screen shows it: polled in the background, with people's decisions written there."""

import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Final

from vrrpwatch.core.model import NANOSECONDS, GroupKey, Instant
from vrrpwatch.service.sensors import Sensors, unheard
from vrrpwatch.service.shared import SharedView
from vrrpwatch.service.silences import NONE, Silences
from vrrpwatch.store.fleet import Fleet
from vrrpwatch.store.places import StoreError

# Seconds between two looks at the store.
POLL: Final = 1.0


class _Polled(SharedView):
    """A fleet by the clock of who looks; it says when it could not be read of late."""

    def __init__(self, fleet: Fleet, clock: Callable[[], Instant]) -> None:
        super().__init__(fleet)
        self.abridged: Final = True
        self._fleet = fleet
        self._clock = clock
        self.trouble: StoreError | None = None

    @property
    def now(self) -> Instant:
        if self.trouble is not None:
            raise self.trouble
        # The newest news may be old: sensors stop.
        return self._clock()

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        """As far as it was told: a sensor tells of what only goes on every ten seconds."""
        with self.lock:
            group, beats = self._fleet.group(key), self._fleet.heartbeat(key)
            if group is None or group.state == "lost":
                return beats
            return beats[: len(beats) - max(0, self._fleet.now // NANOSECONDS - group.last // NANOSECONDS)]


class FleetRun:
    """All sensors of the store at ``url``; ``who`` is noted with what is acknowledged.

    :meth:`pump` runs in a thread of its own; all else may be called from any other and never waits for the store.
    """

    def __init__(self, url: str, who: str, clock: Callable[[], Instant] = time.time_ns) -> None:
        """``clock`` gives nanoseconds since the epoch.

        Raises :class:`vrrpwatch.store.places.StoreError` where there is no such store.
        """
        self.fleet: Final = Fleet(url, clock=clock)
        self.view: Final = _Polled(self.fleet, clock)
        self._who = who
        self._clock = clock
        self._sensors = Sensors()
        self._unheard: frozenset[GroupKey] = frozenset()
        self._silences = NONE
        self._looked = 0
        self._wanted: SimpleQueue[Callable[[], bool]] = SimpleQueue()
        self._poll()

    def silences(self) -> Silences:
        """Which sensors have gone silent; asked by one thread, and worked out once a second."""
        now = self._clock()
        # While the store cannot be read, nobody is silent but the store.
        if self.view.trouble is None and now // NANOSECONDS != self._looked:
            self._looked = now // NANOSECONDS
            self._silences = self._sensors.silences(self.fleet.sensors(), self._unheard, now)
        return self._silences

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
            self._poll()

    def _poll(self) -> None:
        self.fleet.poll()
        self._unheard = unheard(self.fleet.rows(), self.fleet.sensors())

    def close(self) -> None:
        self.fleet.close()
