"""What a table's columns are, and which of them a screen has room for."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from vrrpwatch.core.model import Instant
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.service.silences import NONE, Silences

Row = TypeVar("Row")
GAP = 1


class Scene(NamedTuple):
    """What a cell's text depends on besides its row: the view's clock, the privacy mask, and what cannot be heard."""

    now: Instant
    mask: Mask
    silences: Silences = NONE


class Column(NamedTuple, Generic[Row]):
    """One column.  The only capital letter of ``title`` is the key that sorts by it.

    ``rank`` 0 is never dropped, the highest is dropped first.  A column with ``share`` takes that part of the room
    that is left, up to ``most`` cells.  ``order`` gives what it is sorted by (never ``None``), the greatest first where
    ``down``.  What changes with every picture is not ``searched``.  Of what is too wide, ``tail`` keeps
    the end and ``middle`` both ends.
    """

    title: str
    width: int
    text: Callable[[Row, Scene], str]
    order: Callable[[Row], Any] | None = None
    rank: int = 0
    style: Callable[[Row, Scene], str] | None = None
    right: bool = False
    share: int = 0
    most: int = 200
    down: bool = False
    searched: bool = True
    tail: bool = False
    middle: bool = False

    @property
    def key(self) -> str:
        """The letter that sorts by this column; empty where it cannot be sorted by."""
        return next((letter for letter in self.title if letter.isupper()), "") if self.order else ""


class Placed(NamedTuple, Generic[Row]):
    """A column with the width that it got."""

    column: Column[Row]
    width: int


def arrange(columns: Sequence[Column[Row]], width: int) -> list[Placed[Row]]:
    """The columns that fit into ``width`` cells, in their order; the least important are dropped first."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width + GAP for column in kept) - GAP > width:
        last = max(range(len(kept)), key=lambda index: (kept[index].rank, index))
        if not kept[last].rank:
            break
        del kept[last]
    room = max(0, width - sum(column.width + GAP for column in kept) + GAP)
    widths = [column.width for column in kept]
    # What one column has no use for is for the others.
    growing = [index for index, column in enumerate(kept) if column.share and column.width < column.most]
    while room and growing:
        shares = sum(kept[index].share for index in growing)
        gains = {
            index: min(max(1, room * kept[index].share // shares), kept[index].most - widths[index])
            for index in growing
        }
        for index, gain in gains.items():
            gain = min(gain, room)
            widths[index] += gain
            room -= gain
        growing = [index for index in growing if widths[index] < kept[index].most]
    return [Placed(column, size) for column, size in zip(kept, widths, strict=True)]
