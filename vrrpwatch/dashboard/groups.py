"""The overview: one line a group, with its state, master, priority, interval, jitter, age, heartbeat and severity."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from textual.app import ComposeResult

from vrrpwatch.core.model import GroupKey
from vrrpwatch.core.news import GroupRow, View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.blocks import sparkline
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.page import OpenGroup, Page
from vrrpwatch.dashboard.table import Table
from vrrpwatch.service.silences import NONE
from vrrpwatch.wire.values import IPAddress

_STATES: Final = {"held": 0, "lost": 2, "contested": 3}
_NOT_HEARD: Final = 1
# Heartbeats around the cursor that are kept when the screen is frozen, so that one can scroll through them.
MAX_FROZEN: Final = 500
_SPARK: Final = 61


def address_order(address: IPAddress | None) -> tuple[int, int]:
    """What addresses are sorted by, families apart and none first."""
    return (0, 0) if address is None else (address.version, int(address))


class GroupsPage(Page):
    """All groups."""

    def __init__(self, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._abridged = abridged
        self._beats: dict[GroupKey, Sequence[int]] = {}
        self._silences = NONE

    def compose(self) -> ComposeResult:
        table: Table[GroupRow, GroupKey] = Table(
            self._columns(), itemgetter(0), nothing="no VRRP, CARP, HSRP or GLBP advertisement heard yet"
        )
        table.sort_by("S")
        yield table

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        table = self.table
        if table is not None:
            before, self._silences = self._silences, scene.silences
            if before[1:] != scene.silences[1:]:
                table.listing.changed("T", lambda row: before.cover(row.key) != scene.silences.cover(row.key))
            table.load(view.rows(), scene, due=due)
            self._listen(view, table.around(table.size.height))

    def freeze(self, view: View) -> None:
        """Copies the heartbeats that someone who scrolls a frozen screen will come across."""
        if self.table is not None:
            self._listen(view, self.table.around(MAX_FROZEN))

    def _listen(self, view: View, rows: Sequence[GroupRow]) -> None:
        self._beats = {row.key: tuple(view.heartbeat(row.key)) for row in rows}

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self.post_message(OpenGroup(message.row.key))

    def _spark(self, row: GroupRow, scene: Scene, width: int) -> str:
        if scene.silences.cover(row.key):
            # A dot would say that somebody listened.
            return ""
        beats = self._beats.get(row.key, ())
        # A lone master fills half a cell: a second voice shows.
        return sparkline(beats, width, top=2 / row.interval if row.interval > 0 else 0)

    def _columns(self) -> tuple[Column[GroupRow], ...]:
        columns: tuple[Column[GroupRow], ...] = (
            Column(
                "Sev",
                3,
                lambda row, _: " " + words.severity(row.severity),
                lambda row: words.RANKS[row.severity],
                style=lambda row, _: words.SEVERITY_STYLES[row.severity],
                down=True,
            ),
            Column(
                "Group",
                15,
                lambda row, scene: words.group(row.key, scene.mask),
                itemgetter(0),
                share=3,
                most=44,
                middle=True,
            ),
            Column(
                "sTate",
                11,
                lambda row, scene: words.NOT_HEARD if scene.silences.cover(row.key) else words.state(row.state),
                lambda row: _NOT_HEARD if self._silences.cover(row.key) else _STATES[row.state],
                style=lambda row, scene: (
                    words.NOT_HEARD_STYLE if scene.silences.cover(row.key) else words.STATE_STYLES[row.state]
                ),
                down=True,
            ),
            Column(
                "Master",
                15,
                lambda row, scene: scene.mask.ip(row.master),
                lambda row: address_order(row.master),
                share=1,
                most=26,
                middle=True,
            ),
            Column(
                "Prio",
                4,
                lambda row, _: "-" if row.priority is None else str(row.priority),
                lambda row: -1 if row.priority is None else row.priority,
                rank=4,
                right=True,
                down=True,
            ),
            Column("Intv", 5, lambda row, _: words.short(row.interval), lambda row: row.interval, rank=3, right=True),
            Column(
                "Jitter",
                6,
                lambda row, _: words.short(row.jitter),
                lambda row: -1.0 if row.jitter is None else row.jitter,
                rank=2,
                right=True,
                down=True,
            ),
            Column(
                "Age",
                5,
                lambda row, scene: words.age(row.last, scene.now),
                lambda row: -row.last,
                rank=1,
                right=True,
                down=True,
                searched=False,
            ),
            Column(
                "adVerts", 11, lambda row, _: f"{row.adverts:,}", lambda row: row.adverts, rank=6, right=True, down=True
            ),
            Column(
                "beat",
                5,
                lambda row, scene: self._spark(row, scene, _SPARK),
                rank=5,
                share=4,
                most=61,
                searched=False,
                tail=True,
            ),
        )
        return tuple(column for column in columns if not (self._abridged and column.key == "J"))
