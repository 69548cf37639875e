"""What has no equivalent or another meaning: lines with their places; and settings that are judged before they stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from vrrpwatch.core.faults import describe
from vrrpwatch.core.fields import Table
from vrrpwatch.declared.keepalived_tree import Statement, canonical
from vrrpwatch.declared.notes import Note, Notes, Place, quoted

Item = TypeVar("Item")
Number = TypeVar("Number", int, float)

LEFT_OUT: Final = "left out"
_OFF: Final = (("off",), ("false",), ("no",))
_LABEL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-")
_LONGEST_NAME: Final = 64


class Gaps:
    """The lines, each ``what: why, and what to do``."""

    def __init__(self) -> None:
        self._notes = Notes()
        self._said: set[str] = set()

    def add(self, place: Place, what: str, why: str) -> None:
        """``what`` is a word of the configuration, and ``why`` is safe to print."""
        self._notes.add(place, f"{quoted(what)}: {why}")

    def once(self, place: Place, what: str, why: str) -> None:
        """Says ``why`` at the first place that it is true of, since it is true of all."""
        if why not in self._said:
            self._said.add(why)
            self.add(place, what, why)

    def absent(self, statements: Iterable[Statement], reasons: Mapping[str, str]) -> None:
        """Says why there is nothing for these; what ``reasons`` do not name is dealt with elsewhere."""
        for statement in statements:
            why = reasons.get(canonical(statement.keyword))
            if why and statement.arguments not in _OFF:
                self.add(statement.place, statement.keyword, why)

    def fits(self, model: type[Table], table: Mapping[str, Any], place: Place, what: str) -> bool:
        """Whether the settings take it; where not, says why, in the words of the settings."""
        try:
            model.model_validate(dict(table), context={"read": lambda _: b"secret"})
        except ValidationError as error:
            for line in describe(error):
                self.add(place, what, f"{line.removeprefix('the file: ')}; {LEFT_OUT}")
            return False
        return True

    def bounded(self, value: Number, least: Number, most: Number, place: Place, what: str) -> Number:
        """The value, or the nearest that settings take."""
        made = min(max(value, least), most)
        if made != value:
            self.add(place, what, f"{value:g} is out of the agent's range: written as {made:g}")
        return made

    def capped(self, items: Sequence[Item], most: int, place: Place, what: str) -> Sequence[Item]:
        """The items, or the first ones of too many."""
        if len(items) > most:
            self.add(place, what, f"{len(items)} are more than the {most} that the agent takes: the rest is {LEFT_OUT}")
        return items[:most]

    def all(self) -> tuple[Note, ...]:
        return self._notes.all()


class Names:
    """Names that settings take, and no two the same; says where one is not keepalived's."""

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, wanted: str, place: Place) -> str:
        """``wanted``, or what is nearest to it."""
        clean = "".join(character if character in _LABEL else "_" for character in wanted)[:_LONGEST_NAME] or "_"
        made, number = clean, self._next.get(clean, 2)
        # The settings refuse names that differ in case only.
        while made.casefold() in self._taken:
            ending = f"-{number}"
            made = clean[: _LONGEST_NAME - len(ending)] + ending
            number += 1
        self._taken.add(made.casefold())
        # So that thousands of one name are no matter of millions of tries.
        self._next[clean] = number
        if made != wanted:
            self._gaps.add(place, wanted, f"is called {made} here: change scripts that go by its name")
        return made
