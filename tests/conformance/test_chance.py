"""Segments where anything happens, by seeded chance: however their captures are cut, the verdict is the same."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capture.files import kept
from tests.conformance.stage import Case
from tests.conformance.test_findings import SEGMENT, cut_anywhere, cut_at, whole
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.sources import read_here
from vrrpwatch.core.engine import Engine, EngineOptions
from vrrpwatch.core.monitor import Monitor
from vrrpwatch.core.news import News

Make = Callable[[random.Random], Case]
KINDS = ("vrrp", "vrrp", "vrrp", "vrrp", "unicast", "carp", "ipv6", "arp", "na", "query", "report")


def anything(chance: random.Random) -> Case:
    """A script of three hosts that say what they like, in stretches that overlap."""
    return {"hear": [stretch(chance) for _ in range(chance.randint(3, 14))]}


def stretch(chance: random.Random) -> dict[str, Any]:
    who, kind = chance.choice("ABC"), chance.choice(KINDS)
    line: dict[str, Any] = {"who": who, "from": round(chance.uniform(0, 30), 3), "count": chance.randint(1, 15)}
    if chance.random() < 0.2:
        line |= {"copies": chance.randint(1, 2), "lag": chance.choice([0.0, 0.01, 0.4])}
    if chance.random() < 0.2:
        line["vlans"] = [10]
    if kind == "arp":
        how = chance.choice(["gratuitous", "announcement", "reply", "request"])
        return line | {"say": "arp", "arp": how, "every": chance.choice([0.5, 4.0]), "count": chance.randint(1, 4)}
    if kind == "na":
        return line | {"say": "na", "every": 3.0, "count": chance.randint(1, 4)}
    if kind == "query":
        return line | {"say": "igmp", "igmp": "query", "every": 125.0, "count": chance.randint(1, 3)}
    if kind == "report":
        return line | {"say": "igmp", "igmp": "join", "group": "225.0.0.50", "every": 10.0, "count": 1}
    line["every"] = chance.choice([0.3, 1.0, 1.0, 1.0, 1.6, 3.5])
    if chance.random() < 0.3:
        line |= {"resigns": True, "count": chance.randint(1, 3)}
    if chance.random() < 0.1:
        line["wrong_checksum"] = True
    if kind == "carp":
        return line | {"say": "carp", "advbase": chance.choice([1, 1, 2]), "advskew": chance.choice([0, 100])}
    line |= {"priority": chance.choice([100, 150, 255]), "interval": chance.choice([1.0, 1.0, 1.0, 2.0, 0.3])}
    if kind == "unicast":
        others = [f"192.0.2.{number}" for number in (1, 2, 3) if number != ord(who) - ord("A") + 1]
        return line | {"to": others}
    if kind == "ipv6":
        return line | {"family": 6}
    if chance.random() < 0.2:
        line |= {"version": 2, "interval": 1.0, "password": chance.choice(["", "red", "blue"])}
    return line | {"addresses": [chance.choice(["192.0.2.100", "192.0.2.200"])]}


def at_odds(chance: random.Random) -> Case:
    """Three hosts that change what they say all the time, and resign in the middle of contests."""
    return {"hear": [_dispute(chance) for _ in range(chance.randint(3, 14))]}


def _dispute(chance: random.Random) -> dict[str, Any]:
    who = chance.choice("ABC")
    line: dict[str, Any] = {"who": who, "from": round(chance.uniform(0, 20), 3), "count": chance.randint(1, 15)}
    if chance.random() < 0.1:
        return line | {"say": "carp", "advbase": chance.choice([1, 2]), "advskew": 0, "every": 1.0}
    line |= {"every": chance.choice([0.3, 1.0, 1.0, 1.6, 3.5]), "interval": chance.choice([1.0, 1.0, 2.0])}
    line |= {"priority": chance.choice([100, 150])}
    if chance.random() < 0.3:
        line |= {"version": 2, "interval": 1.0, "password": chance.choice(["red", "blue"])}
    if chance.random() < 0.2:
        line |= {"resigns": True, "count": chance.randint(1, 3)}
    if chance.random() < 0.1:
        line["to"] = [f"192.0.2.{number}" for number in (1, 2, 3) if number != ord(who) - ord("A") + 1]
    return line | {"addresses": chance.choice([["192.0.2.100"], ["192.0.2.100", "192.0.2.200"]])}


def busy(chance: random.Random) -> Case:
    """Hosts that join, leave and answer again and again for an hour, while virtual routers come and go."""
    return {"hear": [_repeated(chance) for _ in range(chance.randint(6, 24))]}


def _repeated(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(
        ["report", "report", "report", "leave", "query", "query", "arp", "arp", "vrrp", "vrrp", "sync"]
    )
    line: dict[str, Any] = {
        "who": chance.choice("ABC"),
        "from": round(chance.choice([20, 2400]) * chance.random(), 3),
        "every": chance.choice([0.7, 3.0, 19.0, 61.0, 125.0, 241.0, 263.0]),
        "count": chance.randint(1, 12),
    }
    if chance.random() < 0.2:
        line["vlans"] = [10]
    group = chance.choice(["225.0.0.50", "224.0.0.18"])
    match kind:
        case "report":
            return line | {"say": "igmp", "igmp": "join", "group": group}
        case "leave":
            return line | {"say": "igmp", "igmp": "leave", "group": group, "count": 1}
        case "query":
            # Nearly always the same one asks: several would be a finding each time.
            who = "A" if chance.random() < 0.8 else "B"
            asked = {"group": group} if chance.random() < 0.2 else {}
            return line | {"who": who, "say": "igmp", "igmp": "query"} | asked
        case "sync":
            return line | {"say": "conntrackd", "every": chance.choice([0.7, 3.0, 19.0]), "count": 200}
        case "arp":
            mac = chance.choice(["00:00:5e:00:01:01", "00:00:5e:00:01:01", "00:00:5e:00:01:02", "02:00:00:00:00:09"])
            how = chance.choice(["reply", "reply", "reply", "gratuitous"])
            address = chance.choice(["192.0.2.100", "192.0.2.200"])
            return line | {"say": "arp", "arp": how, "mac": mac, "ip": address, "every": chance.choice([0.3, 1.0, 7.0])}
        case _:
            known: dict[str, Any] = {"addresses": [chance.choice(["192.0.2.100", "192.0.2.200"])]}
            if chance.random() < 0.3:
                known = {"say": "carp", "advbase": 1, "advskew": 0}
            return line | {"every": 1.0, "count": chance.randint(1, 40), "id": chance.choice([1, 1, 2])} | known


SCRIPTS: list[Any] = [
    pytest.param(make, seed, id=f"{make.__name__} {seed}")
    for make, seeds in ((anything, 120), (at_odds, 80), (busy, 40))
    for seed in range(seeds)
]


@pytest.mark.parametrize(("make", "seed"), SCRIPTS)
def test_cutting_anything_anywhere_changes_nothing(make: Make, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    _, analysis = whole(make(chance), tmp_path)
    batches = kept(read_here(str(tmp_path / f"{SEGMENT}.pcap"), 0, WANTED, lambda _source, _facts: None))
    for _ in range(6):
        engine = Engine(EngineOptions(lambda _source, _interface, _ifindex: SEGMENT))
        for batch in batches:
            for part in cut_anywhere(batch, chance):
                engine.feed(part)
        assert engine.finish(analysis.sources) == analysis


@pytest.mark.parametrize(("make", "seed"), SCRIPTS)
def test_listening_gives_what_the_recording_gives(make: Make, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    _, analysis = whole(make(chance), tmp_path)
    batches = kept(read_here(str(tmp_path / f"{SEGMENT}.pcap"), 0, WANTED, lambda _source, _facts: None))
    monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: SEGMENT))
    told: list[News] = []
    parts = [part for batch in batches for part in cut_anywhere(batch, chance)]
    for place, part in enumerate(parts):
        monitor.feed(part)
        # Between two packets the clock goes on.
        ahead = min((int(later.frames["at"].min()) for later in parts[place + 1 :] if len(later.frames)), default=0)
        monitor.tick(monitor.now + int((ahead - monitor.now) * chance.random()))
        told.append(monitor.news())
    last, rest = monitor.finish(analysis.sources)
    told.append(last)
    order = {event: place for place, event in enumerate(analysis.events)}
    assert sorted((event for news in told for event in news.events), key=order.__getitem__) == list(analysis.events)
    found = {finding.id: finding for news in told for finding in news.findings}
    assert found == {finding.id: finding for finding in analysis.findings}
    assert rest._replace(events=analysis.events) == analysis
    counted = Counter[tuple[str, str]]()
    for news in told:
        for second in news.seconds:
            counted[second.segment, second.destination] += second.packets
    assert counted == {(flow.segment, flow.destination): flow.packets for flow in analysis.multicast}
    assert {group.key: group for news in told for group in news.groups} == {group.key: group for group in rest.groups}


@pytest.mark.parametrize("seed", range(60))
def test_what_is_looked_at_together_counts_as_if_it_were_alone(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    _, analysis = whole(busy(chance), tmp_path)
    batches = kept(read_here(str(tmp_path / f"{SEGMENT}.pcap"), 0, WANTED, lambda _source, _facts: None))
    alone = [part for batch in batches for part in cut_at(batch, list(range(1, len(batch.frames))))]
    pieces = [[part for batch in batches for part in cut_anywhere(batch, chance)] for _ in range(6)]
    for parts in (alone, *pieces):
        engine = Engine(EngineOptions(lambda _source, _interface, _ifindex: SEGMENT))
        for part in parts:
            engine.feed(part)
        assert engine.finish(analysis.sources) == analysis
