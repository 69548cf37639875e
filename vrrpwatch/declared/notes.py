"""How readers of declarations say where something stands: places, notes on what was not understood, and the error."""

from typing import NamedTuple

from vrrpwatch.wire.text import safe_text


class Place(NamedTuple):
    """A line of a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{safe_text(self.file)}:{self.line}"


class Note(NamedTuple):
    """Something in a declaration that is unknown, unsupported or wrong; ``text`` is safe to print, and no secret."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{safe_text(self.file)}:{self.line}: {self.text}"


class DeclaredError(Exception):
    """A declaration cannot be read at all: one line per fault, each with the file and what to do about it."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


# A hostile file could make a note of every line, and nobody reads more than these.
MAX_NOTES = 1000


class Notes:
    """The notes of one reading, in the order made; those beyond ``MAX_NOTES`` are only counted."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._seen: set[Note] = set()
        self._more = 0
        self._last = Place("", 0)

    def add(self, place: Place, text: str) -> None:
        note = Note(place.file, place.line, text)
        if note in self._seen:
            return
        if len(self._notes) >= MAX_NOTES:
            self._more += 1
            self._last = place
            return
        self._notes.append(note)
        self._seen.add(note)

    def all(self) -> tuple[Note, ...]:
        if not self._more:
            return tuple(self._notes)
        return (*self._notes, Note(self._last.file, self._last.line, f"and {self._more} more notes, this one the last"))


def quoted(word: str) -> str:
    """A word of a declaration in quotes, short and safe to print."""
    return f"'{safe_text(word, 64)}'"
