"""The thread that puts changes into the outbox file, so that nobody else ever waits for a disk."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vrrpwatch.alerts.backoff import Backoff
from vrrpwatch.alerts.outbox import Changes, Outbox, OutboxError, open_outbox
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice

# Local disks come back quickly or not at all.
CAP: Final[Seconds] = 10.0


class Writer:
    """Writes ``changes`` as they come; ``everything`` gives the whole state, for when the file missed something.

    ``told`` counts what was told to the program, ``acknowledged`` how much of that is safe.  ``lock`` guards all
    three; while the file cannot be written, only the state in memory grows.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        lock: threading.RLock,
        everything: Callable[[], Changes],
        alarm: Callable[[str], None],
        random: Callable[[], float],
    ) -> None:
        self.changes = Changes()
        self.told = 0
        self.acknowledged = 0
        self.progress = threading.Condition(lock)
        self._lock = lock
        self._path: Path = outbox.path
        self._outbox: Outbox | None = outbox
        self._everything = everything
        self._alarm = alarm
        self._backoff = Backoff(random, cap=CAP)
        self._behind = False
        self._failing = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="alerts outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def changed(self) -> None:
        """There is something to write; called with the lock held."""
        self.progress.notify_all()

    def rewrite(self) -> None:
        """The file is to hold what is in memory, and nothing else; called with the lock held."""
        self._behind = True
        self.progress.notify_all()

    def stop(self, timeout: Seconds) -> bool:
        """Writes what there is to write, once, and closes the file; returns whether all of it is safe."""
        with self._lock:
            self._stopping = True
            self.progress.notify_all()
        self._thread.join(max(timeout, 0.0))
        with self._lock:
            return not self._behind and not self.changes and not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                self.progress.wait_for(self._due)
                if self._stopping and not self._pending():
                    break
                told, behind, changes = self.told, self._behind, self.changes
                if behind:
                    changes = self._everything()
                self.changes, self._behind = Changes(), False
            failure = self._write(changes, behind)
            with self._lock:
                if failure is None:
                    self._succeeded(told)
                elif self._failed(failure):
                    break
        if self._outbox is not None:
            self._outbox.close()

    def _due(self) -> bool:
        return self._stopping or self._pending()

    def _pending(self) -> bool:
        return self._behind or bool(self.changes) or self.told > self.acknowledged

    def _write(self, changes: Changes, behind: bool) -> str | None:
        """Why it failed, if it did."""
        try:
            if self._outbox is not None and self._outbox.vanished:
                return "has vanished"
            if self._outbox is None:
                self._outbox, trouble = open_outbox(self._path)
                if trouble:
                    self._alarm(trouble)
            if behind:
                self._outbox.replace(changes)
            elif changes:
                self._outbox.write(changes)
        except (sqlite3.Error, OSError) as error:
            return f"cannot be written ({error})"
        except OutboxError as error:
            return str(error).removeprefix(f"{self._path}: ")
        return None

    def _succeeded(self, told: int) -> None:
        self.acknowledged = told
        self._backoff.succeeded()
        if self._failing:
            self._failing = False
            self._alarm(Notice(f"{self._path}: is written again, nothing is missing in it"))
        self.progress.notify_all()

    def _failed(self, failure: str) -> bool:
        """Waits for the next attempt; returns whether there shall be none."""
        # What could not be written is in memory still, and goes with everything.
        self._behind = True
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None
        if not self._failing:
            self._failing = True
            self._alarm(f"{self._path}: {failure}; alerts are kept in memory only until it can be written again")
        if self._stopping:
            return True
        self.progress.wait_for(lambda: self._stopping, self._backoff.failed())
        return False
