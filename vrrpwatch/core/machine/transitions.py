"""The transitions that VRRP and CARP share: from beginning and listening to taking over and yielding."""

from dataclasses import replace

from vrrpwatch.core.machine.settings import Settings
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    Announce,
    Backup,
    Effect,
    JoinGroup,
    Master,
    Outcome,
    ReleaseAddresses,
    Send,
)
from vrrpwatch.core.model import Instant, Seconds, nanoseconds

# Between two answers of a master to worse adverts: the shortest interval that there is.
ANSWERS_APART: Seconds = 0.01


def listen(settings: Settings, now: Instant, master_interval: Seconds) -> Backup:
    """A backup that gives the master its whole time from now on."""
    return Backup(settings, now + nanoseconds(settings.down(master_interval)), master_interval)


def listen_anew(settings: Settings, now: Instant, master_interval: Seconds) -> Backup:
    """The same after a stall, when whatever the host believes and has in its queue may be out of date."""
    listening = listen(settings, now, master_interval)
    return replace(listening, doubts_until=listening.master_down_at)


def take_over(settings: Settings, now: Instant) -> Outcome:
    """RFC 9568 §6.4.1 and §6.4.2: speaks first, so that other backups stay quiet while the addresses are configured.

    They are announced last: an announcement needs them (RFC 9568 §8.1.2, §8.2.2).
    """
    effects: tuple[Effect, ...] = (
        Send(settings.advert),
        AcquireAddresses(settings.addresses, settings.accepts),
        Announce(settings.addresses),
    )
    return Outcome(Master(settings, now + nanoseconds(settings.interval)), effects)


def begin(settings: Settings, now: Instant) -> Outcome:
    """What a start does once nothing holds it back: an owner is master at once, others listen (RFC 9568 §6.4.1)."""
    if settings.owner:
        master, effects = take_over(settings, now)
        return Outcome(master, (JoinGroup(), *effects))
    return Outcome(listen(settings, now, settings.interval), (JoinGroup(),))


def advertise(settings: Settings, now: Instant) -> Outcome:
    """A master sends, and starts its interval anew."""
    return Outcome(Master(settings, now + nanoseconds(settings.interval)), (Send(settings.advert),))


def answer(state: Master, now: Instant, *effects: Effect) -> Outcome:
    """A master tells a worse one about itself, but not whoever floods it with adverts each time."""
    if state.answered_at is not None and now - state.answered_at < nanoseconds(ANSWERS_APART):
        return Outcome(state)
    return Outcome(replace(state, answered_at=now), effects)


def yield_to(settings: Settings, now: Instant, master_interval: Seconds) -> Outcome:
    """A master that has heard a better one lets go."""
    return Outcome(listen(settings, now, master_interval), (ReleaseAddresses(settings.addresses),))


def accept(state: Backup, now: Instant, interval: Seconds) -> Outcome:
    """The master that is heard is good enough: its time starts anew."""
    return Outcome(listen(state.settings, now, state.settings.adopted(interval)))


def resigned(state: Backup, now: Instant) -> Outcome:
    """The master has resigned: only the skew is waited for, so that the best backup is first (RFC 9568 §6.4.2)."""
    wait = nanoseconds(state.settings.skew(state.master_interval))
    return Outcome(Backup(state.settings, now + wait, state.master_interval))


def bear_with(state: Backup, now: Instant, interval: Seconds) -> Outcome:
    """A worse master is heard, and will be preempted when the delay is over; until then its silence counts as any's."""
    settings = state.settings
    begun = state.preempt_at
    preempt_at = now + nanoseconds(settings.preempt_delay) if begun is None else begun
    if now >= preempt_at:
        return Outcome(state)
    adopted = settings.adopted(interval)
    patience = min(now + nanoseconds(settings.down(adopted)), preempt_at)
    down_at = max(state.master_down_at, patience)
    return Outcome(replace(state, master_down_at=down_at, master_interval=adopted, preempt_at=preempt_at))
