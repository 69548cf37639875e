"""A group's timeline as stretches that do not overlap: contested time is cut out of the tenure that it falls in."""

from collections.abc import Iterable

from vrrpwatch.core.analysis import Tenure


def stretches(timeline: Iterable[Tenure]) -> list[Tenure]:
    """The timeline in order of time, each moment in one stretch: contests win over the master's tenure around them."""
    tenures = list(timeline)
    contests = sorted((tenure for tenure in tenures if len(tenure.holders) > 1), key=lambda tenure: tenure.first)
    found = list(contests)
    for tenure in tenures:
        if len(tenure.holders) <= 1:
            found.extend(_outside(tenure, contests))
    return sorted(found, key=lambda tenure: (tenure.first, tenure.last))


def _outside(tenure: Tenure, contests: list[Tenure]) -> list[Tenure]:
    pieces, start = [], tenure.first
    touched = False
    for contest in contests:
        if contest.last <= start or contest.first >= tenure.last:
            continue
        touched = True
        if contest.first > start:
            pieces.append(Tenure(start, contest.first, tenure.holders))
        start = max(start, contest.last)
    if start < tenure.last or not touched:
        pieces.append(Tenure(start, tenure.last, tenure.holders))
    return pieces
