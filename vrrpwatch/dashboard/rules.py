"""The firewall rules that would end leaks and exceeded budgets, where each belongs, and what it would save."""

from collections.abc import Iterable
from heapq import nlargest
from typing import Any, ClassVar, Final, NamedTuple

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType

from vrrpwatch.core.cures import CURABLE, Cure
from vrrpwatch.core.model import Finding
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.controls import NO_MARK
from vrrpwatch.dashboard.dialogs import Reading
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.marks import FindingRow, Subject, row_of
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.page import DetailedPage
from vrrpwatch.dashboard.paint import Line, wrapped
from vrrpwatch.dashboard.remedies import Remedies, shown
from vrrpwatch.dashboard.table import Table
from vrrpwatch.dashboard.themes import Palette
from vrrpwatch.report.units import rate, scaled

# More than anyone adds to a firewall one by one, and forged leaks may be many more.
MAX_RULES: Final = 1_000


class CureRow(NamedTuple):
    """A finding and its cure; without one ``why`` tells the reason."""

    finding: FindingRow
    cure: Cure | None
    why: str


class RulesPage(DetailedPage[CureRow]):
    """All leaks and exceeded budgets, those first whose rules would save most."""

    DEFAULT_CSS = """
    RulesPage {
        & Table { height: 1fr; min-height: 2; }
        & Document { height: 9; max-height: 50%; border-top: solid $panel; }
    }
    """

    def __init__(self, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._abridged = abridged
        self._remedies = Remedies(abridged)
        self._findings: list[FindingRow] = []
        self._known: dict[Subject, CureRow] = {}
        self._left_out = 0

    def compose(self) -> ComposeResult:
        table: Table[CureRow, Subject] = Table(
            COLUMNS, lambda row: row.finding.subject, nothing="no leak and no exceeded budget found"
        )
        table.sort_by("P")
        yield table
        yield Document()

    @property
    def rule(self) -> str | None:
        """The rule under the cursor, as the screen shows it."""
        row, scene = self.current, self._scene
        return rule_text(row, scene.mask) if row is not None and row.cure is not None and scene is not None else None

    @property
    def masked(self) -> bool:
        """Whether stand-ins take the places of addresses and names."""
        return self._scene is not None and self._scene.mask.on

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        self._scene = scene
        if due:
            found = [finding for finding in view.findings() if finding.rule in CURABLE]
            self._left_out = max(0, len(found) - MAX_RULES)
            before = {subject: row.finding for subject, row in self._known.items()}
            self._findings = [row_of(finding, NO_MARK, before) for finding in _greatest(found)]
        if due or self._remedies.pending:
            self._remedies.work(view, self._findings)
            self._known = {finding.subject: self._row(finding) for finding in self._findings}
            if self.table is not None:
                self.table.load(list(self._known.values()), scene, due=due)

    def below(self, row: CureRow | None, scene: Scene) -> list[Line]:
        width = self.size.width - 2
        lines = whole(row, scene.mask, width) if row is not None else []
        if self._left_out:
            text = f"{self._left_out:,} more leaks with fewer packets are among the findings (key 2)"
            lines = [*wrapped(text, width, "notice"), *lines]
        return lines

    @on(Table.Chosen)
    def _chosen(self, message: Table.Chosen) -> None:
        if self._scene is not None and self.table is not None:
            self.app.push_screen(WholeRule(message.row, self._scene.mask, self.table.palette))

    def _row(self, finding: FindingRow) -> CureRow:
        """A finding's row; that of the picture before where nothing has changed."""
        cure = self._remedies.of(finding.subject)
        row = CureRow(finding, cure, "" if cure is not None else self._why(finding))
        before = self._known.get(finding.subject)
        return before if before == row else row

    def _why(self, finding: FindingRow) -> str:
        if not self._remedies.knows(finding.subject):
            return "…"
        if finding.subject[2] is not None:
            return "none: its virtual router is not known any more"
        if self._abridged:
            return f"none: what exceeded it is {words.NOT_KEPT}"
        return "none: what exceeded it cannot be told from other packets"


class WholeRule(Reading):
    """One finding and its rule, over the page."""

    DEFAULT_CSS = """
    WholeRule Vertical { height: 60%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", show=False)]

    def __init__(self, row: CureRow, mask: Mask, palette: Palette) -> None:
        super().__init__("Rule: Esc closes", palette)
        self._row = row
        self._mask = mask

    def lines(self, width: int) -> list[Line]:
        return whole(self._row, self._mask, width)

    def action_copy(self) -> None:
        if self._row.cure is not None:
            copy_rule(self.app, rule_text(self._row, self._mask), masked=self._mask.on)


def copy_rule(app: App[Any], rule: str, *, masked: bool) -> None:
    """Hands a rule to the terminal, which keeps it for pasting if it takes that from programs (OSC 52)."""
    app.copy_to_clipboard(rule)
    stand_ins = ", with the mask's stand-ins" if masked else ""
    app.notify(f"rule copied{stand_ins}, if the terminal allows it", timeout=3, markup=False)


def rule_text(row: CureRow, mask: Mask) -> str:
    """A row's rule as it is shown and copied, or why there is none."""
    return shown(row.cure.rule, row.finding.subject[1], mask) if row.cure is not None else row.why


def whole(row: CureRow, mask: Mask, width: int) -> list[Line]:
    """A row in full: the rule, where it belongs, what it saves, what for."""
    finding, cure = row.finding, row.cure
    lines: list[Line] = [
        [
            (f"{words.severity(finding.severity)} {finding.subject[0]}", words.SEVERITY_STYLES[finding.severity]),
            (f"  {_place(row, mask)}", "bold"),
            *([("   c", "key"), (" copies the rule", "dim")] if cure is not None else []),
        ]
    ]
    lines += wrapped(rule_text(row, mask), width, "good" if cure is not None else "dim")
    if cure is not None:
        lines += wrapped(f"on {mask.text(cure.where)}", width)
        saved = f"{rate(cure.packets_per_second)} packets/s, {scaled(cure.bits_per_second, 'bit/s')}"
        lines += wrapped(f"saves {saved} on average", width, "bold")
    return [*lines, *wrapped(mask.text(finding.summary), width, "dim")]


def _greatest(findings: list[Finding]) -> Iterable[Finding]:
    """As many as are shown: exceeded budgets, which are no more than segments, before leaks of many packets."""
    if len(findings) <= MAX_RULES:
        return findings
    return nlargest(MAX_RULES, findings, key=lambda finding: (finding.rule != "leak", finding.count))


def _place(row: CureRow, mask: Mask) -> str:
    _, segment, group, _ = row.finding.subject
    return words.group(group, mask) if group is not None else mask.name(segment)


def _packets(row: CureRow) -> float:
    return row.cure.packets_per_second if row.cure is not None else -1.0


def _bits(row: CureRow) -> float:
    return row.cure.bits_per_second if row.cure is not None else -1.0


COLUMNS: Final[tuple[Column[CureRow], ...]] = (
    Column(
        "Finding",
        18,
        lambda row, _: f"{words.severity(row.finding.severity)} {row.finding.subject[0]}",
        lambda row: row.finding.subject[0],
        rank=3,
        style=lambda row, _: words.SEVERITY_STYLES[row.finding.severity],
    ),
    Column(
        "Group",
        15,
        lambda row, scene: _place(row, scene.mask),
        lambda row: (row.finding.subject[1], str(row.finding.subject[2] or "")),
        share=2,
        most=44,
        middle=True,
    ),
    Column(
        "saved Pkt/s",
        12,
        lambda row, _: rate(row.cure.packets_per_second) if row.cure is not None else "-",
        _packets,
        rank=1,
        right=True,
        down=True,
        searched=False,
    ),
    Column(
        "saved Bit/s",
        12,
        lambda row, _: scaled(row.cure.bits_per_second, "bit/s") if row.cure is not None else "-",
        _bits,
        rank=4,
        right=True,
        down=True,
        searched=False,
    ),
    Column(
        "rule",
        12,
        lambda row, scene: rule_text(row, scene.mask),
        rank=2,
        share=8,
        style=lambda row, _: "dim" if row.cure is None else "",
    ),
)
