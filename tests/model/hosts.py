"""Hosts, and which of them can hear each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vrrpwatch.core.machine.settings import Settings
from vrrpwatch.core.machine.values import AdvertReceived, State
from vrrpwatch.core.model import Instant


@dataclass(slots=True)
class Host:
    """One router, and what its network stack holds."""

    number: int
    settings: Settings
    state: State
    alive: bool = False
    linked: bool = True
    held: bool = False
    joined: bool = False
    frozen: bool = False
    queue: list[AdvertReceived] = field(default_factory=list)
    # The earliest instant for which a timer is in the agenda.
    timer: Instant | None = None
    # Before when it may not take over for silence; None: it has heard a resignation.
    patient_until: Instant | None = None
    # When it last sent an advert.
    spoke: Instant = 0

    @property
    def name(self) -> str:
        return f"router {self.number}"


def parts(hosts: list[Host], cut: frozenset[tuple[int, int]]) -> list[list[Host]] | None:
    """The connected parts, or None where somebody hears not all of his part, or not both ways."""
    found = list(_groups(hosts, cut))
    whole = all((a.number, b.number) not in cut for part in found for a in part for b in part)
    return found if whole else None


def _groups(hosts: list[Host], cut: frozenset[tuple[int, int]]) -> Iterator[list[Host]]:
    left = list(hosts)
    while left:
        part = [left.pop(0)]
        for member in part:
            near = [h for h in left if not {(member.number, h.number), (h.number, member.number)} <= cut]
            part.extend(near)
            left = [host for host in left if host not in near]
        yield part
