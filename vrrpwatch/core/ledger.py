"""Columns of numbers merged by key: the numpy bookkeeping under the multicast volume, which knows no protocol."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]

# Fewer unmerged rows than this are not worth a sort.
SMALL: Final = 2_048
# A table with room for more rows than this is given up for a small one when it is nearly empty: a flood passes.
WIDE: Final = 65_536


def grouped(
    keys: Column, columns: tuple[Column, ...], folds: tuple[np.ufunc, ...]
) -> tuple[Column, tuple[Column, ...]]:
    """``columns`` folded (``np.add``, ``np.minimum``, …) over equal keys, in ascending order of key."""
    if not len(keys):
        return keys, columns
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], tuple(
        fold.reduceat(column[order], starts) for fold, column in zip(folds, columns, strict=True)
    )


class Ledger:
    """Columns folded by key, one ufunc for each; sorted only when enough has come in, so that adding stays cheap.

    All rows lie in one table that is written over in place: a ledger that is filled and emptied for months leaves no
    free pieces among what others hold, and keeps nothing alive that rows were cut from.
    """

    def __init__(self, *folds: np.ufunc) -> None:
        self._folds = folds
        # The keys and the columns, side by side: first the rows in order of key, then those that came in since.
        self._table: NDArray[np.int64] = np.empty((1 + len(folds), 0), dtype=np.int64)
        self._ordered = self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, keys: Column, *columns: Column) -> None:
        start, end = self._count, self._count + len(keys)
        if end > self._table.shape[1]:
            wider = np.empty((len(self._table), max(end, 2 * self._table.shape[1])), dtype=np.int64)
            wider[:, :start] = self._table[:, :start]
            self._table = wider
        for place, column in zip(self._table, (keys, *columns), strict=True):
            place[start:end] = column
        self._count = end
        if end - self._ordered > max(SMALL, self._ordered // 4):
            self.merged()

    def merged(self) -> tuple[Column, tuple[Column, ...]]:
        """All keys in ascending order, and their columns; lent until the ledger changes."""
        if self._count > self._ordered:
            keys, *columns = self._table[:, : self._count]
            self.replace(*grouped(keys, tuple(columns), self._folds))
        keys, *columns = self._table[:, : self._count]
        return keys, tuple(columns)

    def take_below(self, key: int) -> tuple[Column, tuple[Column, ...]]:
        """Removes the rows whose key is smaller than ``key`` and returns them."""
        keys, columns = self.merged()
        cut = int(np.searchsorted(keys, key))
        taken = keys[:cut].copy(), tuple(column[:cut].copy() for column in columns)
        self.replace(keys[cut:], tuple(column[cut:] for column in columns))
        return taken

    def replace(self, keys: Column, columns: tuple[Column, ...]) -> None:
        """Puts other contents in place of the present ones; ``keys`` are ascending, distinct and not more."""
        for place, column in zip(self._table, (keys, *columns), strict=True):
            place[: len(keys)] = column
        self._ordered = self._count = len(keys)
        if self._table.shape[1] > WIDE and self._count < WIDE // 8:
            self._table = self._table[:, : self._count].copy()

    def clear(self) -> None:
        """Removes all rows."""
        nothing = self._table[:, :0]
        self.replace(nothing[0], tuple(nothing[1:]))
