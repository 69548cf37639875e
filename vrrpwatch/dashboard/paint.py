"""Lines of styled text as Textual strips; what is too wide ends in an ellipsis, and markup means nothing here."""

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from vrrpwatch.dashboard.themes import Palette

# A piece of text and the name of its style; a line is several.
Span = tuple[str, str]
Line = Sequence[Span]


def width_of(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells: padded, or cut with an ellipsis."""
    size = width_of(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"[:width]
    padding = " " * (width - size)
    return padding + text if right else text + padding


def elide(text: str, width: int) -> str:
    """``text`` cut in its middle to ``width`` characters: of names and addresses both ends tell something."""
    if len(text) <= width or width < 3:
        return text
    head = width * 3 // 5
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def strip(line: Line, width: int, palette: Palette, *, ground: Style | None = None, over: Style | None = None) -> Strip:
    """A line as a strip of exactly ``width`` cells.

    ``ground`` lies under the spans' own styles, ``over`` wins over them: the cursor must have no holes.
    """
    base = palette.base if ground is None else palette.base + ground
    segments: list[Segment] = []
    left = width
    for text, name in line:
        size = width_of(text)
        if size > left:
            text = fit(text, left)
            size = left
        if size:
            style = base + palette[name]
            segments.append(Segment(text, style if over is None else style + over))
            left -= size
        if not left:
            break
    if left:
        segments.append(Segment(" " * left, base if over is None else base + over))
    return Strip(segments, width)


def bands(lines: Sequence[int], width: int) -> list[Region]:
    """Lines, in ascending order, as regions: those that touch together, for each region has its price."""
    regions: list[Region] = []
    for y in lines:
        if regions and regions[-1].bottom == y:
            regions[-1] = Region(0, regions[-1].y, width, regions[-1].height + 1)
        else:
            regions.append(Region(0, y, width, 1))
    return regions


def wrapped(text: str, width: int, style: str = "", indent: str = "") -> list[Line]:
    """A sentence as lines, broken between words."""
    pieces = wrap(text, max(10, width - len(indent)), break_long_words=True) or [""]
    return [[(indent, ""), (piece, style)] for piece in pieces]
