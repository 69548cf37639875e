"""Columns of numbers merged by key: the numpy bookkeeping under the multicast volume, which knows no protocol."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]

# Fewer unmerged rows than this are not worth a sort.
SMALL: Final = 8_192


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
    """Columns folded by key, one ufunc for each; sorted only when enough has come in, so that adding stays cheap."""

    def __init__(self, *folds: np.ufunc) -> None:
        self._folds = folds
        self._keys: Column = np.empty(0, dtype=np.int64)
        self._columns: tuple[Column, ...] = tuple(np.empty(0, dtype=np.int64) for _ in folds)
        self._fresh: list[tuple[Column, ...]] = []
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._keys) + self._waiting

    def add(self, keys: Column, *columns: Column) -> None:
        self._fresh.append((keys, *columns))
        self._waiting += len(keys)
        if self._waiting > max(SMALL, len(self._keys)):
            self.merged()

    def merged(self) -> tuple[Column, tuple[Column, ...]]:
        """All keys in ascending order, and their columns."""
        if self._fresh:
            parts = [(self._keys, *self._columns), *self._fresh]
            keys, *columns = (np.concatenate(part) for part in zip(*parts, strict=True))
            self._keys, self._columns = grouped(keys, tuple(columns), self._folds)
            self._fresh, self._waiting = [], 0
        return self._keys, self._columns

    def take_below(self, key: int) -> tuple[Column, tuple[Column, ...]]:
        """Removes the rows whose key is smaller than ``key`` and returns them."""
        keys, columns = self.merged()
        cut = int(np.searchsorted(keys, key))
        self.replace(keys[cut:].copy(), tuple(column[cut:].copy() for column in columns))
        return keys[:cut], tuple(column[:cut] for column in columns)

    def replace(self, keys: Column, columns: tuple[Column, ...]) -> None:
        """Puts other contents in place of the present ones; ``keys`` are ascending and distinct."""
        self._keys, self._columns = keys, columns
        self._fresh, self._waiting = [], 0
