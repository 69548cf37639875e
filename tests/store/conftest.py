"""Stores to test with: an SQLite file, and a database on a PostgreSQL server that runs for the tests alone."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.store.postgresql import Server, programs
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.places import place


@pytest.fixture(scope="session")
def server() -> Generator[Server]:
    """A PostgreSQL server."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed")
    with Server(folder) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store in either database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def engine(url: str) -> Generator[Engine]:
    """A connection to look with."""
    made = connect(place(url))
    yield made
    made.dispose()
