"""Two stateful firewalls that translate addresses, set up as docs/guide-haproxy.md says, and downloads through them."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.lab import agents
from tests.lab.guide import Guide, daemon, shell
from tests.lab.network import Host, Lab
from tests.lab.waiting import wait_until

_FILES = ("/etc/conntrackd/conntrackd.conf", "/etc/vrrpwatch/agent.toml: a firewall", "/etc/nftables.conf")
_NUMBERS = {"fw1": 11, "fw2": 12}
_SERVER = "203.0.113.80"
_SCRIPT = str(Path(__file__).with_name("transfer.py"))


class Firewalls:
    """``fw1`` is master; the client's way out is the address inside, the server's way back is the one outside."""

    def __init__(self, lab: Lab, guide: Guide, *, told: bool) -> None:
        """``told`` is whether the agents tell conntrackd of changes."""
        self.lab = lab
        for bridge in ("lan", "wan", "sync"):
            lab.bridge(bridge)
        self.hosts: dict[str, Host] = {}
        for name, number in _NUMBERS.items():
            host = self.hosts[name] = lab.host(name, number)
            for card, (bridge, network) in enumerate((("wan", "203.0.113"), ("sync", "10.0.0")), 1):
                addresses = (f"{network}.{number}/24",)
                lab.attach(host, number, bridge=bridge, addresses=addresses, interface=f"eth{card}", card=card)
            host.sysctl({"net.ipv4.ip_forward": "1"})
            guide.place(host, *_FILES)
            guide.run(host, "nft -f /etc/nftables.conf")
            daemon(host, "conntrackd", "-C", str(self.config(host)), ready=host.folder / "run" / "conntrackd.ctl")
            settings = host.folder / "etc" / "vrrpwatch" / "agent.toml"
            if not told:
                text = settings.read_text()
                settings.write_text(text[: text.index("[conntrackd]")])
            agents.started(host, settings)
        self.client, self.server = lab.host("client", 50), lab.host("server", 80, bridge="wan", network="203.0.113")
        self.client.ip("route", "add", "default", "via", "192.0.2.1")
        self.server.start(sys.executable, "-P", _SCRIPT, "serve", str(self.server.folder))
        for name in ("inside", "outside"):
            agents.await_state(self.hosts["fw1"], "master", name)
            agents.await_state(self.hosts["fw2"], "backup", name)

    @staticmethod
    def config(host: Host) -> Path:
        """conntrackd's configuration."""
        return host.folder / "etc" / "conntrackd" / "conntrackd.conf"

    def fetch(self, name: str) -> "Fetching":
        """Starts a download, and waits until it gets something."""
        made = Fetching(self.client, name)
        made.await_more()
        return made

    def await_copy(self, name: str) -> None:
        """Waits until a firewall has been told of a connection to the server."""
        host = self.hosts[name]
        wait_until(
            lambda: f"dst={_SERVER}" in shell(host, f"conntrackd -C {self.config(host)} -e"),
            at_most=15,
            what=f"{name} to know the connection",
        )

    def finish(self) -> None:
        """Has the server end all transfers in good order."""
        self.server.write("finish", "")

    def served(self) -> list[dict[str, Any]]:
        """Connections that have ended at the server: ``sent`` bytes, ``ended`` how."""
        path = self.server.folder / "served"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Fetching:
    """One download by the client."""

    def __init__(self, client: Host, name: str) -> None:
        self._path = client.folder / f"{name}.json"
        self.process = client.start(sys.executable, "-P", _SCRIPT, "fetch", _SERVER, str(self._path))

    def seen(self) -> dict[str, Any]:
        """``got`` so many bytes; ``ended`` how, or nothing yet."""
        return json.loads(self._path.read_text()) if self._path.exists() else {"got": 0, "ended": ""}

    def await_more(self, size: int = 65_536) -> None:
        """Waits until so many bytes more have come."""
        before = self.seen()["got"]
        wait_until(
            lambda: self.seen()["got"] >= before + size,
            at_most=20,
            what=f"{size} bytes more than {before}",
            seen=lambda: f"{self.seen()} {self.process.log.read_text()}",
        )

    def await_end(self) -> dict[str, Any]:
        wait_until(lambda: bool(self.seen()["ended"]), at_most=20, what="the end", seen=lambda: str(self.seen()))
        return self.seen()
