"""Keeps what was done to firewall rules; told twice, it is there once."""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from vrrpwatch.core.rulechange import RuleChange
from vrrpwatch.store.codec import MAX_KEY, clean, whole
from vrrpwatch.store.connecting import LOCK_TIMEOUT, writing
from vrrpwatch.store.dialects import insert
from vrrpwatch.store.opened import Opened
from vrrpwatch.store.places import Place, StoreError, trouble
from vrrpwatch.store.tables import RuleChangeRow


def record(where: Place, changes: Sequence[RuleChange]) -> None:
    """Writes them; the store is made where there is none.  They are on the disk when this returns.

    Raises :class:`StoreError`.
    """
    try:
        store = Opened(where, LOCK_TIMEOUT)
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(trouble(where, error)) from None
    except StoreError as error:
        raise StoreError(f"{where.name}: {error}") from None
    try:
        with writing(store.engine) as connection, connection.begin():
            statement = insert(connection, RuleChangeRow).on_conflict_do_nothing(index_elements=["key"])
            connection.execute(statement, [_row(change) for change in changes])
    except SQLAlchemyError as error:
        raise StoreError(trouble(where, error)) from None
    finally:
        store.close()


def _row(change: RuleChange) -> dict[str, object]:
    return {
        "key": clean(change.key, MAX_KEY),
        "at": whole(change.at),
        "host": clean(change.host, MAX_KEY),
        "who": clean(change.who, MAX_KEY),
        "action": change.action,
        "places": list(change.places),
        "files": [[clean(name), digest] for name, digest in change.files],
        "reason": clean(change.reason),
    }
