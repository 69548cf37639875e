"""The state machine of a router: a state, an input and the time give the next state and what to do about it."""

from dataclasses import replace
from typing import assert_never

from vrrpwatch.core.machine import carp, vrrp
from vrrpwatch.core.machine.settings import OWNER_PRIORITY, CarpAdvert, CarpSettings, VrrpAdvert, VrrpSettings
from vrrpwatch.core.machine.transitions import advertise, begin, listen, listen_anew, take_over
from vrrpwatch.core.machine.values import (
    AdvertReceived,
    Backup,
    DemotionChanged,
    Initialize,
    Input,
    InterfaceDown,
    InterfaceUp,
    LeaveGroup,
    Master,
    Outcome,
    PriorityChanged,
    ReleaseAddresses,
    Send,
    Shutdown,
    StandBack,
    Startup,
    State,
    TakeOver,
    TimerFired,
)
from vrrpwatch.core.model import Instant, nanoseconds


def deadline(state: State) -> Instant | None:
    """When the state wants a :class:`TimerFired`, if nothing happens before."""
    match state:
        case Initialize(start_at=at) | Backup(master_down_at=at) | Master(advertise_at=at):
            return at


def step(state: State, event: Input, now: Instant) -> Outcome:
    """One step; ``now`` never goes back from one to the next.

    Raises ``ValueError`` for a change that the protocol has no word for: a priority in CARP, a demotion in VRRP.
    """
    if not isinstance(state, Initialize) and stalled(state, now):
        settings = state.settings
        let_go = (ReleaseAddresses(settings.addresses),) if isinstance(state, Master) else ()
        interval = state.master_interval if isinstance(state, Backup) else settings.interval
        after, effects = step(listen_anew(settings, now, interval), event, now)
        return Outcome(after, (*let_go, *effects))
    match event:
        case AdvertReceived():
            return _hear(state, event, now)
        case TimerFired():
            return _fire(state, now)
        case Startup():
            return _arm(replace(state, wanted=True), now) if isinstance(state, Initialize) else Outcome(state)
        case InterfaceUp():
            return _arm(replace(state, up=True), now) if isinstance(state, Initialize) else Outcome(state)
        case Shutdown():
            return _shut_down(state)
        case InterfaceDown():
            return _lose_interface(state)
        case PriorityChanged(priority):
            return _reprioritise(state, priority)
        case DemotionChanged(demotion):
            return _demote(state, demotion, now)
        case TakeOver():
            return take_over(state.settings, now) if isinstance(state, Backup) else Outcome(state)
        case StandBack():
            return _stand_back(state, now)
    assert_never(event)


def stalled(state: Backup | Master, now: Instant) -> bool:
    """Whether the timer is so late that the host was stalled, and every backup has given a master up meanwhile."""
    settings = state.settings
    if isinstance(state, Backup):
        return now - state.master_down_at > nanoseconds(settings.down(state.master_interval))
    return now - state.advertise_at > nanoseconds(settings.down(settings.interval))


def _hear(state: State, heard: AdvertReceived, now: Instant) -> Outcome:
    settings, advert = state.settings, heard.advert
    # A reflected advert of one's own must not be answered, or the answers never end.
    if isinstance(state, Initialize) or heard.source == settings.address:
        return Outcome(state)
    if isinstance(settings, VrrpSettings) and isinstance(advert, VrrpAdvert):
        return vrrp.hear(state, settings, heard.source, advert, now)
    if isinstance(settings, CarpSettings) and isinstance(advert, CarpAdvert):
        return carp.hear(state, settings, heard.source, advert, now)
    return Outcome(state)


def _fire(state: State, now: Instant) -> Outcome:
    due = deadline(state)
    if due is None or now < due:
        return Outcome(state)
    match state:
        case Initialize(settings):
            return begin(settings, now)
        case Backup(settings):
            return take_over(settings, now)
        case Master(settings):
            return advertise(settings, now)


def _arm(state: Initialize, now: Instant) -> Outcome:
    """Starts, or starts the delay before it, when it is wanted and there is an interface."""
    if not (state.wanted and state.up) or state.start_at is not None:
        return Outcome(state)
    if state.settings.start_delay:
        return Outcome(replace(state, start_at=now + nanoseconds(state.settings.start_delay)))
    return begin(state.settings, now)


def _shut_down(state: State) -> Outcome:
    match state:
        case Initialize():
            return Outcome(replace(state, wanted=False, start_at=None))
        case Backup(settings):
            return Outcome(Initialize(settings), (LeaveGroup(),))
        case Master(settings):
            farewell = (Send(settings.resignation), ReleaseAddresses(settings.addresses), LeaveGroup())
            return Outcome(Initialize(settings), farewell)


def _lose_interface(state: State) -> Outcome:
    match state:
        case Initialize():
            return Outcome(replace(state, up=False, start_at=None))
        case Backup(settings):
            return Outcome(Initialize(settings, wanted=True, up=False), (LeaveGroup(),))
        case Master(settings):
            # No resignation: nobody could hear it.
            effects = (ReleaseAddresses(settings.addresses), LeaveGroup())
            return Outcome(Initialize(settings, wanted=True, up=False), effects)


def _stand_back(state: State, now: Instant) -> Outcome:
    match state:
        case Initialize():
            return Outcome(state)
        case Backup(settings):
            return Outcome(listen(settings, now, state.master_interval))
        case Master(settings):
            # Whoever waits for a master here need not wait for long.
            farewell = (Send(settings.resignation), ReleaseAddresses(settings.addresses))
            return Outcome(listen(settings, now, settings.interval), farewell)


def _reprioritise(state: State, priority: int) -> Outcome:
    """A new priority decides at the next advert heard or sent; nothing needs to be sent for it before.

    Backups that are now better stop heeding the master, and it goes on until one of them has spoken: no gap.
    """
    settings = state.settings
    if not isinstance(settings, VrrpSettings):
        raise ValueError("a CARP host has no priority, but a demotion counter")
    if settings.owner:
        return Outcome(state)
    # 255 is the owner's and 0 resigns (RFC 9568 §5.2.4).
    within = min(max(priority, 1), OWNER_PRIORITY - 1)
    return Outcome(replace(state, settings=settings._replace(priority=within)))


def _demote(state: State, demotion: int, now: Instant) -> Outcome:
    settings = state.settings
    if not isinstance(settings, CarpSettings):
        raise ValueError("a VRRP router has no demotion counter, but a priority")
    changed = settings._replace(demotion=min(max(demotion, 0), 255))
    if isinstance(state, Master):
        # As OpenBSD does: a backup takes over when it hears it.
        return advertise(changed, now)
    return Outcome(replace(state, settings=changed))
