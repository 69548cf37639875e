"""Reads FRR's VRRP configuration: frr.conf, vrrpd.conf and what ``show running-config`` prints."""

from collections.abc import Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.declared.files import read_lines
from vrrpwatch.declared.keepalived_fields import parsed_address, whole
from vrrpwatch.declared.notes import DeclaredError, Note, Notes, Place, quoted
from vrrpwatch.wire.values import IPAddress

# 255 VRIDs on each of the VLANs of a trunk are fewer.
MAX_ROUTERS: Final = 100_000
# vrrpd/vrrp.h: VRRP_DEFAULT_PRIORITY, VRRP_DEFAULT_ADVINT in hundredths of a second, and version 3.
PRIORITY: Final = 100
INTERVAL: Final = 1.0
VERSION: Final = 3


class Defaults(NamedTuple):
    """What ``vrrp default …`` and ``vrrp autoconfigure`` say; the interval in seconds."""

    priority: int = PRIORITY
    interval: float = INTERVAL
    preempt: bool = True
    shutdown: bool = False
    checksum_with_pseudoheader: bool = True
    autoconfigure: bool = False


class Router(NamedTuple):
    """One ``vrrp N`` of an interface; without a value of its own it has the default's.  The interval is in seconds.

    FRR advertises in both families where it has addresses of both.
    """

    place: Place
    interface: str
    id: int
    version: int = VERSION
    priority: int | None = None
    interval: float | None = None
    preempt: bool | None = None
    shutdown: bool | None = None
    checksum_with_pseudoheader: bool | None = None
    addresses: tuple[IPAddress, ...] = ()


class Frr(NamedTuple):
    """One host's FRR configuration, as far as it concerns VRRP; ``interfaces`` are the addresses of each."""

    host: str
    file: str
    defaults: Defaults
    routers: tuple[Router, ...]
    interfaces: dict[str, tuple[IPv4Interface | IPv6Interface, ...]]
    notes: tuple[Note, ...]


def read_frr(path: Path, *, host: str | None = None) -> Frr:
    """What the FRR configuration ``path`` declares; ``host`` is what its ``hostname`` says by default.

    Raises :class:`DeclaredError` where it cannot be read, or has more virtual routers than there can be.
    """
    reader = _Reader(Notes())
    for number, line in enumerate(read_lines(path).lines, 1):
        reader.take(Place(str(path), number), line)
    return Frr(
        host=host or reader.hostname or path.stem,
        file=str(path),
        defaults=reader.defaults,
        routers=tuple(reader.routers.values()),
        interfaces={name: tuple(addresses) for name, addresses in reader.interfaces.items()},
        notes=reader.notes.all(),
    )


