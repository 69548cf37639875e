"""Rules for nftables under real frames in a real kernel: which counter each of them ends in."""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.firewall.kernel import need
from tests.firewall.packets import OTHER_MAC, advert, advert6, ah, datagram, ether, ip4, ip6, tagged, udp, vrrp
from tests.firewall.policies import ALPHA, BRAVO, group, policy
from tests.lab.live import Wire, inside, wire
from tests.lab.network import run
from tests.lab.waiting import wait_until
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall import nftables, nftables_bridge, nftables_netdev
from vrrpwatch.firewall.flows import plan

SIX = {"segment": "eth0", "protocol": "vrrp", "family": 6, "id": 61, "speakers": [{"ip": "fe80::11"}]}
HSRP = {"segment": "eth0", "protocol": "hsrp", "id": 3, "speakers": [{"ip": "192.0.2.11"}]}
SYNC = {"protocol": "conntrackd", "peers": ["192.0.2.11"]}
PFSYNC = {"protocol": "pfsync", "peers": ["192.0.2.11"]}
UNICAST = group(id=70, scope="unicast", interval=None, speakers=[BRAVO, {"ip": "192.0.2.254"}])
JOINED = ("224.0.0.2", "224.0.0.18", "224.0.0.19", "224.0.0.81", "224.0.0.240", "225.0.0.50")
SIX_HSRP = "33:33:00:00:00:66"
SENTINEL = ether(ip4(bytes(40), 240, "192.0.2.11", "224.0.0.240"), 0x0800)

# Where each frame is counted; None: nowhere, since nobody confines it.
FRAMES: dict[str, tuple[bytes, str | None]] = {
    "the first speaker": (advert(), "advertisement_kept"),
    "behind AH": (ether(ip4(ah(vrrp(51), 112), 51, "192.0.2.11", "224.0.0.18"), 0x0800), "ah_kept"),
    "the second speaker, whose MAC is not said": (advert(source="192.0.2.12", mac=OTHER_MAC), "advertisement_kept"),
    "another MAC": (advert(mac=OTHER_MAC), "advertisement_unlisted"),
    "another source": (advert(source="192.0.2.13"), "advertisement_unlisted"),
    "another id": (advert(52), "advertisement_unlisted"),
    "another destination": (advert(destination="224.0.0.19"), "advertisement_unlisted"),
    "from behind a router": (advert(ttl=254), "advertisement_unlisted"),
    "unicast from behind a router": (
        advert(70, "192.0.2.12", ttl=17, destination="192.0.2.254"),
        "advertisement_kept",
    ),
    "cut before the id": (ether(ip4(b"\x31", 112, "192.0.2.11", "224.0.0.18"), 0x0800), "advertisement_unlisted"),
    "another id behind AH": (ether(ip4(ah(vrrp(52), 112), 51, "192.0.2.11", "224.0.0.18"), 0x0800), "ah_unlisted"),
    "a longer AH": (ether(ip4(ah(vrrp(51), 112, icv=16), 51, "192.0.2.11", "224.0.0.18"), 0x0800), "ah_unlisted"),
    "AH around UDP": (ether(ip4(ah(udp(53), 17), 51, "192.0.2.11", "192.0.2.254"), 0x0800), None),
    "AH around UDP to VRRP's group": (
        ether(ip4(ah(udp(53), 17), 51, "192.0.2.11", "224.0.0.18"), 0x0800),
        "other_unlisted",
    ),
    "AH around IGMP": (ether(ip4(ah(bytes(8), 2), 51, "192.0.2.11", "224.0.0.18"), 0x0800), None),
    "IGMP": (ether(ip4(bytes(8), 2, "192.0.2.11", "224.0.0.18", ttl=1), 0x0800), None),
    "UDP to VRRP's group": (datagram(9, "192.0.2.11", "224.0.0.18"), "other_unlisted"),
    "HSRP": (datagram(1985, "192.0.2.11", "224.0.0.2"), "udp_kept"),
    "HSRP of another": (datagram(1985, "192.0.2.12", "224.0.0.2"), "udp_unlisted"),
    "other UDP to all routers": (datagram(53, "192.0.2.11", "224.0.0.2"), None),
    "conntrackd": (datagram(3780, "192.0.2.11", "225.0.0.50"), "udp_kept"),
    "conntrackd of another": (datagram(3780, "192.0.2.66", "225.0.0.50"), "udp_unlisted"),
    "IPVS sync that nobody listed": (datagram(8848, "192.0.2.11", "224.0.0.81"), "other_unlisted"),
    "pfsync of another": (ether(ip4(bytes(40), 240, "192.0.2.12", "224.0.0.240"), 0x0800), "pfsync_unlisted"),
    "UDP to the host": (datagram(53, "192.0.2.11", "192.0.2.254"), None),
    "VRRP over IPv6": (advert6(), "advertisement_kept"),
    "another id over IPv6": (advert6(62), "advertisement_unlisted"),
    "another hop limit": (advert6(hops=64), "advertisement_unlisted"),
    "behind extension headers": (advert6(options=True), "advertisement_unlisted"),
    "AH in IPv6": (
        ether(ip6(ah(vrrp(61), 112), 51, "fe80::11", "ff02::12"), 0x86DD, destination="33:33:00:00:00:12"),
        "ah_unlisted",
    ),
    "UDP to VRRP's group in IPv6": (
        ether(ip6(udp(9), 17, "fe80::11", "ff02::12"), 0x86DD, destination="33:33:00:00:00:12"),
        "other_unlisted",
    ),
    "a later fragment with HSRP's port in its middle": (
        # Fragment header: next header, reserved, offset 8 octets (RFC 8200 §4.5).
        ether(
            ip6(bytes((17, 0, 0, 8, 0, 0, 0, 9)) + udp(2029), 44, "fe80::11", "ff02::66"), 0x86DD, destination=SIX_HSRP
        ),
        None,
    ),
    "a first fragment to HSRP's port": (
        ether(
            ip6(bytes((17, 0, 0, 1, 0, 0, 0, 9)) + udp(2029), 44, "fe80::11", "ff02::66"), 0x86DD, destination=SIX_HSRP
        ),
        "udp_unlisted",
    ),
    "MLD": (ether(ip6(bytes(24), 58, "fe80::11", "ff02::12"), 0x86DD, destination="33:33:00:00:00:12"), None),
}
# A host puts fragments together before its input hook.
LATER = ether(ip4(vrrp(51), 112, "192.0.2.11", "224.0.0.18", fragment=64), 0x0800)


