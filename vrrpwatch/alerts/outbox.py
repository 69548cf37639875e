"""The outbox file: what every sink still has to be told, and what it was told of that still fires, in SQLite."""

import os
import sqlite3
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.alerts.alert import Alert, pack, unpack
from vrrpwatch.alerts.decide import Told

# "VWAO" in the file's header, so that no other SQLite file is taken for an outbox.
APPLICATION: Final = 0x5657414F
VERSION: Final = 1

_TABLES: Final = """
CREATE TABLE message (sequence INTEGER PRIMARY KEY, sink TEXT NOT NULL, alert TEXT NOT NULL) STRICT;
CREATE TABLE firing (
  sink TEXT NOT NULL, id TEXT NOT NULL, message TEXT, alert TEXT NOT NULL, PRIMARY KEY (sink, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE digest (
  sink TEXT NOT NULL, id TEXT NOT NULL, alert TEXT NOT NULL, PRIMARY KEY (sink, id)
) STRICT, WITHOUT ROWID;
"""


class OutboxError(Exception):
    """The file cannot be used; the text says which, why, and what to do."""


class Message(NamedTuple):
    """An alert on its way to one sink; ``sequence`` orders all of them."""

    sequence: int
    alert: Alert


@dataclass(slots=True)
class Lane:
    """All that is kept for one sink."""

    messages: list[Message] = field(default_factory=list)
    firing: dict[str, Told] = field(default_factory=dict)
    digests: dict[str, Alert] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What has to be written, in one transaction."""

    messages: dict[int, tuple[str, Alert]] = field(default_factory=dict)
    delivered: set[int] = field(default_factory=set)
    firing: dict[tuple[str, str], tuple[str | None, Alert] | None] = field(default_factory=dict)
    digests: dict[tuple[str, str], Alert | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.messages or self.delivered or self.firing or self.digests)

    def done(self, sequence: int) -> None:
        """A message was delivered or given up; one that was never written never needs to be."""
        if self.messages.pop(sequence, None) is None:
            self.delivered.add(sequence)


class Outbox:
    """An open file; one process has it at a time.  Methods raise :class:`sqlite3.Error` or :class:`OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unreadable = 0
        # Alerts name hosts and may hold what an attacker would like to know.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600))
        self._inode = _inode(path)
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except (sqlite3.Error, OutboxError):
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        # Exclusive: no second process may deliver the same messages.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns.
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")
        (application,) = run("PRAGMA application_id").fetchone()
        (version,) = run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables == 0:
            for statement in _TABLES.split(";"):
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION}")
            run(f"PRAGMA user_version = {VERSION}")
        elif application != APPLICATION:
            raise OutboxError(f"{self.path}: is no alert outbox; name another file")
        elif version != VERSION:
            raise OutboxError(f"{self.path}: is of version {version}, this program knows {VERSION}; name another file")
        run("COMMIT")

    @property
    def vanished(self) -> bool:
        """Whether the path no longer leads to the open file: what is written would be lost with it."""
        try:
            return _inode(self.path) != self._inode
        except OSError:
            return True

    def read(self) -> dict[str, Lane]:
        """All that is kept, by sink; ``unreadable`` counts what was none of ours."""
        lanes: dict[str, Lane] = {}
        run = self._connection.execute
        for sequence, sink, text in run("SELECT sequence, sink, alert FROM message ORDER BY sequence"):
            if alert := self._unpack(text):
                lanes.setdefault(sink, Lane()).messages.append(Message(sequence, alert))
        for sink, id_, message, text in run("SELECT sink, id, message, alert FROM firing"):
            if alert := self._unpack(text):
                lanes.setdefault(sink, Lane()).firing[id_] = Told(alert, None, message)
        for sink, id_, text in run("SELECT sink, id, alert FROM digest"):
            if alert := self._unpack(text):
                lanes.setdefault(sink, Lane()).digests[id_] = alert
        return lanes

    def write(self, changes: Changes) -> None:
        """Writes all changes or none; they are on the disk when this returns."""
        run, many = self._connection.execute, self._connection.executemany
        run("BEGIN IMMEDIATE")
        try:
            self._put(changes)
            many("DELETE FROM message WHERE sequence = ?", ((sequence,) for sequence in changes.delivered))
            gone = ((sink, id_) for (sink, id_), row in changes.firing.items() if row is None)
            many("DELETE FROM firing WHERE sink = ? AND id = ?", gone)
            closed = ((sink, id_) for (sink, id_), row in changes.digests.items() if row is None)
            many("DELETE FROM digest WHERE sink = ? AND id = ?", closed)
            run("COMMIT")
        except sqlite3.Error:
            self._undo()
            raise

    def replace(self, changes: Changes) -> None:
        """Makes the file hold what ``changes`` adds, and nothing else."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            for table in ("message", "firing", "digest"):
                run(f"DELETE FROM {table}")  # noqa: S608  # the names are ours
            self._put(changes)
            run("COMMIT")
        except sqlite3.Error:
            self._undo()
            raise

    def close(self) -> None:
        self._connection.close()

    def _put(self, changes: Changes) -> None:
        many = self._connection.executemany
        many(
            "INSERT OR REPLACE INTO message VALUES (?, ?, ?)",
            ((sequence, sink, pack(alert)) for sequence, (sink, alert) in changes.messages.items()),
        )
        many(
            "INSERT OR REPLACE INTO firing VALUES (?, ?, ?, ?)",
            ((*key, row[0], pack(row[1])) for key, row in changes.firing.items() if row is not None),
        )
        many(
            "INSERT OR REPLACE INTO digest VALUES (?, ?, ?)",
            ((*key, pack(alert)) for key, alert in changes.digests.items() if alert is not None),
        )

    def _undo(self) -> None:
        # A full disk may have ended the transaction already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _unpack(self, text: str) -> Alert | None:
        try:
            return unpack(text)
        except ValueError:
            self.unreadable += 1
            return None


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(None, "is no regular file")
    return status.st_dev, status.st_ino


def open_outbox(path: Path) -> tuple[Outbox, str | None]:
    """Opens or makes the file; a damaged one is put aside, of which the second value tells.

    Raises :class:`OutboxError` where that is of no use.
    """
    try:
        return Outbox(path), None
    except (sqlite3.Error, OSError) as error:
        if not _damaged(error):
            raise _refusal(path, error) from None
    aside = next(name for name in _asides(path) if not name.exists())
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return Outbox(path), f"{path}: is damaged; it was renamed to {aside.name}, and a new outbox begins"
    except (sqlite3.Error, OSError) as error:
        raise _refusal(path, error) from None


def _damaged(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _asides(path: Path) -> Iterable[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.name}.damaged-{number}")
        number += 1


def _refusal(path: Path, error: sqlite3.Error | OSError) -> OutboxError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutboxError(f"{path}: another process uses this outbox; stop it, or name another file")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutboxError(f"{path}: cannot be opened ({reason}); check the path, its rights and the disk's room")


def snapshot(lanes: Mapping[str, Lane]) -> Changes:
    """Everything that is kept, as what an empty file lacks."""
    changes = Changes()
    for sink, lane in lanes.items():
        changes.messages.update((message.sequence, (sink, message.alert)) for message in lane.messages)
        changes.firing.update(((sink, id_), (told.message, told.alert)) for id_, told in lane.firing.items())
        changes.digests.update(((sink, id_), alert) for id_, alert in lane.digests.items())
    return changes
