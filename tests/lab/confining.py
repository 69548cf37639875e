"""Every kind of daemon in pairs under the rules that are generated for it, and a stranger who forges messages."""

import json
from ipaddress import IPv4Address
from typing import Any

from tests.lab.daemons import Instance, conntrackd, frr, keepalived, ucarp
from tests.lab.network import Host, Lab
from tests.lab.watching import Watch
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall.backends import BACKENDS
from vrrpwatch.firewall.flows import plan
from vrrpwatch.wire.checksum import internet_checksum

# Alpha is better than bravo in each.
INSTANCES = {
    "v2": Instance(vrid=51, priority=150, addresses=("192.0.2.1/24",)),
    "ah": Instance(vrid=53, priority=150, addresses=("192.0.2.3/24",), auth="AH", password="labsecrt"),  # noqa: S106
    "v3": Instance(vrid=54, priority=150, addresses=("192.0.2.4/24",), version=3, interval=0.25),
    "v6": Instance(vrid=61, priority=150, addresses=("fe80::1:1/64",), version=3, interval=0.5, ipv6=True),
}
MACS = {number: f"02:00:00:00:00:{number}" for number in range(11, 18)}


def listed(numbers: tuple[int, ...], **said: Any) -> dict[str, Any]:
    """One group of hosts by their numbers, from any MAC where a virtual one is used."""
    speakers = [{"ip": f"192.0.2.{number}", "mac": MACS[number]} for number in numbers]
    return {"segment": "lan", "protocol": "vrrp", "interval": 1.0, "speakers": speakers} | said


def policy(device: str, *ports: str) -> Policy:
    """What belongs on the lab's two switches; ``device`` is the lan's, with ``ports`` beside it."""
    pair = (11, 12)
    six = [{"ip": f"fe80::{number}", "mac": MACS[number]} for number in pair]
    sync = {"protocol": "conntrackd", "peers": ["10.9.9.21", "10.9.9.22"]}
    return Policy.model_validate(
        {
            "version": 1,
            "unlisted": "drop",
            "segment": [
                {"name": "lan", "interface": device, "interfaces": list(ports), "role": "redundancy"},
                {"name": "sync", "interface": "eth1", "role": "sync", "sync": [sync]},
            ],
            "group": [
                listed(pair, id=51),
                listed(pair, id=53),
                listed(pair, id=54, interval=0.25),
                listed(pair, id=52, scope="unicast"),
                listed(pair, id=61, interval=0.5, family=6, speakers=six),
                listed((13, 14), protocol="carp", id=42),
                # FRR's messages come from the virtual MAC.
                listed((), id=5, interval=1.0, speakers=[{"ip": "192.0.2.15"}, {"ip": "192.0.2.16"}]),
            ],
        }
    )


def confine(host: Host, backend: str, made: Policy) -> None:
    """Loads the rules of one backend (and of its sibling for IPv6) into a host's kernel."""
    kind = BACKENDS[backend]
    text = kind.render(plan(made, kind.roles[0]))
    if backend == "iptables":
        host.do("iptables-restore", "--noflush", stdin=text)
        host.do("ip6tables-restore", "--noflush", stdin=BACKENDS["ip6tables"].render(plan(made, "speaker")))
    elif backend == "ebtables":
        host.do("ebtables-restore", "--noflush", stdin=text)
    else:
        host.do("nft", *(("-j",) if backend == "nftables-json" else ()), "-f", "-", stdin=text)


class Confined:
    """Hosts a to f in pairs, each under its rules; ``watch`` hears the lan."""

    def __init__(self, lab: Lab, backend: str) -> None:
        lab.bridge("lan")
        lab.bridge("sync")
        self.watch = Watch(lab, ["lan", "sync"])
        self.hosts = {name: lab.host(name, number, ipv6=name in "ab") for number, name in enumerate("abcdefx", 11)}
        for number, name in enumerate("ab", 21):
            address = f"10.9.9.{number}/24"
            lab.attach(self.hosts[name], number, bridge="sync", addresses=(address,), interface="eth1", card=1)
        for name, host in self.hosts.items():
            if name != "x":
                confine(host, backend, policy("eth0", *(("vrrp4",) if name in "ef" else ())))
        for name, number in (("a", 11), ("b", 12)):
            self._keepalived(name, number)
            conntrackd(self.hosts[name], address=f"10.9.9.{number + 10}")
        for name, number, skew in (("c", 13, 0), ("d", 14, 100)):
            ucarp(self.hosts[name], address="192.0.2.2", vhid=42, advskew=skew, source=f"192.0.2.{number}")
        for name, priority in (("e", 200), ("f", 100)):
            frr(self.hosts[name], vrid=5, priority=priority, address="192.0.2.5")

    def _keepalived(self, name: str, number: int) -> None:
        less = 50 * (number - 11)
        peer = f"192.0.2.{23 - number}"
        unicast = Instance(vrid=52, priority=150 - less, addresses=("192.0.2.6/24",), peers=(peer,))
        mine = [
            Instance(
                vrid=one.vrid,
                priority=one.priority - less,
                addresses=one.addresses,
                version=one.version,
                interval=one.interval,
                auth=one.auth,
                password=one.password,
                ipv6=one.ipv6,
            )
            for one in INSTANCES.values()
        ]
        keepalived(self.hosts[name], *mine, unicast)

    def masters(self) -> dict[str, str]:
        """Who became master of each group last, by the group's key."""
        return {event["group"]: event["to"] for event in self.watch.events() if event["to"] is not None}

    def settled(self) -> bool:
        """Whether all seven groups have the master that is meant to be."""
        return sorted(self.masters().values()) == sorted(["192.0.2.11"] * 4 + ["fe80::11", "192.0.2.13", "192.0.2.15"])


def forge(host: Host, source: str, seconds: float) -> None:
    """Advertises VRID 51 with the highest priority as ``source``, ten times a second: to a router a better master."""
    message = bytes((0x21, 51, 255, 1, 0, 1, 0, 0)) + IPv4Address("192.0.2.1").packed + bytes(8)
    message = message[:6] + internet_checksum(message).to_bytes(2, "big") + message[8:]
    host.do("python3", "-c", _FORGE, json.dumps([source, message.hex(), seconds]))


_FORGE = """
import json, socket, struct, sys, time
source, message, seconds = json.loads(sys.argv[1])
message = bytes.fromhex(message)
ends = socket.inet_aton(source) + socket.inet_aton("224.0.0.18")
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
header = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(message), 0, 0, 255, 112, 0) + ends
for _ in range(int(10 * seconds)):
    raw.sendto(header + message, ("224.0.0.18", 0))
    time.sleep(0.1)
"""
