"""Multicast volume per segment and destination, with a live graph of both and the segment's budget."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from textual import on
from textual.app import ComposeResult

from vrrpwatch.core.analysis import VolumeInfo
from vrrpwatch.core.names import STATE_SYNC, protocol_name
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.blocks import graph, sparkline
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.page import DetailedPage, OpenPage
from vrrpwatch.dashboard.paint import Line, Span, fit
from vrrpwatch.dashboard.table import Table
from vrrpwatch.report.units import count, rate, scaled
from vrrpwatch.wire.text import safe_text

# The destinations of redundancy and state synchronisation are few; flooded ones beyond these add nothing to a graph.
MAX_DESTINATIONS: Final = 100
# Summing up a segment asks for all of its destinations: a fleet's worth of them would take too long.
MAX_SEGMENTS: Final = 8
_REDUNDANCY: Final = frozenset(protocol_name(kind) for kind in STATE_SYNC)
_SPARK: Final = 60
_GRAPH: Final = 7
Rates = Sequence[tuple[int, int]]


class MulticastPage(DetailedPage[VolumeInfo]):
    """All multicast destinations; the graphs are of the one under the cursor and of its segment."""

    DEFAULT_CSS = """
    MulticastPage { & Table { height: 1fr; } & Document { height: 10; border-top: solid $panel; } }
    """

    def __init__(self, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._abridged = abridged
        self._rates: dict[tuple[str, str], Rates] = {}
        self._sums: dict[str, list[int]] = {}
        self._budgets: dict[str, float] = {}

    def compose(self) -> ComposeResult:
        table: Table[VolumeInfo, tuple[str, str]] = Table(
            self._columns(), lambda row: (row.segment, row.destination), nothing="no multicast seen yet"
        )
        table.sort_by("M")
        yield table
        yield Document()

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        table = self.table
        if table is None:
            return
        rows = view.multicast()
        table.load(rows, scene, due=due)
        self._scene = scene
        shown = table.around(table.size.height)
        self._rates = {(row.segment, row.destination): view.rates(row.segment, row.destination) for row in shown}
        # The graph follows the cursor between two pictures, so the other segments on the screen are summed up too.
        current = [self.current] if self.current is not None else []
        segments = list(dict.fromkeys(row.segment for row in [*current, *shown]))[:MAX_SEGMENTS]
        self._budgets = {segment: view.budget(segment) for segment in segments}
        self._sums = {segment: _redundancy(view, segment, rows) for segment in segments}

    def below(self, row: VolumeInfo | None, scene: Scene) -> list[Line]:
        return self._graphs(row, scene) if row is not None else []

    @on(Table.Chosen)
    def _chosen(self, message: Table.Chosen) -> None:
        self.post_message(OpenPage("groups", message.row.segment))

    def _graphs(self, row: VolumeInfo, scene: Scene) -> list[Line]:
        width = (self.size.width - 4) // 2
        sums, budget = self._sums.get(row.segment, []), self._budgets.get(row.segment, 0.0)
        segment, destination = scene.mask.name(row.segment), _destination(row, scene.mask)
        now = sums[-1] if sums else 0
        over = now > budget > 0
        what = "virtual routers" if self._abridged else "redundancy and sync"
        titles: list[Span] = [
            (fit(f"{segment} {what}, packets/s", width), "section"),
            ("  ", ""),
            (fit(f"{destination}, packets/s", width), "section"),
        ]
        share = f"{'▲ over' if over else '✔ within'} the budget: {now:,} of {rate(budget)}/s"
        sources = f"{count(len(row.sources), 'source')}: " + ", ".join(scene.mask.text(one) for one in row.sources[:4])
        style = "bad" if over else "good"
        if self._abridged:
            share, style = f"{now:,}/s; state sync is {words.NOT_KEPT}", "dim"
            sources = f"sources are {words.NOT_KEPT}"
        below: list[Span] = [(fit(share, width), style), ("  ", ""), (fit(sources, width), "dim")]
        packets = [packets for packets, _ in self._rates.get((row.segment, row.destination), ())]
        left, right = (
            graph(sums, width, _GRAPH, None if self._abridged else budget or None),
            graph(packets, width, _GRAPH),
        )
        return [titles, *([*one, ("  ", ""), *other] for one, other in zip(left, right, strict=True)), below]

    def _latest(self, row: VolumeInfo) -> Rates:
        return self._rates.get((row.segment, row.destination), ())

    def _spark(self, row: VolumeInfo) -> str:
        return sparkline([packets for packets, _ in self._latest(row)], _SPARK)

    def _columns(self) -> tuple[Column[VolumeInfo], ...]:
        def now(row: VolumeInfo, _: Scene) -> str:
            latest = self._latest(row)
            return f"{latest[-1][0]:,}" if latest else "-"

        columns: tuple[Column[VolumeInfo], ...] = (
            Column(
                "Segment", 8, lambda row, scene: scene.mask.name(row.segment), lambda row: row.segment, share=1, most=30
            ),
            Column(
                "Destination",
                15,
                lambda row, scene: _destination(row, scene.mask),
                lambda row: row.destination,
                share=1,
                most=30,
            ),
            Column(
                "pRotocol",
                10,
                lambda row, _: safe_text(row.protocol) or ("not kept" if self._abridged else ""),
                lambda row: row.protocol,
                share=1,
                most=24,
                rank=1,
            ),
            Column("now/s", 6, now, right=True, searched=False),
            Column(
                "Mean/s",
                7,
                lambda row, _: rate(row.packets_per_second.mean),
                lambda row: row.packets_per_second.mean,
                right=True,
                down=True,
                searched=False,
            ),
            Column(
                "peaK/s",
                7,
                lambda row, _: rate(row.packets_per_second.peak),
                lambda row: row.packets_per_second.peak,
                rank=2,
                right=True,
                down=True,
                searched=False,
            ),
            Column(
                "mean Bits/s",
                11,
                lambda row, _: scaled(row.bits_per_second.mean, "bit/s"),
                lambda row: row.bits_per_second.mean,
                rank=3,
                right=True,
                down=True,
                searched=False,
            ),
            Column("total", 8, lambda row, _: scaled(row.bytes, "B"), rank=6, right=True, searched=False),
            Column(
                "sOurces",
                7,
                lambda row, _: f"{len(row.sources):,}",
                lambda row: len(row.sources),
                rank=4,
                right=True,
                down=True,
                searched=False,
            ),
            Column("age", 6, lambda row, scene: words.age(row.last, scene.now), rank=7, right=True, searched=False),
            Column(
                "rate",
                8,
                lambda row, _: self._spark(row),
                rank=5,
                share=2,
                most=60,
                searched=False,
                tail=True,
                style=lambda *_: "graph",
            ),
        )
        return tuple(column for column in columns if not (self._abridged and column.key == "O"))


def _destination(row: VolumeInfo, mask: Mask) -> str:
    return mask.text(row.destination)


def _redundancy(view: View, segment: str, rows: Sequence[VolumeInfo]) -> list[int]:
    """Packets of each of the last seconds to a segment's redundancy and state-sync destinations, the newest last."""
    series = [
        [packets for packets, _ in reversed(view.rates(segment, row.destination))]
        for row in [row for row in rows if row.segment == segment and _is_redundancy(row)][:MAX_DESTINATIONS]
    ]
    return [sum(second) for second in zip_longest(*series, fillvalue=0)][::-1]


def _is_redundancy(row: VolumeInfo) -> bool:
    return not _REDUNDANCY.isdisjoint(row.protocol.split(","))