class _Reader:
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.hostname: str | None = None
        self.defaults = Defaults()
        self.routers: dict[tuple[str, int], Router] = {}
        self.interfaces: dict[str, list[IPv4Interface | IPv6Interface]] = {}
        self._interface: str | None = None

    def take(self, place: Place, line: str) -> None:
        words = line.split()
        if not words or words[0][0] in "!#":
            # FRR itself ends a context with a "!" at the line's start, but indented ones are comments.
            if line.startswith("!"):
                self._interface = None
            return
        on = words[0] != "no"
        words = words if on else words[1:]
        match words:
            case ["interface", name, *_]:
                self._interface = name
            case ["exit" | "end" | "exit-vrf" | "quit", *_]:
                self._interface = None
            case ["hostname", name]:
                self.hostname = name
            case ["vrrp", *rest]:
                self._vrrp(place, rest, on)
            case ["ip" | "ipv6", "address", address, *_] if self._interface is not None:
                self._address(place, self._interface, address, on)
            case _ if self._interface is not None and not line[0].isspace():
                # A line at the margin belongs to no interface.
                self._interface = None

    def _address(self, place: Place, interface: str, text: str, on: bool) -> None:
        try:
            address = ip_interface(text)
        except ValueError:
            self.notes.add(place, f"no address with its prefix: {quoted(text)}")
            return
        known = self.interfaces.setdefault(interface, [])
        if on and address not in known:
            known.append(address)
        elif not on and address in known:
            known.remove(address)

    def _vrrp(self, place: Place, words: Sequence[str], on: bool) -> None:
        match words:
            case ["autoconfigure", *_]:
                self.defaults = self.defaults._replace(autoconfigure=on)
                self.notes.add(place, "autoconfigure: virtual routers come from the host's interfaces, not from here")
            case ["default", name, *values]:
                self._default(place, name, values, on)
            case [number, *rest] if (vrid := whole(number, 1, 255)) is not None:
                if self._interface is None:
                    self.notes.add(place, f"'vrrp {vrid}' belongs to an interface: left out")
                else:
                    self._router(place, self._interface, vrid, rest, on)
            case _:
                self.notes.add(place, f"unknown statement {quoted(' '.join(['vrrp', *words]))}")

    def _default(self, place: Place, name: str, values: Sequence[str], on: bool) -> None:
        fresh = Defaults()
        match name, *values:
            case ["priority", text, *_]:
                priority = self._number(place, text, 1, 254) if on else fresh.priority
                self.defaults = self.defaults._replace(priority=priority or self.defaults.priority)
            case ["advertisement-interval", text, *_]:
                interval = self._interval(place, text) if on else fresh.interval
                self.defaults = self.defaults._replace(interval=interval or self.defaults.interval)
            case ["preempt"]:
                self.defaults = self.defaults._replace(preempt=on)
            case ["shutdown"]:
                self.defaults = self.defaults._replace(shutdown=on)
            case ["checksum-with-ipv4-pseudoheader"]:
                self.defaults = self.defaults._replace(checksum_with_pseudoheader=on)
            case ["priority" | "advertisement-interval"] if not on:
                self.defaults = self.defaults._replace(
                    **{"priority": fresh.priority} if name == "priority" else {"interval": fresh.interval}
                )
            case _:
                self.notes.add(place, f"unknown statement {quoted(' '.join(['vrrp', 'default', name, *values]))}")

    def _router(self, place: Place, interface: str, vrid: int, words: Sequence[str], on: bool) -> None:
        key = (interface, vrid)
        if not on and (not words or words[0] == "version"):
            self.routers.pop(key, None)
            return
        if len(self.routers) >= MAX_ROUTERS and key not in self.routers:
            raise DeclaredError(f"{place}: more than {MAX_ROUTERS} virtual routers")
        router = self.routers.get(key) or Router(place, interface, vrid)
        self.routers[key] = self._changed(place, router, words, on)

    def _changed(self, place: Place, router: Router, words: Sequence[str], on: bool) -> Router:
        match words:
            case []:
                return router
            case ["version", text]:
                return router._replace(version=self._number(place, text, 2, 3) or router.version)
            case ["priority", *rest] if rest or not on:
                return router._replace(priority=self._number(place, rest[0], 1, 254) if on else None)
            case ["advertisement-interval", *rest] if rest or not on:
                return router._replace(interval=self._interval(place, rest[0]) if on else None)
            case ["preempt"]:
                return router._replace(preempt=on)
            case ["shutdown"]:
                return router._replace(shutdown=on)
            case ["checksum-with-ipv4-pseudoheader"]:
                return router._replace(checksum_with_pseudoheader=on)
            case ["ip" | "ipv6" as family, text]:
                address = parsed_address(text)
                if address is None or address.version != (4 if family == "ip" else 6):
                    self.notes.add(place, f"no IPv{4 if family == 'ip' else 6} address: {quoted(text)}")
                    return router
                others = tuple(one for one in router.addresses if one != address)
                return router._replace(addresses=(*others, address) if on else others)
            case _:
                self.notes.add(place, f"unknown statement {quoted(' '.join(['vrrp', str(router.id), *words]))}")
                return router

    def _number(self, place: Place, text: str, least: int, most: int) -> int | None:
        value = whole(text, least, most)
        if value is None:
            self.notes.add(place, f"takes {least} to {most}, not {quoted(text)}")
        return value

    def _interval(self, place: Place, text: str) -> float | None:
        """Milliseconds as seconds; FRR keeps hundredths."""
        value = self._number(place, text, 10, 40_950)
        return None if value is None else value // 10 / 100
