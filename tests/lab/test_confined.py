"""Real routers under the rules that are generated for them: their own messages pass, a forger's do not."""

import pytest

from tests.lab.confining import confine, forge, policy
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, missing
from tests.lab.watching import Watch

VIP = ("192.0.2.1/24",)
NEEDS = missing("keepalived", "iptables-restore")


@pytest.mark.skipif(NEEDS is not None, reason=str(NEEDS))
@pytest.mark.parametrize("backend", ["nftables", "iptables", "nftables-netdev"])
def test_routers_take_over_from_each_other_and_from_no_stranger(backend: str) -> None:
    with Lab() as lab:
        lab.bridge("lan")
        watch = Watch(lab, ["lan"])
        alpha, bravo, stranger = (lab.host(name, number) for number, name in ((11, "a"), (12, "b"), (17, "x")))
        for host in (alpha, bravo):
            confine(host, backend, policy("eth0"))
        keepalived(alpha, Instance(vrid=51, priority=150, addresses=VIP))
        watch.until_event("master-appeared", "192.0.2.11")
        keepalived(bravo, Instance(vrid=51, priority=100, addresses=VIP))
        # Alpha would step back for either: one is not listed, the other has alpha's peer's address and not its MAC.
        for source in ("192.0.2.17", "192.0.2.12"):
            forge(stranger, source, 1.5)
        assert "Entering BACKUP" not in _since_master(alpha.folder.joinpath("keepalived.log").read_text())
        alpha.power_off()
        watch.until_event("master-changed", "192.0.2.12")


def _since_master(log: str) -> str:
    return log.partition("Entering MASTER STATE")[2]


@pytest.mark.skipif(NEEDS is not None, reason=str(NEEDS))
def test_without_rules_the_stranger_wins() -> None:
    with Lab() as lab:
        lab.bridge("lan")
        watch = Watch(lab, ["lan"])
        alpha, stranger = lab.host("a", 11), lab.host("x", 17)
        keepalived(alpha, Instance(vrid=51, priority=150, addresses=VIP))
        watch.until_event("master-appeared", "192.0.2.11")
        forge(stranger, "192.0.2.17", 1.5)
        assert "Entering BACKUP" in _since_master(alpha.folder.joinpath("keepalived.log").read_text())
