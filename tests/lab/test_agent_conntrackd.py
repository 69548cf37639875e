"""Connections that move with the master role: two real conntrackd, told by the agent's companion."""

import asyncio
import os
import re
from collections.abc import Callable

import pytest

from tests.agent.telling.changes import SOON, change, launching, until
from tests.lab.daemons import conntrackd
from tests.lab.network import Host, Lab, Process, missing, run
from tests.lab.waiting import wait_until
from vrrpwatch.agent.config.companions import Conntrackd
from vrrpwatch.agent.ports import RouterState
from vrrpwatch.agent.telling.conntrackd import ConnectionTracking

needed = "needs root" if os.geteuid() != 0 else missing("conntrackd", "ping")
pytestmark = pytest.mark.skipif(needed is not None, reason=needed or "")


def command(host: Host, process: Process) -> tuple[str, ...]:
    """The client of one host's daemon, which has a /run of its own."""
    inside = ("nsenter", "-t", str(process.family()[-1]), "-m", "-n", "/usr/sbin/conntrackd")
    return ("/usr/bin/env", *inside, "-C", str(host.folder / "conntrackd.conf"))


def pinged(text: str) -> list[str]:
    """The identifiers of the pings in a cache."""
    return re.findall(r"^icmp .*?src=192\.0\.2\.11 .*?\bid=(\d+)", text, re.MULTILINE)


def test_a_backup_that_becomes_master_has_the_connections_and_hands_them_on() -> None:
    told: list[str] = []
    with Lab() as lab:
        for bridge in ("lan", "sync"):
            lab.bridge(bridge)
        pairs: dict[str, tuple[Host, Process]] = {}
        for name, number in (("alpha", 11), ("bravo", 12)):
            host = lab.host(name, number)
            address = f"198.51.100.{number}"
            lab.attach(host, number, bridge="sync", addresses=(f"{address}/24",), interface="eth1", card=1)
            pairs[name] = host, conntrackd(host, address=address)
        clients = {name: command(*pair) for name, pair in pairs.items()}

        def cache(name: str, option: str) -> str:
            return run(*clients[name], option)

        def log(name: str) -> str:
            return pairs[name][1].log.read_text()

        pairs["alpha"][0].do("ping", "-q", "-c", "1", "-W", "5", "192.0.2.12")
        wait_until(lambda: pinged(cache("bravo", "-e")) != [], at_most=SOON, what="bravo to know alpha's ping")

        async def tell(name: str, state: RouterState, seen: Callable[[], bool]) -> None:
            async with launching() as launcher:
                settings = Conntrackd.model_validate({"follows": "lan", "command": clients[name]})
                tracking = ConnectionTracking(settings, launcher, told.append)
                assert await tracking.check()
                tracking.tell(change("lan", state))
                await until(seen)
                await tracking.close(SOON)
                assert tracking.status().good

        asyncio.run(tell("bravo", "master", lambda: "sending bulk update" in log("bravo")))
        assert re.search(
            r"committing all external caches.*Committed \d+ new entries.*flushing internal cache"
            r".*resync with master conntrack table.*sending bulk update",
            log("bravo"),
            re.DOTALL,
        )
        asyncio.run(tell("alpha", "backup", lambda: "resync requested" in log("alpha")))
        assert "flushing conntrack table in" in log("alpha")
        assert told == []

        async def unanswered() -> None:
            async with launching() as launcher:
                # A file that names no socket of a daemon.
                elsewhere = (*clients["alpha"][:-1], "/dev/null")
                settings = Conntrackd.model_validate({"follows": "lan", "command": elsewhere})
                assert not await ConnectionTracking(settings, launcher, told.append).check()

        asyncio.run(unanswered())
        assert len(told) == 1
        assert told[0].startswith("conntrackd does not answer: exit status 1: can't connect: is conntrackd running?")
