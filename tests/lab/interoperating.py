"""An agent with a router for every kind of peer, and the peers: keepalived in all its ways, FRR's vrrpd and ucarp."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.lab import agents
from tests.lab.daemons import Instance, frr, keepalived, ucarp, vrrpd
from tests.lab.network import Host, Lab, Process
from tests.lab.waiting import wait_until
from tests.lab.watching import Watch

AGENT, PEER, FRR, UCARP = 11, 12, 13, 14


class Kind(NamedTuple):
    """One kind of peer: the settings of the agent's router, and who the peer is."""

    name: str
    peer: str
    router: dict[str, Any]
    instance: Instance | None = None

    @property
    def id(self) -> int:
        return int(self.router["id"])


def _keepalived(name: str, id_: int, instance: dict[str, Any], **router: Any) -> Kind:
    address = "2001:db8::1/64" if instance.get("ipv6") else f"192.0.2.1{id_}/24"
    addresses = ("fe80::100/64", address) if instance.get("ipv6") else (address,)
    given = {"vrid": id_, "priority": 0, "addresses": addresses, "version": 3, "interval": 0.5} | instance
    routed = {"id": id_, "interval": given["interval"], "version": given["version"], "addresses": list(addresses)}
    peer = "fe80::12" if instance.get("ipv6") else "192.0.2.12"
    return Kind(name, peer, agents.router(name, **(routed | router)), Instance(**given))


def kinds(host: Host) -> tuple[Kind, ...]:
    """The agent's routers; ``host`` is where its secrets are kept."""
    password, passphrase = host.write("password", "lab-pass\n"), host.write("passphrase", "lab\n")
    two = {"version": 2, "interval": 1}
    simple, ah = ({"type": name, "secret_file": str(password)} for name in ("simple", "ah"))
    return (
        _keepalived("v2", 51, two),
        _keepalived("v2-simple", 52, {**two, "auth": "PASS", "password": "lab-pass"}, auth=simple),
        _keepalived("v2-ah", 53, {**two, "auth": "AH", "password": "lab-pass"}, auth=ah),
        _keepalived("v3", 54, {}),
        _keepalived("v3-vmac", 55, {"vmac": True}, vmac=True),
        _keepalived("v6-vmac", 56, {"ipv6": True, "vmac": True}, vmac=True),
        _keepalived("unicast", 57, {"peers": (f"192.0.2.{AGENT}",)}, peers=["192.0.2.12"]),
        Kind("frr", "192.0.2.13", agents.router("frr", id=5, interval=1.0, addresses=["192.0.2.5/24"])),
        Kind(
            "ucarp",
            "192.0.2.14",
            agents.router("ucarp", id=42, protocol="carp", addresses=["192.0.2.2/24"], passphrase_file=str(passphrase)),
        ),
    )


class Meeting:
    """The agent on one host and its peers on three others; ``watch`` hears them on the switch."""

    def __init__(self, lab: Lab) -> None:
        lab.bridge("lan")
        self.watch = Watch(lab, ["lan"])
        self.host = lab.host("agent", AGENT, ipv6=True)
        self.keepalived = lab.host("keepalived", PEER, ipv6=True)
        self.frr = lab.host("frr", FRR)
        self.ucarp = lab.host("ucarp", UCARP)
        self.kinds = kinds(self.host)
        self.processes: list[Process] = []
        self.agent: Process

    def start_agent(self, rank: int) -> None:
        """``rank`` is the priority of its routers; CARP's advskew is what is left of 254."""
        routers = [
            kind.router | ({"advskew": 254 - rank} if kind.name == "ucarp" else {"priority": rank})
            for kind in self.kinds
        ]
        self.agent = agents.start(self.host, *routers)

    def start_peers(self, rank: int) -> None:
        instances = [kind.instance for kind in self.kinds if kind.instance is not None]
        made = [_with_priority(one, rank) for one in instances]
        self.processes = [
            keepalived(self.keepalived, *made),
            (vrrpd if self.processes else frr)(self.frr, vrid=5, priority=rank, address="192.0.2.5"),
            ucarp(self.ucarp, address="192.0.2.2", vhid=42, advskew=254 - rank, source="192.0.2.14", preempt=True),
        ]

    def masters(self) -> dict[str, str | None]:
        """Who is master of each kind's group, as heard on the switch."""
        said: dict[str, str | None] = {}
        for event in self.watch.events():
            said[event["group"]] = event["to"]
        return {
            kind.name: next((to for group, to in said.items() if f"|{kind.id}|" in group), None) for kind in self.kinds
        }

    def await_masters(self, wanted: Callable[[Kind], str], what: str, at_most: float = 20) -> None:
        """Waits until each group has the master that ``wanted`` names."""
        due = {kind.name: wanted(kind) for kind in self.kinds}
        wait_until(
            lambda: self.masters() == due,
            at_most=at_most,
            what=what,
            seen=lambda: (
                str({name: (to, due[name]) for name, to in self.masters().items() if to != due[name]})
                + self.agent.log.read_text()[-2000:]
            ),
            every=0.1,
        )

    def agent_is_master(self, what: str, **given: float) -> None:
        self.await_masters(
            lambda kind: f"fe80::{AGENT}" if kind.name == "v6-vmac" else f"192.0.2.{AGENT}", what, **given
        )

    def peers_are_masters(self, what: str, **given: float) -> None:
        self.await_masters(lambda kind: kind.peer, what, **given)


def _with_priority(one: Instance, priority: int) -> Instance:
    fields = {name: getattr(one, name) for name in Instance.__dataclass_fields__}
    return Instance(**(fields | {"priority": priority}))
