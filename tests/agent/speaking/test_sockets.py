"""The sockets, in two namespaces: what one says the other hears, whatever happens to the interfaces meanwhile."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.agent.speaking.pair import FAR, NEAR, End, Pair, pair
from tests.agent.speaking.routers import carp, vrrp
from tests.lab.live import inside
from tests.lab.waiting import wait_until
from vrrpwatch.agent.config.routers import CarpRouter, Router
from vrrpwatch.agent.ports import Discarded, Heard, Wire
from vrrpwatch.agent.speaking.frames import gratuitous_arp, unsolicited_na
from vrrpwatch.agent.speaking.listening import MAX_BATCH, Clocks
from vrrpwatch.core.machine.settings import CarpAdvert, VrrpAdvert

A, B = f"192.0.2.{NEAR}", f"192.0.2.{FAR}"
A6, B6 = f"fe80::{NEAR}", f"fe80::{FAR}"
SAID = VrrpAdvert(150, 1.0)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def two() -> Iterator[Pair]:
    with pair() as made:
        yield made


def brief(heard: list[Heard]) -> list[tuple[str, str, object]]:
    return [(one.router, str(one.source), one.advert) for one in heard]


@pytest.mark.parametrize(
    "router",
    [
        vrrp(version=2),
        vrrp(version=2, auth=("simple", "open-lab")),
        vrrp(version=2, auth=("ah", "labsecrt")),
        vrrp(),
        vrrp(auth=("hmac", KEY)),
        vrrp(addresses=["fe80::1/64", "2001:db8::1/64"]),
        vrrp(addresses=["fe80::1/64"], auth=("hmac", KEY)),
        carp(),
        carp(addresses=["2001:db8::1/64"]),
    ],
    ids=["v2", "v2 simple", "v2 AH", "v3", "v3 trailer", "IPv6", "IPv6 trailer", "CARP", "CARP IPv6"],
)
def test_what_one_says_the_other_hears(two: Pair, router: Router) -> None:
    advert = CarpAdvert(1, 7) if isinstance(router, CarpRouter) else SAID
    for end in (two.near, two.far):
        end.attach(router)
    before = Clocks().boot()
    wire: Wire = two.near.sockets
    wire.send("web", advert)
    (heard,) = two.far.hear()
    assert heard[:3] == ("web", ip_address(A if router.family == 4 else A6), advert)
    assert before <= heard.at <= Clocks().boot()
    # Its own it does not hear: the answer is the first that comes back.
    two.far.sockets.send("web", advert)
    assert brief(two.near.hear()) == [("web", B if router.family == 4 else B6, advert)]
    assert two.near.sockets.counters("web")[:4] == two.far.sockets.counters("web")[:4] == (1, 0, 0, 1)
    assert two.near.refused + two.far.refused == []
    assert two.near.told + two.far.told == []


@pytest.mark.parametrize(("given", "sources"), [({}, (A, B)), ({"addresses": ["fe80::1/64"]}, (A6, B6))])
def test_peers(two: Pair, given: dict[str, object], sources: tuple[str, str]) -> None:
    two.near.attach(vrrp(**given, peers=[sources[1]]))
    two.far.attach(vrrp(**given, peers=[sources[0]]))
    two.near.sockets.send("web", SAID)
    assert brief(two.far.hear()) == [("web", sources[0], SAID)]


def test_who_is_no_peer_is_a_rogue_and_told_of_once(two: Pair) -> None:
    two.near.attach(vrrp(peers=[B]))
    two.far.attach(vrrp(peers=["192.0.2.99"]))
    for _ in range(3):
        two.near.sockets.send("web", SAID)

    def counted() -> bool:
        two.far.read()
        return two.far.sockets.counters("web").discarded == {"rogue-speaker": 3}

    wait_until(counted, at_most=10, what="three rogue adverts", seen=lambda: str(two.far.sockets.counters("web")))
    assert two.far.refused == [Discarded("web", ip_address(A), "rogue-speaker")]


@pytest.mark.parametrize(("given", "source"), [({}, A), ({"addresses": ["fe80::1/64"]}, A6)], ids=["IPv4", "IPv6"])
def test_another_host_with_this_ones_address_is_told_of_once(two: Pair, given: dict[str, object], source: str) -> None:
    # Of IPv4 the kernel drops what comes from an address of its own, unless it is told not to.
    two.near.do("sysctl", "-qw", "net.ipv4.conf.eth0.accept_local=1")
    router = vrrp(**given)
    two.near.attach(router)
    two.far.ip("address", "add", f"{source}/{24 if router.family == 4 else 64}", "dev", "eth0", "nodad")
    attachment = two.far.attachment(router)._replace(source=ip_address(source))
    with inside(two.far.space):
        two.far.sockets.attach(router, attachment)
    for _ in range(3):
        two.far.sockets.send("web", SAID)
        two.near.sockets.send("web", SAID)

    def counted() -> bool:
        assert two.near.read() == []
        return two.near.sockets.counters("web").discarded == {"duplicate-source": 3}

    wait_until(counted, at_most=10, what="three adverts", seen=lambda: str(two.near.sockets.counters("web")))
    assert two.near.refused == [Discarded("web", ip_address(source), "duplicate-source")]


def test_a_host_that_is_among_its_own_peers_is_no_duplicate(two: Pair) -> None:
    router = vrrp(peers=[A, B])
    two.near.attach(router)
    two.far.attach(router)
    two.near.sockets.send("web", SAID)
    two.far.sockets.send("web", SAID)
    assert brief(two.near.hear()) == [("web", B, SAID)]
    assert brief(two.far.hear()) == [("web", A, SAID)]
    assert two.near.sockets.counters("web").discarded == two.far.sockets.counters("web").discarded == {}


def test_what_is_odd_is_counted(two: Pair) -> None:
    two.near.attach(vrrp(checksum="plain", addresses=["192.0.2.1/24", "192.0.2.2/24"]))
    two.far.attach(vrrp())
    two.near.sockets.send("web", SAID)
    two.far.hear()
    assert two.far.sockets.counters("web").remarks == {"address-mismatch": 1, "checksum-variant": 1}


def test_routers_share_sockets_and_are_told_apart_by_id(two: Pair) -> None:
    routers = [vrrp(name=f"r{number}", id=number) for number in range(1, 6)]
    for router in routers:
        two.near.attach(router)
        two.far.attach(router)
    assert len(two.far.sockets.filenos()) == 1
    for router in reversed(routers):
        two.near.sockets.send(router.name, VrrpAdvert(router.id, 1.0))
    assert brief(two.far.hear(5)) == [(f"r{number}", A, VrrpAdvert(number, 1.0)) for number in (5, 4, 3, 2, 1)]


def test_who_has_not_joined_or_has_left_hears_nothing(two: Pair) -> None:
    """The group stays joined for the other router, whose advert comes after the one that nobody wanted."""
    one, other = vrrp(name="one", id=1), vrrp(name="other", id=2)
    for router in (one, other):
        two.near.attach(router)
    two.far.attach(one, join=False)
    two.far.attach(other)

    def say() -> list[tuple[str, str, object]]:
        two.near.sockets.send("one", SAID)
        two.near.sockets.send("other", SAID)
        return brief(two.far.hear())

    only = [("other", A, SAID)]
    assert say() == only
    two.far.sockets.join("one")
    two.near.sockets.send("one", SAID)
    assert brief(two.far.hear()) == [("one", A, SAID)]
    two.far.sockets.leave("one")
    assert say() == only
    assert "224.0.0.18" in groups(two.far)
    two.far.sockets.leave("other")
    assert "224.0.0.18" not in groups(two.far)


def groups(end: End) -> str:
    return end.do("ip", "maddress", "show", "dev", "eth0")


def test_an_event_loop_is_told_of_sockets(two: Pair) -> None:
    router = vrrp(version=2, auth=("ah", "labsecrt"))
    two.far.attach(router)
    assert two.far.opened == list(two.far.sockets.filenos())
    assert len(two.far.opened) == 2
    gone = two.far.opened[0]
    two.far.sockets.detach("web")
    assert two.far.opened == list(two.far.sockets.filenos()) == []
    # An event that came too late, and a router that has nowhere to speak.
    assert two.far.sockets.receive(gone) == []
    two.far.sockets.send("web", SAID)
    two.far.sockets.announce("web")
    two.far.sockets.join("nobody")
    two.far.sockets.leave("nobody")
    assert two.far.sockets.counters("web").sent == 0
    two.far.sockets.forget("web")
    with pytest.raises(KeyError):
        two.far.sockets.counters("web")


def test_a_batch_is_bounded(two: Pair) -> None:
    two.near.attach(vrrp())
    two.far.attach(vrrp())
    two.near.sockets.send("web", SAID)
    wait_until(lambda: waiting(two.far) > 0, at_most=10, what="the first to come")
    one = waiting(two.far)
    for _ in range(MAX_BATCH + 2):
        two.near.sockets.send("web", SAID)
    wait_until(lambda: waiting(two.far) == one * (MAX_BATCH + 3), at_most=10, what="all to come")
    (number,) = two.far.sockets.filenos()
    assert len(two.far.sockets.receive(number)) == MAX_BATCH
    assert len(two.far.hear(3)) == 3


def test_a_flood_leaves_pauses_without_which_the_kernel_would_end_the_agent(
    two: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("vrrpwatch.agent.speaking.sockets._READS_UNTIL_PAUSE", 2)
    monkeypatch.setattr("vrrpwatch.agent.speaking.sockets._pause", pauses.append)
    two.near.attach(vrrp())
    two.far.attach(vrrp())
    two.near.sockets.send("web", SAID)
    wait_until(lambda: waiting(two.far) > 0, at_most=10, what="the first to come")
    one = waiting(two.far)
    for _ in range(4 * MAX_BATCH):
        two.near.sockets.send("web", SAID)
    wait_until(lambda: waiting(two.far) == one * (4 * MAX_BATCH + 1), at_most=10, what="all to come")
    (number,) = two.far.sockets.filenos()
    heard = [len(two.far.sockets.receive(number)) for _ in range(6)]
    assert heard == [MAX_BATCH, MAX_BATCH, MAX_BATCH, MAX_BATCH, 1, 0]
    assert len(pauses) == 2


def waiting(end: End) -> int:
    """How much kernel memory the unread packets of protocol 112 take: rx_queue in /proc/net/raw."""
    lines = [line.split() for line in end.do("cat", "/proc/net/raw").splitlines()[1:]]
    return sum(int(line[4].split(":")[1], 16) for line in lines if line[1].endswith(":0070"))


def test_what_the_kernel_has_no_room_for_is_counted(two: Pair) -> None:
    two.near.attach(vrrp())
    two.far.attach(vrrp())
    for _ in range(20_000):
        two.near.sockets.send("web", SAID)
    two.far.hear(2000)
    # The last word on what was dropped came with the last packet that was not.
    two.near.sockets.send("web", SAID)
    two.far.hear()
    counters = two.far.sockets.counters("web")
    assert counters.dropped > 0
    assert counters.received + counters.dropped == 20_001


def test_a_vanished_interface_stops_nobody_and_comes_back(two: Pair) -> None:
    two.plug("eth1")
    one, other = vrrp(name="one", interface="eth0"), vrrp(name="other", interface="eth1")
    for router in (one, other):
        two.near.attach(router)
        two.far.attach(router)
    two.wire.unplug("eth0")
    for _ in range(3):
        two.near.sockets.send("one", SAID)
        two.near.announce(one)
    assert two.near.sockets.counters("one")[:3] == (0, 3, 0)
    assert [line.split(":")[0] for line in two.near.told] == ["router one (interface eth0)"] * 2
    assert "no advertisement can be sent" in two.near.told[0]
    two.near.sockets.send("other", SAID)
    assert brief(two.far.hear()) == [("other", A, SAID)]
    two.plug("eth0")
    # Attached again, they hear at once: they had joined before.
    two.near.attach(one, join=False)
    two.far.attach(one, join=False)
    two.near.sockets.send("one", SAID)
    assert brief(two.far.hear()) == [("one", A, SAID)]
    assert two.near.sockets.counters("one").unsent == 3
    assert len(two.near.told) == 2


def test_a_link_that_is_down_is_told_once_each_time(two: Pair) -> None:
    two.near.attach(vrrp())
    two.far.attach(vrrp())
    for _ in range(2):
        two.near.ip("link", "set", "eth0", "down")
        for _ in range(3):
            two.near.sockets.send("web", SAID)
        two.near.ip("link", "set", "eth0", "up")

        def heard() -> bool:
            two.near.sockets.send("web", SAID)
            return bool(two.far.read())

        wait_until(heard, at_most=10, what="the link to carry frames again")
    assert len(two.near.told) == 2


def test_a_renamed_interface_is_the_same(two: Pair) -> None:
    two.near.attach(vrrp())
    two.far.attach(vrrp())
    two.near.ip("link", "set", "eth0", "down")
    two.wire.rename("eth0", "lan0")
    two.near.ip("link", "set", "lan0", "up")
    two.near.sockets.send("web", SAID)
    assert brief(two.far.hear()) == [("web", A, SAID)]


@pytest.mark.parametrize(
    ("given", "mac", "source"),
    [({}, "00:00:5e:00:01:33", A), ({"addresses": ["fe80::1/64"]}, "00:00:5e:00:02:33", A6)],
)
def test_a_macvlan_speaks_with_the_virtual_mac_and_the_interfaces_address(
    two: Pair, given: dict[str, object], mac: str, source: str
) -> None:
    """RFC 9568 §5.1.2.1 and §7.2; the macvlan has no address, and both hosts' have the same MAC."""
    router = vrrp(**given, vmac=True)
    for end in (two.near, two.far):
        end.ip("link", "add", "name", "vw51", "link", "eth0", "address", mac, "type", "macvlan", "mode", "bridge")
        end.ip("link", "set", "vw51", "addrgenmode", "none")
        end.do("sysctl", "-qw", "net.ipv6.conf.vw51.disable_ipv6=0")
        end.ip("link", "set", "vw51", "up")
        end.attach(router, "vw51")
    with watching(two.far) as seen:
        two.near.sockets.send("web", SAID)
        assert brief(two.far.hear()) == [("web", source, SAID)]
        frame = next_of(seen, b"\x70", 23 if router.family == 4 else 20)
        assert frame[6:12].hex(":") == mac
        two.near.announce(router)
        kind = b"\x01" if router.family == 4 else b"\x88"
        announced = next_of(seen, kind, 21 if router.family == 4 else 54)
    made = gratuitous_arp(ip_address("192.0.2.1"), mac)  # type: ignore[arg-type]
    if router.family == 6:
        made = unsolicited_na(ip_address("fe80::1"), mac, router=False)  # type: ignore[arg-type]
    assert announced == made


