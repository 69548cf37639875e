"""Settings in plain words, and what of them this host lacks."""

from pathlib import Path
from typing import Any

import pytest

from tests.agent.telling.changes import script, settings
from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.telling.intentions import doubts, intentions

# Octets of the loopback device, and Ethernet's for what this host does not have.
LOOPBACK, ABSENT = "lo", "absent0"


def test_a_line_for_each_router_and_for_what_goes_with_them() -> None:
    given = settings(
        "web",
        "six",
        "owner",
        web={
            "addresses": [f"192.0.2.{number}/24" for number in (1, 102, 103, 104, 105, 106, 107)],
            "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.254"}],
            "priority": 150,
            "preempt_delay": 30,
            "start_delay": 2,
            "track": ["app", {"name": "uplink", "weight": -20, "reverse": True}],
            "notify": {"master": ["/bin/true"]},
        },
        six={
            "addresses": ["2001:db8::1/64"],
            "vmac": True,
            "preempt": False,
            "interval": 0.1,
        },
        owner={"version": 2, "priority": 255, "peers": ["192.0.2.12", "192.0.2.13"], "interval": 3},
        tracker=[
            {"name": "app", "type": "process", "process": "haproxy"},
            {"name": "uplink", "type": "interface", "interface": "eth1"},
        ],
        sync=[{"name": "lan", "routers": ["web", "six"], "notify": {"any": ["/bin/true"]}}],
        conntrackd={"follows": "lan"},
        ipvs={
            "follows": "web",
            "virtual": [{"address": "192.0.2.1", "port": 80, "real": [{"address": "192.0.2.21"}]}],
        },
        agent={"listen": 0, "audit": False, "socket_group": "adm", "fifo": "/run/notify"},
        notify={"any": ["/bin/true"]},
    )
    web, six, owner, *others, agent = intentions(given)
    assert web.split("; ") == [
        "web: VRRPv3 1 on eth0, priority 150",
        "as master it holds 192.0.2.1/24, 192.0.2.102/24, 192.0.2.103/24, 192.0.2.104/24 and 3 more, 1 route",
        "advertises every 1 s by multicast",
        "preempts after 30 s",
        "waits 2 s at its start",
        "heeds app (a fault) and uplink (reversed, -20)",
        "goes with lan",
        "runs 2 hooks",
    ]
    assert six.split("; ") == [
        "six: VRRPv3 2 on eth0, priority 100",
        "as master it holds 2001:db8::1/64 with the virtual MAC",
        "advertises every 0.1 s by multicast",
        "does not preempt",
        "goes with lan",
        "runs 1 hook",
    ]
    assert owner.split("; ") == [
        "owner: VRRPv2 3 on eth0, priority 255, the owner",
        "as master it holds 192.0.2.3/24",
        "advertises every 3 s to 192.0.2.12 and 192.0.2.13",
        "preempts",
        "runs 1 hook",
    ]
    assert others == [
        "lan: web and six are master together or not at all, runs 1 hook",
        "conntrackd: hands connections over as lan changes",
        "ipvs: 1 virtual server, its sync daemon as web is",
    ]
    assert agent.split("; ") == [
        "agent: speaks without listening first",
        "is not watched by its own sniffer",
        "root and adm may ask it on /run/vrrpwatch-agent/agent.sock",
        "writes changes to /run/notify",
    ]


def test_carp_and_secrets() -> None:
    tables = [
        {"name": "a", "interface": "eth0", "id": 7, "addresses": ["192.0.2.1/24"], "protocol": "carp", "advskew": 64}
        | {"passphrase_file": "carp"},
        {"name": "b", "interface": "eth0", "id": 8, "addresses": ["192.0.2.2/24"]}
        | {"auth": {"type": "hmac", "secret_file": "hmac"}},
    ]
    made = AgentSettings.model_validate(
        {"version": 1, "router": tables, "agent": {"listen": 2}}, context={"read": lambda _: b"secret"}
    )
    lines = list(intentions(made))
    assert lines[0] == (
        "a: CARP 7 on eth0, advbase 1, advskew 64; as master it holds 192.0.2.1/24; "
        "advertises every 1.25 s by multicast; preempts"
    )
    assert "advertises every 1 s by multicast, hmac authentication" in lines[1]
    assert lines[2].startswith("agent: listens for 2 s before it speaks; is watched by its own sniffer; root may ask")
    assert "secret" not in "".join(lines)


def test_programs_that_this_host_lacks(tmp_path: Path) -> None:
    good, bad = script(tmp_path, "good", ""), script(tmp_path, "bad", "")
    Path(bad).chmod(0o644)
    given = settings(
        "web",
        web={"notify": {"master": [good], "stop": [bad]}},
        sync=[{"name": "lan", "routers": ["web"], "notify": {"any": [bad]}}],
        tracker=[{"name": "app", "type": "script", "command": [str(tmp_path / "missing")]}],
        conntrackd={"follows": "lan", "command": [str(tmp_path)]},
    )
    assert list(doubts(given)) == [
        f"{bad}: cannot be run: make it executable",
        f"{tmp_path}/missing: there is no such program on this host",
        f"{tmp_path}: there is no such program on this host",
    ]


@pytest.mark.parametrize(
    ("most", "more"),
    [
        # 40 + 8 + 16 x 90 = 1488, and with the trailer's 28 octets 40 + 8 + 16 x 89 + 28 = 1500.
        (90, {}),
        (89, {"auth": {"type": "hmac", "secret_file": "hmac"}}),
    ],
)
def test_an_advert_that_is_longer_than_the_interface_takes(most: int, more: dict[str, Any]) -> None:
    def said(number: int, interface: str) -> list[str]:
        router = {"name": "six", "interface": interface, "id": 6} | more
        router["addresses"] = [f"2001:db8::{one:x}/64" for one in range(1, number + 1)]
        tables = {"version": 1, "router": [router]}
        return list(doubts(AgentSettings.model_validate(tables, context={"read": lambda _: b"secret"})))

    size = 48 + 16 * (most + 2) + (28 if more else 0)
    assert said(most, ABSENT) == []
    assert said(most + 2, LOOPBACK) == []
    (line,) = said(most + 2, ABSENT)
    assert line == (
        f"six: an advertisement of {most + 2} addresses has {size} octets, absent0 takes 1500: "
        "give 2 of them advertise = false, or make more routers of it"
    )


def test_an_advert_of_ipv4_fits_into_a_frame() -> None:
    # 20 + 24 + 8 + 4 x 255 + 8 octets, with AH.
    router = {"name": "four", "interface": ABSENT, "id": 4, "version": 2}
    router |= {"addresses": [f"198.51.100.{one}/24" for one in range(1, 256)]}
    router |= {"auth": {"type": "ah", "secret_file": "ah"}}
    tables = {"version": 1, "router": [router]}
    assert list(doubts(AgentSettings.model_validate(tables, context={"read": lambda _: b"secret"}))) == []
