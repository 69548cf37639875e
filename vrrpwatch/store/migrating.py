"""Brings a store's tables up to date, one program at a time."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from vrrpwatch.store.connecting import writing
from vrrpwatch.store.places import StoreError

# The newest step; a store that has it needs no look at the others.
HEAD: Final = "r0003"
# Its name tells whose it is where the database has other tables too.
VERSION_TABLE: Final = "vrrpwatch_revision"
_FOLDER: Final = Path(__file__).parent / "migrations"
# Any number, as long as all of ours use it: "vrrpwatc" as ASCII.
_LOCK: Final = 0x7672727077617463


def revision(connection: Connection) -> str | None:
    """The step that a store is at; ``None`` where it has no tables yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return None if found is None else str(found)


def upgrade(engine: Engine, target: str = HEAD) -> tuple[str | None, str]:
    """Applies all steps up to ``target`` in one transaction; returns the step before and the one now.

    Raises :class:`StoreError` where a newer vrrpwatch made the store, and SQLAlchemy's errors for the database's.
    """
    with engine.connect() as connection:
        # The usual case, and one that waits for nobody.
        if revision(connection) == target:
            return target, target
    with writing(engine) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            # SQLite's transaction excludes others by itself.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = revision(connection)
        if before != target:
            _apply(connection, before, target)
    return before, target


def require_current(connection: Connection) -> None:
    """Raises :class:`StoreError` unless the store has the tables of this version."""
    found = revision(connection)
    if found == HEAD:
        return
    if found is None or _known(found):
        raise StoreError("the store's tables are of an older version; run vrrpwatch store upgrade")
    raise StoreError(f"the store is of a newer version (step {found}); upgrade vrrpwatch")


def _known(step: str) -> bool:
    return (_FOLDER / "versions" / f"{step}.py").is_file()


def _apply(connection: Connection, before: str | None, target: str) -> None:
    # It takes a fifth of a second to import, and is needed once in a store's life.
    from alembic import command
    from alembic.config import Config

    if before is not None and not _known(before):
        raise StoreError(f"the store is of a newer version (step {before}); upgrade vrrpwatch")
    config = Config(attributes={"connection": connection})
    # The value is a template of configparser's.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    command.upgrade(config, target)
