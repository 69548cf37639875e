"""``vrrpwatch store``: upgrade, prune, export and status, as a person would use them."""

import csv
import io
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, func, select

from tests.store.telling import KEY, clock, event, finding, group, instant, news, second, speaker
from vrrpwatch.cli.exits import Exit
from vrrpwatch.cli.store import store
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.tables import Base, EventRow, FindingRow, GroupRecord, HourRow, MinuteRow, RunRow, SecondRow
from vrrpwatch.store.volume import Retention

pa = pytest.importorskip("pyarrow.parquet")
Run = Callable[..., Result]
HOUR = 3_600
DAY = 86_400


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("VRRPWATCH_STORE", raising=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(store, arguments, prog_name="store")

    return call


def fill(url: str) -> None:
    """Something of everything at 0 s, and again ten days later."""
    journal = Journal(url, "berlin", clock=clock, keep=Retention(1e9, 1e9))
    old = KEY._replace(id=7)
    journal.record(
        news(
            0,
            events=(event(0, 3),),
            findings=(finding(subject="=1+1", summary='a "quoted", text'),),
            groups=(group(key=old),),
            seconds=(second(0, 2, 120), second(1, 3, 180)),
        )
    )
    journal.acknowledge(finding(subject="=1+1").id, "Ann")
    assert journal.flush(20), journal.state
    late = 10 * DAY
    journal.record(
        news(
            late,
            events=(event(late, 4),),
            findings=(finding(subject="late", first=late, last=late),),
            groups=(group(speaker(first=late, last=late), last=late),),
            seconds=(second(late, 1, 60),),
        )
    )
    assert journal.close(20), journal.state


def objects(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_upgrade_makes_a_store_and_leaves_it_alone_when_it_is_current(run: Run, url: str) -> None:
    assert run("upgrade", "--store", url).stdout.endswith(": was made, now at r0003\n")
    assert run("--store", url, "upgrade").stdout.endswith(": is up to date, now at r0003\n")


def test_the_default_is_the_users_state(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert run("upgrade").exit_code == 0
    assert (tmp_path / "vrrpwatch/journal.db").exists()
    monkeypatch.setenv("VRRPWATCH_STORE", str(tmp_path / "other.db"))
    assert "other.db: there is no store" in run("status").stderr


def test_events_and_findings_are_exported_in_order_of_time(run: Run, url: str) -> None:
    fill(url)
    first, second_ = objects(run("export", "--store", url, "--table", "events"))
    assert first == {
        "type": "event",
        "sensor": "berlin",
        "at": "2026-01-01T00:00:00.000000Z",
        "kind": "master-changed",
        "group": "eth0|vrrp|4|51|224.0.0.18",
        "from": "10.0.0.1",
        "to": "10.0.0.2",
        "cause": "timed-out",
        "gap": 3.5,
        "expected_gap": 3.25,
        "packet": 3,
    }
    assert second_["at"] == "2026-01-11T00:00:00.000000Z"
    found = objects(run("export", "--store", url, "--table", "findings"))
    assert [item["subject"] for item in found] == ["=1+1", "late"]
    assert found[0]["evidence"] == [{"source": 0, "packet": 7}]
    assert (found[0]["acknowledged_by"], found[0]["acknowledged_at"]) == ("Ann", "2026-01-02T00:00:00.000000Z")
    assert found[1]["acknowledged_by"] is None


def test_runs_and_volume_are_exported(run: Run, url: str) -> None:
    fill(url)
    runs = objects(run("export", "--store", url, "--table", "runs"))
    assert [(item["ip"], item["adverts"], item["priority"], item["addresses"]) for item in runs] == [
        ("10.0.0.1", 1, 200, ["10.0.0.100"])
    ] * 2
    seconds = objects(run("export", "--store", url, "--table", "volume", "--per", "second", "--until", "2026-01-02"))
    assert [(item["start"], item["packets"], item["peak_packets"]) for item in seconds] == [
        ("2026-01-01T00:00:00.000000Z", 2, 2),
        ("2026-01-01T00:00:01.000000Z", 3, 3),
    ]
    for per, width in (("minute", 60), ("hour", HOUR)):
        (row,) = objects(run("export", "--store", url, "--table", "volume", "--per", per))
        assert (row["seconds"], row["packets"], row["bytes"], row["peak_packets"]) == (width, 5, 300, 3)


def test_exports_can_be_limited(run: Run, url: str) -> None:
    fill(url)
    for table in ("events", "findings", "runs"):
        since = objects(run("export", "--store", url, "--table", table, "--since", "2026-01-02T00:00:00+01:00"))
        until = objects(run("export", "--store", url, "--table", table, "--until", "2026-01-11"))
        assert (len(since), len(until)) == (1, 1), table
        assert objects(run("export", "--store", url, "--table", table, "--sensor", "paris")) == []


def test_csv_holds_no_formula(run: Run, url: str, tmp_path: Path) -> None:
    fill(url)
    target = tmp_path / "findings.csv"
    done = run("export", "--store", url, "--table", "findings", "--output", "csv", "-o", str(target))
    assert (done.exit_code, done.stdout) == (0, "")
    with target.open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["subject"], first["summary"]) == ("'=1+1", 'a "quoted", text')
    assert (first["evidence"], first["group"], first["note"]) == ("0:7", "eth0|vrrp|4|51|224.0.0.18", "")


@pytest.mark.parametrize("table", ["events", "findings", "volume", "runs"])
def test_parquet_has_types(run: Run, url: str, table: str) -> None:
    fill(url)
    done = run("export", "--store", url, "--table", table, "--output", "parquet")
    assert done.exit_code == 0, done.stderr
    rows = pa.read_table(io.BytesIO(done.stdout_bytes)).to_pylist()
    lines = objects(run("export", "--store", url, "--table", table))
    assert len(rows) == len(lines)
    assert ["type", *rows[0]] == list(lines[0])
    time = {"events": "at", "volume": "start"}.get(table, "first")
    assert rows[0][time] == datetime(2026, 1, 1, tzinfo=UTC)
    empty = run("export", "--store", url, "--table", table, "--output", "parquet", "--sensor", "none")
    assert pa.read_table(io.BytesIO(empty.stdout_bytes)).num_rows == 0


def counts(engine: Engine) -> dict[str, int]:
    tables: tuple[type[Base], ...] = (EventRow, FindingRow, GroupRecord, RunRow, SecondRow, MinuteRow, HourRow)
    with engine.connect() as connection:
        return {
            table.__tablename__: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def test_prune_deletes_what_is_older(run: Run, url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(url)
    monkeypatch.setattr(time, "time_ns", lambda: instant(10 * DAY + 60))
    everything = {
        "events": 2,
        "findings": 2,
        "groups": 2,
        "runs": 2,
        "volume_seconds": 3,
        "volume_minutes": 1,
        "volume_hours": 1,
    }
    assert counts(engine) == everything
    assert run("prune", "--store", url).exit_code == 0
    # Volume per second is kept for two days where nobody says otherwise.
    everything["volume_seconds"] = 1
    assert counts(engine) == everything
    rehearsal = run("prune", "--store", url, "--keep", "9d", "--keep-minutes", "1w", "--dry-run")
    assert rehearsal.stdout.splitlines() == [
        "events: 1 would be deleted",
        "findings: 1 would be deleted",
        "runs: 1 would be deleted",
        "groups: 1 would be deleted",
        "rule_changes: 0 would be deleted",
        "volume_seconds: 0 would be deleted",
        "volume_minutes: 1 would be deleted",
    ]
    assert counts(engine) == everything
    done = run("prune", "--store", url, "--keep", "9d", "--keep-minutes", "1w", "--keep-hours", "1d")
    assert "events: 1 deleted\n" in done.stdout
    assert counts(engine) == {
        **dict.fromkeys(("events", "findings", "groups", "runs", "volume_seconds"), 1),
        "volume_minutes": 0,
        "volume_hours": 0,
    }


def test_sensors_write_while_old_rows_are_deleted(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400
    journal = Journal(url, "berlin", clock=clock)
    journal.record(news(events=tuple(event(number, number) for number in range(25_000))))
    assert journal.flush(30)
    monkeypatch.setattr(time, "time_ns", lambda: instant(10 * day))
    deleting = threading.Thread(target=run, args=("prune", "--store", url, "--keep", "1d"))
    deleting.start()
    number = 0
    while deleting.is_alive():
        number += 1
        journal.record(news(10 * day, events=(event(10 * day + number),), findings=(finding(last=10 * day),)))
        assert journal.flush(30)
    deleting.join()
    assert journal.close()
    assert journal.state.reason is None
    assert len(objects(run("export", "--store", url, "--table", "events"))) == number > 0


def test_pruning_gives_space_back(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(str(path), "berlin", clock=clock)
    journal.record(news(events=tuple(event(number, number) for number in range(25_000))))
    assert journal.close(30)
    monkeypatch.setattr(time, "time_ns", lambda: instant(10 * DAY))
    before = path.stat().st_size
    assert run("prune", "--store", str(path), "--keep", "1d").stdout.startswith("events: 25000 deleted\n")
    assert path.stat().st_size < before / 10


def test_status_says_what_is_there(run: Run, url: str) -> None:
    fill(url)
    said = json.loads(run("status", "--store", url, "--output", "json").stdout)
    assert (said["step"], said["current"]) == ("r0003", True)
    assert (said["rows"]["events"], said["rows"]["volume_hours"]) == (2, 1)
    assert said["bytes"] > 10_000
    assert said["sensors"][0]["last"] == "2026-01-11T00:00:00.000000Z"
    text = run("status", "--store", url).stdout
    assert "tables at r0003 (up to date)" in text
    assert "2026-01-01T00:00:00Z to 2026-01-11T00:00:00Z, 0 dropped" in text


def test_a_sensor_that_heard_nothing_yet_has_no_time(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "idle.db")
    journal = Journal(path, "idle", clock=clock)
    journal.record(news()._replace(now=0))
    assert journal.close()
    assert "): heard nothing yet, 0 dropped" in run("status", "--store", path).stdout


@pytest.mark.parametrize("name", ["status", "prune", "export"])
def test_a_store_that_is_missing_or_strange_is_one_line_and_code_6(run: Run, tmp_path: Path, name: str) -> None:
    more = ("--table", "events") if name == "export" else ()
    path = tmp_path / "none.db"
    missing = run(name, "--store", str(path), *more)
    assert (missing.exit_code, missing.stdout) == (Exit.SINK, "")
    assert missing.stderr.startswith(f"vrrpwatch: {path}: there is no store;")
    path.write_bytes(b"something else" * 1000)
    strange = run(name, "--store", str(path), *more)
    assert (strange.exit_code, strange.stderr.count("\n")) == (Exit.SINK, 1)
    assert "not a database" in strange.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--store", "oracle://x", "status"), "no such kind of store"),
        (("prune", "--keep", "90"), "as in 90d"),
        (("prune", "--keep", "9999y"), "longer than 1000y"),
        (("prune", "--keep", "1e3d"), "as in 90d"),
        (("export", "--table", "events", "--since", "yesterday"), "as in 2026-01-31"),
    ],
)
def test_mistakes_are_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == Exit.USAGE
    assert message in done.stderr


def test_the_store_is_not_overwritten_by_its_export(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(str(path))
    done = run("export", "--store", str(path), "--table", "events", "-o", str(path))
    assert done.exit_code == Exit.USAGE
    assert "is the store itself" in done.stderr
    full = run("export", "--store", str(path), "--table", "events", "--output", "parquet", "-o", "/dev/full")
    assert (full.exit_code, "/dev/full: cannot be written" in full.stderr) == (Exit.SINK, True)
