"""The cures of findings, worked out for those that changed and no more of them a picture than there is time for."""

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from vrrpwatch.core.cures import CURABLE, Cure, Cures
from vrrpwatch.core.model import NANOSECONDS, Finding, Instant
from vrrpwatch.core.news import View
from vrrpwatch.dashboard.marks import FindingRow, Subject
from vrrpwatch.dashboard.mask import Mask

# A cure asks for its group as it is now, which costs some 25 µs; a picture has 16 ms.
MAX_WORKED: Final = 50
# A leak that goes on changes its finding all the time, and its cure by next to nothing.
REST: Final = 5 * NANOSECONDS
# A tag is a part of the segment's name, which the mask hides.
_TAG: Final = re.compile(r"\bvlan id \d+")


class Remedies:
    """Keeps the cures of the rows that it was given last; ``abridged`` where they are over a store."""

    def __init__(self, abridged: bool) -> None:
        self._abridged = abridged
        self._known: dict[Subject, tuple[Instant, FindingRow, Cure | None]] = {}
        # How many rows nothing is worked out for yet.
        self.pending = 0

    def of(self, subject: Subject) -> Cure | None:
        """A row's cure; ``None`` where there is none, or none yet."""
        known = self._known.get(subject)
        return known[2] if known is not None else None

    def knows(self, subject: Subject) -> bool:
        """Whether it is known if there is a cure."""
        return subject in self._known

    def work(self, view: View, rows: Sequence[FindingRow]) -> None:
        """Works out what has changed of ``rows``, those first that nothing is known of; forgets all others."""
        now = view.now
        wanted = {row.subject: row for row in rows if row.subject[0] in CURABLE}
        self._known = {subject: self._known[subject] for subject in wanted if subject in self._known}
        fresh = [row for subject, row in wanted.items() if subject not in self._known]
        changed = [
            (at, wanted[subject])
            for subject, (at, row, _) in self._known.items()
            # A recording may have been wound back.
            if wanted[subject] is not row and abs(now - at) >= REST
        ]
        changed.sort(key=itemgetter(0))
        chosen = [*fresh, *(row for _, row in changed)][:MAX_WORKED]
        self.pending = max(0, len(fresh) - MAX_WORKED)
        if not chosen:
            return
        cures = self._cures(view, chosen)
        for row in chosen:
            self._known[row.subject] = now, row, self._cure(cures, row.finding)

    def _cures(self, view: View, rows: Sequence[FindingRow]) -> Cures:
        keys = dict.fromkeys(row.subject[2] for row in rows)
        groups = [view.group(key) for key in keys if key is not None]
        segments = {row.subject[1] for row in rows}
        volumes = (volume for volume in view.multicast() if volume.segment in segments)
        return Cures((group for group in groups if group is not None), volumes)

    def _cure(self, cures: Cures, finding: Finding) -> Cure | None:
        # A store does not know what else but advertisements went where: the loudest would be left out.
        return None if self._abridged and finding.group is None else cures.of(finding)


def shown(text: str, segment: str, mask: Mask) -> str:
    """A rule for ``segment``, or a sentence that has one, as it goes to the screen."""
    if not mask.on:
        return mask.text(text)
    # It names the segment's interface, which nothing else may have named before.
    mask.learn((segment,))
    return _TAG.sub("vlan id …", mask.text(text))
