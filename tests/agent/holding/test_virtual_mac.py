"""Virtual MACs on hosts in namespaces: who answers for what, what a backup hears, and what stays afterwards."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.agent.holding.hosts import Here, holding, links, listed, needs_hosts, router, sysctl, two_hosts
from tests.lab.live import inside
from tests.lab.network import Host
from vrrpwatch.agent.ports import Attachment

pytestmark = needs_hosts
VIRTUAL, REAL, ASKING = "00:00:5e:00:01:33", "02:00:00:00:00:01", "02:00:00:00:00:02"
_ETH_P_ARP = 0x0806


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    with two_hosts() as made:
        yield made


@pytest.fixture
def here(hosts: tuple[Host, Host], tmp_path: Path) -> Iterator[Here]:
    with holding(hosts[0], tmp_path / "agent.json") as made:
        yield made


def _attached(here: Here, **given: Any) -> Attachment:
    made = here.holder.attach(router(vmac=True, **given))
    assert isinstance(made, Attachment), made
    return made


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _answers(other: Host, *asked: str) -> dict[str, set[str]]:
    """Who answers ARP requests for these addresses: the MACs of the frames and those in them, all of them equal.

    The last must be a macvlan's: the kernel hands broadcasts to macvlans later than to the interface below.
    """
    with inside(other.namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP)) as wire:
        wire.bind(("eth0", _ETH_P_ARP))
        wire.settimeout(10)
        # The last is asked twice: what others would have to say to the first ones has come before its second answer.
        for number in (*asked, asked[-1]):
            sender = _mac(ASKING) + IPv4Address("192.0.2.2").packed
            request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + sender + bytes(6) + IPv4Address(number).packed
            wire.send(b"\xff" * 6 + _mac(ASKING) + struct.pack("!H", _ETH_P_ARP) + request)
        found: dict[str, set[str]] = {}
        last = 0
        while last < 2:
            frame, (_, _, direction, _, _) = wire.recvfrom(1514)
            if direction == socket.PACKET_OUTGOING or frame[20:22] != b"\0\2":
                continue
            assert frame[6:12] == frame[22:28]
            address = str(IPv4Address(frame[28:32]))
            found.setdefault(address, set()).add(frame[6:12].hex(":"))
            last += address == asked[-1]
        return found


@pytest.mark.parametrize("strict", [False, True])
def test_only_the_macvlan_answers_for_its_addresses(here: Here, hosts: tuple[Host, Host], *, strict: bool) -> None:
    here.host.sysctl({"net.ipv4.conf.all.rp_filter": "1" if strict else "0"})
    made = _attached(here, addresses=["192.0.2.100/24", "192.0.2.101/32"])
    assert (made.mac, made.interface, str(made.source)) == (VIRTUAL, "eth0", "192.0.2.1")
    assert made.device.startswith("vw-51-")
    _attached(here, name="two", id=52, addresses=["192.0.2.109/24"])
    here.holder.acquire("two")
    another = {"192.0.2.109": {"00:00:5e:00:01:34"}}
    assert _answers(hosts[1], "192.0.2.100", "192.0.2.1", "192.0.2.109") == {"192.0.2.1": {REAL}} | another

    here.holder.acquire("one")
    assert here.addresses(made.device) == {"192.0.2.100/24", "192.0.2.101/32"}
    assert _answers(hosts[1], "192.0.2.100", "192.0.2.101", "192.0.2.1", "192.0.2.109") == another | {
        "192.0.2.100": {VIRTUAL},
        "192.0.2.101": {VIRTUAL},
        "192.0.2.1": {REAL},
    }
    hosts[1].do("ping", "-c1", "-W5", "192.0.2.100")
    # The subnet is reached as before, and not over the macvlan.
    assert [route["dev"] for route in listed(here.host, "route", "show", "192.0.2.0/24")] == ["eth0"]
    # When it asks for others in its turn, nobody learns that a virtual address is at the card's own MAC.
    here.host.ip("neighbour", "flush", "all")
    here.host.do("ping", "-c1", "-W5", "-I", "192.0.2.100", "192.0.2.2")
    [entry] = listed(hosts[1], "neighbour", "show", "192.0.2.100")
    assert entry["lladdr"] == VIRTUAL
    here.host.sysctl({"net.ipv4.conf.all.rp_filter": "0"})


def test_an_ipv6_address_is_at_the_virtual_mac_too(here: Here, hosts: tuple[Host, Host]) -> None:
    made = _attached(here, addresses=["fe80::100/64", "2001:db8::100/64"])
    assert (made.mac, str(made.source)) == ("00:00:5e:00:02:33", "fe80::1")
    assert here.addresses(made.device) == set()
    here.holder.acquire("one")
    assert here.addresses(made.device) == {"fe80::100/64", "2001:db8::100/64"}
    hosts[1].do("ping", "-c1", "-W5", "fe80::100%eth0")
    hosts[1].do("ping", "-c1", "-W5", "fe80::1%eth0")
    seen = {one["dst"]: one["lladdr"] for one in listed(hosts[1], "-6", "neighbour")}
    assert (seen["fe80::100"], seen["fe80::1"]) == ("00:00:5e:00:02:33", REAL)


def test_a_macvlan_that_holds_nothing_is_silent(here: Here, hosts: tuple[Host, Host]) -> None:
    """A backup whose macvlan sent anything would draw the master's traffic: switches learn where the MAC is."""
    with inside(hosts[1].namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("eth0", 3))
        wire.settimeout(10)
        _attached(here)
        _attached(here, name="six", addresses=["fe80::100/64"])
        here.host.do("ping", "-c1", "-W5", "192.0.2.2")
        senders = set()
        frame = b""
        # The echo request comes after everything that the macvlans had to say.
        while frame[12:14] != b"\x08\0" or frame[6:12] != _mac(REAL):
            frame = wire.recv(1514)
            senders.add(frame[6:12])
        assert not {sender.hex(":") for sender in senders} & {VIRTUAL, "00:00:5e:00:02:33"}