def everything(**said: Any) -> Policy:
    segment = {"name": "eth0", "sync": [SYNC, PFSYNC]}
    speakers = [ALPHA, {"ip": "192.0.2.12"}]
    return policy(group(interval=None, speakers=speakers), SIX, HSRP, UNICAST, segments=(segment,), **said)


def load(space: str, text: str) -> None:
    run("ip", "netns", "exec", space, "nft", "-f", "-", stdin=text)


def counted(space: str, family: str) -> dict[str, int]:
    """Packets in the counters that have any."""
    found = json.loads(run("ip", "netns", "exec", space, "nft", "-j", "list", "counters", "table", family, "vrrpwatch"))
    return {
        one["counter"]["name"]: one["counter"]["packets"]
        for one in found["nftables"]
        if "counter" in one and one["counter"]["packets"]
    }


@pytest.fixture
def link() -> Iterator[Wire]:
    need("nft")
    with wire("eth0") as made:
        yield made


@contextlib.contextmanager
def member(space: str) -> Iterator[None]:
    """The near end has an address and is in all groups."""
    settings = (
        "net.ipv6.conf.all.disable_ipv6=0",
        "net.ipv6.conf.eth0.disable_ipv6=0",
        "net.ipv4.conf.all.rp_filter=0",
    )
    run("ip", "netns", "exec", space, "sysctl", "-qw", *settings)
    run("ip", "-n", space, "link", "set", "eth0", "address", "01:00:5e:00:00:12".replace("01:00:5e", "02:00:5e"))
    run("ip", "-n", space, "address", "add", "192.0.2.254/24", "dev", "eth0")
    with (
        inside(space),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six,
    ):
        index = struct.pack("@i", socket.if_nametoindex("eth0"))
        for address in JOINED:
            joined = socket.inet_aton(address) + bytes(4) + index
            four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        for address in ("ff02::12", "ff02::66"):
            joined = socket.inet_pton(socket.AF_INET6, address) + index
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
        yield


