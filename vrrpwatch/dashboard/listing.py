"""Which rows a table shows in which order: filtered and sorted no more often than due, whatever their number."""

from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from vrrpwatch.dashboard.columns import Column, Scene

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)

# Writing a row out costs about 10 µs; a picture has 16 ms, and leaves the rest of the rows to the next.
MAX_WRITTEN: Final = 400


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
    """The rows of a table, which of them are shown, and in what order."""

    def __init__(self, columns: Sequence[Column[Row]], identity: Callable[[Row], Key]) -> None:
        self.columns = columns
        self._identity = identity
        self._rows: Sequence[Row] = ()
        self._keys: list[Key] = []
        self._order: list[int] = []
        self._needle = Needle()
        self._written: dict[Key, tuple[Row, str]] = {}
        self._due = False
        self.sorting: Column[Row] | None = None
        self.reverse = False
        # Whether rows are left that the filter has not looked at.
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
        try:
            return self._order.index(self._keys.index(key))
        except ValueError:
            return None

    def load(self, rows: Sequence[Row]) -> None:
        """Takes the rows as they are now; what is shown keeps its order until :meth:`arrange`."""
        identity = self._identity
        keys = [identity(row) for row in rows]
        self._rows = rows
        # Keys that are the same objects compare in no time.
        if keys != self._keys:
            self._keys = keys
            self._order = []
            self._due = True

    def set_filter(self, text: str) -> None:
        self._needle = Needle(text)
        self._due = True

    def sort_by(self, letter: str) -> bool:
        """Sorts by the column with this key, or turns its order round; whether there is one."""
        column = next((column for column in self.columns if letter and column.key == letter), None)
        if column is None:
            return False
        self.reverse = not self.reverse if column is self.sorting else column.down
        self.sorting = column
        self._due = True
        return True

    def forget(self) -> None:
        """Makes the filter read every row anew: what is written of them has changed."""
        self._written.clear()
        self._due = True

    def arrange(self, scene: Scene, due: bool = True) -> None:
        """Brings filter and order up to date, if ``due`` or if something but the rows' values has changed."""
        if not (due or self._due or self.unread):
            return
        self._due = False
        shown = self._accepted(scene) if self._needle else range(len(self._rows))
        if self.sorting is None or self.sorting.order is None:
            self._order = list(shown)
            return
        order, rows = self.sorting.order, self._rows
        # Equal rows stay in the order of their keys, whatever was shown before.
        self._order = sorted(shown, key=lambda index: order(rows[index]), reverse=self.reverse)

    def _accepted(self, scene: Scene) -> list[int]:
        written, accepts = self._written, self._needle.accepts
        if len(written) > 2 * len(self._rows) + MAX_WRITTEN:
            written.clear()
        shown = []
        left = MAX_WRITTEN
        self.unread = 0
        for index, (key, row) in enumerate(zip(self._keys, self._rows, strict=True)):
            known = written.get(key)
            if known is None or (known[0] is not row and known[0] != row):
                if left:
                    left -= 1
                    known = written[key] = (row, self._write(row, scene))
                else:
                    self.unread += 1
                    # An old text is better than a row that flickers.
                    if known is None:
                        continue
            if accepts(known[1]):
                shown.append(index)
        return shown

    def _write(self, row: Row, scene: Scene) -> str:
        return "\n".join(column.text(row, scene) for column in self.columns if column.searched).casefold()
