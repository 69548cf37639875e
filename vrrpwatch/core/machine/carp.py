"""What a CARP host makes of an advertisement: carp_proto_input_c of OpenBSD and FreeBSD, packethandler of ucarp.

Where these differ, or leave two equal hosts to chance, this is what holds here:

- Equal hosts: the lower source address stays master, as in ucarp.  BSD yields to any equal, so that two of them may
  yield to each other; against either rule this one ends with one master.
- A resignation starts the wait of advskew/256 s, so that the best backup is first.  BSD's take over all at once.
- A master that a better host hears as worse announces the addresses again, as in ucarp.
- A backup whose wait is no longer than 1.5 intervals of a master that ranks above it waits three of these.  BSD takes
  over, yields at the next advert and takes over again.
"""

from vrrpwatch.core.dialect import carp_rank
from vrrpwatch.core.machine.settings import CarpAdvert, CarpSettings
from vrrpwatch.core.machine.transitions import accept, advertise, answer, bear_with, resigned, take_over, yield_to
from vrrpwatch.core.machine.values import Announce, Backup, Master, Outcome, Send
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.values import IPAddress


def hear(
    state: Backup | Master, settings: CarpSettings, source: IPAddress, advert: CarpAdvert, now: Instant
) -> Outcome:
    """The step of a host that runs; ``settings`` are those of the state."""
    if isinstance(state, Backup):
        return _as_backup(state, settings, advert, now)
    if advert.resigns:
        return advertise(settings, now)
    mine, theirs = _rank(settings, settings.advert), _rank(settings, advert)
    if theirs < mine or (theirs == mine and int(source) < int(settings.address)):
        return yield_to(settings, now, advert.interval)
    # Whoever has heard the worse one may look for the addresses there.
    announcement = Announce(settings.addresses)
    return answer(state, now, *((Send(settings.advert), announcement) if settings.answers else (announcement,)))


def _as_backup(state: Backup, settings: CarpSettings, advert: CarpAdvert, now: Instant) -> Outcome:
    if advert.resigns:
        return resigned(state, now)
    mine, theirs = _rank(settings, settings.advert), _rank(settings, advert)
    if theirs <= mine:
        return accept(state, now, advert.interval)
    # OpenBSD: a host that says that something is wrong with it is relieved even by those that do not preempt.
    urgent = theirs[0] > mine[0] or _too_slow(settings, advert)
    if not (urgent or settings.preempt):
        return accept(state, now, advert.interval)
    delayed = settings.preempt_delay and not (urgent or (state.preempt_at is not None and now >= state.preempt_at))
    if delayed:
        return bear_with(state, now, advert.interval)
    return Outcome(state) if now < state.doubts_until else take_over(settings, now)


def _rank(settings: CarpSettings, advert: CarpAdvert) -> tuple[int, int, int]:
    """Smaller is better; where hosts are demoted by their advskew, the counter's field is padding."""
    demotion = advert.demotion if settings.demoted_by == "counter" else 0
    return carp_rank(demotion, advert.advbase, advert.advskew)


def _too_slow(settings: CarpSettings, advert: CarpAdvert) -> bool:
    """Whether a master advertises so rarely that it would time out anyway."""
    return settings.advbase > 0 and settings.down(0) < advert.interval
