"""HTTP checks against servers of raw sockets: status, text, TLS, and servers that never end or talk nonsense."""

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.tracking.stage import SOON, ready
from vrrpwatch.agent.config.trackers import HttpTracker
from vrrpwatch.agent.tracking.checks import http
from vrrpwatch.agent.tracking.checks.base import CheckError, Result

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that reads a request's head and leaves the rest to ``answer``; gives its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await answer(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, address, 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def says(reply: bytes) -> Answer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    return answer


def page(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def run(url: str, **more: Any) -> Result:
    async with ready(HttpTracker(name="h", type="http", url=url, **more)) as check:
        return await asyncio.wait_for(check.run(), SOON)


def against(answer: Answer, **more: Any) -> Result:
    async def play() -> Result:
        async with serving(answer) as port:
            return await run(f"http://127.0.0.1:{port}/health", **more)

    return asyncio.run(play())


def test_the_status_decides() -> None:
    assert against(says(page(b"fine"))) == Result(True, "answered 200")
    assert against(says(page(b"", "503 No"))) == Result(False, "answered 503, not 200")
    assert against(says(page(b"", "204 None")), status=204) == Result(True, "answered 204")
    assert against(says(page(b"", "302 Off", "Location: http://127.0.0.1:1/\r\n"))) == Result(
        False, "answered 302, not 200"
    )


def test_the_text_has_to_be_in_the_body_wherever_it_is_cut() -> None:
    async def drips(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for octet in "état: prêt".encode():
            writer.write(b"1\r\n%c\r\n" % octet)
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    assert against(drips, contains="état: prêt") == Result(True, "answered 200")
    assert against(drips, contains="prêt!") == Result(False, "answered 200 without the text")
    assert against(says(page(b"")), contains="x") == Result(False, "answered 200 without the text")


def test_a_body_without_end_is_read_no_further_than_a_mebibyte() -> None:
    sent = 0

    async def flood(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    with pytest.raises(CheckError, match="its first 1048576 bytes do not hold the text"):
        against(flood, contains="y")
    # What is beyond is what the kernel's buffers took.
    assert sent < 32 * 1024 * 1024


def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(b"y" * 50_000_000)
    asked: list[bytes] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(head)
        await says(page(bomb, more="Content-Encoding: gzip\r\n"))(head, writer)

    assert against(answer, contains="yyyy") == Result(False, "answered 200 without the text")
    assert b"accept-encoding: identity\r\n" in asked[0].lower()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
def test_what_is_no_answer_is_bad(reply: bytes) -> None:
    with pytest.raises(CheckError):
        against(says(reply))


def test_the_request_names_the_host_and_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    asked: list[bytes] = []

    async def play() -> int:
        async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
            asked.append(head)
            await says(page(b""))(head, writer)

        async with serving(answer) as port:
            assert (await run(f"http://someone:secret@localhost:{port}/a?b=c")).good
            return port

    port = asyncio.run(play())
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    head = asked[0].lower()
    assert f"host: localhost:{port}\r\n".encode() in head
    assert b"connection: close\r\n" in head
    assert b"authorization: basic c29tzw9uztpzzwnyzxq=\r\n" in head


def test_ipv6_is_asked_for_in_brackets() -> None:
    asked: list[bytes] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(head)
        await says(page(b""))(head, writer)

    async def play() -> int:
        async with serving(answer, address="::1") as port:
            assert (await run(f"http://[::1]:{port}/")).good
            return port

    assert f"host: [::1]:{asyncio.run(play())}\r\n".encode() in asked[0].lower()


def test_nobody_there_is_said_in_the_kernels_words() -> None:
    with pytest.raises(CheckError, match="no connection: Connection refused"):
        asyncio.run(run("http://127.0.0.1:1/"))
    with pytest.raises(CheckError, match="the URL cannot be read: correct it"):
        asyncio.run(run("http://[::1/"))


def test_a_server_that_hangs_is_left_at_once_when_the_check_is_given_up() -> None:
    async def play() -> None:
        left = asyncio.Event()

        async def hang(_: bytes, writer: asyncio.StreamWriter) -> None:
            try:
                writer.write(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    writer.write(b"y")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            finally:
                left.set()

        async with serving(hang) as port:
            with pytest.raises(TimeoutError):
                async with (
                    asyncio.timeout(0.3),
                    ready(HttpTracker(name="h", type="http", url=f"http://127.0.0.1:{port}/")) as check,
                ):
                    await check.run()
            await asyncio.wait_for(left.wait(), SOON)

    asyncio.run(play())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of web.test by nobody that is trusted, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "web.pem"
    key = path.with_name("key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=web.test", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(path)], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


def test_a_certificate_is_verified_unless_the_settings_say_no(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def play() -> None:
        async with serving(says(page(b"fine")), tls) as port:
            url = f"https://localhost:{port}/"
            with pytest.raises(CheckError, match="certificate verify failed: self-signed certificate"):
                await run(url)
            assert await run(url, verify=False) == Result(True, "answered 200")
            monkeypatch.setattr(http, "_trust", lambda _: trusting)
            assert await run(url) == Result(True, "answered 200")
            # It is the name that is proved, not the address that it has.
            with pytest.raises(CheckError, match="IP address mismatch"):
                await run(f"https://127.0.0.1:{port}/")

    asyncio.run(play())
