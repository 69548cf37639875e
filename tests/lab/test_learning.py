"""What real routers show teaches the same policy from the wire and from the journal that a watch of it kept."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, missing
from tests.lab.watching import COMMAND, Watch

NEEDS = missing("keepalived")


@pytest.mark.skipif(NEEDS is not None, reason=str(NEEDS))
def test_a_policy_is_learned_from_an_interface_and_from_a_store(tmp_path: Path) -> None:
    store = tmp_path / "journal.db"
    with Lab() as lab:
        lab.bridge("lan")
        alpha, bravo = lab.host("a", 11), lab.host("b", 12)
        watch = Watch(lab, ["lan"], "--store", str(store))
        peers = ("192.0.2.11", "192.0.2.12")
        for host, other, priority in ((alpha, peers[1], 150), (bravo, peers[0], 100)):
            one = Instance(vrid=51, priority=priority, addresses=("192.0.2.1/24",))
            two = Instance(vrid=52, priority=priority, addresses=("192.0.2.2/24",), peers=(other,))
            keepalived(host, one, two)
        watch.until_event("master-appeared", "192.0.2.11")
        heard = lab.switch.do(COMMAND, "rules", "learn", "-i", "lan", "--for", "5s")
        watch.stop()
        kept = lab.switch.do(COMMAND, "rules", "learn", "--store", str(store))
    assert _listed(heard) == [(51, None, ["192.0.2.11"], []), (52, "unicast", ["192.0.2.11"], list(peers))]
    assert _listed(kept) == _listed(heard)


def _listed(text: str) -> list[tuple[Any, ...]]:
    groups = tomllib.loads(text)["group"]
    return sorted(
        (group["id"], group.get("scope"), [one["ip"] for one in group["speakers"]], group.get("peers", []))
        for group in groups
    )
