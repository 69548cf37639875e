"""A status made by hand, and an agent that only answers."""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from vrrpwatch.agent.ports import Change, Verdict
from vrrpwatch.agent.telling.requests import Handed, RequestError
from vrrpwatch.agent.telling.status import (
    AdvertCounts,
    AgentStatus,
    CompanionStatus,
    RouterStatus,
    Status,
    SyncStatus,
)
from vrrpwatch.core.model import NANOSECONDS, Seconds

# 2026-01-31T12:00:00Z, an hour after the host booted.
WALL = 1_769_860_800 * NANOSECONDS
NOW = 3_600 * NANOSECONDS


def ago(seconds: float) -> int:
    return NOW - round(seconds * NANOSECONDS)


def router(name: str = "web", **more: Any) -> RouterStatus:
    made = RouterStatus(
        name=name,
        interface="eth0",
        protocol="vrrp",
        version=3,
        family=4,
        id=51,
        state="master",
        since=ago(90),
        priority=150,
        base_priority=150,
        advbase=None,
        advskew=None,
        demotion=None,
        master=ip_address("192.0.2.11"),
        addresses=(ip_address("192.0.2.1"),),
        held=True,
        draining=False,
        faults=(),
        sync=None,
        deadline=NOW + NANOSECONDS // 4,
        adverts=AdvertCounts(91, 2, {"bad-ttl": 1}),
        changes=2,
        last_change=Change("INSTANCE", name, "backup", "master", 150, ago(90), "its master was silent"),
        verdicts={"haproxy": Verdict("haproxy", True, "2 servers up", None), "uplink": None},
    )
    return made._replace(**more)


def status(routers: Iterable[RouterStatus] = (router(),), **more: Any) -> Status:
    agent = AgentStatus(711, "1.2.3", ago(100), "/etc/vrrpwatch/agent.toml", False, True, True)
    return Status(
        NOW,
        WALL,
        agent._replace(**more),
        routers,
        (SyncStatus("lan", "master", ago(90), ("web",)),),
        (CompanionStatus("conntrackd", "web", True, "told master"),),
    )


class Agent:
    """Commands whose effects are remembered; ``relief`` ends a drain."""

    def __init__(self, made: Status | None = None) -> None:
        self.made = status() if made is None else made
        self.asked: list[tuple[Any, ...]] = []
        self.relief = asyncio.Event()
        self.left = asyncio.Event()

    def status(self) -> Status:
        return self.made

    async def drain(self, routers: tuple[str, ...], wait: Seconds | None) -> tuple[Handed, ...]:
        self.asked.append(("drain", routers, wait))
        if "nowhere" in routers:
            raise RequestError("usage", "there is no router 'nowhere'", "there is no router 'x'")
        try:
            await asyncio.wait_for(self.relief.wait(), wait)
        except TimeoutError:
            return (Handed("web", False, None, "nobody took over within 0.1 s"),)
        except asyncio.CancelledError:
            self.left.set()
            raise
        return (Handed("web", True, ip_address("192.0.2.12")), Handed("db", True, None, "it is a backup here"))

    async def undrain(self, routers: tuple[str, ...]) -> tuple[str, ...]:
        self.asked.append(("undrain", routers))
        return routers or ("web", "db")

    async def reload(self) -> tuple[str, ...]:
        self.asked.append(("reload",))
        return ("db: removed",)
