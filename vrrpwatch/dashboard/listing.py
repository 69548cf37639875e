"""Which rows a table shows in which order: filtered and sorted no more often than due, whatever their number."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, Generic, TypeVar

from vrrpwatch.dashboard.columns import Column, Scene

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)

# Writing a row out costs some 5 µs; a picture has 16 ms, and leaves the rest of the rows to the next.
MAX_WRITTEN: Final = 600


class Needle:
    """A filter: a row must hold every word of it, and none of those that begin with ``!``; case is ignored."""

    def __init__(self, text: str = "") -> None:
        self.text = text.strip()
        words = self.text.casefold().split()
        self._wanted = tuple(word for word in words if not word.startswith("!"))
        self._unwanted = tuple(word[1:] for word in words if word.startswith("!") and len(word) > 1)

    def __bool__(self) -> bool:
        return bool(self._wanted or self._unwanted)

    def accepts(self, text: str) -> bool:
        """Whether ``text``, case folded, may be shown."""
        return all(word in text for word in self._wanted) and not any(word in text for word in self._unwanted)


class Listing(Generic[Row, Key]):
    """The rows of a table, which of them are shown, and in what order.

    What is worked out for a row is kept for as long as the row is the same object, so that a picture costs what has
    changed since the one before.
    """

    def __init__(self, columns: Sequence[Column[Row]], identity: Callable[[Row], Key]) -> None:
        self.columns = columns
        self._identity = identity
        self._rows: Sequence[Row] = ()
        self._keys: list[Key] = []
        self._order: list[int] = []
        self._needle = Needle()
        # By position in the rows: what the filter has read (``None``: nothing yet), its text, and the verdict.
        self._read: list[Row | None] = []
        self._texts: list[str] = []
        self._fits: list[bool] = []
        # By position in the rows: what sorting compares, and the rows that it was taken from.
        self._values: list[Any] = []
        self._valued: Sequence[Row] = ()
        # The last answer to "where is it?", which is asked several times a picture.
        self._found: tuple[Key, int | None] | None = None
        self._places: dict[Key, int] = {}
        self._due = False
        self.sorting: Column[Row] | None = None
        self.reverse = False
        # How many rows are left that the filter has not looked at.
        self.unread = 0

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> Row:
        return self._rows[self._order[position]]

    def key(self, position: int) -> Key:
        return self._keys[self._order[position]]

    @property
    def total(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._rows)

    @property
    def filter(self) -> str:
        return self._needle.text

    def position(self, key: Key) -> int | None:
        """Where a row is shown; ``None``: nowhere."""
        if self._found is None or self._found[0] != key:
            if len(self._places) != len(self._keys):
                self._places = {known: index for index, known in enumerate(self._keys)}
            try:
                self._found = key, self._order.index(self._places[key])
            except (KeyError, ValueError):
                self._found = key, None
        return self._found[1]

    def load(self, rows: Sequence[Row]) -> None:
        """Takes the rows as they are now; what is shown keeps its order until :meth:`arrange`."""
        keys = list(map(self._identity, rows))
        # Keys that are the same objects compare in no time.
        if keys != self._keys:
            self._move(keys)
            self._valued = ()
            self._order = []
            self._found = None
            self._places = {}
            self._due = True
        self._keys = keys
        self._rows = rows

    def set_filter(self, text: str) -> None:
        self._needle = Needle(text)
        self._fits = [self._needle.accepts(text) for text in self._texts]
        self._due = True

    def sort_by(self, letter: str) -> bool:
        """Sorts by the column with this key, or turns its order round; whether there is one."""
        column = next((column for column in self.columns if letter and column.key == letter), None)
        if column is None:
            return False
        self.reverse = not self.reverse if column is self.sorting else column.down
        self.sorting = column
        self._valued = ()
        self._due = True
        return True

    def forget(self) -> None:
        """Makes the filter read every row anew: what is written of them has changed."""
        self._read = [None] * len(self._rows)
        self._due = True

    def changed(self, letter: str, which: Callable[[Row], bool]) -> None:
        """What is in the column with this key has changed for some rows, though they are the same objects."""
        if self._needle:
            self._read = [None if row is None or which(row) else row for row in self._read]
            self._due = True
        else:
            self._read = [None] * len(self._read)
        if self.sorting is not None and self.sorting.key == letter:
            self._valued = ()
            self._due = True

    def arrange(self, scene: Scene, due: bool = True) -> None:
        """Brings filter and order up to date, if ``due`` or if something but the rows' values has changed."""
        if not (due or self._due or self.unread):
            return
        asked, self._due = self._due, False
        shown = self._accepted(scene) if self._needle else range(len(self._rows))
        if not self._needle:
            self.unread = 0
        if self.sorting is None or self.sorting.order is None:
            self._order = list(shown)
            self._found = None
            return
        order, rows, before = self.sorting.order, self._rows, self._values
        if self._valued and len(self._valued) == len(rows):
            kept = zip(rows, self._valued, self._values, strict=True)
            self._values = [value if row is valued else order(row) for row, valued, value in kept]
        else:
            self._values = list(map(order, rows))
        self._valued = rows
        if not asked and not self._needle and self._values == before and len(self._order) == len(rows):
            return
        self._found = None
        # Equal rows stay in the order of their keys, whatever was shown before.
        self._order = sorted(shown, key=self._values.__getitem__, reverse=self.reverse)

    def _accepted(self, scene: Scene) -> list[int]:
        """Positions of the rows that fit the filter; rows that changed are read again, so many a picture."""
        if len(self._read) != len(self._rows):
            self._move(self._keys)
        read, fits = self._read, self._fits
        changed = [index for index, (row, known) in enumerate(zip(self._rows, read, strict=True)) if row is not known]
        # Those that were never read come first: an old text is better than a row that is missing.
        changed.sort(key=lambda index: read[index] is not None)
        for index in changed[:MAX_WRITTEN]:
            row = self._rows[index]
            if row != read[index]:
                self._texts[index] = self._write(row, scene)
                fits[index] = self._needle.accepts(self._texts[index])
            read[index] = row
        self.unread = max(0, len(changed) - MAX_WRITTEN)
        return [index for index, fit in enumerate(fits) if fit]

    def _move(self, keys: list[Key]) -> None:
        """Takes what was read over to where the rows are now."""
        if not self._needle and not any(self._texts):
            self._read, self._texts, self._fits = [None] * len(keys), [""] * len(keys), [False] * len(keys)
            return
        before = {key: index for index, key in enumerate(self._keys[: len(self._read)])}
        places = [before.get(key) for key in keys]
        self._read = [self._read[place] if place is not None else None for place in places]
        self._texts = [self._texts[place] if place is not None else "" for place in places]
        self._fits = [self._fits[place] if place is not None else False for place in places]

    def _write(self, row: Row, scene: Scene) -> str:
        return "\n".join(column.text(row, scene) for column in self.columns if column.searched).casefold()
