"""A router to talk with: what it is told, when, and what it then does."""

from dataclasses import dataclass
from ipaddress import ip_address

from vrrpwatch.core.machine.settings import Advert, CarpAdvert, CarpSettings, Settings, VrrpAdvert, VrrpSettings
from vrrpwatch.core.machine.step import deadline, step
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    AdvertReceived,
    Announce,
    Effect,
    Initialize,
    Input,
    JoinGroup,
    LeaveGroup,
    ReleaseAddresses,
    Send,
    Startup,
    State,
    TimerFired,
)
from vrrpwatch.core.model import nanoseconds

VIPS = (ip_address("192.0.2.1"),)
VIPS6 = (ip_address("fe80::1"), ip_address("2001:db8::1"))

V2 = VrrpSettings(2, 51, 100, 1.0, ip_address("192.0.2.12"), VIPS)
V3 = VrrpSettings(3, 51, 100, 1.0, ip_address("192.0.2.12"), VIPS)
V6 = VrrpSettings(3, 51, 100, 1.0, ip_address("fe80::12"), VIPS6)
CARP = CarpSettings(7, 1, 100, ip_address("192.0.2.12"), VIPS)

ACQUIRE, RELEASE, ANNOUNCE = AcquireAddresses(VIPS, accept=False), ReleaseAddresses(VIPS), Announce(VIPS)
JOIN, LEAVE = JoinGroup(), LeaveGroup()


def says(priority: int, interval: float = 1.0) -> Send:
    return Send(VrrpAdvert(priority, interval))


def claims(advbase: int, advskew: int, demotion: int = 0) -> Send:
    return Send(CarpAdvert(advbase, advskew, demotion))


@dataclass
class Router:
    """``at`` is in seconds from 0; ``done`` is what the last step brought about."""

    state: State
    done: tuple[Effect, ...] = ()

    @classmethod
    def started(cls, settings: Settings, at: float = 0.0) -> "Router":
        return cls(Initialize(settings)).told(Startup(), at)

    @classmethod
    def master(cls, settings: Settings) -> "Router":
        """One that became master at its first deadline, and has said so."""
        router = cls.started(settings)
        return router if settings.owner else router.fired()

    def told(self, event: Input, at: float) -> "Router":
        self.state, self.done = step(self.state, event, nanoseconds(at))
        return self

    def hears(self, source: str, advert: Advert, at: float) -> "Router":
        return self.told(AdvertReceived(ip_address(source), advert), at)

    def fired(self) -> "Router":
        """At its own deadline."""
        due = deadline(self.state)
        assert due is not None
        self.state, self.done = step(self.state, TimerFired(), due)
        return self

    def ticks(self, at: float) -> "Router":
        return self.told(TimerFired(), at)

    @property
    def role(self) -> str:
        return type(self.state).__name__

    @property
    def due(self) -> float | None:
        """When it wants to be woken, in seconds."""
        due = deadline(self.state)
        return None if due is None else due / 1e9
