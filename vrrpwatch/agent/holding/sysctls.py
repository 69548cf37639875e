"""Settings of interfaces under /proc/sys/net that virtual routers need: changed only where needed, and put back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from vrrpwatch.agent.config.fields import Device, whole
from vrrpwatch.core.fields import Table

ROOT: Final = Path("/proc/sys/net")

Key = Literal["arp_announce", "arp_ignore", "promote_secondaries"]
Value = Annotated[int, whole(0, 255)]


class Changed(Table):
    """A setting of IPv4 on an interface that the agent has changed from ``was`` to ``now``."""

    device: Device
    key: Key
    was: Value
    now: Value

    @property
    def path(self) -> Path:
        return path(self.device, self.key)


class Need(NamedTuple):
    """A setting, the value it gets, and those with which it may stay as it is.

    For the keys here the kernel takes the greater of the interface's value and that of ``all``, or either.
    """

    device: str
    key: Key
    value: int
    enough: frozenset[int]


def path(device: str, key: str, family: Literal["ipv4", "ipv6"] = "ipv4") -> Path:
    """The file of an interface's setting."""
    return ROOT / family / "conf" / device / key


def read(where: Path) -> int | None:
    """The number in a setting, ``None`` where there is none."""
    try:
        return int(where.read_text())
    except (OSError, ValueError):
        return None


def write(where: Path, value: int) -> str | None:
    """Sets it; returns why not, if not."""
    try:
        where.write_text(str(value))
    except OSError as error:
        return error.strerror or str(error)
    return None


def under_virtual_mac(device: str) -> tuple[Need, ...]:
    """What the interface below a macvlan needs, so that only the macvlan answers and asks for its addresses.

    Without arp_ignore it would answer requests for them with its own MAC; without arp_announce its requests, when the
    host answers from a virtual address, would tell everybody that this address is at its own MAC.
    """
    return (Need(device, "arp_ignore", 1, frozenset({1, 2})), Need(device, "arp_announce", 2, frozenset({2})))


def under_addresses(device: str) -> tuple[Need, ...]:
    """What keeps the addresses of others: without it the kernel deletes a subnet's other addresses with its first."""
    return (Need(device, "promote_secondaries", 1, frozenset({1})),)


def of_macvlan(device: str, *, ipv6: bool) -> tuple[tuple[Path, int], ...]:
    """What a macvlan gets; it goes with the macvlan, so nothing is put back.

    It answers for its own addresses only, and to hosts that are routed back over the interface below (rp_filter 2
    outweighs a strict ``all``); no router advertisement gives it an address, and without need it has no IPv6 at all.
    """
    return (
        (path(device, "arp_ignore"), 1),
        (path(device, "arp_announce"), 2),
        (path(device, "rp_filter"), 2),
        (path(device, "accept_ra", "ipv6"), 0),
        (path(device, "autoconf", "ipv6"), 0),
        (path(device, "disable_ipv6", "ipv6"), 0 if ipv6 else 1),
    )


@dataclass(slots=True)
class Sysctls:
    """The changes that are in force, and for whom; ``told`` is told of what cannot be changed."""

    told: Callable[[str], None]
    _changes: dict[Path, Changed] = field(default_factory=dict)
    _users: dict[Path, set[str]] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Changed, ...]:
        return tuple(self._changes.values())

    def plan(self, router: str, needs: Iterable[Need]) -> tuple[Changed, ...]:
        """Notes what ``router`` needs; returns the changes that this takes, for :meth:`make` once they are recorded."""
        fresh = []
        for need in needs:
            where = path(need.device, need.key)
            if where not in self._changes:
                was = read(where)
                if was is None or need.enough & {was, read(path("all", need.key))}:
                    continue
                fresh.append(Changed(device=need.device, key=need.key, was=was, now=need.value))
                self._changes[where] = fresh[-1]
            self._users.setdefault(where, set()).add(router)
        return tuple(fresh)

    def make(self, changes: Iterable[Changed]) -> None:
        for one in changes:
            reason = write(one.path, one.now)
            if reason is not None:
                self.told(f"{one.path} cannot be set to {one.now} ({reason}): set it, or another router may answer ARP")

    def drop(self, router: str) -> tuple[Changed, ...]:
        """What nobody needs any more once ``router`` does not; it is put back."""
        ended = []
        for where, users in list(self._users.items()):
            users.discard(router)
            if not users:
                del self._users[where]
                ended.append(self._changes.pop(where))
        put_back(ended)
        return tuple(ended)


def put_back(changes: Iterable[Changed]) -> list[Changed]:
    """Undoes changes, but those that somebody has changed again since; returns what was undone."""
    return [one for one in changes if read(one.path) == one.now and write(one.path, one.was) is None]
