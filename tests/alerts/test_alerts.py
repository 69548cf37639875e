"""The whole way from news to receivers: at once, in order, at least once, and no sink in another's way."""

import contextlib
import itertools
import os
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.news import at, event, finding, news
from tests.alerts.receiver import Receiver, listening, until
from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.alerts import Alerts
from vrrpwatch.alerts.backoff import Backoff
from vrrpwatch.alerts.outbox import OutboxError
from vrrpwatch.alerts.settings import AlertSettings
from vrrpwatch.alerts.sinks.base import SinkError

Start = Callable[..., Alerts]


def settings(*sinks: dict[str, Any]) -> AlertSettings:
    return AlertSettings.model_validate({"version": 1, "sink": sinks})


def webhook(url: str, name: str = "ops", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "webhook", "url": url, "rate": {"messages": 0}, **more}


class Said(list[str]):
    """What a person was told."""

    def about(self, text: str) -> list[str]:
        return [line for line in self if text in line]


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def start(tmp_path: Path, said: Said) -> Iterator[Start]:
    running: list[Alerts] = []

    def begin(*sinks: dict[str, Any], path: Path = tmp_path / "outbox.db") -> Alerts:
        alerts = Alerts(settings(*sinks), path, "sensor-1", clock=lambda: at(0), alarm=said.append, random=lambda: 0.0)
        running.append(alerts)
        return alerts

    yield begin
    for alerts in running:
        alerts.close()


def subjects(receiver: Receiver) -> list[str]:
    return [body["details"]["subject"] for body in receiver.bodies]


def delivered(alerts: Alerts) -> None:
    until(lambda: not any(alerts.waiting.values()), str(alerts.waiting))


def test_an_alert_is_posted_and_its_end_too(start: Start, said: Said) -> None:
    with listening() as receiver:
        alerts = start(webhook(receiver.url))
        alerts.tell(news(0, finding()))
        (fired,) = receiver.wait(1)
        alerts.tick(at(30))
        _, resolved = receiver.wait(2)
        assert (fired["id"], fired["status"]) == (resolved["id"], "firing")
        assert (resolved["status"], resolved["sensor"]) == ("resolved", "sensor-1")
        assert alerts.flush(20)
        assert (alerts.told, alerts.acknowledged) == (2, 2)
        assert said == []


def test_alerts_arrive_in_order_and_a_receiver_that_fails_gets_them_again(start: Start, said: Said) -> None:
    with listening(answer=lambda before: (503, 408, 429, 302, 200)[before] if before < 5 else 200) as receiver:
        alerts = start(webhook(receiver.url))
        alerts._workers["ops"]._backoff = Backoff(lambda: 0.0, 0.01)
        alerts.tell(news(0, *(finding(subject=f"s{number}") for number in range(20))))
        receiver.wait(24)
        delivered(alerts)
        assert subjects(receiver) == ["s0"] * 4 + [f"s{number}" for number in range(20)]
        until(lambda: len(said) == 2)
        assert said == [
            f"sink ops: {receiver.url}: answered 503 Service Unavailable; 20 to be told, tried again until it succeeds",
            "sink ops: delivers again",
        ]


def test_what_a_receiver_refuses_is_given_up_aloud(start: Start, said: Said) -> None:
    with listening(answer=lambda before: 400 if before == 0 else 204) as receiver:
        alerts = start(webhook(receiver.url))
        bad = finding(subject="bad")
        alerts.tell(news(0, bad, finding(subject="good")))
        receiver.wait(2)
        delivered(alerts)
        assert subjects(receiver) == ["bad", "good"]
        assert said == [f"sink ops: {receiver.url}: answered 400 Bad Request; split-brain {bad.id} is not told there"]


def test_a_dead_receiver_gets_everything_once_it_is_back_even_after_a_restart(start: Start, said: Said) -> None:
    with listening() as receiver:
        port = receiver.server_port
    alerts = start(webhook(receiver.url))
    alerts.tell(news(0, finding(subject="a"), finding(subject="b")))
    assert alerts.flush(20)
    until(lambda: said.about("tried again"))
    assert alerts.close()
    alerts = start(webhook(receiver.url))
    alerts.tell(news(1, finding(subject="a", count=2), finding(subject="c")))
    with listening(port) as receiver:
        receiver.wait(3)
        delivered(alerts)
        assert subjects(receiver) == ["a", "b", "c"]


