"""Two directors with LVS and one virtual address, two web servers that answer the client themselves (direct routing).

It runs as ``python -m tests.lab.lvs FILE`` inside a guest, whose kernel has IPVS; see :mod:`tests.lab.guest_module`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab import agents
from tests.lab.balancing import VIP, Asking
from tests.lab.network import Host, Lab, Process
from tests.lab.waiting import LabError, wait_until
from tests.lab.watching import COMMAND

DIRECTORS = {"lb1": 11, "lb2": 12}
WEBS = {"web1": 21, "web2": 22}
# Somebody else's virtual server.
OTHERS = "-A -t 192.0.2.200:443 -s rr"
# Requests a second: programs are slow in a guest.
RATE = 40
# Port 80 is balanced so that both directors choose alike, and port 81 is not.
PORTS: dict[int, dict[str, Any]] = {80: {"scheduler": "mh", "hash": ["port"]}, 81: {"scheduler": "rr"}}
# Who becomes master goes on with connections that it does not know (ip_vs_proto_tcp.c, tcp_conn_schedule).
_DIRECTOR = {"net.ipv4.vs.sloppy_tcp": "1"}
# The virtual address on the loopback interface, of which nobody else is told (arp_ignore, arp_announce in ip-sysctl).
_REAL = {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}
_WEB = """\
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind :80
  bind :81
  http-request return status 200 content-type text/plain string "{name}"
"""


class Lvs:
    """The hosts; agents and clients are started by whoever plays with them."""

    def __init__(self, lab: Lab) -> None:
        lab.bridge("lan")
        self.webs = {name: lab.host(name, number) for name, number in WEBS.items()}
        for host in self.webs.values():
            host.sysctl(_REAL)
            host.ip("address", "add", f"{VIP}/32", "dev", "lo")
        self.running = {name: self.web(name) for name in WEBS}
        self.directors = {name: lab.host(name, number) for name, number in DIRECTORS.items()}
        for host in self.directors.values():
            host.sysctl(_DIRECTOR)
            host.do("ipvsadm", *OTHERS.split())
        self.client = lab.host("client", 50)

    def web(self, name: str) -> Process:
        host = self.webs[name]
        return host.start("/usr/sbin/haproxy", "-db", "-f", str(host.write("haproxy.cfg", _WEB.format(name=name))))

    def agent(self, name: str) -> Process:
        """Starts a director's agent; ``lb1`` has the better priority."""
        check = {"type": "http", "interval": 0.3, "timeout": 2, "fall": 1}
        real = [{"address": f"192.0.2.{number}", "check": check} for number in WEBS.values()]
        virtual = [{"address": VIP, "port": port, "real": real, **given} for port, given in PORTS.items()]
        host = self.directors[name]
        path = agents.configured(
            host,
            agents.router(priority=150 if name == "lb1" else 100, interval=0.2),
            agent={"handover": "never"},
            ipvs={"follows": "web", "sync": {"interface": "eth0", "id": 51}, "virtual": virtual},
        )
        # What it does is seen in the kernel: to ask it takes a second or two in a guest.
        return host.start(COMMAND, "agent", "run", str(path))

    def tables(self, name: str) -> list[str]:
        """As ipvsadm(8) would restore them, in order of the words."""
        return sorted(self.directors[name].do("ipvsadm", "-Sn").splitlines())

    def role(self, name: str) -> list[str]:
        """The roles of the sync daemons that run."""
        return [line.split()[0] for line in self.directors[name].do("ipvsadm", "-L", "--daemon").splitlines()]

    def held(self, name: str) -> list[str]:
        """The connections to port 81 that a director knows: state, client and real server."""
        lines = (line.split() for line in self.directors[name].do("ipvsadm", "-Lnc").splitlines())
        return [f"{words[2]} {words[5]}" for words in lines if len(words) == 6 and words[4] == f"{VIP}:81"]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        def seen() -> str:
            logs = [
                f"{one.name}: {one.log.read_text()[-1500:]}" for h in self.directors.values() for one in h.processes
            ]
            return "\n".join(logs)

        wait_until(condition, at_most=30, what=what, seen=seen, every=0.2)

    def takes_over(self, name: str) -> None:
        """Waits until a director is master, and its sync daemon too."""
        self.until(lambda: agents.holds(self.directors[name]), f"{name} to be master")
        self.until(lambda: self.role(name) == ["master"], f"{name} to synchronise as master")


