"""Who speaks in a group as the tracker sees it: voices, how long each may be silent, and stretches of a timeline."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from vrrpwatch.core.dialect import longest_wait, own_down
from vrrpwatch.core.model import Advert, Evidence, Instant, SpeakerKey, nanoseconds
from vrrpwatch.core.runs import LATE_RATIO

# Enough for a timeline; older stretches are dropped first.
MAX_TENURES = 256


class Patience(NamedTuple):
    """How long (ns) a speaker may be silent before it has missed a turn, is gone, and is past any backup's wait."""

    missed: int
    silent: int
    lost: int

    @classmethod
    def with_speaker(cls, advert: Advert) -> "Patience":
        """What the timers of ``advert`` allow."""
        return cls(
            nanoseconds(LATE_RATIO * advert.interval),
            nanoseconds(own_down(advert)),
            nanoseconds(longest_wait(advert)),
        )


@dataclass(slots=True, eq=False)
class Voice:
    """One speaker and its current (or latest) stretch: advertising without a gap beyond its master-down time.

    ``ended`` says how the stretch ended, ``None`` while it lasts.
    """

    key: SpeakerKey
    advert: Advert
    first_advert: Advert
    since: Instant
    since_evidence: Evidence
    last: Instant
    last_evidence: Evidence
    patience: Patience
    ended: Literal["silent", "resigned"] | None = None
    standby: bool = False

    @property
    def deadline(self) -> Instant:
        """When its stretch is over unless it is heard again."""
        return self.last + self.patience.silent

    @property
    def overdue(self) -> Instant:
        """When it has missed an advertisement."""
        return self.last + self.patience.missed

    def until(self, at: Instant) -> Instant:
        """Up to when it is known to have advertised, seen from ``at``: a speaker that keeps its pace goes on till then.

        So a piece of a run that reaches beyond ``at`` says the same as one that was cut just before.
        """
        return at if at <= self.overdue else self.last


@dataclass(slots=True)
class Span:
    """A stretch of the timeline; ``last`` is ``None`` while it lasts."""

    first: Instant
    last: Instant | None
    holders: tuple[SpeakerKey, ...]
