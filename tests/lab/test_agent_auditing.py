"""The agent's auditors among real daemons: what they object to before it speaks, and what they tell of afterwards."""

import asyncio
import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.agent.auditing.made import OWN_MAC, SECRET, carp, vrrp
from tests.lab.daemons import Instance, keepalived, ucarp
from tests.lab.live import inside
from tests.lab.network import Host, Lab, missing
from tests.lab.waiting import wait_until
from vrrpwatch.agent.auditing.concerns import Concern
from vrrpwatch.agent.auditing.listening import LEAST, Listened, listen
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.auditing.tasks import WatchingTask
from vrrpwatch.agent.auditing.watching import Watcher
from vrrpwatch.agent.ports import Attachment
from vrrpwatch.agent.speaking.sockets import Sockets
from vrrpwatch.alerts.backoff import Backoff

# Seconds within which a busy machine has done it.
SOON = 30.0
ANOTHER = "another"
AH = {"version": 2, "auth": {"type": "ah", "secret_file": "secret"}}


@pytest.fixture(autouse=True)
def _possible() -> None:
    why = missing("keepalived", "ucarp", "arping")
    if why is not None:
        pytest.skip(why)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.bridge("lan")
        lab.host("own", 2)
        lab.host("other", 1)
        yield lab


def vip(number: int) -> str:
    """The virtual address of the router with that id."""
    return f"192.0.2.{10 + number}"


@dataclass
class Stand:
    """Where the routers under test are to run: eth0 of a host, with 192.0.2.2."""

    host: Host
    told: list[str] = field(default_factory=list)

    def station(self, of: Callable[..., Station], name: str, number: int, **given: Any) -> Station:
        with inside(self.host.namespace):
            index = socket.if_nametoindex("eth0")
        at = Attachment("eth0", index, "eth0", index, OWN_MAC, ip_address("192.0.2.2"))
        defaults = {"name": name, "id": number, "addresses": [f"{vip(number)}/24"]}
        return of(at=at, **defaults | given)

    def listen(self, *stations: Station, seconds: float | None = None) -> Listened:
        with inside(self.host.namespace):
            return asyncio.run(listen(stations, seconds, self.told.append))


def instance(number: int, addresses: tuple[str, ...] = (), **given: Any) -> Instance:
    return Instance(vrid=number, priority=150, addresses=addresses or (f"{vip(number)}/24",), **given)


def masters(host: Host, *instances: Instance) -> None:
    """keepalived as master of all of them."""
    process = keepalived(host, *instances)
    wait_until(
        lambda: process.log.read_text().count("Entering MASTER STATE") >= len(instances),
        at_most=SOON,
        what="masters",
        seen=process.log.read_text,
    )


def test_what_is_wrong_is_told_before_a_word_is_said(lab: Lab) -> None:
    own, other = lab.hosts["own"], lab.hosts["other"]
    another = lab.host("another", 3)
    masters(
        other,
        instance(1),
        instance(2, ("192.0.2.200/24",)),
        instance(3, version=3, interval=0.5),
        instance(4, version=3),
        instance(5, auth="AH", password=ANOTHER),
        instance(6, version=3),
        instance(7, ("192.0.2.17/24", "192.0.2.207/24")),
        instance(9, auth="AH", password=SECRET.decode()),
    )
    ucarp(another, address=vip(8), vhid=8, advskew=0, source="192.0.2.3")
    # A host that holds one of our addresses and speaks no protocol.
    lab.host("stray", 21)
    stand = Stand(own)
    wait_until(
        lambda: vip(8) in another.do("ip", "address", "show", "dev", "eth0"), at_most=SOON, what="ucarp's master"
    )
    listened = stand.listen(
        stand.station(vrrp, "fits", 1, version=2),
        stand.station(vrrp, "collides", 2, version=2),
        stand.station(vrrp, "interval", 3),
        stand.station(vrrp, "version", 4, version=2),
        stand.station(vrrp, "key", 5, **AH),
        stand.station(vrrp, "checksum", 6, checksum="plain"),
        stand.station(vrrp, "addresses", 7, version=2),
        stand.station(carp, "passphrase", 8, advskew=100),
        stand.station(vrrp, "signed", 9, **AH),
        stand.station(vrrp, "answered", 11),
    )
    assert {one.router: one.rule for one in listened.objections} == {
        "collides": "vrid-collision",
        "interval": "interval-mismatch",
        "version": "version-mismatch",
        "key": "auth-failed",
        "checksum": "checksum-variant",
        "addresses": "address-mismatch",
        "passphrase": "auth-failed",
        "answered": "vip-conflict",
    }
    assert listened.stopped == {one.router for one in listened.objections}
    assert listened.troubles == ()
    known = {one.router: (str(one.ip), one.priority, one.implementation) for one in listened.masters}
    assert known["fits"] == known["signed"] == ("192.0.2.1", 150, "keepalived")
    assert known["passphrase"] == ("192.0.2.3", None, "ucarp")
    assert "answered" not in known


