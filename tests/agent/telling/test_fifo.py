"""The named pipe, with real ones: lines as keepalived writes them, readers that come late, and the bound."""

import asyncio
import os
import select
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.agent.telling.changes import SOON, change
from vrrpwatch.agent.telling import fifo
from vrrpwatch.agent.telling.fifo import Fifo
from vrrpwatch.alerts.pipe import PipeError
from vrrpwatch.core.notice import Notice


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fifo, "RETRY", 0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fifo"


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


class Reader:
    """A script that reads the pipe."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> str:
        """What there is now."""
        ready, _, _ = select.select([self._descriptor], [], [], SOON)
        assert ready
        return os.read(self._descriptor, 1_000_000).decode()

    async def until(self, ending: str) -> str:
        """All that comes up to a text, which is the last."""
        text = ""
        async with asyncio.timeout(SOON):
            while not text.endswith(ending):
                with suppress(BlockingIOError):
                    text += os.read(self._descriptor, 1_000_000).decode()
                await asyncio.sleep(0.01)
        return text

    def close(self) -> None:
        os.close(self._descriptor)


def test_lines_are_those_of_keepalived(path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        pipe = Fifo(path, told.append)
        reader = Reader(path)
        pipe.tell(change("web", "master", 150))
        pipe.tell(change("lan", "master", 0, kind="GROUP"))
        pipe.tell(change("web", "fault", 1))
        pipe.tell(change("web", "stop", 1))
        assert reader.read() == (
            'INSTANCE "web" MASTER 150\nGROUP "lan" MASTER 0\nINSTANCE "web" FAULT 1\nINSTANCE "web" STOP 1\n'
        )
        pipe.close()
        reader.close()
        assert told == []

    play(scene)


def test_lines_wait_in_their_order_for_a_reader(path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        pipe = Fifo(path, told.append)
        for number in range(3):
            pipe.tell(change("web", "backup", number))
        assert told == [f"{path}: lines wait for a reader: nobody reads it"]
        reader = Reader(path)
        pipe.tell(change("web", "master", 3))
        text = await reader.until("MASTER 3\n")
        assert text == "".join(f'INSTANCE "web" BACKUP {number}\n' for number in range(3)) + 'INSTANCE "web" MASTER 3\n'
        pipe.tell(change("web", "backup", 4))
        assert reader.read() == 'INSTANCE "web" BACKUP 4\n'
        assert told[1:] == [f"{path}: its readers have all lines"]
        assert isinstance(told[1], Notice)
        pipe.close()
        reader.close()

    play(scene)


def test_a_reader_that_does_not_keep_up_gets_all_lines_whole(path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        pipe = Fifo(path, told.append)
        reader = Reader(path)
        # A pipe holds 65,536 octets (pipe(7)), and each of these lines takes 29.
        for number in range(10_000, 14_000):
            pipe.tell(change("web", "backup", number))
        assert told == [f"{path}: lines wait for a reader: it is full, its reader does not keep up"]
        text = await reader.until("BACKUP 13999\n")
        assert text.splitlines() == [f'INSTANCE "web" BACKUP {number}' for number in range(10_000, 14_000)]
        pipe.close()
        reader.close()

    play(scene)


def test_of_too_many_lines_the_newest_of_each_router_are_kept(path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        pipe = Fifo(path, told.append, most=4)
        for number in range(3):
            pipe.tell(change("web", "backup", number))
        pipe.tell(change("db", "master", 7))
        pipe.tell(change("web", "fault", 8))
        # Were there more names than lines may wait, the oldest would go.
        for name in ("a", "b"):
            pipe.tell(change(name, "master"))
        pipe.tell(change("c", "master"))
        dropped = "nobody reads the lines, and {} that are out of date are dropped"
        assert told[1:] == [f"{path}: {dropped.format(3)}", f"{path}: {dropped.format(1)}"]
        reader = Reader(path)
        text = await reader.until('"c" MASTER 100\n')
        assert text.splitlines() == [
            'INSTANCE "web" FAULT 8',
            'INSTANCE "a" MASTER 100',
            'INSTANCE "b" MASTER 100',
            'INSTANCE "c" MASTER 100',
        ]
        pipe.close()
        reader.close()

    play(scene)


def test_what_nobody_read_by_the_end_is_told(path: Path) -> None:
    async def scene() -> None:
        told: list[str] = []
        pipe = Fifo(path, told.append)
        pipe.tell(change("web", "master"))
        pipe.tell(change("web", "stop"))
        pipe.close()
        assert told[1:] == [f"{path}: 2 lines for its readers are lost with the end of the agent"]

    play(scene)


def test_a_path_that_can_be_no_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(PipeError, match="is no named pipe; name another path"):
        Fifo(tmp_path / "file", print)
    assert (tmp_path / "file").read_text() == "precious"
