"""One virtual router as the agent runs it: its state, what keeps it from running, and what it has been through."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from vrrpwatch.agent.config.routers import CarpRouter, Router, Tracked
from vrrpwatch.agent.ports import Attachment, RouterState, Verdict
from vrrpwatch.agent.tracking.weights import demotion, faults, priority
from vrrpwatch.core.machine.settings import LATE, CarpSettings, VrrpSettings
from vrrpwatch.core.machine.step import deadline
from vrrpwatch.core.machine.values import Backup, Initialize, Master, State
from vrrpwatch.core.model import Instant, Seconds, nanoseconds
from vrrpwatch.wire.values import IPAddress

# What a drained router advertises: below everybody who is not drained too.
DRAINED_PRIORITY = 1
DRAINED_DEMOTION = 240


class Unheard(NamedTuple):
    """Since when nothing can be sent, and why."""

    since: Instant
    why: str


@dataclass(slots=True)
class Member:
    """``attachment`` is ``None`` while there is no interface to run on, for the reason ``detached``.

    ``held_back`` is why it must not run although it could; ``wants`` is whether it has given its master up and waits
    for the rest of its sync group; ``heard_at`` when that master was heard last, ``resigned`` whether it said goodbye;
    ``reasserted`` is when a rival made it announce its addresses anew.  ``unheard`` is since when no advertisement of
    it can be sent, and why; ``silenced`` until when it takes no part because of that.
    """

    config: Router
    since: Instant
    attachment: Attachment | None = None
    detached: str = "the interface has not been looked at yet"
    state: State | None = None
    started: bool = False
    drained: bool = False
    wants: bool = False
    others_fault: str | None = None
    held_back: str | None = None
    unheard: Unheard | None = None
    silenced: Instant | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    master: IPAddress | None = None
    heard_at: Instant = 0
    resigned: bool = False
    reasserted: Instant = 0
    armed: Instant | None = None
    was: RouterState = "stop"
    why: str = ""
    changes: int = 0

    def reason(self, now: Instant) -> str:
        """Why a backup becomes master."""
        if self.master is None:
            return "no master was heard"
        if self.resigned:
            return f"{self.master} resigned"
        alive = now - self.heard_at < nanoseconds(LATE * self.interval)
        return f"it outranks {self.master}" if alive else f"{self.master} was silent"

    def adjust(self, config: Router, verdicts: Mapping[str, Verdict]) -> None:
        """Takes on other settings while it runs; new trackers are heeded once something is known of them."""
        self.config = config
        self.verdicts = heeded(config, verdicts)
        self.unknown &= {one.name for one in config.track}
        if self.state is not None:
            self.state = replace(self.state, settings=config.settings(self.state.settings.address))

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def _heeds(self) -> tuple[Tracked, ...]:
        return tuple(one for one in self.config.track if one.name in self.verdicts or one.name in self.unknown)

    def own_faults(self) -> tuple[str, ...]:
        """Why it cannot run, as far as it is about itself."""
        held_back = [self.held_back] if self.held_back is not None else []
        if self.silenced is not None and self.unheard is not None:
            held_back.append(f"no advertisement can be sent: {self.unheard.why}")
        found = held_back if self.attachment is not None else [self.detached]
        found += faults(self.config.track, self.verdicts)
        found += (f"{name}: nothing is known of it yet" for name in sorted(self.unknown))
        return tuple(found)

    def faults(self) -> tuple[str, ...]:
        """Every reason why it cannot run, the other routers of its sync group included."""
        return (*self.own_faults(), *([self.others_fault] if self.others_fault else ()))

    @property
    def role(self) -> RouterState:
        """The state in keepalived's words; waiting for the end of a start-up delay is a backup's."""
        match self.state:
            case Master():
                return "master"
            case Backup():
                return "backup"
            case _ if not self.started:
                return "stop"
            case Initialize(start_at=at) if at is not None:
                return "backup"
            case _:
                return "fault"

    @property
    def due(self) -> Instant | None:
        own = None if self.state is None else deadline(self.state)
        return self.silenced if own is None else own

    @property
    def interval(self) -> Seconds:
        """The master's Advertisement_Interval, its own where it is the master."""
        if isinstance(self.state, Backup):
            return self.state.master_interval
        return 0.0 if self.state is None else self.state.settings.interval

    def mute(self, now: Instant) -> bool:
        """Whether it has sent nothing for so long that every backup has given it up."""
        if self.unheard is None or self.state is None:
            return False
        settings = self.state.settings
        return now - self.unheard.since > nanoseconds(settings.down(settings.interval))

    @property
    def rank(self) -> int:
        """The effective priority; CARP's advskew, of which less is better."""
        settings = None if self.state is None else self.state.settings
        if isinstance(settings, CarpSettings):
            return settings.advert.advskew
        if isinstance(settings, VrrpSettings):
            return settings.priority
        return self.config.advskew if isinstance(self.config, CarpRouter) else self.config.priority

    def wished(self) -> int:
        """The priority, or CARP's demotion, that trackers and draining leave it."""
        if isinstance(self.config, CarpRouter):
            lost = demotion(self._heeds, self.verdicts)
            return max(lost, DRAINED_DEMOTION) if self.drained else lost
        return DRAINED_PRIORITY if self.drained else priority(self.config.priority, self._heeds, self.verdicts)


def heeded(config: Router, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Those of the verdicts that the router asks for."""
    return {one.name: verdicts[one.name] for one in config.track if one.name in verdicts}
