"""``INSERT … ON CONFLICT`` for both databases, which say it alike."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, case
from sqlalchemy.dialects import postgresql, sqlite

from vrrpwatch.store.tables import Base


def insert(connection: Connection, table: type[Base]) -> sqlite.Insert:
    """An insert that knows conflicts, in the connection's dialect."""
    if connection.dialect.name == "postgresql":
        # The two classes have the same methods, but no common name for them.
        return cast("sqlite.Insert", postgresql.insert(table))
    return sqlite.insert(table)


def insert_many(
    connection: Connection,
    table: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    grows: Sequence[str] = (),
    replaces: Sequence[str] = (),
) -> None:
    """Inserts rows; where the primary key is there, ``grows`` take the greater value and ``replaces`` the new one."""
    if not rows:
        return
    statement = insert(connection, table)
    columns = table.__table__.c
    changes: dict[str, Any] = {
        name: case((statement.excluded[name] > columns[name], statement.excluded[name]), else_=columns[name])
        for name in grows
    }
    changes.update({name: statement.excluded[name] for name in replaces})
    key = [column.name for column in table.__table__.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)
