"""HAProxy checks: a real HAProxy whose servers come and go, and sockets that only pretend to be one."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.agent.tracking.stage import SOON, first_result
from tests.lab.waiting import wait_until
from vrrpwatch.agent.config.trackers import HaproxyTracker
from vrrpwatch.agent.tracking.checks.base import CheckError, Result
from vrrpwatch.agent.tracking.checks.haproxy import MAX_LINE, HaproxyCheck

HEAD = b"# pxname,svname,qcur,status,\n"


def tracker(path: Path, backend: str | None = None, servers: int = 1, timeout: float = SOON) -> HaproxyTracker:
    return HaproxyTracker(name="x", type="haproxy", socket=path, backend=backend, servers=servers, timeout=timeout)


class Haproxy:
    """The real one, with a backend of two servers, one of which is not checked, and one without servers."""

    def __init__(self, folder: Path, port: int) -> None:
        self.socket = folder / "s"
        self._file = folder / "haproxy.cfg"
        self._file.write_text(
            f"global\n stats socket {self.socket} level admin\n"
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
            f"backend web\n server a 127.0.0.1:{port} check inter 50ms fall 1 rise 1\n server b 127.0.0.1:1\n"
            f"backend lonely\n server a 127.0.0.1:{port} check inter 50ms fall 1 rise 1\n"
            "backend empty\n"
        )
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-db", "-q", "-f", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.socket.exists, at_most=SOON, what="HAProxy's stats socket")

    def says(self, backend: str | None = None, servers: int = 1) -> Result:
        return first_result(tracker(self.socket, backend, servers))

    def told(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\n")
            while connection.recv(4096):
                pass

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: a socket's has 107 characters at most (unix(7))."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.skipif(
    shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="haproxy is not installed"
)
def test_a_real_haproxy_whose_servers_come_and_go(folder: Path) -> None:
    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))
        web.listen(64)
        with closing(Haproxy(folder, web.getsockname()[1])) as haproxy:
            assert haproxy.says() == Result(True, "answers")
            wait_until(lambda: haproxy.says("web", 2).good, at_most=SOON, what="both servers up")
            assert haproxy.says("web", 2) == Result(True, "backend web UP, 2 of 2 servers up")
            assert haproxy.says("web", 3) == Result(False, "backend web UP, 2 of 2 servers up")
            assert not haproxy.says("empty").good
            assert haproxy.says("none") == Result(False, "has no backend none")
            haproxy.told("set server web/b state maint")
            assert haproxy.says("web") == Result(True, "backend web UP, 1 of 2 servers up")
            web.close()
            wait_until(lambda: not haproxy.says("lonely").good, at_most=SOON, what="the server to be seen down")
            assert haproxy.says("lonely") == Result(False, "backend lonely DOWN, 0 of 1 servers up")
            wait_until(lambda: not haproxy.says("web").good, at_most=SOON, what="the backend down")
        assert haproxy.says() == Result(False, "Connection refused")


@asynccontextmanager
async def pretending(folder: Path, reply: bytes, *, forever: bool = False) -> AsyncIterator[Path]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"show stat -1 6 -1\n"
        try:
            writer.write(reply)
            while forever:
                writer.write(b"x,y,0,UP,\n" * 5_000)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(talk, folder / "s")
    async with server:
        yield folder / "s"


def against(folder: Path, reply: bytes, *, forever: bool = False, backend: str | None = "web") -> Result:
    async def play() -> Result:
        async with pretending(folder, reply, forever=forever) as path:
            return await asyncio.wait_for(HaproxyCheck(tracker(path, backend)).run(), SOON)

    return asyncio.run(play())


def test_columns_are_found_by_their_names_and_half_lines_are_passed_over(folder: Path) -> None:
    servers = b"UP 1/3,a,web\nno check,b,web\nDOWN 1/2,c,web\nNOLB,d,web\nUP,a,other\nUP\n\n"
    reply = b"# status,svname,pxname\n" + servers + b"UP,BACKEND,web\n"
    assert against(folder, reply) == Result(True, "backend web UP, 2 of 4 servers up")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "is not HAProxy's statistics"),
        (b"Permission denied\n", "is not HAProxy's statistics"),
        (b"\xff\x00\n", "is not HAProxy's statistics"),
        (HEAD, "has no backend web"),
        (HEAD + b"x" * (3 * MAX_LINE) + b"\n", "a line of more than 65536 bytes"),
        (HEAD + b'"' + b"x" * 1_000, "has no backend web"),
    ],
)
def test_what_is_no_haproxy_is_bad(folder: Path, reply: bytes, reason: str) -> None:
    with pytest.raises(CheckError, match=reason):
        against(folder, reply)


def test_an_answer_without_end_is_read_no_further_than_16_mebibytes(folder: Path) -> None:
    with pytest.raises(CheckError, match="more than 16777216 bytes"):
        against(folder, HEAD, forever=True)


def test_a_socket_that_nobody_serves_is_bad(folder: Path) -> None:
    assert first_result(tracker(folder / "none")) == Result(False, "No such file or directory")
    assert first_result(tracker(Path("/" + "x" * 200))).detail == "AF_UNIX path too long"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "s"))
        silent.listen(8)
        assert first_result(tracker(folder / "s", timeout=0.3)) == Result(False, "no result within 0.3 s")
