"""What docs/guide-haproxy.md sets up, and all that may happen to it in turn, under clients that never stop asking."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tests.lab import agents
from tests.lab.balancing import WEB, Asking
from tests.lab.guide import Guide, daemon, shell
from tests.lab.network import Host, Lab, Process
from tests.lab.waiting import wait_until
from tests.lab.watching import Watch

VIP6 = "2001:db8:0:1::100"
NUMBERS = {"lb1": 11, "lb2": 12}
_WEBS = {"web1": 21, "web2": 22}
FILES = ("/etc/haproxy/haproxy.cfg", "/etc/vrrpwatch/agent.toml", "/etc/vrrpwatch/policy.toml")
# Requests a second by IPv4 and by IPv6.
RATE, RATE6 = 200, 50
# What a takeover costs (seconds): 3 intervals and lb2's skew (RFC 9568 §6.1), or its skew alone after a resignation.
INTERVAL = 0.5
SKEW = (256 - 100) / 256 * INTERVAL
MASTER_DOWN = 3 * INTERVAL + SKEW
# Of HAProxy's trackers, and of HAProxy's checks of web servers, which must fail twice: refused, or without an answer.
POLL, CHECKS, UNREACHED = 0.5, 1.0, 2.0
# How long no web server runs.
OUTAGE = 4.0
# A request takes some milliseconds, and so does what is due; where others use the machine, both may take longer.
UNDER_WAY, BUSY = 0.3, 1.0

Cause = Literal["preempted", "timed-out", "resigned"]


@dataclass(slots=True)
class Step:
    """Something that is done: it may trouble requests asked up to ``most`` seconds after it (``None``: none at all).

    ``began`` and ``ended`` are on the monotonic clock.
    """

    what: str
    most: float | None
    began: float
    ended: float = 0.0

    def excuses(self, trouble: dict[str, Any]) -> bool:
        """Whether a client's trouble comes of it: with requests that were under way, and what a busy machine needs."""
        if self.most is None:
            return False
        first, last = float(trouble["first"]), float(trouble["last"])
        return self.began - UNDER_WAY <= first and last <= self.began + self.most + BUSY


