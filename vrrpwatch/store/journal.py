"""The journal of one sensor: takes news without delay, and a thread of its own makes them durable.

While the database is away the news wait in memory, bounded; when it is back they are written.
"""

import threading
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from vrrpwatch.core.model import NANOSECONDS, Instant, Seconds
from vrrpwatch.core.news import News
from vrrpwatch.store.backlog import MAX_BACKLOG, Backlog
from vrrpwatch.store.connecting import LOCK_TIMEOUT
from vrrpwatch.store.opened import Opened
from vrrpwatch.store.places import StoreError, place, trouble
from vrrpwatch.store.runs import Runs
from vrrpwatch.store.volume import Retention
from vrrpwatch.store.writing import Writer, acknowledged, noted, silenced

# Seconds between attempts while the database is away: doubled from the first to the last.
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 15.0
# Seconds between two writes of what may be lost in a power cut anyway: volume and states.
_PACE: Final = 1.0
# A database that has not answered for so long may never do.
_SLOW: Final = 10 * NANOSECONDS


class JournalState(NamedTuple):
    """How the journal does: ``reason`` says why it is degraded, ``waiting`` how many things are not written yet.

    ``lost`` counts by name what was given up since the start: for want of room, or because the database refused it.
    """

    status: Literal["ok", "degraded"]
    reason: str | None
    waiting: int
    lost: dict[str, int]


