"""The agent's adverts and real daemons: each takes the other's, in every kind of advert that both speak."""

import os
import re
from collections.abc import Generator
from dataclasses import dataclass

import pytest

from tests.agent.speaking.pair import End
from tests.agent.speaking.routers import carp, vrrp
from tests.lab.daemons import Instance, frr, keepalived, ucarp
from tests.lab.network import Host, Lab, Process, missing
from tests.lab.waiting import wait_until
from vrrpwatch.agent.config.routers import Router
from vrrpwatch.core.machine.settings import Advert, CarpAdvert, VrrpAdvert

AGENT, KEEPALIVED, FRR, UCARP = 11, 12, 13, 14

# By its name in keepalived's log: the instance, and the same router of ours.
PEER, MINE = f"192.0.2.{AGENT}", f"192.0.2.{KEEPALIVED}"
ROUTERS: dict[str, tuple[Instance, Router]] = {
    "V1": (
        Instance(vrid=61, priority=100, addresses=("192.0.2.61/24",)),
        vrrp(name="V1", id=61, version=2, addresses=["192.0.2.61/24"]),
    ),
    "V2": (
        Instance(vrid=62, priority=100, addresses=("192.0.2.62/24",), auth="PASS", password="open-lab"),  # noqa: S106
        vrrp(name="V2", id=62, version=2, addresses=["192.0.2.62/24"], auth=("simple", "open-lab")),
    ),
    "V3": (
        Instance(vrid=63, priority=100, addresses=("192.0.2.63/24",), auth="AH", password="labsecrt"),  # noqa: S106
        vrrp(name="V3", id=63, version=2, addresses=["192.0.2.63/24"], auth=("ah", "labsecrt")),
    ),
    "V4": (
        Instance(vrid=64, priority=100, addresses=("192.0.2.64/24",), peers=(PEER,)),
        vrrp(name="V4", id=64, version=2, addresses=["192.0.2.64/24"], peers=[MINE]),
    ),
    "V5": (
        Instance(vrid=65, priority=100, addresses=("192.0.2.65/24",), version=3, interval=0.5),
        vrrp(name="V5", id=65, interval=0.5, addresses=["192.0.2.65/24"]),
    ),
    "V6": (
        Instance(vrid=66, priority=100, addresses=("192.0.2.66/24",), version=3, interval=0.5, peers=(PEER,)),
        vrrp(name="V6", id=66, interval=0.5, addresses=["192.0.2.66/24"], peers=[MINE]),
    ),
    "V7": (
        Instance(
            vrid=67,
            priority=100,
            addresses=("fe80::67/64", "2001:db8::67/64"),
            version=3,
            interval=0.5,
            ipv6=True,
        ),
        vrrp(name="V7", id=67, interval=0.5, addresses=["fe80::67/64", "2001:db8::67/64"]),
    ),
    "V8": (
        Instance(
            vrid=68,
            priority=100,
            addresses=("fe80::68/64",),
            version=3,
            interval=0.5,
            ipv6=True,
            peers=(f"fe80::{AGENT}",),
        ),
        vrrp(name="V8", id=68, interval=0.5, addresses=["fe80::68/64"], peers=[f"fe80::{KEEPALIVED}"]),
    ),
}
FRRS = vrrp(name="frr", id=5, interval=0.5, addresses=["192.0.2.5/24"])
UCARPS = carp(name="ucarp", id=42, addresses=["192.0.2.42/24"])


@dataclass(slots=True)
class Segment:
    """The agent's sockets and one host of each daemon, all masters by themselves."""

    agent: End
    keepalived: Process
    frr: Host
    ucarp: Process

    def say(self, router: Router, advert: Advert) -> None:
        self.agent.sockets.send(router.name, advert)

    def hears(self, router: Router) -> bool:
        """Whether it advertises itself, by now."""
        return any(one.router == router.name for one in self.agent.read())


@pytest.fixture(scope="module")
def segment() -> Generator[Segment]:
    why = missing("keepalived", "ucarp", "vrrpd", "zebra")
    if why is not None:
        assert not os.environ.get("VRRPWATCH_CI"), why
        pytest.skip(why)
    with Lab() as lab:
        lab.bridge("lan")
        host = lab.host("agent", AGENT, ipv6=True)
        agent = End(host.namespace, AGENT)
        try:
            for router in (*(ours for _, ours in ROUTERS.values()), FRRS, UCARPS):
                agent.attach(router)
            made = Segment(
                agent,
                keepalived(lab.host("k", KEEPALIVED, ipv6=True), *(theirs for theirs, _ in ROUTERS.values())),
                lab.host("f", FRR),
                ucarp(lab.host("u", UCARP), address="192.0.2.42", vhid=42, advskew=100, source=f"192.0.2.{UCARP}"),
            )
            frr(made.frr, vrid=5, priority=100, address="192.0.2.5", interval=0.5)
            yield made
        finally:
            agent.sockets.close()


