"""When masters tell the network again where their addresses are: a rival may have told it otherwise."""

from ipaddress import ip_address

from tests.agent.ether import Ether, Station, router, settings
from vrrpwatch.agent.node import REASSERTED
from vrrpwatch.agent.ports import Heard
from vrrpwatch.core.machine.settings import VrrpAdvert


def parted() -> tuple[Ether, Station, Station]:
    """Two masters that do not hear one another; the first is better, and both have a sync group."""
    ether = Ether()
    routers = [("inside", "eth0", 51), ("outside", "eth1", 52)]
    for priority in (150, 100):
        made = [router(name, priority, interface=interface, id=number) for name, interface, number in routers]
        sync = [{"name": "edge", "routers": ["inside", "outside"]}]
        ether.station(settings(*made, sync=sync)).start()
    ether.cut = {"eth0", "eth1"}
    ether.run(10)
    alpha, beta = ether.stations
    assert alpha.held == beta.held == {"inside", "outside"}
    alpha.announced.clear()
    return ether, alpha, beta


def test_a_master_that_hears_a_rival_announces_all_that_goes_with_it_anew() -> None:
    ether, alpha, beta = parted()
    ether.cut = set()
    rival = Heard("inside", ip_address(beta.source), VrrpAdvert(100, 1.0), ether.now)
    alpha.node.hear(rival, ether.now)
    at = ether.now / 1e9
    assert alpha.announced == [(at, "inside"), (at, "outside")]
    ether.run(10)
    assert (alpha.held, beta.held) == ({"inside", "outside"}, set())
    mine = [round(when - at, 6) for when, name in alpha.announced if name == "inside"]
    # The burst of a takeover: five 20 ms apart, and five more after 5 s.
    assert mine == [0, 0.02, 0.04, 0.06, 0.08, 5, 5.02, 5.04, 5.06, 5.08]


def test_a_rival_that_goes_on_does_not_have_a_master_announce_without_end() -> None:
    ether, alpha, beta = parted()
    began = ether.now
    while ether.now - began < 20e9:
        alpha.node.hear(Heard("inside", ip_address(beta.source), VrrpAdvert(100, 1.0), ether.now), ether.now)
        ether.run(0.01)
    mine = [when for when, name in alpha.announced if name == "inside"]
    # Bursts of five at 0, 5, 10 and 15 s, and the first of the second ones, which these replace, at 5, 10, 15 and 20 s.
    assert REASSERTED == 5
    assert len(mine) == 24


def test_a_master_that_hears_itself_does_not_announce() -> None:
    ether, alpha, _ = parted()
    alpha.node.hear(Heard("inside", ip_address(alpha.source), VrrpAdvert(150, 1.0), ether.now), ether.now)
    assert alpha.announced == []
