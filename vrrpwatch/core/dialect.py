"""The timers of each protocol, as the standards give them: one set of formulas for observer and agent.

VRRPv2: RFC 3768 §6.1; VRRPv3: RFC 9568 §6.1; CARP: OpenBSD sys/netinet/ip_carp.c; HSRP: RFC 2281 §5.3 (hold time).
"""

from vrrpwatch.core.model import Advert, Seconds
from vrrpwatch.wire.values import Carp, Glbp, Hsrp, Vrrp

# A CARP host announces itself about every advbase seconds and is missed after three of its intervals.
CARP_DEAD_RATIO = 3


def skew_time(version: int, priority: int, interval: Seconds) -> Seconds:
    """Skew_Time: a fixed second's 256ths in version 2, the master's interval's 256ths in version 3."""
    return (256 - priority) / 256 * (1.0 if version == 2 else interval)


def master_down(version: int, priority: int, interval: Seconds) -> Seconds:
    """Master_Down_Interval of a VRRP backup with ``priority`` whose master advertises every ``interval`` seconds."""
    return 3 * interval + skew_time(version, priority, interval)


def carp_interval(advbase: int, advskew: int) -> Seconds:
    """How often a CARP host of these settings advertises; 0/0 is the shortest interval there is (carp_setrun)."""
    return advbase + advskew / 256 or 1 / 256


def carp_down(advbase: int, advskew: int) -> Seconds:
    """How long a CARP backup of these settings waits for its master; with advbase 0 three intervals (carp_setrun)."""
    return CARP_DEAD_RATIO * advbase + advskew / 256 if advbase else CARP_DEAD_RATIO * carp_interval(0, advskew)


def carp_rank(demotion: int, advbase: int, advskew: int) -> tuple[int, int, int]:
    """What CARP hosts are elected by, smaller is better: a demoted host is the worse one however often it advertises.

    The demotion counter is OpenBSD's (carp_proto_input_c); what others have in its place is 0.
    """
    return demotion, advbase, advskew


def own_down(advert: Advert) -> Seconds:
    """The longest gap in which a speaker still counts as one that keeps advertising: its own master-down time."""
    match advert.message:
        case Vrrp(version=version, priority=priority, interval=interval):
            return master_down(version, priority, interval)
        case Carp(advbase=advbase, advskew=advskew):
            return carp_down(advbase, advskew)
        case Hsrp(hold=hold):
            return hold
        case Glbp(hold=hold):
            return hold or 10.0


def longest_wait(advert: Advert) -> Seconds:
    """The longest that any backup of this speaker could wait, whatever its priority or skew."""
    match advert.message:
        case Vrrp(version=2, interval=interval):
            return 3 * interval + 1
        case Vrrp(interval=interval):
            return 4 * interval
        case Carp(advbase=advbase):
            return CARP_DEAD_RATIO * (advbase + 1.0)
        case Hsrp(hold=hold):
            return hold
        case Glbp(hold=hold):
            return hold or 10.0


def takeover_wait(heir: Advert, predecessor: Advert) -> Seconds:
    """How long ``heir`` must hear nothing of ``predecessor`` before it may take over: its Master_Down_Interval."""
    match heir.message:
        case Vrrp(version=3, priority=priority):
            # A version 3 backup adopts its master's interval (RFC 9568 §6.4.2).
            return master_down(3, priority, predecessor.interval)
        case Vrrp(priority=priority, interval=interval):
            return master_down(2, priority, interval)
        case Carp(advbase=advbase, advskew=advskew):
            return carp_down(advbase, advskew)
        case Hsrp() | Glbp():
            return own_down(predecessor)


def resignation_wait(heir: Advert, predecessor: Advert) -> Seconds:
    """How long ``heir`` waits after ``predecessor`` resigned: its Skew_Time."""
    match heir.message:
        case Vrrp(version=version, priority=priority):
            return skew_time(version, priority, predecessor.interval)
        case Carp(advskew=advskew):
            return advskew / 256
        case Hsrp() | Glbp():
            return 0.0


def outranks(challenger: Advert, incumbent: Advert) -> bool:
    """Whether ``challenger`` would win: higher priority, then higher address; CARP: smaller rank, then lower address.

    Of equal CARP hosts it is ucarp that prefers the lower address (packethandler); BSD's yield to whichever they hear.
    """
    mine, theirs = int(challenger.speaker.ip), int(incumbent.speaker.ip)
    match challenger.message, incumbent.message:
        case Carp() as one, Carp() as other:
            rank = carp_rank(one.demotion, one.advbase, one.advskew)
            return (rank, mine) < (carp_rank(other.demotion, other.advbase, other.advskew), theirs)
        case _:
            return (challenger.priority or 0, mine) > (incumbent.priority or 0, theirs)
