"""What is configured of a virtual router, and the figures and adverts that follow from it.

The formulas are those of :mod:`vrrpwatch.core.dialect`, by which observers judge takeovers too.
"""

from typing import Literal, NamedTuple

from vrrpwatch.core.dialect import CARP_DEAD_RATIO, carp_down, carp_interval, master_down, skew_time
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

OWNER_PRIORITY = 255
# A host of FreeBSD or ucarp that is demoted advertises at least this advskew (CARP_MAXSKEW of FreeBSD's ip_carp.c).
DEMOTED_ADVSKEW = 240

# An advert counts as late after so many intervals.
LATE = 1.5


class VrrpAdvert(NamedTuple):
    """What an election is decided by; ``priority`` 0 resigns, ``interval`` is the sender's Advertisement_Interval."""

    priority: int
    interval: Seconds

    @property
    def resigns(self) -> bool:
        return self.priority == 0


class CarpAdvert(NamedTuple):
    """What an election is decided by; ``demotion`` is 0 from all but OpenBSD."""

    advbase: int
    advskew: int
    demotion: int = 0

    @property
    def interval(self) -> Seconds:
        """How often a sender of these settings advertises."""
        return carp_interval(self.advbase, self.advskew)

    @property
    def resigns(self) -> bool:
        return self.advbase == self.advskew == 255


Advert = VrrpAdvert | CarpAdvert


class VrrpSettings(NamedTuple):
    """A VRRP router: RFC 3768 §6.1 (version 2), RFC 9568 §6.1 (version 3), one address family each.

    ``address`` is the interface's primary one, which is the source of what is sent; ``addresses`` are the virtual ones.
    ``priority`` is 255 where they are the host's own (the owner), else 1 to 254; ``interval`` is whole seconds in
    version 2 and 0.01 to 40.95 s in version 3.  ``start_delay`` is what a start, or an interface that comes up, waits
    before anything else; ``preempt_delay`` how long a worse master is heard before it is preempted.  ``answers`` is
    whether a master answers worse adverts at once: ``None`` is as the version's RFC has it.
    """

    version: Literal[2, 3]
    vrid: int
    priority: int
    interval: Seconds
    address: IPAddress
    addresses: tuple[IPAddress, ...]
    preempt: bool = True
    preempt_delay: Seconds = 0.0
    start_delay: Seconds = 0.0
    accept: bool = False
    answers: bool | None = None

    @property
    def family(self) -> Literal[4, 6]:
        return self.address.version

    @property
    def owner(self) -> bool:
        return self.priority == OWNER_PRIORITY

    @property
    def accepts(self) -> bool:
        """Accept_Mode, which an owner always has (RFC 9568 §6.1)."""
        return self.accept or self.owner

    @property
    def advert(self) -> VrrpAdvert:
        return VrrpAdvert(self.priority, self.interval)

    @property
    def resignation(self) -> VrrpAdvert:
        return VrrpAdvert(0, self.interval)

    def adopted(self, heard: Seconds) -> Seconds:
        """The Master_Adver_Interval after an advert with that interval: version 2 keeps its own."""
        return heard if self.version == 3 else self.interval

    def skew(self, master_interval: Seconds) -> Seconds:
        """Skew_Time, which is also the wait after a resignation."""
        return skew_time(self.version, self.priority, master_interval)

    def down(self, master_interval: Seconds) -> Seconds:
        """Master_Down_Interval."""
        return master_down(self.version, self.priority, master_interval)


class CarpSettings(NamedTuple):
    """A CARP host: OpenBSD's and FreeBSD's sys/netinet/ip_carp.c, ucarp's src/carp.c.

    ``advbase`` and ``advskew`` are 0 to 254.  ``demoted_by`` is how a demoted host says so: OpenBSD sends the counter,
    which then counts for more than anything else; FreeBSD and ucarp raise the advskew and send 0.
    The other fields are those of :class:`VrrpSettings`.
    """

    vhid: int
    advbase: int
    advskew: int
    address: IPAddress
    addresses: tuple[IPAddress, ...]
    demotion: int = 0
    demoted_by: Literal["counter", "advskew"] = "counter"
    preempt: bool = True
    preempt_delay: Seconds = 0.0
    start_delay: Seconds = 0.0
    accept: bool = True
    answers: bool = False

    @property
    def family(self) -> Literal[4, 6]:
        return self.address.version

    @property
    def owner(self) -> bool:
        """CARP knows none."""
        return False

    @property
    def accepts(self) -> bool:
        return self.accept

    @property
    def advert(self) -> CarpAdvert:
        if self.demoted_by == "counter":
            return CarpAdvert(self.advbase, self.advskew, self.demotion)
        demoted = min(self.advskew + self.demotion, DEMOTED_ADVSKEW)
        return CarpAdvert(self.advbase, max(self.advskew, demoted))

    @property
    def resignation(self) -> CarpAdvert:
        """What OpenBSD calls to bow out."""
        return CarpAdvert(255, 255, self.advert.demotion)

    @property
    def interval(self) -> Seconds:
        return self.advert.interval

    def adopted(self, heard: Seconds) -> Seconds:
        """The master's interval, which counts where the host's own wait would be too short for it."""
        return heard

    def skew(self, _master_interval: Seconds) -> Seconds:
        """The wait after a resignation."""
        return self.advert.advskew / 256

    def down(self, master_interval: Seconds) -> Seconds:
        """How long a backup waits for a master that advertises every ``master_interval`` seconds."""
        mine = self.advert
        wait = carp_down(mine.advbase, mine.advskew)
        if wait < LATE * master_interval:
            # Such a master would be given up between two adverts, again and again.  One advbase of 1 or more in all
            # hosts never comes to this.
            return CARP_DEAD_RATIO * master_interval + self.skew(master_interval)
        return wait


Settings = VrrpSettings | CarpSettings
