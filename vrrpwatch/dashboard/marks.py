"""Findings as rows show them, with what was decided about each."""

from collections.abc import Callable
from typing import NamedTuple

from vrrpwatch.core.findings import MAX_FINDINGS
from vrrpwatch.core.model import NANOSECONDS, Evidence, Finding, GroupKey, Instant, Severity
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.controls import NO_MARK, Keeper, Mark

Subject = tuple[str, str, GroupKey | None, str]


class FindingRow(NamedTuple):
    """A finding as it was, with what was decided about it."""

    subject: Subject
    severity: Severity
    first: Instant
    last: Instant
    times: int
    summary: str
    evidence: tuple[Evidence, ...]
    mark: Mark

    @property
    def id(self) -> str:
        """That of the finding."""
        return id_of(self.subject)

    @property
    def finding(self) -> Finding:
        """It, as it was."""
        rule, segment, group, about = self.subject
        return Finding(
            rule, self.severity, segment, group, about, self.first, self.last, self.times, self.summary, self.evidence
        )


class Marks:
    """What was decided about findings; their ids are hashed once each, and only if anything was decided at all."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._ids: dict[Subject, str] = {}

    def lookup(self) -> Callable[[Subject], Mark]:
        """What tells the mark of a finding about a subject, as the keeper has it now."""
        marks = self._keeper.marks()
        if not marks:
            return lambda _: NO_MARK
        return lambda subject: marks.get(self._id(subject), NO_MARK)

    def _id(self, subject: Subject) -> str:
        found = self._ids.get(subject)
        if found is None:
            if len(self._ids) >= 2 * MAX_FINDINGS:
                self._ids.clear()
            found = self._ids[subject] = id_of(subject)
        return found


def id_of(subject: Subject) -> str:
    """The id of a finding about a subject: nothing else of it matters to its id."""
    rule, segment, group, about = subject
    return Finding(rule, Severity.INFO, segment, group, about, 0, 0, 0, "", ()).id


def subject_of(finding: Finding) -> Subject:
    """What makes two findings the same."""
    return finding.rule, finding.segment, finding.group, finding.subject


def decision(mark: Mark, now: Instant) -> str:
    """What was decided about a finding: open, acknowledged, silent and for how long."""
    if mark.silenced_until is not None and mark.silent(now):
        return f"♪ silent {words.brief((mark.silenced_until - now) / NANOSECONDS)}"
    return "✔ acked" if mark.acknowledged is not None else "open"


def row_of(finding: Finding, mark: Mark, known: dict[Subject, FindingRow]) -> FindingRow:
    """A finding's row; that of the picture before where nothing has changed, for which nothing is worked out anew."""
    subject = subject_of(finding)
    row = known.get(subject)
    if (
        row is not None
        and row.times == finding.count
        and row.last == finding.last
        and row.first == finding.first
        and row.mark == mark
        and row.summary == finding.summary
        and row.evidence == finding.evidence
    ):
        return row
    return FindingRow(
        subject,
        finding.severity,
        finding.first,
        finding.last,
        finding.count,
        finding.summary,
        finding.evidence,
        mark,
    )