def test_another_program_on_this_very_host_is_noticed(lab: Lab) -> None:
    own = lab.hosts["own"]
    masters(own, instance(1, version=3))
    stand = Stand(own)
    # What it runs besides is its own affair, and the address that it holds is no stranger's.
    (one,) = stand.listen(stand.station(vrrp, "web", 1), stand.station(vrrp, "mail", 2), seconds=LEAST).objections
    assert (one.router, one.rule) == ("web", "duplicate-source")
    assert one.remedy.startswith("another program here")


def test_an_interface_that_is_down_is_told_and_no_objection(lab: Lab) -> None:
    own = lab.hosts["own"]
    own.ip("link", "set", "eth0", "down")
    stand = Stand(own)
    gone = stand.station(vrrp, "gone", 2, interface="eth7")
    gone = gone._replace(attachment=gone.attachment._replace(interface="eth7", device="eth7"))
    listened = stand.listen(stand.station(vrrp, "web", 1), gone, seconds=0.5)
    assert listened.objections == ()
    assert listened.troubles == (
        "eth0: could not be listened on, for it is down: bring it up, or remove its routers",
        "eth7: could not be listened on, for there is no such interface: bring it up, or remove its routers",
    )


def test_who_gives_up_listening_leaves_nobody_behind(lab: Lab) -> None:
    stand = Stand(lab.hosts["own"])
    station = stand.station(vrrp, "web", 1)

    async def main() -> None:
        task = asyncio.create_task(listen([station], 600.0, stand.told.append))
        await until(lambda: "eth0: is watched" in stand.told)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with inside(stand.host.namespace):
        asyncio.run(main())
    assert children() == []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.02)


def children() -> list[int]:
    """The auditors that this process has started and not waited for."""
    pid = os.getpid()
    started = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [one for one in started if b"auditing" in Path(f"/proc/{one}/cmdline").read_bytes()]


@dataclass
class Watched:
    """What a watcher told so far, and the watcher."""

    watcher: Watcher
    concerns: list[Concern]
    told: list[str]

    def rules(self) -> set[tuple[str, str]]:
        return {(one.router, one.rule) for one in self.concerns}


def watch(host: Host, task: WatchingTask, scene: Callable[[Watched], Awaitable[None]]) -> Watched:
    """Plays a scene while the routers are watched."""

    async def main() -> Watched:
        concerns: list[Concern] = []
        told: list[str] = []
        backoff = Backoff(lambda: 0.5, first=0.02, cap=0.02)
        seen = Watched(Watcher(concerns.append, told.append, backoff=backoff), concerns, told)
        running = asyncio.create_task(seen.watcher.run(task))
        try:
            await until(lambda: seen.watcher.watching or bool(told))
            await scene(seen)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        return seen

    with inside(host.namespace):
        return asyncio.run(main())


def test_concerns_reach_the_agent_and_alerts_their_receivers(lab: Lab) -> None:
    own, other = lab.hosts["own"], lab.hosts["other"]
    stand, alerts, sent = Stand(own), lab.folder / "alerts.toml", lab.folder / "sent"
    sink = {
        "type": "hook",
        "name": "here",
        "user": "root",
        "command": ["/bin/sh", "-c", f"cat >>{sent}; echo >>{sent}"],
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in sink.items()]
    alerts.write_text("\n".join(["version = 1", "[[sink]]", *lines, ""]))
    masters(
        other,
        instance(1, auth="AH", password=ANOTHER),
        instance(2, version=3, peers=("192.0.2.2",)),
        instance(3, version=3, peers=("192.0.2.2",)),
    )
    stations = (
        stand.station(vrrp, "key", 1, **AH),
        stand.station(vrrp, "rogue", 2, peers=["192.0.2.3"]),
        stand.station(vrrp, "peer", 3, peers=["192.0.2.1"]),
    )
    task = WatchingTask(stations, alerts=str(alerts), outbox=str(lab.folder / "outbox.db"))

    async def scene(seen: Watched) -> None:
        await until(lambda: len(seen.rules()) == 2)
        # Whoever claims an address that a peer holds.
        stray = lab.host("stray", 66)
        stray.ip("address", "add", f"{vip(3)}/24", "dev", "eth0")
        stray.do("arping", "-q", "-c", "1", "-U", "-I", "eth0", vip(3))
        await until(lambda: ("peer", "vip-conflict") in seen.rules())
        await until(lambda: sent.exists() and sent.read_text().count("rogue-speaker") > 0)

    seen = watch(own, task, scene)
    assert seen.rules() == {("key", "auth-failed"), ("rogue", "rogue-speaker"), ("peer", "vip-conflict")}
    conflict = next(one for one in seen.concerns if one.rule == "vip-conflict")
    assert conflict.addresses == (ip_address(vip(3)),)
    assert seen.watcher.pid is None
    assert children() == []