def judge(send: Callable[[bytes], object], frames: list[bytes], count: Callable[[], dict[str, int]], name: str) -> None:
    """Sends frames and then one that is let through for certain: once it is counted, so are they."""
    before = count().get(name, 0)
    for frame in [*frames, SENTINEL]:
        # What is dropped at the device itself never left, so its sender hears of it.
        with contextlib.suppress(OSError):
            send(frame)
    wait_until(lambda: count().get(name, 0) > before, at_most=10, what="the last frame to be counted")


@pytest.mark.parametrize("backend", ["nftables", "nftables-netdev"])
def test_what_comes_in_is_counted_where_it_belongs(link: Wire, backend: str) -> None:
    made = plan(everything(), "speaker")
    family, hook = ("inet", "input") if backend == "nftables" else ("netdev", "ingress")
    text = nftables.render(made) if backend == "nftables" else nftables_netdev.render(made)
    with member(link.near), link.sender("eth0") as sender:
        # What the host itself sends (membership reports) is on its way out, so it is not among these.
        load(link.near, text)

        def count() -> dict[str, int]:
            return {name: n for name, n in counted(link.near, family).items() if name.startswith(f"{hook}_")}

        wrong = {}
        for what, (frame, where) in FRAMES.items():
            to_host = frame
            if frame[30:34] == socket.inet_aton("192.0.2.254"):
                to_host = bytes.fromhex("02005e000012") + frame[6:]
            before = count()
            judge(sender.send, [to_host], count, f"{hook}_pfsync_kept")
            after = count()
            new = [name for name in after if after[name] != before.get(name, 0) and name != f"{hook}_pfsync_kept"]
            if new != ([] if where is None else [f"{hook}_{where}"]):
                wrong[what] = new
        assert wrong == {}


def test_a_later_fragment_has_no_id(link: Wire) -> None:
    load(link.near, nftables_netdev.render(plan(everything(), "speaker")))
    with link.sender("eth0") as sender:
        judge(sender.send, [LATER], lambda: counted(link.near, "netdev"), "ingress_pfsync_kept")
    assert counted(link.near, "netdev") == {"ingress_advertisement_unlisted": 1, "ingress_pfsync_kept": 1}


def test_a_priority_without_a_vlan_hides_nothing(link: Wire) -> None:
    load(link.near, nftables_netdev.render(plan(everything(), "speaker")))
    with link.sender("eth0") as sender:
        frames = [tagged(advert(), 0), tagged(advert(52), 0xE000)]
        judge(sender.send, frames, lambda: counted(link.near, "netdev"), "ingress_pfsync_kept")
    found = counted(link.near, "netdev")
    assert (found["ingress_advertisement_kept"], found["ingress_advertisement_unlisted"]) == (1, 1)


def test_what_a_packet_socket_sends_is_judged_on_its_way_out(link: Wire) -> None:
    load(link.near, nftables_netdev.render(plan(everything(), "speaker")))
    with link.sender("eth0", near=True) as sender:
        # Its own MAC is not looked at, and is what the listed MAC is made from.
        frames = [advert(), advert(mac=OTHER_MAC), advert(52), tagged(advert(52), 10)]
        judge(sender.send, frames, lambda: counted(link.near, "netdev"), "egress_pfsync_kept")
    assert counted(link.near, "netdev") == {
        "egress_advertisement_kept": 2,
        "egress_advertisement_unlisted": 1,
        "egress_pfsync_kept": 1,
    }


def test_a_flow_above_its_limit_is_dropped_while_others_pass(link: Wire) -> None:
    # One packet/s, after a first burst of five.
    limited = group(rate=1, speakers=[{"ip": "192.0.2.11"}, {"ip": "192.0.2.12"}])
    said = policy(limited, segments=({"name": "eth0", "sync": [PFSYNC]},), unlisted="report")
    load(link.near, nftables_netdev.render(plan(said, "speaker")))
    with link.sender("eth0") as sender:
        frames = [*([advert()] * 300), advert(source="192.0.2.12"), advert(52)]
        judge(sender.send, frames, lambda: counted(link.near, "netdev"), "ingress_pfsync_kept")
    found = counted(link.near, "netdev")
    assert found["ingress_advertisement_kept"] + found["ingress_advertisement_over"] == 301
    assert 6 <= found["ingress_advertisement_kept"] < 100
    assert found["ingress_advertisement_unlisted"] == 1


