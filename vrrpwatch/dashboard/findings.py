"""The findings, what someone decided about them, and the one under the cursor in full."""

from typing import Final

from textual import on
from textual.app import ComposeResult

from vrrpwatch.core.cures import Cure
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.marks import FindingRow, Marks, Subject, decision, row_of, subject_of
from vrrpwatch.dashboard.page import DetailedPage, OpenGroup, OpenPage
from vrrpwatch.dashboard.paint import Line, wrapped
from vrrpwatch.dashboard.remedies import Remedies, shown
from vrrpwatch.dashboard.table import Table
from vrrpwatch.report.phrases import cure_text
from vrrpwatch.report.units import count, date, span

# Where what is wrong with a segment as a whole can be seen.
_PLACES: Final = {
    "multicast-budget": "multicast",
    "unjoined-multicast": "members",
    "no-querier": "members",
    "many-queriers": "members",
}


class FindingsPage(DetailedPage[FindingRow]):
    """All findings, the gravest first."""

    DEFAULT_CSS = """
    FindingsPage {
        & Table { height: 1fr; min-height: 2; }
        & Document { height: 9; max-height: 50%; border-top: solid $panel; }
    }
    """

    def __init__(self, marks: Marks, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._marks = marks
        self._remedies = Remedies(abridged)
        self._known: dict[Subject, FindingRow] = {}
        self._rows: list[FindingRow] = []

    def compose(self) -> ComposeResult:
        table: Table[FindingRow, Subject] = Table(COLUMNS, lambda row: row.subject, nothing="nothing wrong found")
        table.sort_by("S")
        yield table
        yield Document()

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        if due:
            mark, known = self._marks.lookup(), self._known
            self._rows = [row_of(finding, mark(subject_of(finding)), known) for finding in view.findings()]
            self._known = {row.subject: row for row in self._rows}
        self._scene = scene
        table = self.table
        if table is not None:
            table.load(self._rows, scene, due=due)
            # The cursor moves between two pictures, so the other rows on the screen are seen to as well.
            current = [self.current] if self.current is not None else []
            self._remedies.work(view, [*current, *table.around(table.size.height)])

    def mark(self) -> None:
        """Takes over what was decided just now, though the screen may be frozen."""
        mark = self._marks.lookup()
        self._rows = [
            row if row.mark == mark(row.subject) else row._replace(mark=mark(row.subject)) for row in self._rows
        ]
        if self.table is not None and self._scene is not None:
            self.table.load(self._rows, self._scene)
            self.present(self._scene)

    def below(self, row: FindingRow | None, scene: Scene) -> list[Line]:
        if row is None:
            return []
        return details(row, scene, self.size.width - 2, self._remedies.of(row.subject))

    @on(Table.Chosen)
    def _chosen(self, message: Table.Chosen) -> None:
        rule, segment, group, _ = message.row.subject
        if group is not None:
            self.post_message(OpenGroup(group))
        else:
            self.post_message(OpenPage(_PLACES.get(rule, "groups"), segment))


def details(row: FindingRow, scene: Scene, width: int, cure: Cure | None) -> list[Line]:
    """A finding in full, with what would end it."""
    rule, segment, group, subject = row.subject
    where = words.group(group, scene.mask) if group is not None else scene.mask.name(segment)
    numbers = ", ".join(str(item.packet) for item in row.evidence)
    lines: list[Line] = [
        [
            (f"{words.severity(row.severity)} {row.severity.value} {rule}", words.SEVERITY_STYLES[row.severity]),
            (f"  {where}", "bold"),
        ],
        *wrapped(scene.mask.text(row.summary), width),
        *(wrapped(shown(cure_text(cure), segment, scene.mask), width, "good") if cure is not None else []),
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
