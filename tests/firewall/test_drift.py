"""What differs between a declaration and a capture, and what does not count as a difference."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.firewall.policies import ALPHA, BRAVO, policy
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.firewall.drift import drift
from vrrpwatch.firewall.learn import learn

CAPTURES = Path(__file__).parents[2] / "captures"


@cache
def analysis(name: str) -> Analysis:
    return analyse((str(CAPTURES / name),), Options()).analysis


def declared(**said: Any) -> dict[str, Any]:
    group = {"segment": "keepalived-crash", "protocol": "vrrp", "id": 51, "speakers": [ALPHA, BRAVO], "interval": 1.0}
    return group | said


def test_what_was_learned_does_not_differ() -> None:
    for path in sorted(CAPTURES.glob("*.pcap*")):
        found = analysis(path.name)
        differences = drift(learn(found).policy, found)
        # Leaks were left out of what was learned.
        assert [each for each in differences if not each.expected] == [] or "leak" in path.name


@pytest.mark.parametrize(
    ("group", "kind", "text"),
    [
        (declared(), None, ""),
        (declared(speakers=[ALPHA]), "unknown-speaker", "192.0.2.12 advertises it and is not declared"),
        (
            declared(speakers=[ALPHA, BRAVO | {"mac": "02:00:00:00:00:99"}]),
            "other-mac",
            "192.0.2.12 is declared with 02:00:00:00:00:99 and speaks from 02:00:00:00:00:12",
        ),
        (
            declared(speakers=[ALPHA, BRAVO | {"priority": 90}]),
            "other-priority",
            "192.0.2.12 is declared with priority 90 and has 100",
        ),
        (declared(interval=0.5), "other-interval", "is declared every 0.5 s and advertised every 1 s"),
        (
            declared(addresses=["192.0.2.1", "192.0.2.9"]),
            "other-addresses",
            "lacks 192.0.2.9",
        ),
        (declared(addresses=["192.0.2.9"]), "other-addresses", "lacks 192.0.2.9 and also has 192.0.2.1"),
        (
            declared(speakers=[ALPHA, BRAVO, {"ip": "192.0.2.13"}]),
            "silent-speaker",
            "192.0.2.13 was not heard to speak, as a backup whose master is there",
        ),
    ],
)
def test_each_difference_is_told_once(group: dict[str, Any], kind: str | None, text: str) -> None:
    found = drift(policy(group), analysis("keepalived-crash.pcap"))
    assert [(each.kind, each.text) for each in found] == ([] if kind is None else [(kind, text)])


def test_groups_that_only_one_side_knows() -> None:
    found = drift(policy(declared(id=52)), analysis("keepalived-crash.pcap"))
    assert [(each.kind, each.subject) for each in found] == [("unknown-group", "vrrp 51"), ("silent-group", "vrrp 52")]


def test_segments_that_nothing_declares_are_not_judged() -> None:
    found = drift(policy(declared(segment="eth7")), analysis("keepalived-crash.pcap"))
    assert [each.kind for each in found] == ["silent-group"]


def test_state_that_others_send() -> None:
    sync = {"protocol": "conntrackd", "peers": ["198.51.100.11", "198.51.100.13"]}
    lan = {"segment": "lan", "protocol": "vrrp", "id": 51, "speakers": [ALPHA]}
    known = policy(lan, segments=({"name": "sync", "role": "sync", "sync": [sync]},))
    (found,) = drift(known, analysis("conntrackd-sync.pcapng"))
    assert (found.kind, found.text) == ("unknown-peer", "198.51.100.12 sends to 225.0.0.50 and is not declared")
    elsewhere = policy(lan, segments=({"name": "sync", "sync": [sync | {"destinations": ["225.0.0.51"]}]},))
    assert {each.kind for each in drift(elsewhere, analysis("conntrackd-sync.pcapng"))} == {
        "silent-sync",
        "unknown-peer",
    }
