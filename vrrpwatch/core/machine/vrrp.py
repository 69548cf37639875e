"""What a VRRP router makes of an advertisement: RFC 3768 §6.4.2 and §6.4.3, RFC 9568 §6.4.2 and §6.4.3."""

from vrrpwatch.core.machine.settings import VrrpAdvert, VrrpSettings
from vrrpwatch.core.machine.transitions import accept, advertise, answer, bear_with, resigned, yield_to
from vrrpwatch.core.machine.values import Backup, Master, Outcome, Send
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.values import IPAddress


def hear(
    state: Backup | Master, settings: VrrpSettings, source: IPAddress, advert: VrrpAdvert, now: Instant
) -> Outcome:
    """The step of a router that runs; ``settings`` are those of the state."""
    if not _heeds(settings, advert):
        return Outcome(state)
    if isinstance(state, Backup):
        return _as_backup(state, settings, advert, now)
    if advert.resigns:
        # Backups that heard it too are about to take over: they must hear that a master is left.
        return advertise(settings, now)
    if (advert.priority, int(source)) > (settings.priority, int(settings.address)):
        return yield_to(settings, now, settings.adopted(advert.interval))
    answers = settings.answers if settings.answers is not None else settings.version == 3
    # The answer leaves the Adver_Timer alone (RFC 9568 §6.4.3); RFC 3768 and RFC 5798 have none.
    return answer(state, now, Send(settings.advert)) if answers else Outcome(state)


def _as_backup(state: Backup, settings: VrrpSettings, advert: VrrpAdvert, now: Instant) -> Outcome:
    if advert.resigns:
        return resigned(state, now)
    # An owner preempts whatever Preempt_Mode says (RFC 9568 §6.1).
    preempts = settings.preempt or settings.owner
    if advert.priority >= settings.priority or not preempts:
        return accept(state, now, advert.interval)
    if settings.owner or not settings.preempt_delay:
        return Outcome(state)
    return bear_with(state, now, advert.interval)


def _heeds(settings: VrrpSettings, advert: VrrpAdvert) -> bool:
    """What a receiver verifies against its own settings before anything else."""
    if settings.version == 2:
        # RFC 3768 §7.1: an owner heeds nobody, and another interval than one's own is discarded.
        return not settings.owner and advert.interval == settings.interval
    # RFC 9568 §7.1: no master could be told from a silent one.
    return advert.interval > 0
