"""What an observer says of agents at work: nothing above a remark, however often they relieve each other."""

import json
import os
import subprocess

import pytest

from tests.lab import agents
from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until
from tests.lab.watching import COMMAND

_WHY = missing()
pytestmark = pytest.mark.skipif(_WHY is not None and "VRRPWATCH_CI" not in os.environ, reason=_WHY or "")


def test_an_agent_seen_by_analyze_gives_no_finding_above_info() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        hosts = [lab.host(name, number, ipv6=True) for name, number in (("alpha", 11), ("beta", 12))]
        path = lab.switch.folder / "agents.pcap"
        tcpdump = lab.switch.start("tcpdump", "-U", "-s0", "-i", "lan", "-w", str(path))
        wait_until(lambda: "listening on" in tcpdump.log.read_text(), at_most=10, what="tcpdump")
        for host, priority in zip(hosts, (150, 100), strict=True):
            secret = str(host.write("secret", "lab-pass"))
            agents.start(
                host,
                agents.router(priority=priority, vmac=True),
                agents.router("fast", id=52, priority=priority, interval=0.1, addresses=["192.0.2.52/24"]),
                agents.router(
                    "two",
                    id=53,
                    version=2,
                    priority=priority,
                    addresses=["192.0.2.53/24"],
                    auth={"type": "ah", "secret_file": secret},
                ),
                agents.router("six", id=54, priority=priority, addresses=["fe80::54/64", "2001:db8::54/64"]),
                agents.router(
                    "carp",
                    id=55,
                    protocol="carp",
                    advskew=254 - priority,
                    addresses=["192.0.2.55/24"],
                    passphrase_file=secret,
                ),
            )
        names = ("web", "fast", "two", "six", "carp")
        alpha, beta = hosts
        for name in names:
            agents.await_state(alpha, "master", name)
        agents.ask(alpha, "drain")
        for name in names:
            agents.await_state(beta, "master", name)
        agents.ask(alpha, "undrain")
        for name in names:
            agents.await_state(alpha, "master", name)
        # Their own adverts do not come back to them, from a macvlan neither.
        counted = [one["adverts"] for host in hosts for one in (agents.try_status(host) or {})["routers"]]
        assert [one["discarded"] for one in counted] == [{}] * 10
        assert all(one["sent"] for one in counted)
        alpha.processes[0].stop()
        for name in names:
            agents.await_state(beta, "master", name)
        size = path.stat().st_size
        # What follows a takeover is judged five seconds later: the second burst of announcements, and some adverts.
        wait_until(lambda: path.stat().st_size > size + 7_000, at_most=20, what="the takeover to be over")
        tcpdump.stop()
        done = subprocess.run(
            (COMMAND, "analyze", "--output", "json", str(path)), capture_output=True, text=True, check=True
        )
    analysis = json.loads(done.stdout)
    assert len(analysis["groups"]) == len(names)
    assert {one["to"] for one in analysis["events"]} >= {"192.0.2.11", "192.0.2.12", "fe80::11", "fe80::12"}
    assert [one for one in analysis["findings"] if one["severity"] != "info"] == []
