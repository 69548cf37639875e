"""All trackers together, with the process that makes the checks: verdicts, reload, and trouble with the process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from tests.agent.tracking.stage import SOON, gone, until
from tests.agent.tracking.test_told import Host, Link
from vrrpwatch.agent.config.trackers import AnyTracker, Polled, Tracker
from vrrpwatch.agent.ports import Change, Verdict
from vrrpwatch.agent.tracking import checker, checking
from vrrpwatch.agent.tracking.checker import Checker
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.messages import (
    decode_result,
    decode_trackers,
    encode_result,
    encode_tracker,
    trackers_line,
)
from vrrpwatch.agent.tracking.trackers import Trackers

_TRACKER: TypeAdapter[Tracker] = TypeAdapter(AnyTracker)
MYSELF = "root" if os.geteuid() == 0 else None


def made(**settings: Any) -> Any:
    return _TRACKER.validate_python(settings)


def file(path: Path, name: str = "f", **more: Any) -> Any:
    return made(name=name, type="file", path=str(path), interval=0.05, **more)


def script(text: str, **more: Any) -> Any:
    return made(**{"name": "s", "type": "script", "command": ["/bin/sh", "-c", text], "user": MYSELF, **more})


class Running:
    """Trackers that run, and all that they have reported."""

    def __init__(self, trackers: Iterable[Tracker], host: Host | None = None) -> None:
        self.verdicts: list[Verdict] = []
        self.warnings: list[str] = []
        self.trackers = Trackers(trackers, self.verdicts.append, host or Host(), self.warnings.append)

    @property
    def pid(self) -> int:
        """Of the process that makes the checks."""
        pid = self.trackers._checking.pid
        assert pid is not None
        return pid

    async def known(self) -> dict[str, bool]:
        await until(lambda: not self.trackers.unknown())
        return {name: verdict.good for name, verdict in self.trackers.verdicts.items()}

    async def says(self, name: str, good: bool) -> Verdict:
        await until(lambda: name in self.trackers.verdicts and self.trackers.verdicts[name].good is good)
        return self.trackers.verdicts[name]


@asynccontextmanager
async def running(*trackers: Tracker, host: Host | None = None) -> AsyncIterator[Running]:
    run = Running(trackers, host)
    await run.trackers.start()
    try:
        yield run
    finally:
        await asyncio.wait_for(run.trackers.stop(), SOON)


POLLED: list[dict[str, Any]] = [
    {"type": "process", "process": "haproxy", "count": 2},
    {"type": "script", "command": ["/bin/sh", "-c", 'echo "é\x01"'], "user": "daemon"},
    {"type": "file", "path": "/run/état", "number": True, "rise": 3},
    {"type": "tcp", "host": "::1", "port": 80, "interval": 0.05, "timeout": 0.1},
    {"type": "http", "url": "https://web.test/", "contains": "“fine”", "verify": False, "status": 204},
    {"type": "haproxy", "socket": "/run/haproxy.sock", "backend": "web", "servers": 3, "fall": 4},
    {"type": "systemd", "unit": "haproxy@web.service"},
]


@pytest.mark.parametrize("settings", POLLED, ids=lambda one: str(one["type"]))
def test_every_kind_arrives_as_it_was_sent(settings: dict[str, Any]) -> None:
    tracker: Polled = TypeAdapter(Polled).validate_python({"name": "t", **settings})
    line = trackers_line({7: encode_tracker(7, tracker), 8: encode_tracker(8, tracker)})
    assert line.count(b"\n") == 1
    assert decode_trackers(line, {}) == {7: tracker, 8: tracker}
    assert decode_trackers(line, {7: tracker})[7] is tracker


def test_no_kind_is_left_out_above() -> None:
    kinds = {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(Polled)}
    assert {one["type"] for one in POLLED} == kinds


def test_results_arrive_as_they_were_sent_and_safe_to_print() -> None:
    assert decode_result(encode_result(3, Result(True, "says 5", 5)).rstrip()) == (3, Result(True, "says 5", 5))
    hostile = encode_result(3, Result(False, "\x1b[2J\n" + "x" * 1_000))
    assert hostile.count(b"\n") == 1
    told = decode_result(hostile)
    assert told is not None
    assert told[1].detail.startswith(r"\x1b[2J\x0axxx")
    assert len(told[1].detail) < 220
    assert decode_result(b"[]") is None
    for nonsense in (b"", b"{}", b"[1]", b'[1,1,"",null]', b'["1",true,"",null]', b'[1,true,"","5"]', b"[" * 5_000):
        with pytest.raises(ValueError):  # noqa: PT011  # which of them is nobody's concern
            decode_result(nonsense)


def test_everything_is_unknown_until_it_is_found_out_and_told_once(tmp_path: Path) -> None:
    async def play() -> None:
        host = Host()
        trackers = (file(tmp_path, "there"), file(tmp_path / "none", "gone"), script("exit 0"))
        told = (
            made(name="link", type="interface", interface="eth0"),
            made(name="other", type="router", router="web"),
        )
        run = Running((*trackers, *told), host)
        assert run.trackers.unknown() == frozenset()
        await run.trackers.start()
        assert run.trackers.unknown() == {"there", "gone", "s"}
        assert [(one.tracker, one.good) for one in run.verdicts] == [("link", False), ("other", False)]
        assert await run.known() == {"there": True, "gone": False, "s": True, "link": False, "other": False}
        host.links["eth0"] = Link(True)
        run.trackers.heard("link")
        run.trackers.changed(Change("INSTANCE", "web", "backup", "master", 100, 0, "a test says so"))
        assert not run.trackers.verdicts["link"].good
        await run.says("link", True)
        await run.says("other", True)
        (tmp_path / "none").touch()
        await run.says("gone", True)
        (tmp_path / "none").unlink()
        assert await run.says("gone", False) == Verdict("gone", False, "No such file or directory")
        assert [one.good for one in run.verdicts if one.tracker == "gone"] == [False, True, False]
        assert [one.good for one in run.verdicts if one.tracker == "there"] == [True]
        await asyncio.wait_for(run.trackers.stop(), SOON)
        assert run.warnings == []

    asyncio.run(play())


def test_a_number_that_changes_is_another_verdict(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "n"
        path.write_text("5")
        async with running(file(path, number=True)) as run:
            await run.known()
            for text in ("7", "-2"):
                (tmp_path / "new").write_text(text)
                (tmp_path / "new").rename(path)
                await until(lambda: run.trackers.verdicts["f"].number == int(path.read_text()))
            assert run.verdicts == [
                Verdict("f", True, "says 5", 5),
                Verdict("f", True, "says 7", 7),
                Verdict("f", False, "says -2", -2),
            ]

    asyncio.run(play())


def test_a_reload_leaves_alone_what_is_as_it_was(tmp_path: Path) -> None:
    async def play() -> None:
        log = tmp_path / "log"
        kept = script(f"echo $$ >>{log}; sleep 600", name="kept", timeout=300)
        changed = file(tmp_path, "changed")
        async with running(kept, changed, file(tmp_path, "dropped")) as run:
            await until(log.exists)
            await until(lambda: run.trackers.unknown() == {"kept"})
            pid = run.pid
            await run.trackers.reload((kept, file(tmp_path / "none", "changed"), file(tmp_path, "new")))
            assert run.trackers.unknown() == {"kept", "changed", "new"}
            assert set(run.trackers.verdicts) == {"changed"}
            await until(lambda: run.trackers.unknown() == {"kept"})
            assert not run.trackers.verdicts["changed"].good
            # The script runs as before, in the same process.
            assert run.pid == pid
            (first,) = log.read_text().split()
            assert not gone(int(first))
            await run.trackers.reload(())
            assert run.trackers.unknown() == frozenset()
            await until(lambda: gone(int(first)))
            await until(lambda: gone(pid))
            # And it begins anew when there is something to check again.
            await run.trackers.reload((file(tmp_path, "again"),))
            assert await run.known() == {"again": True}
        assert run.warnings == []

    asyncio.run(play())


def test_a_process_that_is_killed_is_started_again_and_what_is_known_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "TICK", 0.1)
    monkeypatch.setattr(checking, "MAX_SILENT", 300)
    monkeypatch.setattr(checking, "MAX_UNKNOWING", 300)

    async def play() -> None:
        log = tmp_path / "log"
        watched = tmp_path / "watched"
        watched.touch()
        async with running(script(f"echo $$ >>{log}; sleep 600", timeout=300), file(watched)) as run:
            await until(log.exists)
            await run.says("f", True)
            first = int(log.read_text().split()[0])
            os.kill(run.pid, signal.SIGKILL)
            await until(lambda: len(run.warnings) == 1)
            assert run.warnings == ["the process that makes the trackers' checks has ended; another one is started"]
            # What it had started went with it, and its verdicts stay.
            await until(lambda: gone(first))
            assert run.trackers.verdicts["f"].good
            watched.unlink()
            await run.says("f", False)
            await until(lambda: len(log.read_text().split()) == 2)
            assert len(run.verdicts) == 2

    asyncio.run(play())


def test_a_process_that_hangs_is_killed_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MAX_UNKNOWING", 300)

    async def play() -> None:
        async with running(file(tmp_path)) as run:
            await run.known()
            hanging = run.pid
            monkeypatch.setattr(checking, "MAX_SILENT", 3)
            os.kill(hanging, signal.SIGSTOP)
            await until(lambda: gone(hanging))
            monkeypatch.setattr(checking, "MAX_SILENT", 300)
            assert run.warnings[0].startswith("the process that makes the trackers' checks has been silent for")
            await until(lambda: run.trackers._checking.pid not in (None, hanging))
            tmp_path.rmdir()
            await run.says("f", False)
            tmp_path.mkdir()

    asyncio.run(play())


def test_where_no_process_can_be_had_everything_that_it_would_check_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "TICK", 0.02)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))

    async def play() -> None:
        link = made(name="link", type="interface", interface="eth0")
        async with running(file(tmp_path), link, host=Host({"eth0": Link(True)})) as run:
            assert run.warnings[0].startswith("the process that makes the trackers' checks cannot be started (No such")
            assert await run.known() == {"link": True, "f": False}
            assert run.trackers.verdicts["f"].detail.startswith("nothing is known")
            # What is added later does not stay unknown either.
            await run.trackers.reload((file(tmp_path, "new"), link))
            assert await run.known() == {"link": True, "new": False}

    asyncio.run(play())


@pytest.mark.parametrize("said", ["x\\n", "[1,2]\\n", "x" * 9_000])
def test_a_process_that_talks_nonsense_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nprintf '{said}' >&0\nsleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    async def play() -> None:
        async with running(file(tmp_path)) as run:
            await until(lambda: bool(run.warnings))
            assert "talks nonsense" in run.warnings[0]
            monkeypatch.undo()
            assert await run.known() == {"f": True}

    asyncio.run(play())


AGENT = """
import asyncio, sys
from tests.agent.tracking.test_trackers import Running, script