class Holding:
    """A client with one connection, over which it asks again and again."""

    def __init__(self, client: Host) -> None:
        self._path = client.folder / "held.json"
        client.start(sys.executable, "-P", str(Path(__file__).with_name("holder.py")), f"{VIP}:81", str(self._path))
        wait_until(lambda: self.seen()["answers"] >= 5, at_most=20, what="answers over one connection")

    def seen(self) -> dict[str, Any]:
        """``answers``, ``servers``, and why it ``ended``."""
        if not self._path.exists():
            return {"answers": 0, "servers": [], "ended": ""}
        told: dict[str, Any] = json.loads(self._path.read_text())
        return told

    def goes_on(self) -> bool:
        """Waits for three more answers; returns whether there were any over the same connection."""
        before = self.seen()["answers"]
        wait_until(
            lambda: bool(self.seen()["ended"]) or self.seen()["answers"] >= before + 3,
            at_most=20,
            what="more answers over the one connection",
        )
        return not self.seen()["ended"]


def play(lab: Lab) -> dict[str, Any]:
    """A server fails, the master is drained and brought back, and crashes at last; a client asks all the time."""
    seen: dict[str, Any] = {}
    lvs = Lvs(lab)
    for name in DIRECTORS:
        lvs.agent(name)
    lvs.takes_over("lb1")
    whole = {name: len(lvs.tables(name)) for name in DIRECTORS}
    lvs.until(lambda: all(len(lvs.tables(name)) == 7 for name in DIRECTORS), f"all real servers, not {whole}")
    seen["tables"] = {name: lvs.tables(name) for name in DIRECTORS}
    seen["roles"] = {name: lvs.role(name) for name in DIRECTORS}
    asking, holding = Asking(lvs.client, RATE), Holding(lvs.client)
    lvs.until(lambda: lvs.held("lb2") == lvs.held("lb1") != [], "lb2 to know lb1's connection")
    seen["synchronised"] = lvs.held("lb2")

    asked = asking.seen()
    agents.ask(lvs.directors["lb1"], "drain")
    lvs.takes_over("lb2")
    seen["drained"] = {"holding": holding.goes_on(), "roles": {name: lvs.role(name) for name in DIRECTORS}}
    agents.ask(lvs.directors["lb1"], "undrain")
    lvs.takes_over("lb1")
    seen["back"] = {"holding": holding.goes_on(), "roles": {name: lvs.role(name) for name in DIRECTORS}}
    now = asking.seen()
    seen["moved"] = {"answered": now["answered"] - asked["answered"], "failed": now["failed"] - asked["failed"]}
    seen["failures"] = now["failures"]

    (idle,) = {*WEBS} - {*holding.seen()["servers"]}
    lvs.running[idle].kill()
    lvs.until(lambda: all(len(lvs.tables(name)) == 5 for name in DIRECTORS), "the failed server to be removed")
    seen["failed server"] = lvs.tables("lb1")
    lvs.directors["lb1"].power_off()
    lvs.takes_over("lb2")
    before = asking.seen()["answered"]
    lvs.until(lambda: asking.seen()["answered"] > before + RATE, "answers after the crash")
    seen["crashed"] = {"holding": holding.goes_on(), "servers": holding.seen()["servers"]}
    lvs.running[idle] = lvs.web(idle)
    lvs.until(lambda: len(lvs.tables("lb2")) == 7, "the server to be back")

    said = agents.try_status(lvs.directors["lb2"])
    seen["companions"] = None if said is None else said["companions"]
    lvs.directors["lb2"].processes[-1].stop()
    seen["end"] = [lvs.tables("lb2"), lvs.role("lb2")]
    return seen


def main() -> int:
    """Plays it in a lab of its own; writes what it saw, or says what was in vain and returns 1."""
    try:
        with Lab() as lab:
            seen = play(lab)
    except LabError as error:
        print(error)
        return 1
    Path(sys.argv[1]).write_text(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
