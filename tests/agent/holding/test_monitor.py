"""What the monitor tells of links, addresses and routes; on a host in a namespace."""

import select
import socket
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from tests.agent.holding.hosts import listed, needs_hosts, two_hosts
from tests.lab.live import inside
from tests.lab.network import Host
from tests.lab.waiting import wait_until
from vrrpwatch.agent.holding.monitor import AddressChange, Change, LinkChange, Monitor, RouteChange

pytestmark = needs_hosts
WATCHED = (ip_network("198.51.100.0/24"), 254)
_SO_RCVBUFFORCE = 33
# What has become of which link, address or route, and what a link was called before.
Told = tuple[str, str, str | None]


@pytest.fixture(scope="module")
def me() -> Iterator[Host]:
    with two_hosts() as made:
        yield made[0]


@pytest.fixture
def monitor(me: Host) -> Iterator[Monitor]:
    with inside(me.namespace):
        made = Monitor([WATCHED])
    yield made
    made.close()


def _heard(monitor: Monitor) -> list[Change]:
    """All that the kernel has told so far."""
    found: list[Change] = []
    while select.select([monitor], [], [], 0)[0]:
        found += monitor.changes()
    return found


def _told(monitor: Monitor, *wanted: Told) -> list[Told]:
    """What is told until all that is wanted has been: carriers and routes change a moment after ip(8) has ended."""
    found: list[Told] = []

    def heard() -> bool:
        found.extend(told for one in _heard(monitor) if (told := _short(one)) is not None)
        return set(wanted) <= set(found)

    wait_until(heard, at_most=10, what=f"{wanted} to be told", seen=lambda: str(found))
    return found


def _short(change: Change) -> Told | None:
    match change:
        case LinkChange(what, link, was):
            return what, link.name, was
        case AddressChange(what, address):
            return what, f"{address.ip}/{address.prefix}", None
        case RouteChange(what, route):
            return what, f"via {route.via}", None
    return None


def test_it_knows_what_there_is_from_the_start(me: Host, monitor: Monitor) -> None:
    eth0 = monitor.link("eth0")
    assert eth0 is not None
    assert (eth0.mac, eth0.kind, eth0.up, eth0.running, eth0.ethernet) == (
        "02:00:00:00:00:01",
        "veth",
        True,
        True,
        True,
    )
    assert eth0.index == listed(me, "link", "show", "eth0")[0]["ifindex"]
    assert monitor.link("eth1") is None
    assert monitor.has(ip_address("192.0.2.1"), "eth0")
    assert monitor.has(ip_address("fe80::1"))
    assert not monitor.has(ip_address("192.0.2.1"), "lo")
    assert not monitor.has_route(*WATCHED)


def test_links_appear_are_renamed_changed_go_up_and_down_and_away(me: Host, monitor: Monitor) -> None:
    me.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    both = ("appeared", "eth2", None), ("appeared", "eth1", None)
    assert _told(monitor, *both) == list(both)
    me.ip("link", "set", "eth1", "up")
    me.ip("link", "set", "eth2", "up")
    both = ("up", "eth1", None), ("up", "eth2", None)
    assert sorted(_told(monitor, *both)) == list(both)
    me.ip("link", "set", "eth2", "down")
    both = ("down", "eth1", None), ("down", "eth2", None)
    assert sorted(_told(monitor, *both)) == list(both)
    me.ip("link", "set", "eth1", "address", "02:00:00:00:00:09")
    assert _told(monitor, ("changed", "eth1", None)) == [("changed", "eth1", None)]
    me.ip("link", "set", "eth1", "down")
    me.ip("link", "set", "eth1", "name", "eth3")
    assert _told(monitor, ("renamed", "eth3", "eth1")) == [("renamed", "eth3", "eth1")]
    me.ip("link", "del", "eth3")
    both = ("gone", "eth2", None), ("gone", "eth3", None)
    assert sorted(_told(monitor, *both)) == list(both)


def test_addresses_come_and_go(me: Host, monitor: Monitor) -> None:
    me.ip("address", "add", "192.0.2.50/24", "dev", "eth0")
    assert _told(monitor, ("added", "192.0.2.50/24", None)) == [("added", "192.0.2.50/24", None)]
    assert monitor.has(ip_address("192.0.2.50"), "eth0")
    me.ip("address", "del", "192.0.2.50/24", "dev", "eth0")
    assert _told(monitor, ("deleted", "192.0.2.50/24", None)) == [("deleted", "192.0.2.50/24", None)]
    me.ip("address", "add", "192.0.2.50/28", "dev", "eth0")
    me.ip("address", "del", "192.0.2.50/28", "dev", "eth0")
    both = ("added", "192.0.2.50/28", None), ("deleted", "192.0.2.50/28", None)
    assert _told(monitor, *both) == list(both)


