"""Syslog, journald, named pipe and apprise, each against a real socket, pipe or library."""

import json
import os
import re
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.news import KEY, at, event, finding
from tests.alerts.receiver import listening
from vrrpwatch.alerts.alert import Alert, Status, of_event, of_finding
from vrrpwatch.alerts.settings import AppriseSink, Fifo, Journald, Syslog
from vrrpwatch.alerts.sinks.apprise import AppriseSender
from vrrpwatch.alerts.sinks.base import Retry, SinkError
from vrrpwatch.alerts.sinks.fifo import FifoSender
from vrrpwatch.alerts.sinks.journald import JournaldSender
from vrrpwatch.alerts.sinks.syslog import SyslogSender, format_local, format_message


def alert(status: Status = "firing", **more: Any) -> Alert:
    found = finding(**more)
    return of_finding(found, found.id, "sensor-1", at(0), status)


@contextmanager
def datagrams(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(20)
        yield server


def syslog(**more: Any) -> SyslogSender:
    return SyslogSender(Syslog.model_validate({"name": "l", "type": "syslog", **more}))


def test_a_syslog_message_has_the_form_of_rfc_5424() -> None:
    text = format_message(alert(), 3, "host-1").decode()
    # daemon (3) * 8 + critical (2)
    assert text == (
        "<26>1 2026-01-31T12:00:00.000000Z host-1 vrrpwatch - split-brain "
        f'[alert@32473 id="{alert().id}" status="firing" rule="split-brain" severity="critical" sensor="sensor-1" '
        'segment="eth0" group="eth0|vrrp|4|51|224.0.0.18"] firing: two masters'
    )
    assert format_message(alert("resolved"), 16, "h").startswith(b"<133>1 ")


@pytest.fixture
def half_past_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is five and a half hours ahead of UTC."""
    monkeypatch.setenv("TZ", "IST-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("half_past_india")
def test_a_message_to_the_local_socket_has_the_form_of_syslog_3() -> None:
    # daemon (3) * 8 + critical (2)
    assert format_local(alert(), 3, 711) == (
        b"<26>Jan 31 17:30:00 vrrpwatch[711]: firing: two masters "
        b'[id="%s" status="firing" rule="split-brain" severity="critical" sensor="sensor-1" '
        b'segment="eth0" group="eth0|vrrp|4|51|224.0.0.18"]' % alert().id.encode()
    )
    # Half a day later it is the first of the next month there, and a day of one digit takes the place of two.
    later = alert("resolved")._replace(at=at(12 * 3600))
    assert format_local(later, 16, 1).startswith(b"<133>Feb  1 05:30:00 vrrpwatch[1]: resolved: two masters [id=")


def test_nothing_in_an_alert_ends_a_syslog_field_or_message() -> None:
    text = format_message(alert(segment='a"]\\ b\n<0>1', summary="x\r\n<0>1 y" + "é" * 5000), 3, "ho st\n").decode()
    assert " host vrrpwatch " in text
    assert r'segment="a\"\]\\ b\\x0a<0>1"' in text
    assert "\n" not in text
    assert len(text.encode()) < 2048
    longest = alert(segment="s" * 900, group=KEY._replace(segment="é" * 900), summary="é" * 5000)
    assert len(format_message(longest, 3, "h").decode()) < 2048
    local = format_local(alert(segment='a"]\\ b\n<0>1', summary="x\r\n<0>1 y"), 3, 1)
    assert b"\n" not in local
    assert rb'vrrpwatch[1]: firing: x\x0d\x0a<0>1 y [id="' in local


def test_syslog_reaches_a_local_socket_and_waits_while_there_is_none(tmp_path: Path) -> None:
    sender = syslog(path=str(tmp_path / "log"))
    with pytest.raises(Retry, match="log: No such file or directory"):
        sender.deliver(alert())
    with datagrams(tmp_path / "log") as server:
        sender.deliver(alert())
        assert server.recv(65_536) == format_local(alert(), 3, os.getpid())


def test_syslog_by_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        syslog(host="127.0.0.1", port=server.getsockname()[1]).deliver(alert())
        assert server.recv(65_536) == format_message(alert(), 3, socket.gethostname())


def test_syslog_by_tcp_counts_octets_and_waits_for_the_receiver_to_close() -> None:
    got = bytearray()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while chunk := connection.recv(4096):
                got.extend(chunk)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        syslog(host="127.0.0.1", port=port, transport="tcp").deliver(alert())
        thread.join()
    length, _, message = bytes(got).partition(b" ")
    assert int(length) == len(message)
    assert message.startswith(b"<26>1 ")
    with pytest.raises(Retry, match=r"127\.0\.0\.1: "):
        syslog(host="127.0.0.1", port=port, transport="tcp").deliver(alert())


def test_a_log_host_that_keeps_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOCATION_ID", "f00d")
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.create_connection(server.getsockname()):
        # Nobody accepts, and there was room for one to wait.
        sender = syslog(host="127.0.0.1", port=server.getsockname()[1], transport="tcp", timeout=0.2)
        with pytest.raises(Retry) as failure:
            sender.deliver(alert())
    assert str(failure.value) == "127.0.0.1: no answer within 0.2 s (is its address in the unit's IPAddressAllow=?)"


def test_a_log_daemon_that_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INVOCATION_ID", "f00d")
    with datagrams(tmp_path / "log"), pytest.raises(Retry, match=r"log: timed out$"):
        _fill(syslog(path=str(tmp_path / "log"), timeout=0.2))


def fields(data: bytes) -> dict[str, str]:
    """Takes a native journal message apart, as systemd does: NAME, line break, length, value, line break."""
    found = {}
    while data:
        name, _, data = data.partition(b"\n")
        length = int.from_bytes(data[:8], "little")
        found[name.decode()] = data[8 : 8 + length].decode()
        assert data[8 + length : 9 + length] == b"\n"
        data = data[9 + length :]
    return found


def test_the_journal_gets_fields_of_which_none_can_be_forged(tmp_path: Path) -> None:
    with datagrams(tmp_path / "journal") as server:
        settings = Journald.model_validate({"name": "j", "type": "journald", "path": str(tmp_path / "journal")})
        JournaldSender(settings).deliver(alert(summary="x\nPRIORITY=0\n"))
        entry = fields(server.recv(65_536))
    assert entry["MESSAGE"] == r"firing: x\x0aPRIORITY=0\x0a"
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"], entry["VRRPWATCH_RULE"]) == ("2", "vrrpwatch", "split-brain")
    assert json.loads(entry["VRRPWATCH_ALERT"])["id"] == entry["VRRPWATCH_ID"] == alert().id
    assert all(re.fullmatch("[A-Z_]+", name) for name in entry)
    with pytest.raises(Retry, match="journal: Connection refused"):
        JournaldSender(settings).deliver(alert())


def fifo(path: Path, **more: Any) -> FifoSender:
    return FifoSender(Fifo.model_validate({"name": "f", "type": "fifo", "path": str(path), **more}))


def changed(kind: Any = "master-changed", priority: int | None = 100, **more: Any) -> Alert:
    return of_event(event(kind, **more), "sensor-1", priority)


def read(descriptor: int) -> str:
    ready, _, _ = select.select([descriptor], [], [], 20)
    assert ready
    return os.read(descriptor, 65_536).decode()


def test_the_pipe_gets_lines_as_keepalived_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    sender = fifo(path)
    assert path.stat().st_mode & 0o777 == 0o600
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for kind in ("master-appeared", "master-resigned", "master-changed", "master-lost"):
        sender.deliver(changed(kind, None if kind == "master-lost" else 100))
    sender.deliver(alert())
    sender.deliver(changed()._replace(status="resolved"))
    name = "eth0|vrrp|4|51|224.0.0.18"
    assert read(reader) == f'INSTANCE "{name}" MASTER 100\n' * 2 + f'INSTANCE "{name}" FAULT 0\n'
    os.close(reader)
    sender.close()


def test_the_pipe_can_tell_what_one_router_is_and_call_groups_by_name(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    sender = fifo(path, speaker="192.0.2.11", names={str(KEY): "VI_1"})
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sender.deliver(changed())
    sender.deliver(changed()._replace(details={"to": "192.0.2.11", "priority": 150}))
    sender.deliver(changed(key=KEY._replace(segment='e"; *\n')))
    assert read(reader) == (
        'INSTANCE "VI_1" BACKUP 100\nINSTANCE "VI_1" MASTER 150\nINSTANCE "e_____|vrrp|4|51|224.0.0.18" BACKUP 100\n'
    )
    os.close(reader)
    sender.close()


def test_without_a_reader_lines_wait_and_what_one_left_the_next_one_gets(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    sender = fifo(path)
    with pytest.raises(Retry, match="nobody reads it"):
        sender.deliver(changed())
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sender.deliver(changed())
    os.close(reader)
    with pytest.raises(Retry, match="its reader has gone"):
        sender.deliver(changed())
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert read(reader).count("\n") == 1
    with pytest.raises(Retry, match="it is full"):
        _fill(sender)
    sent = read(reader)
    assert sent.endswith("\n")
    os.close(reader)
    path.unlink()
    with pytest.raises(Retry, match="its reader has gone"):
        sender.deliver(changed())
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sender.deliver(changed())
    assert read(reader).count("\n") == 1
    os.close(reader)
    sender.close()


def _fill(sender: FifoSender | SyslogSender) -> None:
    for _ in range(5000):
        sender.deliver(changed())


def test_a_path_that_is_no_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(SinkError, match="is no named pipe"):
        fifo(tmp_path / "file")
    with pytest.raises(SinkError, match="cannot be made"):
        fifo(tmp_path / "no" / "folder")
    with pytest.raises(SinkError, match="is no IP address"):
        fifo(tmp_path / "fifo", speaker="router-1")
    assert (tmp_path / "file").read_text() == "precious"


def apprise(url: str) -> AppriseSender:
    return AppriseSender(AppriseSink.model_construct(name="a", type="apprise", url_file=url))


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_delivers_and_says_when_it_could_not() -> None:
    pytest.importorskip("apprise", reason="the apprise extra is not installed")
    with listening(answer=lambda before: (200, 500)[before]) as receiver:
        sender = apprise(f"json://127.0.0.1:{receiver.server_port}/")
        sender.deliver(alert())
        assert receiver.bodies[0]["title"] == "firing: split-brain on eth0"
        assert (receiver.bodies[0]["message"], receiver.bodies[0]["type"]) == ("two masters", "failure")
        with pytest.raises(Retry, match="could not deliver"):
            sender.deliver(alert("resolved"))
    with pytest.raises(SinkError, match="no URL that apprise knows"):
        apprise("nonsense://x")


def test_a_missing_library_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SinkError, match=r"run pip install 'vrrpwatch\[apprise\]'"):
        apprise("json://127.0.0.1/")