class Journal:
    """Records what a sensor tells in the store at ``url``.

    ``clock`` gives nanoseconds since the Unix epoch.  ``alarm`` is called, in the journal's thread and without its
    lock, when the database fails and when it is back; it must not raise.  A database that hangs shows in
    :attr:`state` only.  Raises :class:`StoreError` for a ``url`` that can never work; all other trouble with the
    database goes to ``alarm`` and :attr:`state`.
    """

    def __init__(
        self,
        url: str,
        sensor: str,
        *,
        clock: Callable[[], Instant],
        keep: Retention | None = None,
        limit: int = MAX_BACKLOG,
        alarm: Callable[[JournalState], None] | None = None,
        first_delay: Seconds = _FIRST_DELAY,
        longest_delay: Seconds = _LONGEST_DELAY,
        lock_timeout: Seconds = LOCK_TIMEOUT,
        pace: Seconds = _PACE,
    ) -> None:
        self._place = place(url)
        self._clock = clock
        self._alarm = alarm
        self._delays: Final = (first_delay, longest_delay)
        self._lock_timeout = lock_timeout
        self._pace = pace
        self._writer = Writer(sensor, clock(), keep or Retention())
        self._runs = Runs()
        self._changed = threading.Condition()
        # All below is guarded by the condition's lock.
        self._backlog = Backlog(limit)
        self._writing: Backlog | None = None
        self._writing_since: Instant = 0
        self._recorded = 0
        self._acknowledged = 0
        self._reason: str | None = None
        self._hurry = False
        self._closing = False
        self._closed = False
        self._tried = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def sensor(self) -> str:
        """The sensor's name as the store has it."""
        return self._writer.name

    @property
    def recorded(self) -> int:
        """The number of the newest news: how often :meth:`record` was called."""
        with self._changed:
            return self._recorded

    @property
    def acknowledged(self) -> int:
        """All news up to this number are durable, but for what ``state.lost`` counts: they survive kill -9.

        Events and findings survive a power cut as well.
        """
        with self._changed:
            return self._acknowledged

    @property
    def state(self) -> JournalState:
        with self._changed:
            return self._state()

    def record(self, news: News) -> int:
        """Takes news in, and returns their number; never waits for the database and never fails because of it."""
        with self._changed:
            self._recorded += 1
            self._backlog.put(self._recorded, news, self._runs)
            self._changed.notify_all()
            return self._recorded

    def acknowledge(self, finding_id: str, who: str) -> None:
        """Notes that a person has seen a finding (an empty ``who`` takes it back)."""
        self._mark(finding_id, acknowledged(who, self._clock()))

    def silence(self, finding_id: str, until: Instant | None) -> None:
        """Notes that nobody wants to hear of a finding before ``until``."""
        self._mark(finding_id, silenced(until))

    def note(self, finding_id: str, text: str) -> None:
        """Keeps a person's remark with a finding."""
        self._mark(finding_id, noted(text))

    def flush(self, timeout: Seconds = 5.0) -> bool:
        """Waits until all that was recorded is durable; False where that takes longer."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not len(self._backlog) and self._idle(), timeout)

    def close(self, timeout: Seconds = 5.0) -> bool:
        """Flushes and ends the thread; False where something could not be written in time and is lost."""
        with self._changed:
            self._closing = True
        done = self.flush(timeout)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A database that hangs must not keep the program from ending.
        self._thread.join(timeout if done else self._lock_timeout)
        return done

    def _idle(self) -> bool:
        return self._writing is None and self._acknowledged == self._recorded

    def _mark(self, finding_id: str, columns: dict[str, Any]) -> None:
        with self._changed:
            self._backlog.mark(finding_id, **columns)
            self._changed.notify_all()

    def _state(self) -> JournalState:
        lost = dict(self._backlog.lost)
        waiting = len(self._backlog) + (0 if self._writing is None else len(self._writing))
        if self._writer.refused:
            lost["refused"] = self._writer.refused
        reason = self._reason
        if reason is None and self._writing is not None:
            silent = self._clock() - self._writing_since
            if silent > _SLOW:
                reason = f"{self._place.name}: has not answered for {silent // NANOSECONDS} s"
        return JournalState("ok" if reason is None else "degraded", reason, waiting, lost)

    def _run(self) -> None:
        try:
            self._keep_writing()
        finally:
            with self._changed:
                if not self._closed:
                    self._reason = "the journal was stopped by a fault of the program"

    def _keep_writing(self) -> None:
        store: Opened | None = None
        delay = self._delays[0]
        while (backlog := self._next()) is not None:
            reason = None
            try:
                if store is not None and store.gone and not self._waits_for_file(delay):
                    store.close()
                    store = None
                if store is None:
                    store = Opened(self._place, self._lock_timeout)
                    self._writer.reopen()
                reason = self._write(store, backlog)
            except (SQLAlchemyError, OSError) as error:
                reason = trouble(self._place, error)
            except StoreError as error:
                reason = f"{self._place.name}: {error}"
            if reason is None:
                delay = self._delays[0]
                self._written(backlog)
                continue
            if store is not None and not store.gone:
                store.close()
                store = None
            self._failed(backlog, reason)
            self._pause(delay)
            delay = min(delay * 2, self._delays[1])
        if store is not None:
            store.close()

    def _write(self, store: Opened, backlog: Backlog) -> str | None:
        """Writes all of ``backlog``; says why where it is not to be found in the store afterwards."""
        reason = store.changed
        if reason is None and backlog.last:
            whole = backlog.head(len(backlog))
            self._writer.write(store.engine, backlog)
            reason = store.changed
            if reason is not None:
                # The file went away meanwhile, and writing a thing twice is as good as once.
                backlog.put_back(whole)
        return None if reason is None else f"{self._place.name}: {reason}"

    def _waits_for_file(self, delay: Seconds) -> bool:
        """Whether a file that is gone may come back: what went to a new one would then be lost."""
        with self._changed:
            return delay < self._delays[1] and not self._closing

    def _next(self) -> Backlog | None:
        """Waits for something to write and takes it; ``None`` when the journal was closed.

        The first time, and while there is trouble, it does not wait: an empty backlog shows whether the store is there.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or len(self._backlog)
                    or not self._idle()
                    or not self._tried
                    or self._reason is not None
                )
            )
            if self._tried:
                # Every write is one to the disk, and news come several times a second.
                self._changed.wait_for(
                    lambda: self._closed or self._hurry or self._backlog.precious or self._reason is not None,
                    self._pace,
                )
            self._tried = True
            self._hurry = False
            if self._closed:
                return None
            taken = self._backlog
            taken.last = self._recorded
            # What is lost is counted in one place.
            self._backlog = Backlog(taken.limit, lost=taken.lost)
            taken.lost = {}
            self._writing = taken
            self._writing_since = self._clock()
            return taken

    def _written(self, backlog: Backlog) -> None:
        with self._changed:
            self._writing = None
            self._acknowledged = max(self._acknowledged, backlog.last)
            recovered = self._reason is not None
            self._reason = None
            self._changed.notify_all()
            state = self._state()
        if recovered and self._alarm is not None:
            self._alarm(state)

    def _failed(self, backlog: Backlog, reason: str) -> None:
        with self._changed:
            self._backlog.put_back(backlog)
            self._writing = None
            degraded = self._reason is None
            self._reason = reason
            self._changed.notify_all()
            state = self._state()
        if degraded and self._alarm is not None:
            self._alarm(state)

    def _pause(self, delay: Seconds) -> None:
        # News keep coming meanwhile; only who closes or flushes is in a hurry.
        with self._changed:
            self._hurry = False
            self._changed.wait_for(lambda: self._closed or self._hurry, delay)
