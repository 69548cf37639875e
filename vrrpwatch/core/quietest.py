"""Which entry of a bounded table has been quiet for longest, found so that a flood of new ones costs little."""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from vrrpwatch.core.model import NANOSECONDS, Instant

Key = TypeVar("Key")
Entry = TypeVar("Entry")

# How many one look through the table finds.
BATCH: Final = 2_048
# Nobody's silence is forgiven for longer than this (ns).
MOST_CREDIT: Final = 3_600 * NANOSECONDS


def patient(first: Instant, last: Instant) -> Instant:
    """When an entry heard from ``first`` to ``last`` counts as heard last: as long as it was heard, it may be silent.

    A flood of forged entries, each heard once, so displaces its own and not those that have been there all the time.
    """
    return last + min(last - first, MOST_CREDIT)


class Quietest(Generic[Key, Entry]):
    """Looking through the whole table for every victim would be dear: one look finds many, the quietest first.

    ``last`` says when an entry was last heard; one that was heard since the look is none of the quietest any more.
    """

    def __init__(self, table: Mapping[Key, Entry], last: Callable[[Entry], Instant]) -> None:
        self._table = table
        self._last = last
        # The quietest at the end.
        self._found: list[tuple[Instant, Key]] = []

    def find(self, now: Instant) -> Key:
        """The key of the entry that has been quiet for longest; the table must not be empty.

        Entries that come after ``now``, the latest instant heard of, count as heard then or later.
        """
        while True:
            if not self._found:
                ranked = sorted(
                    (self._last(entry), place, key) for place, (key, entry) in enumerate(self._table.items())
                )
                # Whatever comes until the next look may be quieter than those with credit beyond this instant.
                due = [(last, key) for last, _, key in ranked[:BATCH] if last <= now] or [(ranked[0][0], ranked[0][2])]
                self._found = due[::-1]
            since, key = self._found.pop()
            if key in self._table and self._last(self._table[key]) == since:
                return key
