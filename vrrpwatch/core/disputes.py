"""How long what two speakers disagree in goes on, as far as their advertisements show; what it is, is checks' matter.

What a speaker said last stands until it says something else, since a backup is silent while its master lives: while
either of the two is heard, they still disagree.  But two that reject each other and both keep advertising disagree no
longer once one of them is silent: it accepts the other now, or is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Finding, Instant, Seconds, nanoseconds

# A speaker that has been silent for a day is no backup that waits but may have been taken away.
STANDS: Final[Seconds] = 86_400.0

_STANDS = nanoseconds(STANDS)


@dataclass(slots=True)
class _Matter:
    """What two speakers disagree in ``since`` some instant, as told ``until`` another.

    Silence of one ends it once both have been heard for longer than ``patience`` (ns) since; ``None``: it never does.
    """

    finding: Finding
    since: Instant
    until: Instant
    patience: int | None


Matters = dict[str, _Matter]


@dataclass(slots=True, eq=False)
class Presence:
    """When a speaker was heard last; ``pace`` (ns) is the longest gap that is not late, ``silent`` its own down time.

    ``disputes`` are what it disagrees in with others, by rule.
    """

    last: Instant
    pace: int = 0
    silent: int = 0
    disputes: dict["Presence", Matters] = field(default_factory=dict)

    def until(self, at: Instant) -> Instant:
        """Up to when it is known to have advertised, seen from ``at``.

        A piece of a run may reach beyond ``at`` or have been cut just before: so it is taken to go on at its pace.
        """
        return at if self.last >= at - self.pace else self.last

    def lives(self, at: Instant) -> bool:
        """Whether it had not fallen silent by ``at``."""
        return at - self.until(at) <= self.silent


class Disputes:
    """Makes the findings about pairs of speakers last as long as the pairs disagree.

    How far findings reach is worked out when all that a batch holds was heard, or when a speaker says something else:
    pieces of runs begin in order of time, but reach into the time of later ones.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._heard: dict[Presence, None] = {}

    def heard(self, speaker: Presence, last: Instant, pace: int) -> None:
        """``speaker`` was heard up to ``last``."""
        speaker.last, speaker.pace = max(speaker.last, last), pace
        if speaker.disputes:
            self._heard[speaker] = None

    def begin(self, pair: tuple[Presence, Presence], finding: Finding, since: Instant, patience: int | None) -> None:
        """The two disagree from ``since`` on, as ``finding`` says."""
        one, other = pair
        matters = one.disputes.setdefault(other, {})
        other.disputes[one] = matters
        matters[finding.rule] = _Matter(finding, since, since, patience)

    def end(self, speaker: Presence, at: Instant) -> Mapping[Presence, Matters]:
        """``speaker`` says something else from ``at`` on, or is forgotten.

        Returns what it disagreed in with whom, as far as neither of them had fallen silent by then.
        """
        ended, speaker.disputes = speaker.disputes, {}
        for other, matters in ended.items():
            del other.disputes[speaker]
            self._extend(matters, speaker.until(at), other.until(at))
        self._heard.pop(speaker, None)
        return {other: matters for other, matters in ended.items() if speaker.lives(at) and other.lives(at)}

    def settle(self) -> None:
        """All up to now was heard."""
        for speaker in self._heard:
            for other, matters in speaker.disputes.items():
                self._extend(matters, speaker.last, other.last)
        self._heard.clear()

    def _extend(self, matters: Matters, one: Instant, other: Instant) -> None:
        earlier, later = min(one, other), max(one, other)
        for matter in matters.values():
            contested = matter.patience is not None and earlier - matter.since > matter.patience
            until = earlier if contested else min(later, earlier + _STANDS)
            if until > matter.until:
                matter.until = until
                self._findings.extend(matter.finding, until, matter.finding.summary)


def resynchronise(speaker: Presence, now: Instant) -> None:
    """The capture's clock was stepped back to ``now``."""
    speaker.last = min(speaker.last, now)
    for matters in speaker.disputes.values():
        for matter in matters.values():
            matter.since, matter.until = min(matter.since, now), min(matter.until, now)
