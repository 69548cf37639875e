"""Connections to a store: how SQLite and PostgreSQL are set up, and how a transaction begins in each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from vrrpwatch.store.places import Place, StoreError, trouble

# Execution options of a connection: whether it will write, and whether a commit must reach the disk before it returns.
WRITE: Final = "vrrpwatch_write"
DURABLE: Final = "vrrpwatch_durable"
# Seconds: a lock held longer than that is trouble to tell of, not to wait out.
LOCK_TIMEOUT: Final = 2
_CONNECT_TIMEOUT: Final = 5
_STATEMENT_TIMEOUT: Final = 60
# Pages of 4 KiB that may pile up in the write-ahead log before they are moved to the file.
_CHECKPOINT: Final = 1_000


def connect(place: Place, lock_timeout: float = LOCK_TIMEOUT, *, make: bool = True) -> Engine:
    """An engine for ``place``; nothing is opened until it is used.  ``lock_timeout`` is in seconds.

    Without ``make`` a file of SQLite's stays as it is set up: who may not write to it can read it still.
    """
    if place.path is not None:
        return _sqlite(place, lock_timeout, make)
    return _postgresql(place, lock_timeout)


def existing(place: Place) -> Engine:
    """An engine for a store that is there already; raises :class:`StoreError` where none is."""
    if place.path is not None and not place.path.is_file():
        raise StoreError(f"{place.name}: there is no store; vrrpwatch watch or vrrpwatch store upgrade makes one")
    engine = connect(place, make=False)
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        engine.dispose()
        raise StoreError(trouble(place, error)) from None
    return engine


@contextmanager
def asked(place: Place) -> Iterator[Connection]:
    """A connection for questions to a store that is there already; what goes wrong becomes a :class:`StoreError`."""
    engine = existing(place)
    try:
        with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(trouble(place, error)) from None
    finally:
        engine.dispose()


def _sqlite(place: Place, lock_timeout: float, make: bool) -> Engine:
    # One connection, handed from thread to thread but never shared at a time.
    engine = create_engine(
        place.url, pool_size=1, max_overflow=4, connect_args={"timeout": lock_timeout, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, _: object) -> None:
        # Python's driver begins transactions by guess; here each begins where SQLAlchemy says.
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            if make:
                # Before the first table: only then space that pruning frees can go back to the file system.
                cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
                cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
        finally:
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(WRITE):
            # In WAL mode NORMAL survives the end of the process, FULL also that of the power.
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get(DURABLE, True) else 'NORMAL'}")
            # A transaction that reads first and writes later fails at once when another has written in between.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _postgresql(place: Place, lock_timeout: float) -> Engine:
    settings: dict[str, Any] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    settings["tcp_user_timeout"] = 15_000
    settings["connect_timeout"] = _CONNECT_TIMEOUT
    engine = create_engine(
        place.url,
        pool_size=1,
        max_overflow=4,
        connect_args={key: value for key, value in settings.items() if key not in place.url.query},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(f"SET lock_timeout = {round(lock_timeout * 1000)}")
            cursor.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT * 1000}")
        finally:
            cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(WRITE) and not options.get(DURABLE, True):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    return engine


def writing(engine: Engine, durable: bool = True) -> Connection:
    """A connection whose transactions write; without ``durable`` a power cut may take the newest of them back."""
    return engine.connect().execution_options(**{WRITE: True, DURABLE: durable})
