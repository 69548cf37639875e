"""Hosts with sync groups, trackers and drains under random troubles: once these end, each group has one master."""

from random import Random
from typing import Any

import pytest

from tests.agent.ether import Ether, Station, router, settings

SEEDS = 150
CHECK = {"name": "check", "type": "tcp", "host": "127.0.0.1", "port": 80}


def carp(advskew: int) -> dict[str, Any]:
    made = router("carp", interface="eth3", protocol="carp", advskew=advskew)
    del made["priority"]
    return made | {"passphrase_file": "passphrase"}


def hosts(random: Random, ether: Ether) -> list[Station]:
    made = []
    for _ in range(random.choice((2, 2, 3))):
        priority = random.choice((50, 100, 150, 200))
        weight = random.choice((0, -60, 40))
        preempt = random.random() < 0.8
        config = settings(
            router("in", priority, preempt=preempt, track=[{"name": "check", "weight": weight}]),
            router("out", priority, interface="eth1", preempt=preempt),
            router("alone", random.choice((90, 110)), interface="eth2", version=2),
            carp(random.randrange(100)),
            sync=[{"name": "both", "routers": ["in", "out"]}],
            tracker=[CHECK],
        )
        made.append(ether.station(config).start())
        made[-1].judged("check", good=True)
    return made


def trouble(random: Random, ether: Ether, one: Station) -> None:
    name = random.choice(("in", "out", "alone", "carp"))
    match random.randrange(8):
        case 0:
            one.node.attach(name, "its interface is down", ether.now)
        case 1:
            one.up()
        case 2:
            one.judged("check", good=random.random() < 0.5)
        case 3:
            one.node.drain([name], ether.now)
        case 4:
            one.node.undrain([name], ether.now)
        case 5:
            ether.cut ^= {random.choice(("eth0", "eth1", "eth2", "eth3"))}
        case 6:
            one.dead = not one.dead
        case 7:
            one.node.replace(one.config, ether.now)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_troubles_there_is_one_master_of_everything(seed: int) -> None:
    random = Random(seed)
    ether = Ether()
    made = hosts(random, ether)
    for _ in range(random.randrange(5, 60)):
        ether.run(random.choice((0.0, 0.001, 0.5, 1.0, 4.0, 12.0)))
        trouble(random, ether, random.choice(made))
        for one in made:
            for name, state in one.states().items():
                assert state != "master" or name in one.held
    ether.cut.clear()
    for one in made:
        one.dead = False
        one.node.wake(ether.now)
        one.up()
        one.judged("check", good=True)
        one.node.undrain(list(one.node.members), ether.now)
    ether.run(60)
    for name in ("in", "out", "alone", "carp"):
        masters = [one.number for one in made if one.states()[name] == "master"]
        assert len(masters) == 1, name
    assert {one.number for one in made if one.states()["in"] == "master"} == {
        one.number for one in made if one.states()["out"] == "master"
    }
    for one in made:
        assert len(one.node._timers) < 20