def test_a_sniffer_that_dies_is_started_again_and_has_no_rights_to_spare(lab: Lab) -> None:
    stand = Stand(lab.hosts["own"])

    async def scene(seen: Watched) -> None:
        first = seen.watcher.pid
        assert first is not None
        status = Path(f"/proc/{first}/status").read_text().splitlines()
        # CAP_NET_RAW and nothing else (linux/capability.h).
        assert next(line.split()[1] for line in status if line.startswith("CapEff:")) == f"{1 << 13:016x}"
        assert os.sched_getscheduler(first) == os.SCHED_OTHER
        for place in ("cmdline", "environ"):
            text = Path(f"/proc/{first}/{place}").read_bytes()
            assert SECRET not in text
            assert SECRET.hex().encode() not in text
        # The agent ends it when it has to.
        os.kill(first, signal.SIGTERM)
        os.kill(first, signal.SIGKILL)
        await until(lambda: seen.watcher.watching and seen.watcher.pid not in (None, first))

    seen = watch(stand.host, WatchingTask((stand.station(vrrp, "web", 1, **AH),)), scene)
    assert any("has ended (signal 9)" in line for line in seen.told)


def test_what_a_healthy_agent_says_is_heard_and_found_right(lab: Lab) -> None:
    stand = Stand(lab.hosts["own"])
    hmac = {"type": "hmac", "secret_file": "secret"}
    stations = (
        stand.station(vrrp, "two", 1, version=2),
        stand.station(vrrp, "ah", 2, **AH),
        stand.station(vrrp, "simple", 3, version=2, auth={"type": "simple", "secret_file": "secret"}),
        stand.station(vrrp, "three", 4),
        stand.station(vrrp, "plain", 5, checksum="plain"),
        stand.station(vrrp, "trailer", 6, auth=hmac),
        stand.station(vrrp, "fast", 7, interval=0.1),
        stand.station(vrrp, "unicast", 8, peers=["192.0.2.1"]),
        stand.station(carp, "carp", 9),
    )

    async def speak(sockets: Sockets, station: Station) -> None:
        settings = station.config.settings(station.attachment.source)
        sockets.announce(station.name)
        while True:
            sockets.send(station.name, settings.advert)
            await asyncio.sleep(settings.interval)

    async def scene(seen: Watched) -> None:
        sockets = Sockets(seen.told.append, lambda told: seen.told.append(str(told)))
        for station in stations:
            sockets.attach(station.config, station.attachment)
        speaking = [asyncio.create_task(speak(sockets, station)) for station in stations]
        # Whoever listens here meets the agent itself.
        listened = await listen(stations, LEAST, seen.told.append)
        for one in speaking:
            one.cancel()
        await asyncio.gather(*speaking, return_exceptions=True)
        sockets.close()
        assert {one.router for one in listened.masters} == {station.name for station in stations}
        assert {(one.router, one.rule) for one in listened.objections if one.stops} == {
            (station.name, "duplicate-source") for station in stations
        }

    seen = watch(stand.host, WatchingTask(stations), scene)
    assert seen.concerns == []
    assert set(seen.told) == {"eth0: is watched"}


def test_what_keeps_it_from_watching_is_told(lab: Lab) -> None:
    stand = Stand(lab.hosts["own"])
    policy = lab.folder / "policy.toml"
    policy.write_text("version = 2\n")
    task = WatchingTask((stand.station(vrrp, "web", 1),), policy=str(policy))

    async def scene(seen: Watched) -> None:
        await until(lambda: len(seen.told) >= 2)

    told = watch(stand.host, task, scene).told
    assert told[0].startswith(f"the sniffer that watches this agent has ended ({policy}:1: version: ")


AGENT = """
import asyncio, pickle, sys
from vrrpwatch.agent.auditing.watching import Watcher

async def main():
    watcher = Watcher(print, lambda line: print(line, flush=True))
    running = asyncio.create_task(watcher.run(pickle.load(sys.stdin.buffer)))
    while not watcher.watching:
        await asyncio.sleep(0.02)
    print("numpy" in sys.modules, watcher.pid, flush=True)
    await running

asyncio.run(main())
"""


def test_it_outlives_no_agent_which_has_none_of_its_libraries(lab: Lab) -> None:
    stand = Stand(lab.hosts["own"])
    task = pickle.dumps(WatchingTask((stand.station(vrrp, "web", 1),)))
    with (
        inside(stand.host.namespace),
        subprocess.Popen([sys.executable, "-c", AGENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent,
    ):
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(task)
        agent.stdin.close()
        said = [agent.stdout.readline() for _ in range(2)][-1].split()
        assert said[0] == b"False"
        pid = int(said[1])
        agent.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), at_most=SOON, what="the sniffer's end")
