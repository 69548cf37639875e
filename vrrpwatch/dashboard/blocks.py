"""Drawings out of block characters: sparklines, graphs with a budget line, and who held a group when."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.model import Instant
from vrrpwatch.dashboard.paint import Line, Span
from vrrpwatch.report.stretches import stretches
from vrrpwatch.report.units import clock, rate
from vrrpwatch.wire.values import IPAddress

EIGHTHS: Final = "▁▂▃▄▅▆▇█"
# A holder more takes a line more; the rest share one.
MAX_LANES: Final = 8


def sparkline(values: Sequence[float], width: int, top: float = 0.0) -> str:
    """The newest ``width`` values, one cell each, the newest at the right; a dot is none at all.

    ``top`` is a value that fills a cell even where all values are smaller.
    """
    return _sparkline(tuple(values[-width:]) if width > 0 else (), width, top)


# A row is drawn several times between two seconds, and healthy groups look alike.
@lru_cache(maxsize=1_000)
def _sparkline(shown: tuple[float, ...], width: int, top: float) -> str:
    most = max(top, max(shown, default=0.0))
    cells = ["·" if value <= 0 else EIGHTHS[min(7, int(8 * value / most))] for value in shown]
    return "".join(cells).rjust(width)


def graph(values: Sequence[float], width: int, height: int, budget: float | None = None) -> list[Line]:
    """Bars of one cell a value above each other in ``height`` lines, the newest at the right, the scale at the left.

    ``budget`` is drawn as a line across; what rises above it is painted as bad.
    """
    gutter = 8
    columns = max(1, width - gutter)
    shown = [0.0] * max(0, columns - len(values)) + [float(value) for value in values[-columns:]]
    most = max(1.0, max(shown), (budget or 0.0) * 1.15)
    step = most / height
    mark = min(height - 1, int((budget or 0.0) / step)) if budget else -1
    lines: list[Line] = []
    for row in range(height - 1, -1, -1):
        label = rate(most) if row == height - 1 else rate(budget or 0.0) if row == mark else "0" if row == 0 else ""
        style = "warning" if row == mark else "dim"
        spans: list[Span] = [(f"{label:>6} ", style), ("┤" if label else "│", "dim")]
        cells: list[Span] = []
        for value in shown:
            share = (value - row * step) / step
            if share >= 1 / 16:
                over = budget is not None and value > budget and row >= mark
                cells.append((EIGHTHS[min(7, max(0, round(share * 8) - 1))], "bad" if over else "graph"))
            else:
                cells.append(("─", "warning") if row == mark else (" ", ""))
        lines.append([*spans, *_runs(cells)])
    return lines


def lanes(timeline: Sequence[Tenure], now: Instant, names: dict[IPAddress, str], width: int) -> list[Line]:
    """One line a holder with blocks where it held the group, hatched where it was contested; then the time axis.

    ``names`` are the holders as they are shown.
    """
    pieces = stretches(timeline)
    if not pieces:
        return [[("no master heard yet", "dim")]]
    label = min(24, max(6, *(len(name) for name in names.values()))) if names else 6
    columns = max(8, width - label - 3)
    first = pieces[0].first
    last = max(now, pieces[-1].last, first + 1)
    holders = list(dict.fromkeys(holder for piece in pieces for holder in piece.holders))
    lines: list[Line] = []
    for holder in holders[:MAX_LANES]:
        cells = [(" ", "")] * columns
        for piece in pieces:
            if holder in piece.holders:
                start = min(columns - 1, (piece.first - first) * columns // (last - first))
                end = -(-(piece.last - first) * columns // (last - first))
                drawn: Span = ("▓", "bad") if len(piece.holders) > 1 else ("█", "good")
                for at in range(start, max(end, start + 1)):
                    if cells[at][0] != "▓":
                        cells[at] = drawn
        lines.append(
            [(f"{names.get(holder, str(holder))[:label]:<{label}} ", ""), ("▕", "dim"), *_runs(cells), ("▏", "dim")]
        )
    if len(holders) > MAX_LANES:
        lines.append([(f"and {len(holders) - MAX_LANES} more holders", "dim")])
    left, right = clock(first, 0), clock(last, 0)
    lines.append(
        [(" " * (label + 2) + left + (right.rjust(columns - len(left)) if columns > len(left + right) else ""), "dim")]
    )
    return lines


def _runs(cells: Sequence[Span]) -> list[Span]:
    """Cells of one style together: a strip costs what it has of segments."""
    spans: list[Span] = []
    for text, style in cells:
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans
