"""A sensor's open store, and what becomes of it when somebody moves, deletes or replaces an SQLite store's file."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from vrrpwatch.core.model import Seconds
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.migrating import upgrade
from vrrpwatch.store.places import Place, StoreError, file_identity

# What SQLite keeps beside a file that is open: the write-ahead log and its index.
_BESIDE: Final = ("-wal", "-shm")


class Opened:
    """A store that is open and up to date; its file is made where there is none.

    Raises :class:`StoreError`, SQLAlchemy's errors and ``OSError`` where it cannot be opened.
    """

    def __init__(self, where: Place, lock_timeout: Seconds) -> None:
        self._path = where.path
        if where.path is not None:
            where.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.engine: Engine = connect(where, lock_timeout)
        try:
            upgrade(self.engine)
        except (SQLAlchemyError, StoreError):
            self._dispose()
            raise
        self._file = file_identity(where.path)
        self._beside = {path: file_identity(path) for path in self._names()}

    @property
    def gone(self) -> bool:
        """Whether nothing is where the file was."""
        return self._path is not None and file_identity(self._path) is None

    @property
    def changed(self) -> str | None:
        """Why nothing may be written: SQLite itself would go on in a file that nobody finds under its name any more."""
        if self._path is None or file_identity(self._path) == self._file:
            return None
        self._complete()
        if self.gone:
            return "the file was moved or deleted; a new one is made unless it comes back soon"
        return "the file was replaced by another one, which is used from now on"

    def close(self) -> None:
        """Closes it; a file that has taken the place of this one is not left with this one's log beside it."""
        changed = self.changed is not None
        self._dispose()
        if changed:
            for path, known in self._beside.items():
                if known is not None and file_identity(path) == known:
                    with suppress(OSError):
                        path.unlink()

    def _complete(self) -> None:
        # The newest of what was acknowledged may be in the log only, and the log does not move along with the file.
        with suppress(SQLAlchemyError), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _dispose(self) -> None:
        # A connection that broke cannot be closed in good order.
        with suppress(SQLAlchemyError):
            self.engine.dispose()

    def _names(self) -> list[Path]:
        return [] if self._path is None else [self._path.with_name(self._path.name + suffix) for suffix in _BESIDE]