def log(process: Process, name: str) -> list[str]:
    """What keepalived said of an instance, without the time."""
    lines = process.log.read_text(errors="replace").splitlines()
    return [line.split(f"({name}) ", 1)[1] for line in lines if f"({name}) " in line]


def ends_with(process: Process, name: str, state: str) -> bool:
    entered = [line for line in log(process, name) if line.startswith("Entering")]
    return bool(entered) and entered[-1] == f"Entering {state} STATE"


@pytest.mark.parametrize("name", list(ROUTERS))
def test_keepalived(segment: Segment, name: str) -> None:
    """It is heard as master, yields to a better one, and takes over again when that resigns: no word of complaint."""
    router = ROUTERS[name][1]
    daemon, interval = segment.keepalived, ROUTERS[name][0].interval

    def seen() -> str:
        return f"{log(daemon, name)} {segment.agent.sockets.counters(name)} {segment.agent.refused}"

    wait_until(lambda: segment.hears(router), at_most=15, what=f"{name} of keepalived", seen=seen)
    heard = [one for one in segment.agent.heard if one.router == name]
    source = f"fe80::{KEEPALIVED}" if router.family == 6 else MINE
    assert {(str(one.source), one.advert) for one in heard} == {(source, VrrpAdvert(100, interval))}

    def yielded() -> bool:
        segment.say(router, VrrpAdvert(200, interval))
        return ends_with(daemon, name, "BACKUP")

    wait_until(yielded, at_most=15, what=f"{name} to yield", seen=seen, every=0.1)
    segment.agent.read()
    segment.say(router, VrrpAdvert(0, interval))
    wait_until(lambda: segment.hears(router), at_most=15, what=f"{name} to take over", seen=seen)
    assert ends_with(daemon, name, "MASTER")
    # All it said: states, and why it left one.
    spoken = re.compile(r"Entering (BACKUP|MASTER) STATE( \(init\))?|Master received advert from \S+ with higher .*")
    assert [line for line in log(daemon, name) if not spoken.fullmatch(line)] == []
    counters = segment.agent.sockets.counters(name)
    assert (counters.unsent, counters.discarded, counters.remarks) == (0, {}, {})


def test_frr(segment: Segment) -> None:
    """Where it is not master, its macvlan is kept down."""

    def down() -> bool:
        return "protodown on" in segment.frr.do("ip", "-d", "link", "show", "vrrp4")

    wait_until(lambda: segment.hears(FRRS), at_most=15, what="FRR")
    assert not down()

    def yielded() -> bool:
        segment.say(FRRS, VrrpAdvert(200, 0.5))
        return down()

    wait_until(yielded, at_most=15, what="FRR to yield", every=0.1)
    segment.agent.read()
    segment.say(FRRS, VrrpAdvert(0, 0.5))
    wait_until(lambda: segment.hears(FRRS), at_most=15, what="FRR to take over")
    counters = segment.agent.sockets.counters("frr")
    assert (counters.discarded, counters.remarks) == ({}, {})


def test_ucarp(segment: Segment) -> None:
    """It yields to the better one, and takes over at once when that bows out."""

    def state() -> str:
        states = re.findall(r"Switching to state: (\w+)", segment.ucarp.log.read_text(errors="replace"))
        return states[-1] if states else ""

    def seen() -> str:
        return f"{segment.ucarp.log.read_text(errors='replace')[-600:]} {segment.agent.sockets.counters('ucarp')}"

    wait_until(lambda: segment.hears(UCARPS), at_most=15, what="ucarp", seen=seen)
    assert {one.advert for one in segment.agent.heard if one.router == "ucarp"} == {CarpAdvert(1, 100)}

    def yielded() -> bool:
        segment.say(UCARPS, CarpAdvert(1, 0))
        return state() == "BACKUP"

    wait_until(yielded, at_most=15, what="ucarp to yield", seen=seen, every=0.1)
    segment.agent.read()
    segment.say(UCARPS, CarpAdvert(255, 255))
    wait_until(lambda: state() == "MASTER", at_most=15, what="ucarp to take over", seen=seen)
    assert not re.search(r"Bad |Ignoring", segment.ucarp.log.read_text(errors="replace"))
    counters = segment.agent.sockets.counters("ucarp")
    assert (counters.discarded, counters.remarks) == ({}, {})