class Scenario:
    """Two balancers, two web servers, clients of both families and an observer on the switch."""

    def __init__(self, lab: Lab, guide: Guide) -> None:
        self.lab, self.guide = lab, guide
        self.steps: list[Step] = []
        # What an observer is to tell of each family: kind, from, to and cause, from and to by the hosts' numbers.
        self.events: list[tuple[str, int | None, int | None, Cause | None]] = []
        lab.bridge("lan")
        lab.bridge("back")
        self.webs = {
            name: lab.host(name, number, bridge="back", network="198.51.100") for name, number in _WEBS.items()
        }
        self.servers = {name: self._web(host) for name, host in self.webs.items()}
        self.balancers: dict[str, Host] = {}
        self.proxies: dict[str, Process] = {}
        for name, number in NUMBERS.items():
            host = self.balancers[name] = lab.host(name, number, ipv6=True)
            host.ip("address", "add", f"2001:db8:0:1::{number}/64", "dev", "eth0", "nodad")
            lab.attach(host, number, bridge="back", addresses=(f"198.51.100.{number}/24",), interface="eth1", card=1)
            guide.place(host, *FILES)
            guide.run(host, "agent check")
            guide.run(host, "haproxy -c")
            guide.run(host, "rules generate")
            self.proxies[name] = self._boot(host)
        self.client = lab.host("client", 50, ipv6=True)
        self.client.ip("address", "add", "2001:db8:0:1::50/64", "dev", "eth0", "nodad")
        self.recording = lab.folder / "lan.pcapng"
        self.watch = Watch(lab, ["lan"], "-w", str(self.recording))
        for host in self.balancers.values():
            self._agent(host)
        self.events.append(("master-appeared", None, 11, None))
        self._await_master("lb1")
        self.asking = (Asking(self.client, RATE), Asking(self.client, RATE6, VIP6))

    # What is done.

    @contextmanager
    def step(self, what: str, most: float | None = None) -> Iterator[None]:
        """Everything until its end counts as this step's doing."""
        one = Step(what, most, time.monotonic())
        self.steps.append(one)
        yield
        one.ended = time.monotonic()

    def handed_over(self, to: str, cause: Cause) -> None:
        """Waits until the other balancer is master of both families."""
        last = next(number for _, _, number, _ in reversed(self.events) if number is not None)
        if cause == "resigned":
            self.events.append(("master-resigned", last, None, "resigned"))
        self.events.append(("master-changed", last, NUMBERS[to], cause))
        self._await_master(to)

    def off(self, name: str) -> None:
        """Cuts a balancer's power."""
        host = self.balancers[name]
        host.power_off()
        host.ip("link", "set", "eth1", "down")

    def on(self, name: str) -> None:
        """Boots it: nothing of what it held or had loaded is there."""
        host = self.balancers[name]
        number = NUMBERS[name]
        host.ip("address", "flush", "dev", "eth0")
        host.do("nft", "flush", "ruleset")
        shell(host, "rm -rf /run/*")
        for link, *addresses in (
            ("eth0", f"192.0.2.{number}/24", f"2001:db8:0:1::{number}/64", f"fe80::{number}/64"),
            ("eth1", f"198.51.100.{number}/24"),
        ):
            host.ip("link", "set", link, "up")
            for address in addresses:
                host.ip("address", "replace", address, "dev", link, "nodad")
        self.proxies[name] = self._boot(host)
        self._agent(host)

    def kill_agent(self, name: str) -> None:
        """Ends the agent alone, so that it cannot say a word."""
        status = agents.try_status(self.balancers[name])
        assert status is not None
        os.kill(status["agent"]["pid"], signal.SIGKILL)

    def start_agent(self, name: str) -> None:
        self._agent(self.balancers[name])

    def start_proxy(self, name: str) -> None:
        self.proxies[name] = self._proxy(self.balancers[name])

    def start_web(self, name: str) -> None:
        self.servers[name] = self._web(self.webs[name])

    def cut(self, port: str) -> None:
        """Pulls a cable out at the switch's end."""
        self.lab.switch.ip("link", "set", port, "down")

    def mend(self, port: str) -> None:
        self.lab.switch.ip("link", "set", port, "up")

    def await_web(self, name: str, status: str) -> None:
        """Waits until both balancers say that of a web server (HAProxy's management guide, 9.1: status)."""

        def told() -> list[str]:
            said = [
                shell(host, "echo 'show stat -1 4 -1' | socat stdio /run/haproxy/admin.sock")
                for host in self.balancers.values()
            ]
            rows = [line.split(",") for text in said for line in text.splitlines() if line.startswith("webs,")]
            return [row[17] for row in rows if row[1] == name]

        wait_until(lambda: told() == [status, status], at_most=15, what=f"{name} {status}", seen=lambda: str(told()))

    def await_let_go(self, name: str) -> None:
        """Waits until a balancer has finished the connections that were handed back to it."""
        host = self.balancers[name]
        wait_until(lambda: not agents.holds(host), at_most=15, what=f"{name} to let go", every=0.1)

    # What came of it.

    def troubles(self) -> list[tuple[Step | None, dict[str, Any]]]:
        """All that clients met with, each with the step that excuses it, if any; waits until all is known."""
        end = time.monotonic()
        wait_until(
            lambda: all(one.seen()["settled"] > end for one in self.asking),
            at_most=15,
            what="every request to end",
            seen=lambda: str([one.seen() for one in self.asking]),
        )
        met = [trouble for one in self.asking for trouble in one.seen()["troubles"]]
        return [(next((one for one in self.steps if one.excuses(trouble)), None), trouble) for trouble in met]

    def _await_master(self, name: str) -> None:
        number = NUMBERS[name]
        wanted = {"192.0.2.": f"192.0.2.{number}", "fe80::": f"fe80::{number}"}

        def masters() -> dict[str, str]:
            said = [event["to"] for event in self.watch.events() if event["kind"] != "master-resigned"]
            return {start: to for to in said for start in wanted if to is not None and to.startswith(start)}

        wait_until(
            lambda: masters() == wanted,
            at_most=20,
            what=f"{name} to be master",
            seen=lambda: "\n".join(self.said(host) for host in self.balancers.values()),
            every=0.05,
        )

    def said(self, host: Host) -> str:
        """The end of what the agent of a host has logged."""
        log = host.folder / "vrrpwatch.log"
        return f"{host.name}: {log.read_text()[-2000:]}"

    # How it is set up.

    def _boot(self, host: Host) -> Process:
        self.guide.run(host, "nft -f /etc/vrrpwatch")
        return self._proxy(host)

    @staticmethod
    def _proxy(host: Host) -> Process:
        sockets = host.folder / "run" / "haproxy"
        # What is left of one that was killed is not the next one's.
        for one in sockets.glob("*.sock"):
            one.unlink()
        return daemon(host, "haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg", ready=sockets / "agent.sock")

    def _agent(self, host: Host) -> None:
        agents.started(host, host.folder / "etc" / "vrrpwatch" / "agent.toml")

    @staticmethod
    def _web(host: Host) -> Process:
        socket = host.folder / "haproxy.sock"
        socket.unlink(missing_ok=True)
        path = host.write("haproxy.cfg", WEB.format(socket=socket, name=host.name))
        return daemon(host, "haproxy", "-db", "-f", str(path), ready=socket)


