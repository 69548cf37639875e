"""Two agents and a keepalived on one segment, for faults: who is to have what, and what an agent leaves on a host."""

import json
import time
from dataclasses import dataclass
from typing import Any

from tests.lab import agents
from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Host, Lab, Process
from tests.lab.waiting import wait_until
from tests.lab.witness import Span, Witness

INTERVAL = 0.2
BEST, OTHER = 200, 100
# RFC 9568 §6.1 at priority 100: 3 x 0.2 s + (256 - 100)/256 x 0.2 s, and the Skew_Time once more.
BOUND = 0.721875 + 0.121875
NUMBERS = {"best": 11, "other": 12, "keepalived": 13}
# By VRID, the address and who takes it over.
GROUPS = {51: ("192.0.2.100", "other"), 52: ("192.0.2.101", "other"), 53: ("192.0.2.102", "keepalived")}

# What the first group's master has beside the address.
ROUTED = {
    "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.254", "table": 1000}],
    "rules": [{"from": "198.51.100.0/24", "table": 1000, "priority": 99}],
}


@dataclass(slots=True)
class Stage:
    """The hosts, and what runs there; ``healed`` is when the last partition ended, in seconds since 1970."""

    lab: Lab
    witness: Witness
    best: Host
    other: Host
    healed: float = 0

    @property
    def agent(self) -> Process:
        return last(self.best)

    def start(self, host: Host, *more: dict[str, Any], **tables: Any) -> Process:
        """An agent: the better one of all groups, or the backup of those that keepalived does not have."""
        return agents.start(host, *self.routers(host), *more, **tables)

    def routers(self, host: Host) -> list[dict[str, Any]]:
        better = host is self.best
        made = [
            agents.router(f"r{vrid}", id=vrid, priority=BEST if better else OTHER, interval=INTERVAL, vmac=vrid == 52)
            | {"addresses": [f"{address}/24"]}
            for vrid, (address, backup) in GROUPS.items()
            if better or backup == "other"
        ]
        made[0] |= ROUTED
        return made

    def log(self) -> str:
        """What the better agent has said."""
        return self.agent.log.read_text()

    def until_said(self, text: str, at_most: float = 10) -> None:
        wait_until(lambda: text in self.log(), at_most=at_most, what=text, seen=self.log)

    def part(self) -> None:
        """Nobody hears the first host's adverts any more; everybody sends, and the first host hears."""
        for host in self.lab.hosts.values():
            if host not in (self.best, self.lab.switch):
                host.filter("deaf", "input", f"ip protocol vrrp ip saddr 192.0.2.{NUMBERS['best']} drop")

    def heal(self) -> None:
        """Undoes that."""
        for host in self.lab.hosts.values():
            if host not in (self.best, self.lab.switch):
                host.unfilter("deaf")
        self.healed = time.time()

    def doubles(self) -> list[Span]:
        """When two were masters, since the last partition."""
        return [
            span
            for vrid, (address, _) in GROUPS.items()
            for span in self.witness.doubles(vrid, address, INTERVAL, self.healed)
        ]

    def until(self, *, best: bool) -> None:
        """Waits until the first host has everything, and nobody else does, or until the others have it."""
        for address, backup in GROUPS.values():
            self.witness.until_masters(address, "best" if best else backup)

    def until_more(self, name: str, count: int, vrid: int = 51) -> None:
        """Waits for so many more adverts of a host."""
        self.witness.until_more(f"192.0.2.{NUMBERS[name]}", vrid, count)


def last(host: Host) -> Process:
    """The agent that was started there last."""
    return next(one for one in reversed(host.processes) if one.name.startswith("vrrpwatch"))


def staged(lab: Lab) -> Stage:
    """All of them at work."""
    lab.bridge("lan")
    hosts = {name: lab.host(name, number) for name, number in NUMBERS.items()}
    witness = Witness(lab, hosts, {name: f"192.0.2.{number}" for name, number in NUMBERS.items()})
    stage = Stage(lab, witness, hosts["best"], hosts["other"])
    stage.start(stage.best)
    stage.start(stage.other)
    mine = ((vrid, address) for vrid, (address, backup) in GROUPS.items() if backup == "keepalived")
    keepalived(
        hosts["keepalived"],
        *(
            Instance(vrid=vrid, priority=OTHER, addresses=(f"{address}/24",), version=3, interval=INTERVAL)
            for vrid, address in mine
        ),
    )
    return stage


def left(host: Host) -> list[str]:
    """What is on a host that only an agent puts there."""
    found = [address for address, _ in GROUPS.values() if agents.holds(host, address)]
    device = macvlan(host)
    found += [] if device is None else [device[0]]
    found += [f"{count} routes or rules" for count in routed(host) if count]
    changed = {"arp_ignore": "1", "arp_announce": "2", "promote_secondaries": "1"}
    conf = "net.ipv4.conf.eth0"
    for key, value in changed.items():
        if host.do("sysctl", "-n", f"{conf}.{key}").strip() == value:
            found.append(key)
    return found


def routed(host: Host) -> tuple[int, int]:
    """How many routes and rules of the agent's there are."""
    routes = host.do("ip", "route", "show", "table", "all", "proto", "112").splitlines()
    return len(routes), sum("1000" in line for line in host.do("ip", "rule").splitlines())


def macvlan(host: Host) -> tuple[str, int] | None:
    """The name and number of the second group's macvlan."""
    made = json.loads(host.do("ip", "-json", "link", "show"))
    return next(((link["ifname"], link["ifindex"]) for link in made if link["ifname"].startswith("vw-52")), None)
