"""The control socket, with real clients: answers, rights, stale and live sockets, and clients that mean harm."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.agent.telling.changes import SOON, until
from tests.agent.telling.statuses import Agent, router, status
from vrrpwatch.agent.telling import control
from vrrpwatch.agent.telling.asking import UnreachableError, ask
from vrrpwatch.agent.telling.control import MAX_CLIENTS, Control, ControlError
from vrrpwatch.agent.telling.requests import MAX_REQUEST, RequestError, parse

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "agent.sock"


@asynccontextmanager
async def serving(path: Path, agent: Agent | None = None, group: str | None = None) -> AsyncGenerator[Agent]:
    agent = agent or Agent()
    served = Control(path, group, agent)
    await served.open()
    try:
        yield agent
    finally:
        await asyncio.wait_for(served.close(), SOON)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


async def asked(path: Path, **request: Any) -> dict[str, Any]:
    return await asyncio.to_thread(ask, path, request, SOON)


async def sent(path: Path, data: bytes, *, end: bool = False) -> bytes:
    """All that comes back for some bytes, to the end of the connection or of the first line."""
    reader, writer = await asyncio.open_unix_connection(path, limit=10_000_000)
    try:
        writer.write(data)
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read() if end else reader.readline(), SOON)
    finally:
        writer.close()


def fault(line: bytes) -> tuple[str, str]:
    told = json.loads(line)
    assert told["schema"] == "vrrpwatch/agent/1"
    return told["error"]["fault"], "; ".join(told["error"]["lines"])


def test_status_and_commands(path: Path) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            agent.relief.set()
            assert (await asked(path, command="status"))["routers"][0]["name"] == "web"
            drained = await asked(path, command="drain", routers=["web", "db", "web"], wait=5)
            assert drained["routers"] == [
                {"router": "web", "done": True, "to": "192.0.2.12", "why": ""},
                {"router": "db", "done": True, "to": None, "why": "it is a backup here"},
            ]
            assert (await asked(path, command="undrain"))["routers"] == ["web", "db"]
            assert (await asked(path, command="reload"))["changed"] == ["db: removed"]
            assert agent.asked == [("drain", ("web", "db"), 5.0), ("undrain", ()), ("reload",)]
            with pytest.raises(RequestError) as found:
                await asked(path, command="drain", routers=["nowhere"])
            assert (found.value.fault, found.value.lines) == (
                "usage",
                ("there is no router 'nowhere'", "there is no router 'x'"),
            )

    play(scene)


def test_one_connection_may_ask_again_and_again_and_in_one_breath(path: Path) -> None:
    async def scene() -> None:
        async with serving(path):
            both = b'{"command":"undrain","routers":["a"]}\n{"command":"undrain","routers":["b"]}\n'
            lines = (await sent(path, both, end=True)).splitlines()
            assert [json.loads(line)["routers"] for line in lines] == [["a"], ["b"]]

    play(scene)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\n", "the request is no JSON"),
        (b"\xff\xfe\n", "the request is no JSON"),
        (b"[" * 10_000 + b"\n", "the request is no JSON"),
        (b"9" * 10_000 + b"\n", "the request is no JSON"),
        (b"[1]\n", "the request is no JSON object"),
        (b"{}\n", "command: one of status, drain, undrain, reload is needed"),
        (b'{"command":["status"]}\n', "command: one of"),
        (b'{"command":"stop"}\n', "command: one of"),
        (b'{"command":"status","wait":1}\n', "status knows no key and nothing else"),
        (b'{"command":"drain","wiat":1}\n', "drain knows routers and wait and nothing else"),
        (b'{"command":"drain","routers":"web"}\n', "routers: a list of names is needed"),
        (b'{"command":"drain","routers":[1]}\n', "routers: a list of names is needed"),
        (b'{"command":"drain","wait":-1}\n', "wait: a number of seconds from 0 to 1000 is needed"),
        (b'{"command":"drain","wait":true}\n', "wait: a number"),
        (b'{"command":"drain","wait":NaN}\n', "wait: a number"),
        (b'{"command":"drain","wait":' + b"9" * 4000 + b"}\n", "wait: a number"),
        (b" " * (20 * MAX_REQUEST) + b"\n", "the request is longer than 16384 bytes: name fewer routers, or none"),
    ],
)
def test_a_request_that_is_wrong_is_told_what_is(path: Path, line: bytes, words: str) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            kind, text = fault(await sent(path, line))
            assert (kind, text.startswith(words)) == ("usage", True), text
            assert agent.asked == []

    play(scene)


def test_who_leaves_is_no_longer_waited_for(path: Path) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            _, writer = await asyncio.open_unix_connection(path)
            writer.write(b'{"command":"drain","wait":1000}\n')
            await until(lambda: agent.asked)
            writer.close()
            await asyncio.wait_for(agent.left.wait(), SOON)

    play(scene)


def test_who_has_nothing_more_to_ask_still_gets_the_answer(path: Path) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            asking = asyncio.create_task(sent(path, b'{"command":"drain","wait":1000}\n', end=True))
            await until(lambda: agent.asked)
            agent.relief.set()
            assert json.loads(await asking)["routers"][0]["to"] == "192.0.2.12"

    play(scene)


def test_the_end_of_the_agent_ends_waiting_clients_and_removes_the_socket(path: Path) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            asking = asyncio.create_task(asked(path, command="drain", wait=1000))
            await until(lambda: agent.asked)
        with pytest.raises(UnreachableError, match=r"the agent cannot be asked \(it ended while it answered\)|reset"):
            await asking
        assert not path.exists()
        with pytest.raises(UnreachableError, match="no agent answers: start it, or name its socket with --socket"):
            await asked(path, command="status")

    play(scene)


def test_clients_beyond_the_limit_are_sent_away_and_idle_ones_in_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with serving(path):
            monkeypatch.setattr(control, "PATIENCE", 1000.0)
            idle = [await asyncio.open_unix_connection(path) for _ in range(MAX_CLIENTS)]
            assert fault(await sent(path, b'{"command":"status"}\n')) == (
                "busy",
                "too many clients ask at once: try again",
            )
            for _, writer in idle:
                writer.close()
            async with asyncio.timeout(SOON):
                while b"busy" in await sent(path, b'{"command":"reload"}\n'):
                    await asyncio.sleep(0.01)
            monkeypatch.setattr(control, "PATIENCE", 0.05)
            # One that never ends its line, and one that never asks again.
            slow, slow_writer = await asyncio.open_unix_connection(path)
            slow_writer.write(b'{"command"')
            assert await asyncio.wait_for(slow.read(), SOON) == b""
            again, again_writer = await asyncio.open_unix_connection(path)
            again_writer.write(b'{"command":"reload"}\n')
            assert len((await asyncio.wait_for(again.read(), SOON)).splitlines()) == 1
            for writer in (slow_writer, again_writer):
                writer.close()

    play(scene)


def test_one_that_does_not_read_is_dropped_and_costs_no_more_than_its_buffer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.2)
    made: list[int] = []

    def routers() -> Any:
        for number in range(100_000):
            made.append(number)
            yield router(str(number))

    async def scene() -> None:
        async with serving(path, Agent(status(routers()))):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
                deaf.setblocking(False)
                deaf.connect(str(path))
                deaf.send(b'{"command":"status"}\n')
                await until(lambda: made)
                # Others are served meanwhile.
                assert (await asked(path, command="reload"))["changed"] == ["db: removed"]
                count = -1

                async def still() -> bool:
                    nonlocal count
                    before, count = count, len(made)
                    await asyncio.sleep(0.3)
                    return before == count

                async with asyncio.timeout(SOON):
                    while not await still():
                        pass
        # Each is about 600 bytes, and kernel and program keep some hundred kilobytes.
        assert len(made) < 5_000

    play(scene)


def test_the_loop_goes_on_while_a_long_status_is_made(path: Path) -> None:
    turns = 0
    seen: list[int] = []

    def routers() -> Any:
        for number in range(500):
            seen.append(turns)
            yield router(str(number))

    async def scene() -> None:
        nonlocal turns

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with serving(path, Agent(status(routers()))):
            turning = asyncio.create_task(turn())
            answer = await asked(path, command="status")
            turning.cancel()
        assert len(answer["routers"]) == 500

    play(scene)
    # Something else had its turn between any two of them.
    assert all(later > earlier for earlier, later in pairwise(seen))


def test_the_file_is_for_its_group_and_takes_the_place_of_a_stale_one(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
        crashed.bind(str(path))
        crashed.listen()

    async def scene() -> None:
        async with serving(path):
            mode = path.stat()
            assert (stat.S_IMODE(mode.st_mode), mode.st_gid) == (0o660, os.getegid())
            assert "routers" in await asked(path, command="status")
            assert {one.name for one in path.parent.iterdir()} == {"agent.sock", "agent.sock.lock"}

    play(scene)


def test_a_live_socket_is_left_alone(path: Path) -> None:
    async def scene() -> None:
        async with serving(path) as agent:
            with pytest.raises(ControlError, match="another agent runs and serves there"):
                await Control(path, None, agent).open()
            assert "routers" in await asked(path, command="status")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(path))
            other.listen()
            with pytest.raises(ControlError, match="another program serves there"):
                await Control(path, None, agent).open()
            assert path.exists()
        path.unlink()
        path.write_text("precious")
        with pytest.raises(ControlError, match="is no socket, and is not replaced: set another path"):
            await Control(path, None, agent).open()
        assert path.read_text() == "precious"

    play(scene)


def test_a_socket_that_another_has_taken_is_not_removed_at_the_end(path: Path) -> None:
    async def scene() -> None:
        async with serving(path):
            path.unlink()
            path.write_text("of somebody else")
        assert path.read_text() == "of somebody else"

    play(scene)


def test_places_where_there_can_be_no_socket(tmp_path: Path) -> None:
    async def refused(path: Path, group: str | None = None) -> str:
        with pytest.raises(ControlError) as found:
            await Control(path, group, Agent()).open()
        return str(found.value)

    async def scene() -> None:
        (tmp_path / "file").touch()
        assert "no socket can be made there (File exists)" in await refused(tmp_path / "file" / "sock")
        assert "is too long for a socket: 103 bytes are the most" in await refused(Path("/run", "x" * 200))
        assert await refused(tmp_path / "sock", "no-such-group") == (
            "socket_group: there is no group 'no-such-group': correct the name"
        )

    play(scene)


@needs_root
def test_strangers_may_not_ask_and_members_of_the_group_may() -> None:
    code = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX); s.settimeout(30)\ns.connect(sys.argv[1])\n"
        's.sendall(b\'{"command":"reload"}\\n\'); print(s.makefile().readline())'
    )

    def reload(path: Path, *who: str) -> subprocess.CompletedProcess[str]:
        # The system's own interpreter: others may be where these users may not look.
        command = ("setpriv", *who, "/usr/bin/python3", "-I", "-c", code, str(path))
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SOON)

    async def scene(folder: Path) -> None:
        path = folder / "sock"
        async with serving(path, group="daemon") as agent:
            stranger = ("--reuid=nobody", "--regid=nogroup", "--clear-groups")
            refused = await asyncio.to_thread(reload, path, *stranger)
            assert "PermissionError" in refused.stderr
            for member in (
                ("--reuid=nobody", "--regid=daemon", "--clear-groups"),
                ("--reuid=nobody", "--regid=nogroup", "--groups=daemon,mail"),
            ):
                said = await asyncio.to_thread(reload, path, *member)
                assert json.loads(said.stdout)["changed"] == ["db: removed"], said.stderr
            # Were the file's rights lost, the agent would ask the kernel who it is.
            path.chmod(0o666)
            refused = await asyncio.to_thread(reload, path, *stranger)
            assert fault(refused.stdout.encode()) == ("forbidden", "only root and the socket's group may ask")
            assert agent.asked == [("reload",)] * 2

    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        asyncio.run(scene(Path(name)))


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[]\n", b'{"schema":"x"}\n', b"[" * 99_999]
)
def test_what_answers_may_be_no_agent(path: Path, answer: bytes) -> None:
    path.parent.mkdir()

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_unix_server(answering, path)
        with pytest.raises(UnreachableError) as found:
            await asked(path, command="status")
        assert str(path) in str(found.value)
        server.close()

    play(scene)


def test_an_agent_that_hangs_keeps_nobody_waiting_for_ever(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hanging:
        hanging.bind(str(path))
        hanging.listen()
        with pytest.raises(UnreachableError, match=r"no answer within 0\.2 s: is the agent still running\?"):
            ask(path, {"command": "status"}, 0.2)


def test_the_largest_request_names_many_routers() -> None:
    names = [f"router-{number:03}" for number in range(1_000)]
    line = json.dumps({"command": "drain", "routers": names}, separators=(",", ":")).encode()
    assert len(line) < MAX_REQUEST
    assert parse(line).routers == tuple(names)
