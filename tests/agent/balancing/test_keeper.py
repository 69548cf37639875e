"""The keeper: which checks are made, what people are told, and what follows from a verdict; the clock is virtual."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.agent.balancing.made import DIRECT, SYNC, VIP, FakeKernel, key, real, settings, target, virtual
from tests.agent.tracking.virtual import play
from vrrpwatch.agent.balancing.keeper import INTERVAL, MAX_LINES, Keeper, tracker
from vrrpwatch.agent.balancing.plan import Target
from vrrpwatch.agent.balancing.programmer import Outcome, Programmer
from vrrpwatch.agent.balancing.values import Daemon, Real, RealKey, Role
from vrrpwatch.agent.config.companions import Ipvs, RealCheck
from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.core.notice import Notice

GOOD, BAD = Result(True, "connected"), Result(False, "Connection refused")


class Stage:
    """A keeper at work on a kernel that is a table; time passes with :meth:`pause`."""

    def __init__(self, folder: Path) -> None:
        self.kernel = FakeKernel()
        self.lines: list[str] = []
        self.judgements: list[tuple[Target, Result]] = []
        self.states: list[tuple[Role | None, str]] = []
        self.checks: dict[int, Polled] = {}
        programmer = Programmer(self.kernel.open, folder / "agent.ipvs.json")
        self.keeper = Keeper(programmer, self, self.check, aside)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def judged(self, target: Target, result: Result) -> None:
        self.judgements.append((target, result))

    def state(self, role: Role | None, trouble: str) -> None:
        self.states.append((role, trouble))

    def check(self, wanted: Mapping[int, Polled]) -> None:
        self.checks = dict(wanted)

    def reals(self) -> dict[RealKey, Real]:
        return self.kernel.reals[VIP]

    def told(self) -> list[str]:
        told, self.lines = self.lines, []
        return told

    @asynccontextmanager
    async def running(self, made: Ipvs) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.run())
        self.keeper.configure(made)
        await pause()
        yield
        self.keeper.stop()
        await task


async def aside(call: Callable[[], Outcome]) -> Outcome:
    return call()


async def pause(seconds: float = 0.001) -> None:
    await asyncio.sleep(seconds)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_server_gets_connections_once_its_check_is_good_and_none_when_it_is_bad(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.running(settings(virtual(real(21), real(22)))):
            assert stage.reals() == {}
            stage.keeper.judge(1, GOOD)
            await pause()
            assert stage.reals() == {key(21): Real(DIRECT, 1)}
            assert stage.told() == []
            stage.keeper.judge(1, BAD)
            await pause()
            assert stage.reals() == {}
            assert stage.told() == [
                "IPVS: real server 198.51.100.21:80 of 192.0.2.100:80/tcp is bad: Connection refused"
            ]
            stage.keeper.judge(2, BAD)
            assert stage.told()[1:] == [
                "IPVS: virtual server 192.0.2.100:80/tcp has no real server that is good: new connections are refused"
            ]
            stage.keeper.judge(1, GOOD)
            (line,) = stage.told()
            assert line == "IPVS: real server 198.51.100.21:80 of 192.0.2.100:80/tcp is good: connected"
            assert isinstance(line, Notice)
        assert stage.judgements == [(target(21), GOOD), (target(21), BAD), (target(22), BAD), (target(21), GOOD)]

    play(scene())


def test_the_sorry_server_is_named_when_it_takes_over(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.running(settings(virtual(real(21), sorry=real(99, port=None)))):
            stage.keeper.judge(1, BAD)
            assert stage.told()[1].endswith(" has no real server that is good: connections go to 198.51.100.99:80")

    play(scene())


def test_a_reload_leaves_the_checks_alone_that_are_as_they_were(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.running(settings(virtual(real(21), real(22)))):
            before = dict(stage.checks)
            stage.keeper.judge(1, GOOD)
            stage.keeper.judge(2, GOOD)
            await pause()
            slower = {"interval": 5.0}
            stage.keeper.configure(settings(virtual(real(21, weight=4), real(22, check=slower), real(23, check=False))))
            await pause()
            assert stage.checks.keys() == {1, 3}
            assert stage.checks[1] == before[1]
            assert stage.judgements[2:] == [(target(21), GOOD), (target(22), GOOD)]
            # The old verdict holds until the new check has one.
            weights = {each: one.weight for each, one in stage.reals().items()}
            assert weights == {key(21): 4, key(22): 1, key(23): 1}
            stage.keeper.judge(2, BAD)
            assert stage.told() == []

    play(scene())


def test_what_somebody_else_has_changed_is_put_right_at_the_next_look(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.running(settings(virtual(real(21, check=False)))):
            stage.reals().clear()
            await pause(INTERVAL)
            assert stage.reals() == {key(21): Real(DIRECT, 1)}
            assert stage.told() == [
                "IPVS: somebody has changed it: add real server 198.51.100.21:80 of 192.0.2.100:80/tcp"
            ]
            await pause(3 * INTERVAL)
            assert stage.told() == []

    play(scene())


def test_troubles_are_told_once_and_their_end_too(stage: Stage) -> None:
    async def scene() -> None:
        stage.kernel.absent = True
        async with stage.running(settings(virtual(real(21, check=False)), sync=SYNC)):
            await pause(5 * INTERVAL)
            assert stage.told() == ["this kernel has no IPVS"]
            assert stage.states[-1][1] == "this kernel has no IPVS"
            stage.kernel.absent = False
            await pause(INTERVAL)
            # Nobody has changed anything: it only became possible.
            assert stage.told()[-1] == "IPVS: all is programmed as it is wanted again"
            assert stage.states[-1] == ("backup", "")

    play(scene())


def test_many_lines_of_a_kind_are_some_and_a_number(stage: Stage) -> None:
    async def scene() -> None:
        many = [virtual(real(21, check=False), port=1000 + port, scheduler="mh") for port in range(20)]
        async with stage.running(settings(*many)):
            told = stage.told()
            assert len(told) == MAX_LINES + 1
            assert told[-1] == f"IPVS: and {20 - MAX_LINES} more of that kind"

    play(scene())


def test_the_sync_daemon_follows_and_steps_back_when_the_agent_has_died(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.running(settings(virtual(real(21, check=False)), sync=SYNC)):
            stage.keeper.become("master")
            await pause()
            assert stage.kernel.daemons == {"master": Daemon("master", "eth0", 7)}
        await stage.keeper.abandon()
        assert stage.kernel.daemons == {"backup": Daemon("backup", "eth0", 7)}
        assert stage.reals() == {key(21): Real(DIRECT, 1)}
        await stage.keeper.end()
        assert (stage.kernel.daemons, stage.kernel.services) == ({}, {})

    play(scene())


@pytest.mark.parametrize(
    ("check", "made"),
    [
        ({}, {"type": "tcp", "host": "2001:db8::1", "port": 80}),
        ({"port": 81}, {"type": "tcp", "port": 81}),
        (
            {"type": "https", "path": "/up?a=b", "status": 204},
            {"type": "http", "url": "https://[2001:db8::1]:80/up?a=b", "status": 204, "verify": False},
        ),
        ({"type": "script", "command": ["/bin/true", "x"]}, {"type": "script", "command": ("/bin/true", "x")}),
    ],
)
def test_a_check_is_made_as_a_tracker_makes_it(check: dict[str, Any], made: dict[str, Any]) -> None:
    there = Target(VIP, RealKey(ip_address("2001:db8::1"), 80))
    found = tracker(there, RealCheck.model_validate(check | {"interval": 0.5, "rise": 3})).model_dump()
    expected = {"interval": 0.5, "timeout": 3.0, "rise": 3, "fall": 2} | made
    assert {name: found[name] for name in expected} == expected
