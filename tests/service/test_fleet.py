"""A store on the screen: what sensors wrote, decisions that reach it, and trouble that passes."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.core.news import News
from vrrpwatch.service.fleet import FleetRun
from vrrpwatch.store.fleet import Fleet
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.places import StoreError


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        Event().wait(0.02)


@pytest.fixture
def store(root: Path, tmp_path: Path) -> Path:
    found = analyse([str(root / "captures" / "split-brain.pcap")], Options()).analysis
    last = max(source.last or 0 for source in found.sources)
    path = tmp_path / "journal.db"
    journal = Journal(str(path), "north", clock=lambda: last)
    journal.record(News(last, found.events, found.findings, found.groups, (), found.totals, 0, {}))
    assert journal.close()
    return path


def test_what_sensors_wrote_is_seen_and_decisions_are_kept(store: Path) -> None:
    run, closing = FleetRun(str(store), "ann"), Event()
    pump = Thread(target=run.pump, args=(closing,))
    pump.start()
    try:
        assert [row.key.segment for row in run.view.rows()] == ["north:split-brain"]
        finding = next(finding for finding in run.view.findings() if finding.rule == "split-brain")
        run.acknowledge(finding.id)
        eventually(lambda: any(mark.acknowledged_by == "ann" for mark in run.fleet.marks().values()))
        run.withdraw(finding.id)
        eventually(lambda: not any(mark.acknowledged_by for mark in run.fleet.marks().values()))
        run.silence(finding.id, 10**18)
        eventually(lambda: any(mark.silenced_until == 10**18 for mark in run.fleet.marks().values()))
    finally:
        closing.set()
        pump.join()
        run.close()


def test_trouble_shows_and_passes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, closing = FleetRun(str(store), "ann", clock=lambda: 5 * NANOSECONDS), Event()
    broken = Event()
    poll = run.fleet.poll

    def sometimes() -> bool:
        if broken.is_set():
            raise StoreError("the database is away")
        return poll()

    monkeypatch.setattr(run.fleet, "poll", sometimes)
    broken.set()
    pump = Thread(target=run.pump, args=(closing,))
    pump.start()
    try:
        eventually(lambda: run.view.trouble is not None)
        with pytest.raises(StoreError, match="the database is away"):
            _ = run.view.now
        broken.clear()
        eventually(lambda: run.view.trouble is None)
        assert run.view.now == 5 * NANOSECONDS
    finally:
        closing.set()
        pump.join()
        run.close()


def test_a_sensor_that_stopped_is_silent_and_its_ages_go_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = Fleet(str(store), clock=lambda: 0).sensors()
    now = sensors[0].last + 480 * NANOSECONDS
    run = FleetRun(str(store), "ann", clock=lambda: now)
    try:
        assert run.view.now == now
        (line,) = run.silences().told
        assert line.text.startswith("sensor north: nothing for 8 min, since ")
        assert all(run.silences().cover(row.key) for row in run.view.rows())
        # The newest second that was told of stays the last of its heartbeat.
        monkeypatch.setattr(run.fleet, "heartbeat", lambda _: [1, 1, 1])
        assert run.view.heartbeat(run.view.rows()[0].key) == [1, 1, 1]
        # While nobody can read the store, it is not the sensors that are silent.
        known = run.silences()
        run.view.trouble = StoreError("the database is away")
        now += 3600 * NANOSECONDS
        assert run.silences() is known
    finally:
        run.close()


def test_a_store_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        FleetRun(str(tmp_path / "none.db"), "ann")
