"""What a holder puts on a host, takes away again, and leaves alone; on hosts in namespaces."""

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.agent.holding.hosts import Here, holding, links, listed, needs_hosts, router, sysctl, two_hosts
from tests.lab.network import Host
from tests.lab.waiting import LabError
from vrrpwatch.agent.holding.facts import Address
from vrrpwatch.agent.holding.monitor import AddressChange, Monitor, RouteChange, RuleGone
from vrrpwatch.agent.ports import Attachment

pytestmark = needs_hosts
OWN = {"192.0.2.1/24", "fe80::1/64"}


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    with two_hosts() as made:
        yield made


@pytest.fixture
def here(hosts: tuple[Host, Host], tmp_path: Path) -> Iterator[Here]:
    with holding(hosts[0], tmp_path / "agent.json") as made:
        yield made
    assert made.addresses() == OWN


def _attached(here: Here, **given: Any) -> Attachment:
    made = here.holder.attach(router(**given))
    assert isinstance(made, Attachment), made
    return made


def _known(monitor: Monitor, address: str) -> Address:
    return next(one for one in monitor.addresses.values() if str(one.ip) == address)


def test_addresses_of_both_families_come_and_go(here: Here) -> None:
    extra = [
        {"address": "192.0.2.101/32", "label": "eth0:vip", "scope": "link"},
        {"address": "2001:db8::100/64", "advertise": False},
    ]
    made = _attached(here, addresses=["192.0.2.100/24", *extra])
    assert (made.device, made.mac, str(made.source)) == ("eth0", "02:00:00:00:00:01", "192.0.2.1")
    assert here.addresses() == OWN

    here.holder.acquire("one")
    assert here.addresses() == OWN | {"192.0.2.100/24", "192.0.2.101/32", "2001:db8::100/64"}
    found = {one["local"]: one for one in listed(here.host, "address", "show", "dev", "eth0")[0]["addr_info"]}
    assert (found["192.0.2.101"]["label"], found["192.0.2.101"]["scope"]) == ("eth0:vip", "link")
    assert found["192.0.2.100"]["secondary"]
    assert found["2001:db8::100"]["nodad"]
    assert found["2001:db8::100"]["deprecated"]
    assert "tentative" not in found["2001:db8::100"]

    here.holder.release("one")
    assert here.addresses() == OWN
    assert here.told == []


def test_an_ipv6_router_speaks_from_its_link_local_address(here: Here) -> None:
    made = _attached(here, addresses=["fe80::100/64", "2001:db8::100/64"])
    assert str(made.source) == "fe80::1"
    here.holder.acquire("one")
    # It can be sent from at once: nobody waits to see whether another host has it.
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind(("2001:db8::100", 0))
    assert here.addresses() == OWN | {"fe80::100/64", "2001:db8::100/64"}


def test_routes_and_rules_come_and_go_with_the_addresses(here: Here) -> None:
    wanted = {"to": "198.51.100.0/24", "via": "192.0.2.7", "source": "192.0.2.100", "table": 1000, "metric": 7}
    rule = {"from": "198.51.100.0/25", "table": 1000, "priority": 99}
    _attached(here, routes=[wanted, {"to": "2001:db8:9::/48", "interface": "eth0", "table": 1000}], rules=[rule])
    here.holder.acquire("one")
    [route] = listed(here.host, "route", "show", "table", "1000")
    assert (route["dst"], route["gateway"], route["prefsrc"], route["metric"]) == (
        "198.51.100.0/24",
        "192.0.2.7",
        "192.0.2.100",
        7,
    )
    assert [one["dst"] for one in listed(here.host, "-6", "route", "show", "table", "1000")] == ["2001:db8:9::/48"]
    assert [one["priority"] for one in listed(here.host, "rule") if one["table"] == "1000"] == [99]

    here.holder.release("one")
    assert listed(here.host, "route", "show", "table", "1000") == []
    assert listed(here.host, "-6", "route", "show", "table", "1000") == []
    assert [one for one in listed(here.host, "rule") if one["table"] == "1000"] == []
    assert here.told == []


def test_acquiring_again_puts_back_what_somebody_deleted(here: Here) -> None:
    _attached(here, addresses=["192.0.2.100/24", "192.0.2.101/24"])
    here.holder.acquire("one")
    monitor = Monitor()
    assert here.holder.lost(AddressChange("added", _known(monitor, "192.0.2.100"))) is None
    assert here.holder.lost(AddressChange("deleted", _known(monitor, "192.0.2.1"))) is None
    here.host.ip("address", "del", "192.0.2.100/24", "dev", "eth0")
    [change] = monitor.changes()
    monitor.close()
    assert here.holder.lost(change) == "one"
    here.holder.acquire("one")
    assert here.addresses() == OWN | {"192.0.2.100/24", "192.0.2.101/24"}
    assert here.told == []
    here.holder.release("one")
    assert here.holder.lost(change) is None


