"""File checks on real files: there or not, numbers, what is no file, and one whose server hangs."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.agent.tracking.stage import SOON, first_result
from vrrpwatch.agent.config.trackers import FileTracker
from vrrpwatch.agent.tracking.checks.base import Aside, Result


def checked(path: Path, *, number: bool = False) -> Result:
    return first_result(FileTracker(name="f", type="file", path=path, number=number))


def test_a_file_is_there_or_not(tmp_path: Path) -> None:
    assert checked(tmp_path) == Result(True, "exists")
    assert checked(tmp_path / "none") == Result(False, "No such file or directory")
    (tmp_path / "none").symlink_to("nowhere")
    assert not checked(tmp_path / "none").good


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0", Result(True, "says 0", 0)),
        (b" 7\n", Result(True, "says 7", 7)),
        (b"+07", Result(True, "says 7", 7)),
        (b"-3\n", Result(False, "says -3", -3)),
        (b"999999999", Result(True, "says 999999999", 999_999_999)),
        (b"1000000000", Result(False, "holds no whole number")),
        (b"1.5", Result(False, "holds no whole number")),
        (b"0x10", Result(False, "holds no whole number")),
        (b"1_0", Result(False, "holds no whole number")),
        ("٣".encode(), Result(False, "holds no whole number")),
        (b"5\n6\n", Result(False, "holds no whole number")),
        (b"", Result(False, "is empty")),
        (b"1" * 129, Result(False, "longer than 128 bytes")),
    ],
)
def test_the_number_in_a_file(tmp_path: Path, text: bytes, expected: Result) -> None:
    (tmp_path / "n").write_bytes(text)
    assert checked(tmp_path / "n", number=True) == expected


def test_what_is_no_file_has_no_number_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert checked(tmp_path / "pipe", number=True) == Result(False, "is no regular file")
    assert checked(tmp_path, number=True) == Result(False, "Is a directory")
    assert checked(Path("/dev/zero"), number=True) == Result(False, "is no regular file")


def test_calls_that_hang_hold_one_thread_each_and_others_go_on() -> None:
    server_back = threading.Event()
    begun: list[int] = []

    def hang(number: int) -> Callable[[], None]:
        def call() -> None:
            begun.append(number)
            server_back.wait(SOON)

        return call

    async def play() -> None:
        pool = ThreadPoolExecutor(3)
        lost, sound = Aside(pool), Aside(pool)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await lost.call(hang(1))
        assert begun == [1]
        assert await sound.call(lambda: "soon") == "soon"
        server_back.set()
        await lost.call(hang(2))
        assert begun == [1, 2]
        pool.shutdown()

    asyncio.run(play())