def test_a_stuck_receiver_delays_neither_others_nor_the_caller(start: Start) -> None:
    stuck, gate = threading.Event(), threading.Event()

    def hang(_: int) -> int:
        stuck.set()
        gate.wait(20)
        return 200

    with listening(answer=hang) as slow, listening() as quick:
        alerts = start(webhook(slow.url, "slow", timeout=30), webhook(quick.url, "quick"))
        alerts.tell(news(0, finding(subject="a")))
        assert stuck.wait(20)
        alerts.tell(news(1, finding(subject="b")))
        quick.wait(2)
        until(lambda: alerts.waiting["quick"] == 0)
        assert alerts.flush(20)
        assert alerts.waiting["slow"] == 2
        # Closing does not wait for the receiver either: the delivery is interrupted.
        assert alerts.close(0.05)
        gate.set()


def test_a_receiver_that_drips_its_answer_runs_into_the_timeout(start: Start, said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []
        ended = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            connections.append(connection)
            while not ended.wait(0.05):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        alerts = start(webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.3))
        alerts.tell(news(0, finding()))
        until(lambda: said.about("no answer within 0.3 s"))
        ended.set()
        thread.join()
        alerts.close(0.0)
        for connection in connections:
            connection.close()


def test_what_was_over_before_it_could_be_told_makes_room_first(
    start: Start, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrrpwatch.alerts.queue.MAX_QUEUED", 10)
    monkeypatch.setattr("vrrpwatch.alerts.queue._TRIM", 2)
    with listening() as receiver:
        port = receiver.server_port
    alerts = start(webhook(receiver.url))
    alerts.tell(news(0, finding("bad-ttl", "head")))
    until(lambda: said.about("tried again"))
    alerts.tell(news(0, *(finding("bad-ttl", f"t{number}") for number in range(5)), finding(subject="brief")))
    alerts.tick(at(30))
    alerts.tell(news(31, finding("leak", "l1"), finding("leak", "l2"), finding("leak", "l3")))
    alerts.tell(news(32, finding("leak", "l4")))
    assert alerts.dropped == 2
    assert said.about("too many") == ["sink ops: too many alerts wait; 2 were dropped, 2 so far"]
    with listening(port) as receiver:
        delivered(alerts)
        assert subjects(receiver) == ["head", "t0", "t1", "t2", "t3", "t4", "l1", "l2", "l3", "l4"]


def test_while_the_file_cannot_be_written_alerts_are_delivered_and_later_kept(
    start: Start, said: Said, tmp_path: Path
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with listening() as receiver:
        port = receiver.server_port
        alerts = start(webhook(receiver.url), path=folder / "outbox.db")
        alerts._writer._backoff = Backoff(lambda: 0.0, 0.01, 0.05)
        alerts.tell(news(0, finding(subject="a")))
        assert alerts.flush(20)
        folder.rename(tmp_path / "away")
        alerts.tell(news(1, finding(subject="b")))
        receiver.wait(2)
        until(lambda: said.about("kept in memory only"))
        assert said.about("has vanished")
        assert (alerts.told, alerts.acknowledged) == (2, 1)
    alerts.tell(news(2, finding(subject="c")))
    folder.mkdir()
    assert alerts.flush(20)
    until(lambda: said.about("nothing is missing"))
    assert alerts.close(0.0)
    with listening(port) as receiver:
        again = start(webhook(receiver.url), path=folder / "outbox.db")
        receiver.wait(1)
        again.tell(news(3, *(finding(subject=name, count=2) for name in "abc")))
        delivered(again)
        assert subjects(receiver) == ["c"]


def test_two_processes_do_not_share_an_outbox(start: Start, tmp_path: Path) -> None:
    start(webhook("http://127.0.0.1:9/"))
    with pytest.raises(OutboxError, match="another process uses this outbox"):
        start(webhook("http://127.0.0.1:9/"))
    with pytest.raises(OutboxError, match=r"cannot be opened \(Is a directory\)"):
        start(path=tmp_path)


def test_a_damaged_outbox_is_put_aside_and_a_strange_one_refused(start: Start, said: Said, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"no database at all" * 100)
    with listening() as receiver:
        alerts = start(webhook(receiver.url))
        alerts.tell(news(0, finding()))
        receiver.wait(1)
    assert said.about("renamed to outbox.db.damaged-1")
    assert (tmp_path / "outbox.db.damaged-1").read_bytes().startswith(b"no database")
    assert path.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(OutboxError, match="is no alert outbox"):
        start(path=other)


def test_entries_that_cannot_be_read_are_dropped_aloud(start: Start, said: Said, tmp_path: Path) -> None:
    alerts = start(webhook("http://127.0.0.1:9/"))
    alerts.tell(news(0, finding(subject="a")))
    assert alerts.flush(20)
    alerts.close(0.0)
    connection = sqlite3.connect(tmp_path / "outbox.db")
    with connection:
        connection.execute("INSERT INTO message VALUES (99, 'ops', '[1, 2]')")
        connection.execute("INSERT INTO firing VALUES ('ops', 'x', NULL, 'nonsense')")
    connection.close()
    alerts = start(webhook("http://127.0.0.1:9/"))
    assert said.about("2 entries cannot be read")
    assert alerts.waiting == {"ops": 1}


def test_other_settings_keep_what_waits_and_bad_ones_change_nothing(start: Start, said: Said) -> None:
    with listening() as receiver:
        port = receiver.server_port
    alerts = start(webhook(receiver.url), webhook("http://127.0.0.1:9/", "gone"))
    alerts.tell(news(0, finding(subject="a")))
    alerts.flush(20)
    with pytest.raises(SinkError, match="there is no user"):
        alerts.reload(settings({"name": "h", "type": "hook", "command": ["/bin/true"], "user": "no-such-user"}))
    assert alerts.waiting == {"ops": 1, "gone": 1}
    alerts.reload(settings(webhook(receiver.url), webhook(receiver.url, "new", severity="info")), 0.0)
    assert said.about("gone: is no longer in the settings; 1 alerts for it are dropped")
    with listening(port) as receiver:
        alerts.tell(news(1, finding(subject="a", count=2), finding("unauthenticated", "u")))
        receiver.wait(3)
        delivered(alerts)
        # The old sink told of a already; to the new one it is new.
        assert sorted(subjects(receiver)) == ["a", "a", "u"]
    assert alerts.close()


def test_a_digest_survives_a_restart_and_ends(start: Start) -> None:
    with listening() as receiver:
        limited = webhook(receiver.url, rate={"messages": 2, "seconds": 1})
        alerts = start(limited)
        alerts.tell(news(0, *(finding("bad-ttl", f"s{number}") for number in range(5))))
        alerts.tick(at(2))
        (digest,) = receiver.wait(1)
        delivered(alerts)
        assert alerts.close()
        alerts = start(limited)
        alerts.tick(at(10))
        alerts.tick(at(309))
        alerts.tick(at(310))
        _, over = receiver.wait(2)
        assert (over["id"], over["status"]) == (digest["id"], "resolved")
        delivered(alerts)
        assert len(receiver.bodies) == 2


def test_backoff_doubles_with_jitter_up_to_its_cap_and_heeds_the_receiver() -> None:
    draws = itertools.cycle((0.0, 1.0))
    backoff = Backoff(lambda: next(draws), 0.5, 8.0)
    assert [backoff.failed() for _ in range(6)] == [0.25, 1.0, 1.0, 4.0, 4.0, 8.0]
    assert backoff.failed(at_least=5.0) == 5.0
    assert backoff.failed(at_least=900.0) == 8.0
    backoff.succeeded()
    assert backoff.failed() == 0.25


def test_events_reach_a_sink_that_asks_for_them(start: Start) -> None:
    with listening() as receiver:
        alerts = start(webhook(receiver.url, events=["master-*"]))
        alerts.tell(news(0, events=[event()]))
        (body,) = receiver.wait(1)
        assert (body["rule"], body["severity"], body["details"]["to"]) == ("master-changed", "info", "192.0.2.12")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_a_sender_is_said_and_its_thread_started_again(start: Start, said: Said) -> None:
    with listening() as receiver:
        alerts = start(webhook(receiver.url))
        sender = alerts._workers["ops"].sender
        deliver = sender.deliver
        faults = iter([ZeroDivisionError])

        def faulty(alert: Alert) -> None:
            for fault in faults:
                raise fault
            deliver(alert)

        sender.deliver = faulty  # type: ignore[method-assign]
        alerts.tell(news(0, finding()))
        until(lambda: not alerts._workers["ops"]._thread.is_alive())
        alerts.tick(at(1))
        receiver.wait(1)
        assert said == ["sink ops: its thread had ended by a fault in the program; started again"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_nothing_once_there_is_room_again(start: Start, said: Said, small_disk: Path) -> None:
    with listening() as receiver:
        port = receiver.server_port
    alerts = start(webhook(receiver.url), path=small_disk / "outbox.db")
    alerts._writer._backoff = Backoff(lambda: 0.0, 0.01, 0.05)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    found = [finding("bad-ttl", f"s{number}") for number in range(100)]
    alerts.tell(news(0, *found))
    until(lambda: said.about("database or disk is full"))
    assert alerts.acknowledged == 0
    ballast.unlink()
    assert alerts.flush(20)
    assert alerts.close(0.0)
    with listening(port) as receiver:
        delivered(start(webhook(receiver.url), path=small_disk / "outbox.db"))
        assert subjects(receiver) == [f"s{number}" for number in range(100)]
