"""The findings, what someone decided about them, and the one under the cursor in full."""

from collections.abc import Callable
from typing import Final, NamedTuple

from textual import on
from textual.app import ComposeResult

from vrrpwatch.core.findings import MAX_FINDINGS
from vrrpwatch.core.model import NANOSECONDS, Evidence, Finding, GroupKey, Instant, Severity
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.controls import NO_MARK, Keeper, Mark
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.page import OpenGroup, OpenPage, Page
from vrrpwatch.dashboard.paint import Line, wrapped
from vrrpwatch.dashboard.table import Table
from vrrpwatch.report.units import count, date, span

Subject = tuple[str, str, GroupKey | None, str]
# Where what is wrong with a segment as a whole can be seen.
_PLACES: Final = {
    "multicast-budget": "multicast",
    "unjoined-multicast": "members",
    "no-querier": "members",
    "many-queriers": "members",
}


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


class FindingsPage(Page):
    """All findings, the gravest first."""

    DEFAULT_CSS = "FindingsPage { & Table { height: 1fr; } & Document { height: 7; border-top: solid $panel; } }"

    def __init__(self, marks: Marks, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._marks = marks
        self._known: dict[Subject, FindingRow] = {}
        self._rows: list[FindingRow] = []
        self._scene: Scene | None = None

    def compose(self) -> ComposeResult:
        table: Table[FindingRow, Subject] = Table(COLUMNS, lambda row: row.subject, nothing="nothing wrong found")
        table.sort_by("S")
        yield table
        yield Document()

    @property
    def current(self) -> FindingRow | None:
        """The finding under the cursor."""
        row = self.table.current if self.table is not None else None
        return row if isinstance(row, FindingRow) else None

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        if due:
            mark, known = self._marks.lookup(), self._known
            self._rows = [_row(finding, mark(subject_of(finding)), known) for finding in view.findings()]
            self._known = {row.subject: row for row in self._rows}
        self._scene = scene
        if self.table is not None:
            self.table.load(self._rows, scene, due=due)

    def mark(self) -> None:
        """Takes over what was decided just now, though the screen may be frozen."""
        mark = self._marks.lookup()
        self._rows = [
            row if row.mark == mark(row.subject) else row._replace(mark=mark(row.subject)) for row in self._rows
        ]
        if self.table is not None and self._scene is not None:
            self.table.load(self._rows, self._scene)
            self.present(self._scene)

    def present(self, scene: Scene) -> None:
        super().present(scene)
        row = self.current
        width = self.size.width - 2
        self.query_one(Document).show(details(row, scene, width) if row is not None else [])

    @on(Table.Moved)
    def _moved(self) -> None:
        if self._scene is not None:
            self.present(self._scene)

    @on(Table.Chosen)
    def _chosen(self, message: Table.Chosen) -> None:
        rule, segment, group, _ = message.row.subject
        if group is not None:
            self.post_message(OpenGroup(group))
        else:
            self.post_message(OpenPage(_PLACES.get(rule, "groups"), segment))


def _row(finding: Finding, mark: Mark, known: dict[Subject, FindingRow]) -> FindingRow:
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


def details(row: FindingRow, scene: Scene, width: int) -> list[Line]:
    """A finding in full."""
    rule, segment, group, subject = row.subject
    where = words.group(group, scene.mask) if group is not None else scene.mask.name(segment)
    numbers = ", ".join(str(item.packet) for item in row.evidence)
    lines: list[Line] = [
        [
            (f"{words.severity(row.severity)} {row.severity.value} {rule}", words.SEVERITY_STYLES[row.severity]),
            (f"  {where}", "bold"),
        ],
        *wrapped(scene.mask.text(row.summary), width),
        [(f"{count(row.times, 'time')}, {span(row.first, row.last)} on {date(row.last)}", "")],
    ]
    if subject and subject not in row.summary:
        lines.append([("about ", "dim"), (scene.mask.text(subject), "")])
    lines.append([("packets ", "dim"), (numbers or "none kept", ""), ("   id ", "dim"), (row.id, "dim")])
    return lines


COLUMNS: Final[tuple[Column[FindingRow], ...]] = (
    Column(
        "Sev",
        4,
        lambda row, _: f" {words.severity(row.severity)}",
        lambda row: (words.RANKS[row.severity], row.mark.acknowledged is None, -row.first),
        style=lambda row, _: words.SEVERITY_STYLES[row.severity],
        down=True,
    ),
    Column("Rule", 16, lambda row, _: row.subject[0], lambda row: row.subject[0], share=1, most=18),
    Column(
        "Group",
        15,
        lambda row, scene: (
            words.group(row.subject[2], scene.mask) if row.subject[2] is not None else scene.mask.name(row.subject[1])
        ),
        lambda row: (row.subject[1], str(row.subject[2] or "")),
        share=2,
        most=44,
        middle=True,
    ),
    Column(
        "sTatus",
        15,
        lambda row, scene: decision(row.mark, scene.now),
        lambda row: (row.mark.silenced_until or 0, row.mark.acknowledged or 0),
        style=lambda row, scene: "dim" if row.mark.acknowledged is not None or row.mark.silent(scene.now) else "",
    ),
    Column("Count", 7, lambda row, _: f"{row.times:,}", lambda row: row.times, rank=3, right=True, down=True),
    Column(
        "Age",
        6,
        lambda row, scene: words.age(row.last, scene.now),
        lambda row: -row.last,
        rank=1,
        right=True,
        searched=False,
    ),
    Column("summary", 12, lambda row, scene: scene.mask.text(row.summary), rank=2, share=8),
)