@pytest.fixture
def ports(link: Wire) -> Wire:
    """The near end bridges eth0, eth1 and eth2."""
    for name in ("eth1", "eth2"):
        link.plug(name)
    run("ip", "-n", link.near, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
    for name in ("eth0", "eth1", "eth2"):
        run("ip", "-n", link.near, "link", "set", name, "master", "br0")
    run("ip", "-n", link.near, "link", "set", "br0", "up")
    return link


def test_a_bridge_keeps_every_flow_on_the_ports_and_the_tag_of_its_segment(ports: Wire) -> None:
    lan = {"name": "lan", "interface": "eth0", "interfaces": ["eth1"], "sync": [PFSYNC]}
    ten = {"name": "lan/10", "interface": "eth0", "interfaces": ["eth1", "eth2"], "vlans": [10]}
    groups = (group("lan", interval=None), SIX | {"segment": "lan/10"}, group("lan/10", id=52, interval=None))
    text = nftables_bridge.render(plan(policy(*groups, segments=(lan, ten)), "bridge"))
    load(ports.near, text)

    def of(frames: list[bytes]) -> dict[str, int]:
        load(ports.near, text)
        with ports.sender("eth0") as sender:
            judge(sender.send, frames, lambda: counted(ports.near, "bridge"), "forward_pfsync_kept")
        return {
            name.removeprefix("forward_advertisement_"): n
            for name, n in counted(ports.near, "bridge").items()
            if "advertisement" in name
        }

    # Everything goes to two other ports; only one of them is on the segment without a tag.
    assert of([advert()]) == {"kept": 1, "unlisted": 1}
    assert of([advert(52)]) == {"unlisted": 2}
    assert of([tagged(advert(52), 10)]) == {"kept": 2}
    assert of([tagged(advert(52), 10, 0x88A8)]) == {"kept": 2}
    assert of([tagged(advert(51), 10)]) == {"unlisted": 2}
    assert of([tagged(advert6(), 10)]) == {"kept": 2}
    assert of([advert6()]) == {"unlisted": 2}
    # Tag 0 is none, only a priority.
    assert of([tagged(advert(), 0), tagged(advert(), 0x2000, 0x88A8)]) == {"kept": 2, "unlisted": 2}
    assert of([tagged(advert(52), 0x2000)]) == {"unlisted": 2}
    # Of no segment: not judged.
    assert of([tagged(advert(52), 11)]) == {}
    assert of([tagged(tagged(advert(52), 20), 10)]) == {}


def test_nothing_is_judged_on_other_devices(link: Wire) -> None:
    said = policy(group("eth1", interval=None))
    load(link.near, nftables.render(plan(said, "speaker")))
    link.plug("eth1")
    with member(link.near), link.sender("eth0") as sender:
        sender.send(advert(52))
        with link.sender("eth1") as other:
            index = struct.pack("@i", socket.if_nametoindex("eth1"))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as joiner:
                joined = socket.inet_aton("224.0.0.18") + bytes(4) + index
                joiner.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
                run("ip", "-n", link.near, "address", "add", "198.51.100.1/24", "dev", "eth1")
                other.send(advert())
                wait_until(lambda: bool(counted(link.near, "inet")), at_most=10, what="a frame to be counted")
    assert counted(link.near, "inet") == {"input_advertisement_kept": 1}


def test_what_is_unlisted_is_only_logged_or_limited_where_the_policy_says_so(link: Wire) -> None:
    for unlisted in ({"unlisted": "limit", "unlisted_rate": 1.0}, {"unlisted": "log"}):
        said = policy(group(), segments=({"name": "eth0", "sync": [PFSYNC]},), **unlisted)
        load(link.near, nftables_netdev.render(plan(said, "speaker")))
        with link.sender("eth0") as sender:
            judge(sender.send, [advert(52)] * 200, lambda: counted(link.near, "netdev"), "ingress_pfsync_kept")
        found = counted(link.near, "netdev")
        assert found["ingress_advertisement_unlisted"] == 200
        assert (found.get("unlisted_dropped", 0) > 100) == (unlisted["unlisted"] == "limit")
        run("ip", "netns", "exec", link.near, "nft", "delete", "table", "netdev", "vrrpwatch")
