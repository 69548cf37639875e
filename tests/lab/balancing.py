"""Two load balancers with one virtual address, two web servers behind them, and a client that never stops asking."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.lab import agents
from tests.lab.network import Host, Lab, Process, locate
from tests.lab.waiting import wait_until

VIP = "192.0.2.100"
_BALANCERS = {"lb1": 11, "lb2": 12}
_WEBS = {"web1": 21, "web2": 22}

_COMMON = """\
global
  maxconn 4000
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
"""
_BALANCER = (
    _COMMON
    + """
frontend front
  bind {vip}:80 transparent
  default_backend webs
backend webs
  option httpchk GET /
  default-server check inter 200ms fall 2 rise 1
  server web1 198.51.100.21:80
  server web2 198.51.100.22:80
"""
)
WEB = (
    _COMMON
    + """
frontend front
  bind :80
  http-request return status 200 content-type text/plain string "{name}"
"""
)


class Balanced:
    """Starts everything but the agents, which :meth:`agent` starts; ``lb1`` has the better priority."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.bridge("lan")
        lab.bridge("back")
        self.webs = {}
        for name, number in _WEBS.items():
            self.webs[name] = lab.host(name, number, bridge="back", network="198.51.100")
            self.haproxy(self.webs[name], WEB)
        self.balancers: dict[str, Host] = {}
        for name, number in _BALANCERS.items():
            host = self.balancers[name] = lab.host(name, number)
            lab.attach(host, number, bridge="back", addresses=(f"198.51.100.{number}/24",), interface="eth1", card=1)
            self.haproxy(host, _BALANCER)
        self.client = lab.host("client", 50)

    def haproxy(self, host: Host, template: str) -> Process:
        """Starts HAProxy on a host, as a balancer or as a web server."""
        stats = host.folder / "haproxy.sock"
        path = host.write("haproxy.cfg", template.format(socket=stats, vip=VIP, name=host.name))
        process = host.start(shutil.which("haproxy", path=locate("haproxy")) or "haproxy", "-db", "-f", str(path))
        wait_until(stats.exists, at_most=10, what=f"haproxy on {host.name}", seen=process.log.read_text)
        return process

    def agent(self, name: str, *, agent: dict[str, Any] | None = None, **given: Any) -> Process:
        """Starts the agent of a balancer; it heeds its HAProxy."""
        host = self.balancers[name]
        router = agents.router(
            priority=150 if name == "lb1" else 100, track=[{"name": "haproxy", "weight": -60}], **given
        )
        tracker = {
            "name": "haproxy",
            "type": "haproxy",
            "socket": str(host.folder / "haproxy.sock"),
            "backend": "webs",
            "interval": 0.5,
        }
        return agents.start(host, router, agent=agent, tracker=[tracker])

    def ask(self, rate: int = 1000) -> "Asking":
        """Starts the client: so many requests a second, each over a connection of its own."""
        return Asking(self.client, rate)


class Asking:
    """A client at work; what it has seen so far is in a file that it writes ten times a second."""

    def __init__(self, client: Host, rate: int, address: str = VIP) -> None:
        self._path = client.folder / f"asked-{address.replace(':', '-')}.json"
        self.process = client.start(
            sys.executable, "-P", str(Path(__file__).with_name("asker.py")), address, str(rate), str(self._path)
        )
        wait_until(
            lambda: self.seen()["answered"] > 100,
            at_most=20,
            what="answers through the virtual address",
            seen=lambda: self.process.log.read_text() + str(self.seen()),
        )

    def seen(self) -> dict[str, Any]:
        """``asked``, ``answered``, ``failed``, ``slowest`` (seconds), ``failures`` (the last reasons).

        Also ``troubles`` (see the asker), which are complete for what was asked before ``settled``.
        """
        try:
            told: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            nothing = {"asked": 0, "answered": 0, "failed": 0, "slowest": 0.0}
            return {**nothing, "failures": [], "settled": 0.0, "troubles": []}
        return told
