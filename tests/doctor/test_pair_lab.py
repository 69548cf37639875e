"""Real probes between two namespaces: what a bridge holds back must show, and nothing else."""

from collections.abc import Iterator

import pytest

from tests.doctor.doctoring import COMMAND, ORDINARY, examine, probed, start
from tests.lab.network import Host, Lab, missing

FORGED = "ether saddr & ff:ff:ff:ff:00:00 == 00:00:5e:00:00:00 drop"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    why = missing("bridge", "setpriv")
    if why is not None:
        pytest.skip(why)
    with Lab() as lab:
        lab.bridge("lan")
        for number in (1, 2):
            lab.host(f"h{number}", number, ipv6=True)
        yield lab


@pytest.fixture
def pair(lab: Lab) -> tuple[Host, Host]:
    return lab.hosts["h1"], lab.hosts["h2"]


def bad(answer: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("probe-"): verdict for name, verdict in answer.items() if verdict != "ok"}


@pytest.mark.parametrize("family", [4, 6])
def test_a_plain_bridge_carries_everything(pair: tuple[Host, Host], family: int) -> None:
    a, b = probed(*pair, family=family)
    assert (bad(a), bad(b)) == ({}, {})
    assert len(a) == 12


def test_forged_source_addresses_dropped(lab: Lab, pair: tuple[Host, Host]) -> None:
    lab.switch.filter("forged", "forward", FORGED, family="bridge")
    a, b = probed(*pair)
    lab.switch.do("nft", "delete", "table", "bridge", "forged")
    assert bad(a) == bad(b) == {f"virtual-{kind}-{way}": "problem" for kind in KINDS for way in ("in", "out")}


KINDS = ("source", "multicast")


def test_forged_source_addresses_dropped_one_way(lab: Lab, pair: tuple[Host, Host]) -> None:
    lab.switch.filter("forged", "forward", f'iifname "lan-h1" {FORGED}', family="bridge")
    a, b = probed(*pair)
    lab.switch.do("nft", "delete", "table", "bridge", "forged")
    assert bad(a) == {"virtual-source-out": "problem", "virtual-multicast-out": "problem"}
    assert bad(b) == {"virtual-source-in": "problem", "virtual-multicast-in": "problem"}


def test_a_port_that_neither_learns_nor_floods_gets_nothing_for_the_virtual_mac(
    lab: Lab, pair: tuple[Host, Host]
) -> None:
    # As port security: the host's own MAC is known, any other is neither learnt nor flooded.
    flags = ("learning", "flood")
    for flag in flags:
        lab.switch.do("bridge", "link", "set", "dev", "lan-h2", flag, "off")
    lab.switch.ip("link", "set", "lan", "type", "bridge", "fdb_flush")
    lab.switch.do("bridge", "fdb", "replace", "02:00:00:00:00:02", "dev", "lan-h2", "master", "static")
    a, b = probed(*pair)
    for flag in flags:
        lab.switch.do("bridge", "link", "set", "dev", "lan-h2", flag, "on")
    lab.switch.do("bridge", "fdb", "delete", "02:00:00:00:00:02", "dev", "lan-h2", "master")
    assert bad(a) == {"virtual-destination-out": "problem"}
    assert bad(b) == {"virtual-destination-in": "problem"}


def test_multicast_held_back_at_one_port(lab: Lab, pair: tuple[Host, Host]) -> None:
    lab.switch.do("bridge", "link", "set", "dev", "lan-h2", "mcast_flood", "off")
    a, b = probed(*pair)
    lab.switch.do("bridge", "link", "set", "dev", "lan-h2", "mcast_flood", "on")
    assert bad(a) == {"multicast-out": "problem", "virtual-multicast-out": "problem"}
    assert bad(b) == {"multicast-in": "problem", "virtual-multicast-in": "problem"}


def test_frames_reflected_to_their_sender(lab: Lab, pair: tuple[Host, Host]) -> None:
    lab.switch.do("bridge", "link", "set", "dev", "lan-h1", "hairpin", "on")
    a, b = probed(*pair)
    lab.switch.do("bridge", "link", "set", "dev", "lan-h1", "hairpin", "off")
    assert bad(a) == {"reflection": "problem"}
    assert bad(b) == {}


def test_macvlans_in_private_mode_do_not_hear_each_other(lab: Lab) -> None:
    lab.switch.ip("link", "add", "u0", "type", "veth", "peer", "name", "u1")
    for name in ("u0", "u1"):
        lab.switch.ip("link", "set", name, "up")
    hosts = [lab._namespace(f"h{number}") for number in (31, 32)]

    def plug(mode: str) -> None:
        for host in hosts:
            link = ("link", "u0", "netns", host.namespace, "type", "macvlan", "mode", mode)
            lab.switch.ip("link", "add", "name", "eth0", *link)
            host.ip("link", "set", "eth0", "up")
            host.ip("address", "add", f"192.0.2.{host.name[1:]}/24", "dev", "eth0")

    plug("private")
    a, b = probed(hosts[0], hosts[1], wait=2.0)
    assert bad(a) == bad(b) == {"peer": "unknown"}
    for host in hosts:
        host.ip("link", "delete", "eth0")
    plug("bridge")
    a, b = probed(hosts[0], hosts[1])
    # A macvlan delivers by its one address: frames to another MAC end here, all others pass.
    assert bad(a) == bad(b) == {"virtual-destination-in": "problem", "virtual-destination-out": "problem"}


def test_the_command_itself_both_ways(pair: tuple[Host, Host]) -> None:
    first, second = pair
    options = ("-i", "eth0", "--output", "json", "--wait", "15", "--vrid", "99")
    with start(second, COMMAND, *options, "--probe", "192.0.2.1") as other:
        code, checks = examine(first, "-i", "eth0", "--probe", "192.0.2.2", "--fail-on", "critical")
        assert other.communicate(timeout=30)[1] == ""
    assert code == 0
    assert checks["probe-reflection"]["verdict"] == "ok"
    # What could not be seen from inside a veth is answered by the probe.
    assert checks["hypervisor"]["verdict"] == "ok"


def test_a_probe_without_the_right_names_it(pair: tuple[Host, Host]) -> None:
    with start(pair[0], COMMAND, "-i", "eth0", "--probe", "192.0.2.2", through=ORDINARY) as process:
        output, complaints = process.communicate(timeout=30)
    assert (process.returncode, output) == (5, "")
    assert "--probe sends frames of its own and needs CAP_NET_RAW" in complaints


def test_an_ordinary_user_is_told_what_would_tell(pair: tuple[Host, Host]) -> None:
    with start(pair[0], COMMAND, "-i", "eth0", through=ORDINARY) as process:
        output, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")
    assert "nft -j list ruleset: needs CAP_NET_ADMIN" in output
    assert "sudo nft -j list ruleset" in output
    assert "192.0.2.1/24" in output


def test_a_filter_that_stops_the_talk_is_named(pair: tuple[Host, Host]) -> None:
    pair[0].filter("mute", "output", "udp dport 51112 drop")
    with start(pair[0], COMMAND, "-i", "eth0", "--probe", "192.0.2.2", "--wait", "1") as process:
        _, complaints = process.communicate(timeout=30)
    pair[0].unfilter("mute")
    assert process.returncode == 2
    assert "a packet filter here drops UDP to 192.0.2.2 port 51112" in complaints
