"""A database that is locked, full, gone or down: news wait in memory, the alarm says why, and all is caught up."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from tests.store.postgresql import Server
from tests.store.telling import clock, event, finding, news, second
from tests.store.waiting import wait_until
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.store.backlog import Backlog
from vrrpwatch.store.connecting import connect, writing
from vrrpwatch.store.journal import Journal, JournalState
from vrrpwatch.store.places import StoreError, place
from vrrpwatch.store.tables import EventRow
from vrrpwatch.store.writing import Writer

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
input()
connection.close()
"""


class Watched:
    """A journal in a hurry, and what its alarm said."""

    def __init__(self, url: str, limit: int = 1000, longest_delay: float = 0.1) -> None:
        self.said: list[JournalState] = []
        self.url = url
        self.journal = Journal(
            url,
            "one",
            clock=clock,
            alarm=self.said.append,
            limit=limit,
            first_delay=0.01,
            longest_delay=longest_delay,
            lock_timeout=0.05,
        )

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.journal.record(news(number, events=(event(number, number),), seconds=(second(number),)))

    def degraded(self) -> JournalState:
        wait_until(lambda: self.journal.state.status == "degraded")
        return self.journal.state

    def recovered(self) -> list[int]:
        """The numbers of all events, after all is written."""
        assert self.journal.flush(30), self.journal.state
        assert self.journal.state == JournalState("ok", None, 0, {})
        wait_until(lambda: [state.status for state in self.said] == ["degraded", "ok"])
        assert self.journal.acknowledged == self.journal.recorded
        return self.events()

    def events(self) -> list[int]:
        return events_of(self.url)