def test_an_address_that_came_meanwhile_is_taken_over(here: Here) -> None:
    _attached(here)
    here.host.ip("address", "add", "192.0.2.100/24", "dev", "eth0")
    here.holder.acquire("one")
    assert here.told == ["one: 192.0.2.100/24 on eth0 was there already: taken over"]
    here.holder.release("one")
    assert here.addresses() == OWN


def test_what_cannot_be_is_told_and_everything_else_is_done(here: Here) -> None:
    _attached(
        here, routes=[{"to": "198.51.100.0/24", "via": "203.0.113.1"}, {"to": "198.51.101.0/24", "via": "192.0.2.7"}]
    )
    here.holder.acquire("one")
    [line] = here.told
    assert line == (
        "one: the route to 198.51.100.0/24 in table 254 cannot be added: "
        "Network is unreachable (Nexthop has invalid gateway); it is tried again"
    )
    assert here.holder.errors == 1
    assert here.addresses() == OWN | {"192.0.2.100/24"}
    assert [one["dst"] for one in listed(here.host, "route", "show", "proto", "112")] == ["198.51.101.0/24"]


def test_a_router_that_is_not_attached_has_nowhere_to_put_its_addresses(here: Here) -> None:
    here.holder.acquire("one")
    here.holder.release("one")
    assert here.told == ["one: there is no interface to put its addresses on"]


def test_a_route_of_somebody_else_stays(here: Here) -> None:
    here.host.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.9")
    _attached(here, routes=[{"to": "198.51.100.0/24", "via": "192.0.2.7"}])
    here.holder.acquire("one")
    here.holder.release("one")
    assert [one["gateway"] for one in listed(here.host, "route", "show", "198.51.100.0/24")] == ["192.0.2.9"]
    here.host.ip("route", "del", "198.51.100.0/24")


@contextlib.contextmanager
def _address(here: Here, address: str) -> Iterator[None]:
    here.host.ip("address", "add", address, "dev", "eth0")
    try:
        yield
        assert address in here.addresses()
    finally:
        here.host.ip("address", "del", address, "dev", "eth0")


def test_a_virtual_address_that_somebody_else_put_there_stops_the_router(here: Here) -> None:
    with _address(here, "192.0.2.100/28"):
        assert here.holder.attach(router()) == (
            "192.0.2.100/28 is on eth0 already, put there by somebody else: "
            "remove it there, or give priority 255 if it is this host's own"
        )
    _attached(here)


def test_an_owner_keeps_its_address(here: Here) -> None:
    with _address(here, "192.0.2.100/24"):
        made = _attached(here, priority=255, addresses=["192.0.2.100/24", "192.0.2.101/24"])
        here.holder.acquire("one")
        assert here.addresses() == OWN | {"192.0.2.100/24", "192.0.2.101/24"}
        here.holder.release("one")
        here.holder.detach("one")
        assert here.addresses() == OWN | {"192.0.2.100/24"}
        assert str(made.source) == "192.0.2.1"
        assert "vmac" in str(here.holder.attach(router(priority=255, vmac=True)))


def test_the_other_addresses_of_a_subnet_outlive_its_first(here: Here) -> None:
    key = "net.ipv4.conf.eth0.promote_secondaries"
    before = sysctl(here.host, key)
    _attached(here, addresses=["192.0.2.100/24", "198.51.100.1/24"])
    here.holder.acquire("one")
    with _address(here, "198.51.100.2/24"):
        here.holder.release("one")
        assert here.addresses() == OWN | {"198.51.100.2/24"}
    here.holder.detach("one")
    assert sysctl(here.host, key) == before == 0


def test_without_accept_neighbours_are_answered_and_nobody_else(here: Here, hosts: tuple[Host, Host]) -> None:
    _attached(here, accept=False, addresses=["192.0.2.100/24", {"address": "fe80::100/64", "advertise": False}])
    here.holder.acquire("one")
    other = hosts[1]
    for address in ("192.0.2.100", "fe80::100%eth0"):
        other.ip("neighbour", "flush", "all")
        with pytest.raises(LabError, match="1 packets transmitted, 0 received"):
            other.do("ping", "-c1", "-W1", address)
        [entry] = listed(other, "neighbour", "show", address.partition("%")[0])
        assert entry["lladdr"] == "02:00:00:00:00:01"
    other.do("ping", "-c1", "-W5", "192.0.2.1")
    other.do("ping", "-c1", "-W5", "fe80::1%eth0")

    here.holder.detach("one")
    assert here.host.do("nft", "list", "ruleset") == ""
    _attached(here)
    here.holder.acquire("one")
    other.do("ping", "-c1", "-W5", "192.0.2.100")
    assert here.host.do("nft", "list", "ruleset") == ""