def test_a_backup_hears_the_masters_adverts_from_the_same_virtual_mac(here: Here, hosts: tuple[Host, Host]) -> None:
    _attached(here)
    source, group = IPv4Address("192.0.2.2").packed, IPv4Address("224.0.0.18").packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 255, 112, 0) + source + group
    checksum = sum(struct.unpack("!10H", header))
    checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
    packet = header[:10] + checksum.to_bytes(2, "big") + header[12:] + b"claimed!"
    with contextlib.ExitStack() as stack:
        index = listed(here.host, "link", "show", "eth0")[0]["ifindex"]
        ears = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, 112))
        ears.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
        ears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + struct.pack("=Ii", 0, index))
        ears.settimeout(10)
        stack.enter_context(inside(hosts[1].namespace))
        wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        wire.bind(("eth0", 0))
        wire.send(_mac("01:00:5e:00:00:12") + _mac(VIRTUAL) + b"\x08\0" + packet)
        assert ears.recv(100)[20:] == b"claimed!"


def test_nothing_of_a_macvlan_stays(here: Here) -> None:
    keys = ("net.ipv4.conf.eth0.arp_ignore", "net.ipv4.conf.eth0.arp_announce")
    before = links(here.host)
    _attached(here)
    _attached(here, name="two", id=52, addresses=["192.0.2.101/24"])
    assert [sysctl(here.host, key) for key in keys] == [1, 2]
    assert len(links(here.host)) == len(before) + 2
    here.holder.acquire("one")
    here.holder.detach("one")
    assert [sysctl(here.host, key) for key in keys] == [1, 2]
    here.holder.detach("two")
    assert [sysctl(here.host, key) for key in keys] == [0, 0]
    assert links(here.host) == before
    assert here.told == []


def test_a_setting_that_somebody_changed_meanwhile_stays(here: Here) -> None:
    here.host.sysctl({"net.ipv4.conf.eth0.arp_ignore": "2"})
    _attached(here)
    here.host.sysctl({"net.ipv4.conf.eth0.arp_announce": "1"})
    here.holder.detach("one")
    assert sysctl(here.host, "net.ipv4.conf.eth0.arp_ignore") == 2
    assert sysctl(here.host, "net.ipv4.conf.eth0.arp_announce") == 1
    here.host.sysctl({"net.ipv4.conf.eth0.arp_ignore": "0", "net.ipv4.conf.eth0.arp_announce": "0"})


def test_a_setting_for_all_that_silences_macvlans_is_told(here: Here) -> None:
    here.host.sysctl({"net.ipv4.conf.all.arp_filter": "1"})
    name = _attached(here).device
    assert here.told == [
        f"net.ipv4.conf.all.arp_filter is set, so nobody answers ARP for what {name} holds: set it to 0"
    ]
    here.host.sysctl({"net.ipv4.conf.all.arp_filter": "0"})


def test_a_macvlan_that_somebody_removed_is_made_again(here: Here) -> None:
    made = _attached(here)
    here.holder.acquire("one")
    here.host.ip("link", "del", made.device)
    again = _attached(here)
    assert again.device == made.device
    assert again.device_index != made.device_index
    here.holder.acquire("one")
    assert here.addresses(again.device) == {"192.0.2.100/24"}


def test_a_macvlan_that_somebody_switched_off_is_made_again(here: Here) -> None:
    made = _attached(here)
    here.holder.acquire("one")
    here.host.ip("link", "set", made.device, "down")
    again = _attached(here)
    assert again.device_index != made.device_index
    [link] = listed(here.host, "link", "show", again.device)
    assert "UP" in link["flags"]


def test_an_interface_of_somebody_else_with_its_name_is_left_alone(here: Here) -> None:
    name = _attached(here).device
    here.holder.detach("one")
    here.host.ip("link", "add", name, "type", "veth", "peer", "name", "eth2")
    reason = here.holder.attach(router(vmac=True))
    assert reason == f"there is an interface {name} that is not this router's: rename or remove it"
    here.holder.close()
    assert name in links(here.host)
    here.host.ip("link", "del", name)
    here.holder = Here(here.host, here.state).holder
