"""Who ranks above whom, and how long a silence must last: written down a second time, to judge what is tested."""

from vrrpwatch.core.machine.settings import Advert, CarpAdvert, CarpSettings, Settings, VrrpAdvert, VrrpSettings
from vrrpwatch.wire.values import IPAddress

# A rank: greater is better, and the address decides among equals.
Rank = tuple[int, ...]


def _carp_rank(settings: CarpSettings, advbase: int, advskew: int, demotion: int) -> Rank:
    return (-demotion if settings.demoted_by == "counter" else 0, -advbase, -advskew)


def effective_skew(settings: CarpSettings) -> int:
    """The advskew of a CARP host, demotion included where that is how it shows."""
    if settings.demoted_by == "counter" or not settings.demotion:
        return settings.advskew
    return max(settings.advskew, min(settings.advskew + settings.demotion, 240))


def rank(settings: Settings) -> Rank:
    """A router's own rank."""
    if isinstance(settings, VrrpSettings):
        return (settings.priority,)
    return _carp_rank(settings, settings.advbase, effective_skew(settings), settings.demotion)


def claimed(settings: Settings, advert: Advert) -> Rank:
    """The rank that an advert claims, as a router of these settings must read it."""
    if isinstance(advert, VrrpAdvert):
        return (advert.priority,)
    assert isinstance(settings, CarpSettings)
    return _carp_rank(settings, advert.advbase, advert.advskew, advert.demotion)


def resigns(advert: Advert) -> bool:
    """Whether an advert gives the role up."""
    return advert.priority == 0 if isinstance(advert, VrrpAdvert) else advert[:2] == (255, 255)


def beats(settings: Settings, advert: Advert, source: IPAddress) -> bool:
    """Whether a master of these settings must let go: a higher rank; VRRP: or the higher address, CARP: the lower."""
    theirs, mine = claimed(settings, advert), rank(settings)
    if theirs != mine:
        return theirs > mine
    return (int(source) > int(settings.address)) == isinstance(settings, VrrpSettings)


def interval(settings: Settings) -> float:
    """How often the router advertises, in seconds."""
    if isinstance(settings, VrrpSettings):
        return settings.interval
    return max(settings.advbase + effective_skew(settings) / 256, 1 / 256)


def sender_interval(advert: Advert) -> float:
    """How often the sender of an advert says that it advertises, in seconds."""
    return advert.interval if isinstance(advert, VrrpAdvert) else advert.advbase + advert.advskew / 256


def must_relieve(backup: Settings, master: Settings) -> bool:
    """Whether a backup that hears this master long enough must have taken over."""
    if rank(backup) <= rank(master):
        return False
    if isinstance(backup, VrrpSettings):
        return backup.preempt or backup.priority == 255
    return backup.preempt or rank(backup)[0] > rank(master)[0] or too_slow(backup, interval(master))


def too_slow(backup: CarpSettings, master_interval: float) -> bool:
    """Whether a CARP host cannot wait for the next advert of such a master."""
    return backup.advbase > 0 and 3 * backup.advbase + effective_skew(backup) / 256 < master_interval


def heeds(backup: Settings, advert: Advert) -> bool:
    """Whether a backup must wait for such a master once more."""
    theirs, mine = claimed(backup, advert), rank(backup)
    if theirs >= mine:
        return True
    if isinstance(backup, VrrpSettings):
        return not backup.preempt and backup.priority != 255
    assert isinstance(advert, CarpAdvert)
    return not backup.preempt and theirs[0] == mine[0] and not too_slow(backup, advert.advbase + advert.advskew / 256)


def silence(backup: Settings, master_interval: float) -> float:
    """The least silence in seconds after which a backup may take over from a master that it heeds."""
    if isinstance(backup, CarpSettings):
        skew = effective_skew(backup) / 256
        return 3 * backup.advbase + skew if backup.advbase else 3 * max(skew, 1 / 256)
    if backup.version == 2:
        return 3 * backup.interval + (256 - backup.priority) / 256
    return 3 * master_interval + (256 - backup.priority) / 256 * master_interval


def stall(settings: Settings, master_interval: float) -> float:
    """A timer that is late by more than this, in seconds, is that of a host which was stalled, whatever it was for."""
    least = silence(settings, master_interval)
    if isinstance(settings, CarpSettings) and least < 1.5 * master_interval:
        return 3 * master_interval + effective_skew(settings) / 256
    return least
