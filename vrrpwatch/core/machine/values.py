"""What goes into a state machine and comes out of it: adverts, inputs, states and effects, all of them plain values.

Instants are integer nanoseconds on whatever clock the caller gives (one that never steps back), durations are seconds.
These are data classes and no named tuples, since effects are compared and many hold the same fields or none: a release
must never equal an announcement.
"""

from dataclasses import dataclass
from typing import NamedTuple

from vrrpwatch.core.machine.settings import Advert, Settings
from vrrpwatch.core.model import Instant, Seconds
from vrrpwatch.wire.values import IPAddress


@dataclass(frozen=True, slots=True)
class Startup:
    """The administrator wants the virtual router to run."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The administrator, or whoever drains the host, wants it to stop."""


@dataclass(frozen=True, slots=True)
class AdvertReceived:
    """An advertisement of this group that passed what a receiver verifies (RFC 9568 §7.1), from another host."""

    source: IPAddress
    advert: Advert


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The instant that :func:`deadline` named has come; earlier, or once too often, it changes nothing."""


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """The effective priority of a VRRP router, from trackers or from draining; an owner's stays 255."""

    priority: int


@dataclass(frozen=True, slots=True)
class DemotionChanged:
    """The demotion counter of a CARP host, 0 when nothing is wrong with it."""

    demotion: int


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Become master now, since the routers that go with this one do; only a backup heeds it."""


@dataclass(frozen=True, slots=True)
class StandBack:
    """Be no master for now, since the routers that go with this one are not; the election goes on from there."""


@dataclass(frozen=True, slots=True)
class InterfaceDown:
    """Nothing can be sent or heard any more."""


@dataclass(frozen=True, slots=True)
class InterfaceUp:
    """The interface carries frames again."""


Input = (
    Startup
    | Shutdown
    | AdvertReceived
    | TimerFired
    | PriorityChanged
    | DemotionChanged
    | TakeOver
    | StandBack
    | InterfaceDown
    | InterfaceUp
)


@dataclass(frozen=True, slots=True)
class Initialize:
    """Not taking part: stopped, without its interface, or waiting for the end of the start-up delay."""

    settings: Settings
    wanted: bool = False
    up: bool = True
    start_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """Listens to a master, and takes over at ``master_down_at``.

    ``master_interval`` is the Master_Adver_Interval: how often the master says that it advertises.  ``preempt_at`` is
    when the delay before preempting the worse master that is heard now ends.  Until ``doubts_until`` a host that was
    stalled preempts nobody: what it hears may have lain in its queue.
    """

    settings: Settings
    master_down_at: Instant
    master_interval: Seconds
    preempt_at: Instant | None = None
    doubts_until: Instant = 0


@dataclass(frozen=True, slots=True)
class Master:
    """Holds the addresses, and advertises next at ``advertise_at``; ``answered_at`` is when it answered a worse one."""

    settings: Settings
    advertise_at: Instant
    answered_at: Instant | None = None


State = Initialize | Backup | Master


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Hear the protocol's multicast group on the interface, or the peers where there is none."""


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Hear it no longer."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send an advertisement now; what does not change from one to the next is in the settings."""

    advert: Advert


@dataclass(frozen=True, slots=True)
class AcquireAddresses:
    """Configure the addresses, answer ARP and neighbour solicitations for them and forward for the virtual MAC.

    ``accept`` is whether packets to the addresses themselves are taken, neighbour discovery apart, which always is.
    """

    addresses: tuple[IPAddress, ...]
    accept: bool


@dataclass(frozen=True, slots=True)
class ReleaseAddresses:
    """Undo that."""

    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell hosts and switches where the addresses are: gratuitous ARP, or unsolicited neighbour advertisements."""

    addresses: tuple[IPAddress, ...]


Effect = JoinGroup | LeaveGroup | Send | AcquireAddresses | ReleaseAddresses | Announce


class Outcome(NamedTuple):
    """The state after a step, and what to do about it, in that order."""

    state: State
    effects: tuple[Effect, ...] = ()
