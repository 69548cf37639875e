"""Every earlier store is brought up to date with what it holds, and the tables are those of the models."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from vrrpwatch.store.connecting import connect
from vrrpwatch.store.migrating import HEAD, VERSION_TABLE, require_current, revision, upgrade
from vrrpwatch.store.places import StoreError, place
from vrrpwatch.store.tables import Base

VERSIONS = Path(__file__).parents[2] / "vrrpwatch/store/migrations/versions"
STEPS = sorted(path.stem for path in VERSIONS.glob("r*.py"))


def now(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return revision(connection)


def test_the_newest_step_is_the_one_that_is_asked_for() -> None:
    assert STEPS[-1] == HEAD


def test_migrations_make_the_tables_of_the_models(engine: Engine) -> None:
    assert upgrade(engine) == (None, HEAD)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("step", STEPS)
def test_every_earlier_store_is_brought_up_to_date_with_what_it_holds(engine: Engine, step: str) -> None:
    upgrade(engine, step)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sensors VALUES (1, 'old', '0', 1, 2, 3, 4, 5, 6, 7, 8, 9, '{}')",
            )
        )
    assert upgrade(engine) == (step, HEAD)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name, adverts FROM sensors")).all() == [("old", 8)]
        require_current(connection)


def test_a_failed_step_leaves_nothing_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        # In the way of the second step.
        connection.execute(text("CREATE TABLE volume_minutes (x INTEGER)"))
    with pytest.raises(Exception, match="volume_minutes"):
        upgrade(engine)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"volume_minutes"}


def test_many_programs_may_start_at_once(url: str, engine: Engine) -> None:
    results: list[tuple[str | None, str]] = []

    def start() -> None:
        own = connect(place(url), lock_timeout=20)
        results.append(upgrade(own))
        own.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [(HEAD, HEAD)] * 3 + [(None, HEAD)]
    assert now(engine) == HEAD


def test_a_store_of_a_newer_version_is_left_alone(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE vrrpwatch_revision SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match=r"newer version \(step r9999\); upgrade vrrpwatch"):
        upgrade(engine)
    with engine.connect() as connection, pytest.raises(StoreError, match="newer version"):
        require_current(connection)


def test_tables_of_an_older_version_are_told_apart_from_newer_ones(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StoreError, match="run vrrpwatch store upgrade"):
        require_current(connection)