def test_an_address_that_is_found_to_be_unique_has_changed(me: Host, monitor: Monitor) -> None:
    me.ip("address", "add", "2001:db8::51/64", "dev", "eth0")
    told: list[tuple[str, bool]] = []

    def found() -> bool:
        told.extend((one.what, one.address.usable) for one in _heard(monitor) if isinstance(one, AddressChange))
        return ("changed", True) in told

    wait_until(found, at_most=10, what="the address to be found unique")
    assert told[0] == ("added", False)
    me.ip("address", "del", "2001:db8::51/64", "dev", "eth0")


def test_routes_that_are_watched_come_and_go_and_change_their_gateway(me: Host, monitor: Monitor) -> None:
    me.ip("route", "add", "198.51.100.0/25", "via", "192.0.2.7")
    me.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.7", "table", "1000")
    me.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.7")
    assert _told(monitor, ("added", "via 192.0.2.7", None)) == [("added", "via 192.0.2.7", None)]
    assert monitor.has_route(*WATCHED, ip_address("192.0.2.7"), "eth0")
    assert not monitor.has_route(*WATCHED, ip_address("192.0.2.8"))
    me.ip("route", "replace", "198.51.100.0/24", "via", "192.0.2.8")
    both = ("deleted", "via 192.0.2.7", None), ("added", "via 192.0.2.8", None)
    assert _told(monitor, *both) == list(both)
    me.ip("route", "del", "198.51.100.0/24")
    assert _told(monitor, ("deleted", "via 192.0.2.8", None)) == [("deleted", "via 192.0.2.8", None)]
    me.ip("route", "flush", "table", "1000")


def test_routes_that_the_kernel_takes_away_without_a_word_are_missed(me: Host, monitor: Monitor) -> None:
    me.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    for name in ("eth1", "eth2"):
        me.ip("link", "set", name, "up")
    me.ip("route", "add", "198.51.100.0/24", "dev", "eth1")
    _told(monitor, ("up", "eth1", None), ("added", "via None", None))
    assert monitor.has_route(*WATCHED, None, "eth1")
    me.ip("link", "set", "eth1", "down")
    assert ("deleted", "via None", None) in _told(monitor, ("deleted", "via None", None))
    assert not monitor.has_route(*WATCHED)
    me.ip("link", "del", "eth1")


def test_what_was_lost_is_found_out_by_listing_everything(me: Host, monitor: Monitor) -> None:
    me.ip("link", "add", "gone", "type", "veth", "peer", "name", "peer")
    me.ip("address", "add", "192.0.2.60/24", "dev", "eth0")
    _heard(monitor)
    monitor._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 4096)
    # One that came and went is heard of as it came, and its end is lost.
    me.ip("link", "add", "brief", "type", "veth", "peer", "name", "spirit")
    me.ip("link", "del", "brief")
    me.ip("link", "del", "gone")
    me.ip("address", "del", "192.0.2.60/24", "dev", "eth0")
    me.ip("address", "add", "192.0.2.61/24", "dev", "eth0")
    me.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.7")
    _told(monitor, ("gone", "gone", None), ("gone", "peer", None), ("added", "via 192.0.2.7", None))
    assert monitor.lost > 0
    assert not monitor.listing
    assert {link.name for link in monitor.links.values()} == {"lo", "eth0"}
    assert (monitor.has(ip_address("192.0.2.60")), monitor.has(ip_address("192.0.2.61"))) == (False, True)
    assert monitor.has_route(*WATCHED)
    me.ip("address", "del", "192.0.2.61/24", "dev", "eth0")
    me.ip("route", "del", "198.51.100.0/24")


def test_one_call_takes_in_no_more_than_its_portion(me: Host, monitor: Monitor) -> None:
    many = [f"203.0.113.{number}/32 dev eth0" for number in range(1, 101)]
    me.do("ip", "-batch", "-", stdin="".join(f"address add {one}\n" for one in many))
    assert 0 < len(monitor.changes()) < 100
    assert select.select([monitor], [], [], 0)[0]
    _heard(monitor)
    assert len(monitor.addresses) == len({one["local"] for link in listed(me, "address") for one in link["addr_info"]})
    me.do("ip", "-batch", "-", stdin="".join(f"address del {one}\n" for one in many))
