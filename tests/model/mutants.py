"""Copies of the step function with one deliberate fault each: what the model checker has to find."""

from dataclasses import replace
from ipaddress import ip_address

from tests.model import rules
from tests.model.world import Step
from vrrpwatch.core.machine.settings import VrrpSettings
from vrrpwatch.core.machine.step import step
from vrrpwatch.core.machine.values import (
    AdvertReceived,
    Backup,
    Effect,
    Initialize,
    Input,
    Master,
    Outcome,
    ReleaseAddresses,
    Send,
    Shutdown,
    State,
    TimerFired,
)
from vrrpwatch.core.model import Instant


def _without(outcome: Outcome, unwanted: type[Effect]) -> Outcome:
    return Outcome(outcome.state, tuple(effect for effect in outcome.effects if not isinstance(effect, unwanted)))


def never_yields(state: State, event: Input, now: Instant) -> Outcome:
    """A master that hears no other."""
    if isinstance(state, Master) and isinstance(event, AdvertReceived):
        return Outcome(state)
    return step(state, event, now)


def yields_to_the_wrong_equal(state: State, event: Input, now: Instant) -> Outcome:
    """Addresses compared the wrong way round."""
    if isinstance(state, Master) and isinstance(event, AdvertReceived) and event.source.version == 4:
        mirrored = ip_address(0xFFFFFFFF - int(event.source))
        mine = ip_address(0xFFFFFFFF - int(state.settings.address))
        after, effects = step(
            replace(state, settings=state.settings._replace(address=mine)), replace(event, source=mirrored), now
        )
        return Outcome(replace(after, settings=state.settings), effects)
    return step(state, event, now)


def keeps_the_addresses(state: State, event: Input, now: Instant) -> Outcome:
    """A master that yields and forgets to let go."""
    outcome = step(state, event, now)
    return _without(outcome, ReleaseAddresses) if isinstance(outcome.state, Backup) else outcome


def is_impatient(state: State, event: Input, now: Instant) -> Outcome:
    """A backup that waits two thirds of its time after an advert."""
    after, effects = step(state, event, now)
    if isinstance(after, Backup) and isinstance(event, AdvertReceived) and after.master_down_at > now:
        after = replace(after, master_down_at=now + (after.master_down_at - now) * 2 // 3)
    return Outcome(after, effects)


def trusts_itself_after_a_stall(state: State, event: Input, now: Instant) -> Outcome:
    """A master for which time stood still."""
    if isinstance(state, Master) and state.advertise_at < now:
        state = replace(state, advertise_at=now)
    return step(state, event, now)


def learns_no_interval(state: State, event: Input, now: Instant) -> Outcome:
    """A backup of version 3 that takes the master's interval for its own."""
    heard = isinstance(event, AdvertReceived) and not rules.resigns(event.advert)
    if heard and isinstance(state, Backup) and isinstance(state.settings, VrrpSettings):
        assert isinstance(event, AdvertReceived)
        claimed = event.advert[0]
        event = replace(event, advert=state.settings.advert._replace(priority=claimed))
    return step(state, event, now)


def ignores_resignations(state: State, event: Input, now: Instant) -> Outcome:
    """A backup to which priority 0 is nothing."""
    if isinstance(state, Backup) and isinstance(event, AdvertReceived) and rules.resigns(event.advert):
        return Outcome(state)
    return step(state, event, now)


def leaves_without_a_word(state: State, event: Input, now: Instant) -> Outcome:
    """A master that is shut down and does not resign."""
    outcome = step(state, event, now)
    return _without(outcome, Send) if isinstance(event, Shutdown) else outcome


def never_preempts(state: State, event: Input, now: Instant) -> Outcome:
    """A backup that heeds any master."""
    if isinstance(state, Backup) and isinstance(event, AdvertReceived):
        settings = state.settings
        after, effects = step(replace(state, settings=settings._replace(preempt=False)), event, now)
        return Outcome(replace(after, settings=settings), effects)
    return step(state, event, now)


def announces_too_early(state: State, event: Input, now: Instant) -> Outcome:
    """Effects in the wrong order."""
    after, effects = step(state, event, now)
    return Outcome(after, effects[::-1])


def speaks_once(state: State, event: Input, now: Instant) -> Outcome:
    """A master that forgets its timer after the first advert."""
    if isinstance(state, Master) and isinstance(event, TimerFired):
        return Outcome(replace(state, advertise_at=now + 10**15))
    return step(state, event, now)


def starts_as_master(state: State, event: Input, now: Instant) -> Outcome:
    """A router that does not listen before it speaks."""
    outcome = step(state, event, now)
    if isinstance(state, Initialize) and isinstance(outcome.state, Backup):
        due = outcome.state.master_down_at
        taken = step(outcome.state, TimerFired(), due)
        assert isinstance(taken.state, Master)
        return Outcome(replace(taken.state, advertise_at=now), (*outcome.effects, *taken.effects))
    return outcome


def takes_over_in_silence(state: State, event: Input, now: Instant) -> Outcome:
    """A new master that leaves its first adverts out."""
    outcome = step(state, event, now)
    if isinstance(state, Backup) and isinstance(outcome.state, Master):
        late = outcome.state.advertise_at + 2 * (outcome.state.advertise_at - now)
        return _without(Outcome(replace(outcome.state, advertise_at=late), outcome.effects), Send)
    return outcome


# Each with the promises of which it may break the first.
MUTANTS: dict[str, tuple[Step, frozenset[str]]] = {
    "never yields": (never_yields, frozenset({"election", "overlap"})),
    "yields to the wrong equal": (yields_to_the_wrong_equal, frozenset({"election"})),
    "keeps the addresses": (keeps_the_addresses, frozenset({"addresses"})),
    "is impatient": (is_impatient, frozenset({"patience"})),
    "trusts itself after a stall": (trusts_itself_after_a_stall, frozenset({"stall"})),
    "learns no interval": (learns_no_interval, frozenset({"patience", "agreement"})),
    "ignores resignations": (ignores_resignations, frozenset({"succession"})),
    "leaves without a word": (leaves_without_a_word, frozenset({"succession"})),
    "never preempts": (never_preempts, frozenset({"agreement"})),
    "announces too early": (announces_too_early, frozenset({"announcement"})),
    "speaks once": (speaks_once, frozenset({"agreement", "overlap"})),
    "takes over in silence": (takes_over_in_silence, frozenset({"overlap"})),
    "starts as master": (starts_as_master, frozenset({"patience"})),
}
