"""What systemd is told, over sockets of our own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vrrpwatch.service.systemd import Supervisor


@pytest.fixture
def manager() -> "socket.socket":
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@pytest.mark.parametrize("abstract", [True, False])
def test_everything_is_told(manager: socket.socket, tmp_path: Path, *, abstract: bool) -> None:
    name = f"@vrrpwatch-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        supervisor = Supervisor({"NOTIFY_SOCKET": name})
        supervisor.ready()
        supervisor.reloading(17)
        supervisor.alive()
        supervisor.status("two\nlines")
        supervisor.stopping()
        told = [manager.recv(1000).decode() for _ in range(5)]
    assert told == ["READY=1", "RELOADING=1\nMONOTONIC_USEC=17", "WATCHDOG=1", "STATUS=two lines", "STOPPING=1"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_signs_of_life_come_twice_as_often_as_asked_for(environment: dict[str, str], seconds: float | None) -> None:
    assert Supervisor(environment).watchdog == seconds


def test_nobody_there_is_no_trouble(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"NOTIFY_SOCKET": "x" * 500}):
        Supervisor(environment).ready()


@pytest.mark.parametrize("watched", [True, False])
def test_what_the_watchdog_ends_says_where_it_hung(*, watched: bool) -> None:
    program = (
        "import os\n"
        "from vrrpwatch.service.systemd import Supervisor\n"
        "def hang():\n"
        "    os.kill(os.getpid(), 6)\n"
        "Supervisor(os.environ).ready()\n"
        "hang()\n"
    )
    environment = {**os.environ, **({"WATCHDOG_USEC": "30000000"} if watched else {})}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == -signal.SIGABRT
    assert ("in hang" in done.stderr) is watched
