"""A wire to watch: two network namespaces, pairs of interfaces between them, and a way to be in either."""

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.conformance import stage_frames
from tests.lab.network import run

_CLONE_NEWNET = 0x40000000
# Seconds: what is announced is four times what is kept, so that a machine that is busy elsewhere loses no master.
ANNOUNCED, SENT = 0.5, 0.125


@dataclass(frozen=True, slots=True)
class Wire:
    """Namespace ``near``, where the watcher is, and ``far``, which sends; each pair's ends have the same name."""

    near: str
    far: str

    def plug(self, name: str) -> None:
        """A pair of interfaces, up at both ends."""
        peer = ("peer", "name", name, "netns", self.far)
        run("ip", "-n", self.near, "link", "add", name, "type", "veth", *peer)
        for space in (self.near, self.far):
            run("ip", "-n", space, "link", "set", name, "up")

    def unplug(self, name: str) -> None:
        run("ip", "-n", self.near, "link", "delete", name)

    def rename(self, name: str, other: str) -> None:
        run("ip", "-n", self.near, "link", "set", name, "name", other)

    @contextlib.contextmanager
    def sender(self, name: str, *, near: bool = False) -> Iterator[socket.socket]:
        """A socket that puts whole frames on one end of a pair."""
        with (
            inside(self.near if near else self.far),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender,
        ):
            sender.bind((name, 0))
            with inside(self.near):
                yield sender


@contextlib.contextmanager
def wire(*names: str) -> Iterator[Wire]:
    """Two namespaces that are gone afterwards; IPv6 is off, so that nothing is on the wire but what is sent."""
    spaces = [f"vrrpwatch-lab-{os.getpid()}-{end}" for end in ("near", "far")]
    with contextlib.ExitStack() as stack:
        for space in spaces:
            run("ip", "netns", "add", space)
            stack.callback(run, "ip", "netns", "delete", space)
            settings = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            run("ip", "netns", "exec", space, "sysctl", "-qw", *settings)
            run("ip", "-n", space, "link", "set", "lo", "up")
        made = Wire(*spaces)
        for name in names:
            made.plug(name)
        yield made


@contextlib.contextmanager
def inside(space: str) -> Iterator[None]:
    """This thread is in the namespace; what it opens there stays there."""
    with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{space}").open() as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def send(sender: socket.socket, frames: Sequence[bytes]) -> None:
    for frame in frames:
        sender.send(frame)


def _enter(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Routers:
    """One on each wire, advertising while its name is in ``talking``."""

    def __init__(self, wires: dict[str, socket.socket]) -> None:
        self.talking = set(wires)
        self._wires = wires
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        for number in count(1):
            for place, name in enumerate(sorted(self.talking)):
                line = {"who": "AB"[name == "eth1"], "id": 50 + (name == "eth1"), "interval": ANNOUNCED}
                # A link that goes down or has just come up may refuse one: then nobody hears it.
                with contextlib.suppress(OSError):
                    self._wires[name].send(stage_frames.frame(line, 2 * number + place, None))
            if self._ended.wait(SENT):
                return

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
