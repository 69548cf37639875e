"""The agent's end, with a real process that checks real servers on loopback and programs a kernel that is a table."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.balancing.made import SYNC
from tests.agent.balancing.tame_process import FOLDER
from tests.agent.tracking.stage import gone, until
from vrrpwatch.agent.balancing.balancer import Balancer
from vrrpwatch.agent.balancing.ledger import beside
from vrrpwatch.agent.config.companions import Ipvs
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.alerts.backoff import Backoff

AT_MOST = 30.0


class Stage:
    """A balancer, what it told, and what was asked of its kernel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.state = folder / "agent.json"
        self.balancer = self.another()

    def another(self) -> Balancer:
        quick = Backoff(lambda: 0.0, first=0.01, cap=0.01)
        return Balancer(self.state, self.lines.append, backoff=quick, module="tests.agent.balancing.tame_process")

    def asked(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    async def until_asked(self, *expected: str) -> None:
        await until(lambda: len(self.asked()) >= len(expected))
        assert self.asked() == list(expected)
        (self.folder / "log").unlink()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return Stage(tmp_path)


@asynccontextmanager
async def web() -> AsyncIterator[int]:
    """A server that takes connections on loopback; gives its port."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def made(port: int, **given: Any) -> Ipvs:
    real = {"address": "127.0.0.1", "port": port, "method": "nat", "check": {"interval": 0.05, "fall": 1}}
    virtual = {"address": "192.0.2.100", "port": 80, "real": [real]}
    return Ipvs.model_validate({"follows": "web", "virtual": [virtual]} | given)


def change(state: RouterState, router: str = "web") -> Change:
    return Change("INSTANCE", router, "backup", state, 100, 0, "")


SERVICE = "add virtual server 192.0.2.100:80/tcp"
REMOVED = "remove virtual server 192.0.2.100:80/tcp"


def test_from_the_start_to_the_end(stage: Stage) -> None:
    async def scene() -> None:
        balancer = stage.balancer
        async with web() as port:
            real = f"real server 127.0.0.1:{port} of 192.0.2.100:80/tcp"
            balancer.configure(made(port, sync=SYNC))
            await until(lambda: len(stage.asked()) == 3)
            assert set(stage.asked()) == {SERVICE, f"add {real}", "start the backup sync daemon on eth0"}
            (stage.folder / "log").unlink()
            balancer.changed(change("master", "another"))
            balancer.changed(change("master"))
            await stage.until_asked("stop the backup sync daemon on eth0", "start the master sync daemon on eth0")
            balancer.changed(change("fault"))
            await stage.until_asked("stop the master sync daemon on eth0", "start the backup sync daemon on eth0")
            await until(lambda: "daemon: backup" in str(balancer.status()))
            status = balancer.status()
            assert status is not None
            assert (status.follows, status.good) == ("web", True)
            assert status.detail == "1 virtual servers; 0 of 1 real servers bad; sync daemon: backup"
        await stage.until_asked(f"remove {real}")
        await until(lambda: "1 of 1 real servers bad" in str(balancer.status()))
        status = balancer.status()
        assert status is not None
        assert f"1 of 1 real servers bad ({real.removeprefix('real server ')}: 127.0.0.1 port {port}: " in status.detail
        assert stage.lines[0].startswith(f"IPVS: {real} is bad: 127.0.0.1 port {port}: Connection refused")
        await balancer.close(AT_MOST)
        await stage.until_asked(REMOVED, "stop the backup sync daemon on eth0")
        assert not beside(stage.state).exists()
        assert balancer.pid is None

    asyncio.run(scene())


def test_a_process_that_is_killed_is_started_again_and_changes_nothing(stage: Stage) -> None:
    async def scene() -> None:
        balancer = stage.balancer
        async with web() as port:
            balancer.changed(change("master"))
            balancer.configure(made(port, sync=SYNC))
            await until(lambda: len(stage.asked()) == 3)
            before = balancer.pid
            assert before is not None
            os.kill(before, signal.SIGKILL)
            await until(lambda: balancer.pid not in (None, before))
            await until(lambda: "daemon: master" in str(balancer.status()))
            assert len(stage.asked()) == 3
            assert stage.lines == ["IPVS: the process that keeps it has ended (signal 9): it is started again in 0 s"]
            await balancer.close(AT_MOST)

    asyncio.run(scene())


def test_a_signal_of_systemds_does_not_end_it_before_it_has_cleaned_up(stage: Stage) -> None:
    async def scene() -> None:
        async with web() as port:
            stage.balancer.configure(made(port))
            await until(lambda: len(stage.asked()) == 2)
            assert stage.balancer.pid is not None
            os.kill(stage.balancer.pid, signal.SIGTERM)
            await stage.balancer.close(AT_MOST)
        assert stage.asked()[2:] == [REMOVED]

    asyncio.run(scene())


def test_after_a_crash_the_sync_daemon_steps_back_and_the_next_agent_cleans_up(stage: Stage) -> None:
    async def scene() -> int:
        stage.balancer.changed(change("master"))
        async with web() as port:
            stage.balancer.configure(made(port, sync=SYNC))
            await until(lambda: len(stage.asked()) == 3)
        assert stage.balancer.pid is not None
        return stage.balancer.pid

    # The loop ends, and with it the socket, without a farewell.
    pid = asyncio.run(scene())
    assert stage.asked()[3:] == ["stop the master sync daemon on eth0", "start the backup sync daemon on eth0"]
    assert gone(pid)
    assert beside(stage.state).exists()

    async def later() -> None:
        balancer = stage.another()
        balancer.configure(None)
        await until(lambda: not beside(stage.state).exists())
        await balancer.close(AT_MOST)

    asyncio.run(later())
    assert stage.asked()[5:] == [REMOVED, "stop the backup sync daemon on eth0"]


def test_settings_that_go_and_come_back(stage: Stage) -> None:
    async def scene() -> None:
        async with web() as port:
            stage.balancer.configure(None)
            assert (stage.balancer.pid, stage.balancer.status()) == (None, None)
            stage.balancer.configure(made(port))
            await until(lambda: len(stage.asked()) == 2)
            stage.balancer.configure(None)
            # Before the process has ended.
            stage.balancer.configure(made(port))
            await until(lambda: len(stage.asked()) == 5)
            assert stage.asked()[2:4] == [REMOVED, SERVICE]
            await stage.balancer.close(AT_MOST)
        assert stage.lines == []

    asyncio.run(scene())