async def play():
    run = Running((script(f"echo $$ >>{sys.argv[1]}; sleep 600", timeout=300),))
    await run.trackers.start()
    print(run.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(play())
"""


def test_an_agent_that_is_killed_takes_its_checks_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", AGENT, str(log)], cwd=root, stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        pid = int(agent.stdout.readline())
        asyncio.run(until(lambda: log.exists() and log.read_text().endswith("\n")))
        agent.kill()
    script_pid = int(log.read_text())
    asyncio.run(until(lambda: gone(pid) and gone(script_pid)))


def test_a_check_that_fails_of_itself_is_bad_and_made_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Faulty:
        runs = 0

        async def run(self) -> Result:
            self.runs += 1
            if self.runs == 1:
                raise ZeroDivisionError("of this test")
            return Result(True, "well again")

        async def close(self) -> None:
            return

    async def play() -> None:
        faulty = Faulty()
        monkeypatch.setattr(checker, "made", lambda *_: faulty)
        told: list[tuple[int, Result]] = []
        making = Checker(lambda number, result: told.append((number, result)))
        making.set({5: made(name="t", type="tcp", host="127.0.0.1", port=1, interval=0.05)})
        await until(lambda: len(told) == 2)
        await making.close()
        assert told == [
            (5, Result(False, "the check itself failed: ZeroDivisionError: of this test")),
            (5, Result(True, "well again")),
        ]

    asyncio.run(play())
    assert "ZeroDivisionError" in capsys.readouterr().err