def test_a_flush_of_all_rules_by_somebody_else_leaves_ours(here: Here) -> None:
    _attached(here, accept=False)
    here.host.do("nft", "flush", "ruleset")
    assert "192.0.2.100" in here.host.do("nft", "list", "ruleset")
    here.holder.attach(router("two", id=52, accept=False, addresses=["192.0.2.101/24"]))
    here.holder.detach("one")
    assert "elements = { 192.0.2.101 }" in here.host.do("nft", "list", "ruleset")


def test_an_interface_that_goes_and_comes_again_is_followed(here: Here) -> None:
    here.host.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    here.host.ip("link", "set", "eth2", "up")
    wanted = router("two", interface="eth1", addresses=["203.0.113.100/24"])
    for _ in range(2):
        assert here.holder.attach(wanted) == "eth1 is down"
        here.host.ip("link", "set", "eth1", "up")
        assert here.holder.attach(wanted) == "eth1 has no IPv4 address to send from: add one, or give source"
        here.host.ip("address", "add", "203.0.113.1/24", "dev", "eth1")
        made = here.holder.attach(wanted)
        assert isinstance(made, Attachment)
        here.holder.acquire("two")
        assert here.holder.attach(wanted) == made
        assert here.addresses("eth1") == {"203.0.113.1/24", "203.0.113.100/24"}

        here.host.ip("link", "del", "eth1")
        here.holder.acquire("two")
        assert here.told[0].startswith("two: 203.0.113.100/24 on eth1 cannot be added: No such device")
        here.told.clear()
        assert here.holder.attach(wanted) == "there is no interface eth1"
        here.holder.release("two")
        here.host.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
        here.host.ip("link", "set", "eth2", "up")
    here.host.ip("link", "del", "eth1")
    assert here.told == []


def test_what_could_not_be_put_is_tried_again_and_told_once(here: Here) -> None:
    _attached(here, routes=[{"to": "198.51.100.0/24", "via": "203.0.113.1"}])
    here.holder.acquire("one")
    lacking = [here.holder.lacks]
    here.holder.mend()
    lacking.append(here.holder.lacks)
    assert len(here.told) == 1
    here.host.ip("address", "add", "203.0.113.2/24", "dev", "eth0")
    here.holder.mend()
    assert [*lacking, here.holder.lacks] == [True, True, False]
    assert here.told[1:] == ["one: what was missing has been added"]
    assert [one["dst"] for one in listed(here.host, "route", "show", "proto", "112")] == ["198.51.100.0/24"]
    here.holder.release("one")
    here.host.ip("address", "del", "203.0.113.2/24", "dev", "eth0")


def test_what_is_released_is_not_missed(here: Here) -> None:
    _attached(here, routes=[{"to": "198.51.100.0/24", "via": "203.0.113.1"}])
    here.holder.acquire("one")
    here.holder.release("one")
    assert not here.holder.lacks


def test_routes_and_rules_that_somebody_deleted_are_put_back(here: Here) -> None:
    routed = {"to": "198.51.100.0/24", "via": "192.0.2.7", "table": 1000}
    _attached(here, routes=[routed], rules=[{"from": "198.51.100.0/24", "table": 1000, "priority": 99}])
    here.holder.acquire("one")
    monitor = Monitor([(ip_network("198.51.100.0/24"), 1000)], rules=True)
    here.host.ip("route", "del", "198.51.100.0/24", "table", "1000")
    here.host.ip("rule", "del", "priority", "99")
    here.host.ip("rule", "add", "priority", "98", "table", "1000")
    here.host.ip("rule", "del", "priority", "98")
    changes = monitor.changes()
    monitor.close()
    assert [type(one) for one in changes] == [RouteChange, RuleGone, RuleGone]
    assert [here.holder.lost(one) for one in changes] == ["one", "one", None]
    here.holder.acquire("one")
    assert [one["dst"] for one in listed(here.host, "route", "show", "table", "1000")] == ["198.51.100.0/24"]
    assert [one["priority"] for one in listed(here.host, "rule") if one["table"] == "1000"] == [99]
    assert here.told == []


def test_what_a_router_names_beside_its_interface_must_be_there(here: Here) -> None:
    assert here.holder.attach(router(addresses=[{"address": "192.0.2.100/24", "interface": "eth7"}])) == (
        "there is no interface eth7"
    )
    assert "eth7" not in links(here.host)


def test_changed_settings_take_the_place_of_the_old_ones(here: Here) -> None:
    _attached(here)
    here.holder.acquire("one")
    _attached(here, addresses=["192.0.2.101/24"])
    assert here.addresses() == OWN
    here.holder.acquire("one")
    assert here.addresses() == OWN | {"192.0.2.101/24"}