class watching:  # noqa: N801  # used as a function
    """Every frame that comes in at a host's eth0."""

    def __init__(self, end: End, device: str = "eth0") -> None:
        with inside(end.space):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 3))
        self.socket.settimeout(10)

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def next_of(seen: socket.socket, octet: bytes, at: int) -> bytes:
    while True:
        frame = seen.recv(2048)
        if frame[at : at + 1] == octet:
            return frame


def test_addresses_are_announced_where_they_are(two: Pair) -> None:
    two.plug("eth1")
    router = vrrp(
        addresses=[
            "192.0.2.1/24",
            {"address": "198.51.100.1/24", "interface": "eth1"},
            {"address": "2001:db8::1/64", "interface": "eth1", "advertise": False},
            {"address": "203.0.113.1/32", "interface": "lo"},
            {"address": "203.0.113.2/32", "interface": "absent"},
        ]
    )
    two.near.do("sysctl", "-qw", "net.ipv6.conf.eth1.forwarding=1")
    two.near.attach(router)
    with watching(two.far) as here, watching(two.far, "eth1") as there:
        two.near.announce(router)
        eth0, eth1 = two.near.mac("eth0"), two.near.mac("eth1")
        assert next_of(here, b"\x06", 13) == gratuitous_arp(ip_address("192.0.2.1"), eth0)  # type: ignore[arg-type]
        assert next_of(there, b"\x06", 13) == gratuitous_arp(ip_address("198.51.100.1"), eth1)  # type: ignore[arg-type]
        told = next_of(there, b"\x88", 54)
        assert told == unsolicited_na(ip_address("2001:db8::1"), eth1, router=True)  # type: ignore[arg-type]
    assert two.near.sockets.counters("web").announced == 3
    assert two.near.told == [
        "router web (interface eth0): no announcement can be sent on absent: No such device",
    ]


@pytest.mark.parametrize("hour", [-3_600, 3_600])
def test_a_time_of_day_that_is_set_meanwhile_moves_no_advert(hour: int) -> None:
    """The kernel stamps with the time of day; what is read after it was set is still of now."""
    clocks = Clocks()
    with pair(clocks._replace(wall=lambda: clocks.wall() + hour * 1_000_000_000)) as two:
        two.near.attach(vrrp())
        two.far.attach(vrrp())
        before = clocks.boot()
        two.far.read()
        two.near.sockets.send("web", SAID)
        (heard,) = two.far.hear()
        # No earlier than there was nothing to read, and no later than now.
        assert before <= heard.at <= clocks.boot()
