"""Two hosts on one wire, each with the agent's sockets: what one says, the other hears."""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from tests.lab.live import Wire, inside, wire
from tests.lab.network import missing, run
from tests.lab.waiting import wait_until
from vrrpwatch.agent.config.routers import Router
from vrrpwatch.agent.ports import Attachment, Discarded, Heard
from vrrpwatch.agent.speaking.listening import Clocks
from vrrpwatch.agent.speaking.sockets import Sockets

# Which of the two a host is stands at the end of its addresses.
NEAR, FAR = 11, 12


@dataclass(slots=True)
class End:
    """One host with the agent's sockets: 192.0.2.NUMBER and fe80::NUMBER on every interface."""

    space: str
    number: int
    clocks: Clocks = Clocks()  # noqa: RUF009  # a tuple
    told: list[str] = field(default_factory=list)
    refused: list[Discarded] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    sockets: Sockets = field(init=False)

    def __post_init__(self) -> None:
        with inside(self.space):
            self.sockets = Sockets(
                self.told.append,
                self.refused.append,
                opened=self.opened.append,
                closing=self.opened.remove,
                clocks=self.clocks,
            )

    def attachment(self, router: Router, device: str | None = None) -> Attachment:
        device = device or router.interface
        with inside(self.space):
            index, device_index = socket.if_nametoindex(router.interface), socket.if_nametoindex(device)
        source = f"192.0.2.{self.number}" if router.family == 4 else f"fe80::{self.number}"
        mac = self.mac(device)
        return Attachment(router.interface, index, device, device_index, mac, ip_address(source))

    def mac(self, device: str) -> str:
        return self.do("cat", f"/sys/class/net/{device}/address").strip()

    def attach(self, router: Router, device: str | None = None, *, join: bool = True) -> None:
        with inside(self.space):
            self.sockets.attach(router, self.attachment(router, device))
        if join:
            self.sockets.join(router.name)

    def announce(self, router: Router) -> None:
        with inside(self.space):
            self.sockets.announce(router.name)

    def ip(self, *arguments: str) -> None:
        run("ip", "-n", self.space, *arguments)

    def do(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.space, *command)

    def read(self) -> list[Heard]:
        """What has come since."""
        before = len(self.heard)
        for number in self.sockets.filenos():
            while found := self.sockets.receive(number):
                self.heard += found
        return self.heard[before:]

    def hear(self, count: int = 1) -> list[Heard]:
        """The next so many adverts that count."""
        start = len(self.heard)

        def enough() -> bool:
            self.read()
            return len(self.heard) >= start + count

        wait_until(enough, at_most=10, what=f"{count} adverts", seen=lambda: f"{self.heard[start:]} {self.refused}")
        return self.heard[start:]


@dataclass(slots=True)
class Pair:
    """The two."""

    wire: Wire
    near: End
    far: End

    def plug(self, name: str) -> None:
        """A wire between them; IPv6 has no addresses of its own, so that nothing else is said."""
        self.wire.plug(name)
        for end in (self.near, self.far):
            settings = (f"net.ipv6.conf.{name}.addr_gen_mode=1", f"net.ipv6.conf.{name}.disable_ipv6=0")
            end.do("sysctl", "-qw", f"net.ipv6.conf.{name}.router_solicitations=0", *settings)
            end.ip("address", "add", f"192.0.2.{end.number}/24", "dev", name)
            end.ip("address", "add", f"fe80::{end.number}/64", "dev", name, "nodad")


@contextlib.contextmanager
def pair(clocks: Clocks | None = None) -> Iterator[Pair]:
    """Two hosts with the wire eth0 between them; ``clocks`` are the far one's.  Skips where there can be none."""
    why = missing()
    if why is not None:
        assert not os.environ.get("VRRPWATCH_CI"), why
        pytest.skip(why)
    with wire() as between:
        made = Pair(between, End(between.near, NEAR), End(between.far, FAR, clocks or Clocks()))
        try:
            made.plug("eth0")
            yield made
        finally:
            made.near.sockets.close()
            made.far.sockets.close()
