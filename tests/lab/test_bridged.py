"""Guests on a bridge of a host that has rules of its own, where br_netfilter shows the host what they say."""

import time

import pytest

from tests.lab.confining import confine, policy
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, missing
from tests.lab.waiting import LabError, wait_until
from tests.lab.watching import Watch

NEEDS = missing("keepalived", "iptables-restore")


@pytest.mark.skipif(NEEDS is not None, reason=str(NEEDS))
@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_a_host_leaves_its_bridge_to_the_bridges_rules(backend: str) -> None:
    with Lab() as lab:
        lab.bridge("lan")
        try:
            lab.switch.sysctl({"net.bridge.bridge-nf-call-iptables": "1", "net.bridge.bridge-nf-call-ip6tables": "1"})
        except LabError:
            # Without the module no bridge shows iptables anything.
            return
        confine(lab.switch, backend, policy("lan"))
        alpha, bravo = lab.host("a", 11), lab.host("b", 12)
        watch = Watch(lab, ["lan"])
        # Guests that no policy of the host's lists, so that only the exception lets them through.
        keepalived(alpha, Instance(vrid=77, priority=150, addresses=("192.0.2.1/24",)))
        watch.until_event("master-appeared", "192.0.2.11")
        keepalived(bravo, Instance(vrid=77, priority=100, addresses=("192.0.2.1/24",)))
        # Bravo waits 3.6 s for alpha, and no longer.
        until = time.monotonic() + 5
        wait_until(lambda: time.monotonic() > until, at_most=10, what="the time in which a deaf backup takes over")
        assert "Entering MASTER STATE" not in bravo.folder.joinpath("keepalived.log").read_text()
        alpha.power_off()
        watch.until_event("master-changed", "192.0.2.12")
