"""On which line of a TOML file something stands, for complaints about it; the file itself was read by tomllib."""

import re
from collections.abc import Iterator
from typing import Final

from vrrpwatch.core.faults import Place

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY: Final = rf"\s*{_PART}\s*(?:\.\s*{_PART}\s*)*"
_TABLE: Final = re.compile(rf"\s*(\[\[?)({_KEY})\]")
_SETTING: Final = re.compile(rf"({_KEY})=")
# What a value's end cannot stand in: strings (of several lines first), comments; and what opens and closes lists.
_TOKEN: Final = re.compile(r'"""|\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]')
_PARTS: Final = re.compile(_PART)


class TomlLines:
    """Knows the line of every table and every key of a file that tomllib could read."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Place, int] = {}
        self._tables: dict[Place, int] = {}
        for place, number in self._places(text):
            self._lines.setdefault(place, number)

    def of(self, place: Place) -> int | None:
        """The line of what stands at ``place``, from 1, or of the nearest thing around it; ``None`` for the file."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._lines:
                return self._lines[place[:length]]
        return None

    def _places(self, text: str) -> Iterator[tuple[Place, int]]:
        table: Place = ()
        for number, line in _statements(text):
            if (header := _TABLE.match(line)) is not None:
                table = self._table(_names(header[2]), repeated=header[1] == "[[")
                yield table, number
            elif (setting := _SETTING.match(line)) is not None:
                yield (*table, *_names(setting[1])), number

    def _table(self, names: list[str], *, repeated: bool) -> Place:
        """The place of a table's header: those before it that repeat are meant in their newest."""
        place: Place = ()
        for index, name in enumerate(names):
            place = (*place, name)
            if index == len(names) - 1 and repeated:
                self._tables[place] = self._tables.get(place, -1) + 1
            if place in self._tables:
                place = (*place, self._tables[place])
        return place


def _names(key: str) -> list[str]:
    return [part[1:-1] if part[0] in "\"'" else part for part in _PARTS.findall(key)]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Every line on which a statement begins, with its number; the rest of a long value is passed over."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        yield number + 1, line
        number += 1
        if _TABLE.match(line):
            continue
        depth, quote = _state(line, 0, "")
        while (depth > 0 or quote) and number < len(lines):
            depth, quote = _state(lines[number], depth, quote)
            number += 1


def _state(line: str, depth: int, quote: str) -> tuple[int, str]:
    """How deep in lists the end of ``line`` is, and the mark of the string of several lines that it is in, if any."""
    at = 0
    while True:
        if quote:
            end = line.find(quote, at)
            if end < 0:
                return depth, quote
            at, quote = end + 3, ""
        token = _TOKEN.search(line, at)
        if token is None:
            return depth, ""
        at = token.end()
        if token[0] in ('"""', "'''"):
            quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