def play(made: Scenario) -> None:
    """Everything that may happen, in turn; after each the better balancer is master again."""
    _maintenance(made)
    _hosts_and_programs(made)
    _cables(made)
    _web_servers(made)


def _maintenance(made: Scenario) -> None:
    one = made.balancers["lb1"]
    with made.step("lb1 is drained"):
        made.guide.run(one, "agent drain")
        made.handed_over("lb2", "preempted")
    with made.step("lb1 is undrained"):
        made.guide.run(one, "agent undrain")
        made.handed_over("lb1", "preempted")
    with made.step("lb1 reads its settings again"):
        made.guide.run(one, "agent reload")


def _hosts_and_programs(made: Scenario) -> None:
    with made.step("lb1 loses its power", MASTER_DOWN):
        made.off("lb1")
        made.handed_over("lb2", "timed-out")
    with made.step("lb1 boots"):
        made.on("lb1")
        made.handed_over("lb1", "preempted")
    with made.step("lb1's agent is killed", MASTER_DOWN):
        made.kill_agent("lb1")
        made.handed_over("lb2", "timed-out")
    with made.step("lb1's agent is started"):
        made.start_agent("lb1")
        made.handed_over("lb1", "preempted")
    with made.step("lb1's HAProxy is killed", POLL + SKEW):
        made.proxies["lb1"].kill()
        made.handed_over("lb2", "resigned")
    with made.step("lb1's HAProxy is started"):
        made.start_proxy("lb1")
        made.handed_over("lb1", "preempted")


def _cables(made: Scenario) -> None:
    with made.step("lb1's cable to the clients is cut", MASTER_DOWN):
        made.cut("lan-lb1")
        made.handed_over("lb2", "timed-out")
    with made.step("lb1's cable to the clients is mended"):
        made.mend("lan-lb1")
        made.handed_over("lb1", "preempted")
    with made.step("lb1's cable to the web servers is cut", SKEW):
        made.cut("back-lb1")
        made.handed_over("lb2", "resigned")
    with made.step("lb1's cable to the web servers is mended"):
        made.mend("back-lb1")
        made.handed_over("lb1", "preempted")


def _web_servers(made: Scenario) -> None:
    with made.step("lb1 does not reach the web servers", UNREACHED + POLL + MASTER_DOWN):
        made.balancers["lb1"].filter("unreachable", "input", 'iifname "eth1" drop')
        made.handed_over("lb2", "preempted")
        # Whoever takes an address back while it still ends its old connections there cannot have the others guided.
        made.await_let_go("lb1")
    with made.step("lb1 reaches the web servers again"):
        made.balancers["lb1"].unfilter("unreachable")
        made.handed_over("lb1", "preempted")
    with made.step("both web servers are killed and started", OUTAGE):
        for name in made.webs:
            made.servers[name].kill()
        for name in made.webs:
            made.await_web(name, "DOWN")
        for name in made.webs:
            made.start_web(name)
        for name in made.webs:
            made.await_web(name, "UP")
    with made.step("web1 is killed", CHECKS):
        made.servers["web1"].kill()
        made.await_web("web1", "DOWN")
    with made.step("web1 is started"):
        made.start_web("web1")
        made.await_web("web1", "UP")
    with made.step("web1 is drained"):
        for host in made.balancers.values():
            made.guide.run(host, "state drain")
        made.await_web("web1", "DRAIN")
    with made.step("web1 is stopped and started while it is drained"):
        made.servers["web1"].stop()
        made.start_web("web1")
    with made.step("web1 takes part again"):
        for host in made.balancers.values():
            made.guide.run(host, "state ready")
        made.await_web("web1", "UP")