def events_of(url: str | Path) -> list[int]:
    """The numbers of all events in a store."""
    engine = connect(place(str(url)))
    with engine.connect() as connection:
        found = connection.execute(select(EventRow.packet).order_by(EventRow.packet)).scalars().all()
    engine.dispose()
    return list(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.db"


def test_another_program_holds_the_database(path: Path) -> None:
    watched = Watched(str(path))
    watched.tell(1)
    assert watched.journal.flush(30)
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        watched.tell(2, 3)
        state = watched.degraded()
        assert state.reason == f"{path}: database is locked; another program holds it: close that, or wait"
        assert state.waiting == 4
        assert watched.journal.acknowledged == 1
        assert not watched.journal.flush(0.01)
        other.stdin.write("\n")
        other.stdin.flush()
        assert watched.recovered() == [1, 2, 3]
    assert watched.journal.close()


def test_a_database_that_does_not_answer_shows_in_the_state(url: str, engine: Engine) -> None:
    now = [0]
    journal = Journal(url, "one", clock=lambda: now[0], lock_timeout=20)
    journal.record(news(1, events=(event(1, 1),)))
    assert journal.flush(30)
    with writing(engine) as connection, connection.begin():
        connection.execute(text("UPDATE sensors SET version = 'held'"))
        journal.record(news(2, events=(event(2, 2),)))
        wait_until(lambda: journal.state.waiting == 1)
        assert journal.state.reason is None

        def eleven_seconds_later() -> bool:
            now[0] += 11 * NANOSECONDS
            return journal.state.status == "degraded"

        wait_until(eleven_seconds_later)
        assert re.search(r": has not answered for (11|22|33) s$", str(journal.state.reason))
    assert journal.flush(30)
    assert journal.state == JournalState("ok", None, 0, {})
    assert journal.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of half a megabyte."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_the_disk_is_full_and_then_has_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    path = small_disk / "journal.db"
    watched = Watched(str(path))
    watched.tell(1)
    assert watched.journal.flush(30)
    with pytest.raises(OSError, match="No space"):
        fill(ballast)
    watched.tell(*range(2, 200))
    state = watched.degraded()
    assert state.reason is not None
    assert "disk" in state.reason
    ballast.unlink()
    assert watched.recovered() == list(range(1, 200))
    assert watched.journal.close()


def test_a_database_that_is_deleted_is_made_anew(path: Path) -> None:
    watched = Watched(str(path))
    watched.tell(1)
    assert watched.journal.flush(30)
    shutil.rmtree(path.parent)
    watched.tell(2)
    assert watched.recovered() == [2]
    assert watched.said[0].reason == (
        f"{path}: the file was moved or deleted; a new one is made unless it comes back soon"
    )
    assert watched.journal.close()


def test_a_database_that_is_moved_away_and_back_lacks_nothing(path: Path) -> None:
    # So patient that it would not make a new one before the test is over.
    watched = Watched(str(path), longest_delay=1000)
    watched.tell(1)
    assert watched.journal.flush(30)
    elsewhere = path.with_name("elsewhere.db")
    path.rename(elsewhere)
    watched.tell(2)
    watched.degraded()
    # What was acknowledged is in the file itself, which SQLite's log did not follow.
    wait_until(lambda: path.with_name("journal.db-wal").stat().st_size == 0)
    assert events_of(elsewhere) == [1]
    assert not path.exists()
    watched.tell(3)
    elsewhere.rename(path)
    assert watched.recovered() == [1, 2, 3]
    assert watched.journal.close()


def test_a_journal_that_ends_while_its_file_is_gone_makes_a_new_one(path: Path) -> None:
    watched = Watched(str(path), longest_delay=1000)
    watched.tell(1)
    assert watched.journal.flush(30)
    path.rename(path.with_name("elsewhere.db"))
    watched.tell(2)
    watched.degraded()
    assert watched.journal.close(30)
    assert (events_of(path.with_name("elsewhere.db")), watched.events()) == ([1], [2])


def test_a_database_that_is_replaced_is_not_mixed_with_the_log_of_the_one_before(path: Path) -> None:
    other = Watched(str(path.with_name("other.db")))
    other.tell(*range(1, 50))
    assert other.journal.close(30)
    watched = Watched(str(path))
    watched.tell(*range(100, 300))
    assert watched.journal.flush(30)
    path.with_name("other.db").rename(path)
    watched.tell(300)
    assert watched.recovered() == [*range(1, 50), 300]
    assert watched.said[0].reason == f"{path}: the file was replaced by another one, which is used from now on"
    assert watched.journal.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_is_written_while_the_file_goes_away_is_written_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(str(path))
    watched.tell(1)
    assert watched.journal.flush(30)
    write = Writer.write

    def write_late(self: Writer, engine: Engine, backlog: Backlog) -> None:
        monkeypatch.undo()
        path.unlink()
        write(self, engine, backlog)

    monkeypatch.setattr(Writer, "write", write_late)
    watched.tell(2)
    assert watched.recovered() == [2]
    assert watched.journal.close()


def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    blocker = tmp_path / "folder"
    blocker.write_text("a file in the way")
    watched = Watched(str(blocker / "journal.db"))
    state = watched.degraded()
    assert state.reason is not None
    assert str(blocker) in state.reason
    watched.tell(1)
    blocker.unlink()
    assert watched.recovered() == [1]
    assert watched.journal.close()


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, which are longer than the header of a database\n" * 100)
    watched = Watched(str(path))
    watched.tell(1)
    assert watched.degraded().reason == f"{path}: file is not a database; the file is something else: name another"
    assert not watched.journal.close(0.1)
    assert path.read_text().startswith("my notes")


def test_postgresql_is_stopped_and_started_again(server: Server) -> None:
    watched = Watched(server.database())
    watched.tell(1)
    assert watched.journal.flush(30)
    server.stop()
    try:
        watched.tell(2, 3)
        state = watched.degraded()
        assert state.reason is not None
        assert state.reason.startswith("postgresql://root@/vrrpwatch")
    finally:
        server.start()
    assert watched.recovered() == [1, 2, 3]
    assert watched.journal.close()


def test_the_password_comes_from_a_file_and_is_never_shown(server: Server, tmp_path: Path) -> None:
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:*:wrong-secret\n")
    passfile.chmod(0o600)
    watched = Watched(f"{server.guard(server.database(), 'right-secret')}&passfile={passfile}")
    watched.tell(1)
    reason = watched.degraded().reason
    assert reason is not None
    assert "password authentication failed" in reason
    assert "secret" not in reason
    passfile.write_text("*:*:*:*:right-secret\n")
    assert watched.recovered() == [1]
    assert watched.journal.close()


def test_connections_that_postgresql_ends_are_made_again(server: Server) -> None:
    watched = Watched(server.database())
    watched.tell(1)
    assert watched.journal.flush(30)
    engine = connect(place(watched.url))
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()
    watched.tell(2)
    assert watched.journal.flush(30)
    assert watched.journal.close()


def test_volume_is_given_up_before_events_and_its_oldest_first(path: Path) -> None:
    path.parent.mkdir()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    watched = Watched(str(path), limit=100)
    watched.degraded()
    # 60 events and 100 seconds: 60 too many, and a tenth of the limit more.
    for number in range(1, 61):
        watched.tell(number)
    watched.journal.record(news(seconds=tuple(second(number) for number in range(61, 101))))
    lost = watched.journal.state.lost
    assert set(lost) == {"volume"}
    assert 60 <= lost["volume"] <= 70
    # 150 events: more than there is room for, so the oldest go.
    watched.tell(*range(61, 151))
    assert watched.journal.state.lost["events"] == 50
    holder.execute("ROLLBACK")
    holder.close()
    assert watched.journal.flush(30)
    assert watched.events() == list(range(51, 151))
    assert watched.journal.acknowledged == watched.journal.recorded == 151
    assert watched.journal.close()


def test_a_finding_that_grows_waits_once(path: Path) -> None:
    path.parent.mkdir()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    watched = Watched(str(path))
    watched.degraded()
    for number in range(1, 500):
        watched.journal.record(news(findings=(finding(count=number),), seconds=(second(7, number),)))
    # What is being tried just now counts as well, until it has failed again.
    wait_until(lambda: watched.journal.state.waiting == 2)
    holder.execute("ROLLBACK")
    holder.close()
    assert watched.recovered() == []
    assert watched.journal.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "the store has no name"),
        ("mysql://host/db", "mysql: no such kind of store"),
        ("sqlite://", "names no file"),
        (
            "postgresql://ann:secret@host/db",
            r"postgresql://ann:\*\*\*@host/db: a password in a URL shows .* \?passfile=FILE",
        ),
        ("postgresql://host/db?password=secret", "postgresql://host/db: a password in a URL"),
        ("postgresql://host:notaport/secret", "postgresql://…: is no URL of a store"),
        ("postgresql://host/db?passfile=/nowhere/pass", "/nowhere/pass: the password file cannot be read"),
    ],
)
def test_a_url_that_can_never_work_is_refused_without_its_secret(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        Journal(url, "one", clock=clock)
    assert "secret" not in str(caught.value)


def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:*:secret")
    passfile.chmod(0o644)
    with pytest.raises(StoreError, match="others may read the password file; run: chmod 600"):
        place(f"postgresql://host/db?passfile={passfile}")
    passfile.chmod(0o600)
    assert place(f"postgres://host/db?passfile={passfile}").url.drivername == "postgresql+psycopg"
