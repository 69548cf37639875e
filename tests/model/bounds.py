"""How long the protocols may take after the last disturbance, worked out from their texts and not from the code.

*Agreement*: exactly one master in each connected part, and no router that should have taken over from it.  Let T be
the last disturbance, d the longest delay of a packet, i the longest interval of any router, and w the longest wait of
a backup: below 4i in VRRPv3, whose skew is part of an interval; below 3i + 1 s in VRRPv2; below 3i + 1 s in CARP, too
slow masters included.

1. By T + d the last packet from before has arrived.  From then on the timer of the best router that preempts is moved
   on only by masters that are as good, so by T + d + w either it is master, or one as good is.  A delay before
   starting counts from T, and a delay before preempting from the first advert of a worse master, which is heard before
   that wait is over.  Routers that do not preempt are waited for no longer.
2. Whoever becomes master says so at once; d later every worse master has heard it, and all backups have.
3. Two that became master together may each have been deaf to the other's first advert for being a backup then.  The
   next one, an interval later, ends it.
4. In CARP a stray advert of a worse master, which arrives after the better one's, makes backups between the two take
   over, and they yield at the better one's next: once for each router that ranks between.

Agreement = start delay + preempt delay + w + i + 2d, in CARP another (n - 2)·i for n > 2 routers.

*Overlap*: two masters in one connected part, while packets get through and no host was stalled, last i + 2d, by 2
and 3; in CARP (n - 1)·i + 2d.

*Succession*: a master that resigns is followed after d and the longest skew: below i in VRRPv3, 1 s elsewhere.
"""

from typing import NamedTuple

from tests.model.script import Script
from vrrpwatch.core.machine.settings import CarpSettings, Settings, VrrpSettings
from vrrpwatch.core.model import Instant, nanoseconds


class Bounds(NamedTuple):
    """The figures, in nanoseconds."""

    agreement: Instant
    overlap: Instant
    succession: Instant


def longest_interval(settings: Settings) -> float:
    """The longest in seconds that the router may ever have between two adverts."""
    match settings:
        case VrrpSettings(interval=interval):
            return interval
        case CarpSettings(advbase=advbase, advskew=advskew, demoted_by="counter"):
            return max(advbase + advskew / 256, 1 / 256)
        case CarpSettings(advbase=advbase, advskew=advskew):
            return advbase + max(advskew, 240) / 256


def bounds(script: Script) -> Bounds:
    """What holds for these routers."""
    first = script.routers[0]
    interval = max(longest_interval(router) for router in script.routers)
    carp, third = isinstance(first, CarpSettings), isinstance(first, VrrpSettings) and first.version == 3
    wait = 4 * interval if third else 3 * interval + 1
    overlap = (max(len(script.routers) - 1, 1) if carp else 1) * interval + 2 * script.delay
    delays = max(r.start_delay for r in script.routers) + max(r.preempt_delay for r in script.routers)
    succession = script.delay + (interval if third else 1)
    return Bounds(nanoseconds(delays + wait + overlap), nanoseconds(overlap), nanoseconds(succession))
