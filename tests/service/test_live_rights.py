"""What a live run may still do once everything is open."""

import http.client
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.stage_frames import frame
from tests.lab.live import inside, wire
from tests.lab.network import missing, temporary_folder
from tests.lab.waiting import wait_until
from tests.service.watched import Watch

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

# linux/capability.h
KILL, SETGID, SETUID, NET_RAW = 1 << 5, 1 << 6, 1 << 7, 1 << 13


def test_metrics_are_served_on_a_port_that_only_root_may_have(tmp_path: Path) -> None:
    with wire("eth0") as made, Watch(tmp_path, "-i", "eth0", "--metrics", "81", space=made.near) as watch:
        assert watch.rights() == NET_RAW
        with inside(made.near):
            connection = http.client.HTTPConnection("127.0.0.1", 81, timeout=20)
            connection.request("GET", "/metrics")
            with connection.getresponse() as response:
                assert response.status == 200
                assert b"vrrpwatch_build_info" in response.read()
            connection.close()
        assert watch.stop() == 0


SETTINGS = """
version = 1
[[sink]]
name = "script"
type = "hook"
command = ["{}"]
timeout = 1
events = ["master-*"]
"""
# Says who it is and what it may, then takes longer than it is given.
HOOK = """#!/bin/sh
set -- $$ $(id -u) $(sed -n 's/^Cap\\(Eff\\|Prm\\|Bnd\\|Amb\\):\\t//p; s/^NoNewPrivs:\\t//p' /proc/$$/status)
echo "$@" >{0}/new && mv {0}/new {0}/said
exec sleep 600
"""


def gone(pid: int) -> bool:
    """Whether it has ended, be it that nobody has asked how yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may write into."""
    with temporary_folder() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def settings(folder: Path, more: str = "") -> tuple[str, ...]:
    hook = folder / "hook"
    hook.write_text(HOOK.format(folder))
    hook.chmod(0o755)
    (folder / "alerts.toml").write_text(SETTINGS.format(hook) + more)
    return "--alerts", str(folder / "alerts.toml"), "--outbox", str(folder / "outbox.db")


def test_who_runs_hooks_keeps_what_that_takes_and_hooks_get_nothing(open_folder: Path, tmp_path: Path) -> None:
    advert = frame({"who": "A"}, 1, None)
    with (
        wire("eth0") as made,
        made.sender("eth0") as sender,
        Watch(tmp_path, "-i", "eth0", *settings(open_folder), space=made.near) as watch,
    ):
        assert watch.lines()[1].startswith("hooks run as nobody, so the right to become another user is kept")
        assert watch.rights() == NET_RAW | KILL | SETGID | SETUID
        sender.send(advert)
        said = open_folder / "said"
        wait_until(said.exists, at_most=30, what="the hook", seen=watch.said)
        pid, user, permitted, effective, bounding, ambient, no_new = said.read_text().split()
        assert int(user) == pwd.getpwnam("nobody").pw_uid
        assert [int(held, 16) for held in (permitted, effective, ambient)] == [0, 0, 0]
        assert (int(bounding, 16), no_new) == (NET_RAW | KILL | SETGID | SETUID, "1")
        wait_until(lambda: gone(int(pid)), at_most=30, what="the hook to be killed", seen=watch.said)
        assert watch.stop() == 0


def test_a_hook_that_is_root_is_warned_of(open_folder: Path, tmp_path: Path) -> None:
    options = settings(open_folder, 'user = "root"\n')
    with wire("eth0") as made, Watch(tmp_path, "-i", "eth0", *options, space=made.near) as watch:
        assert watch.lines()[1].startswith("a hook runs as root with all of root's rights, and so does this")
        assert watch.stop() == 0


def test_a_hook_that_comes_later_is_refused_where_the_right_has_gone(open_folder: Path, tmp_path: Path) -> None:
    options = settings(open_folder)
    wanted = (open_folder / "alerts.toml").read_text()
    (open_folder / "alerts.toml").write_text("version = 1\n")
    with wire("eth0") as made, Watch(tmp_path, "-i", "eth0", *options, space=made.near) as watch:
        assert watch.rights() == NET_RAW
        (open_folder / "alerts.toml").write_text(wanted)
        watch.process.send_signal(signal.SIGHUP)
        watch.until("only root with all its rights can run programs as nobody; start again")
        assert watch.stop() == 0
