"""Lines that may come again without end, told at most once a minute each: another program may fight for an address."""

from collections.abc import Callable
from typing import Final

from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.report.units import count

PERIOD: Final = 60 * NANOSECONDS


class Recurring:
    """Hands lines on to ``told``.  Callers have few different ones: each is remembered."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        # When each was told last, and how often it came since.
        self._last: dict[str, tuple[Instant, int]] = {}

    def tell(self, line: str, now: Instant) -> None:
        """Tells it; within a minute of the last time it is counted only, and the next time tells the number."""
        at, untold = self._last.get(line, (None, 0))
        if at is not None and now - at < PERIOD:
            self._last[line] = at, untold + 1
            return
        self._last[line] = now, 0
        self._told(f"{line} (and {count(untold, 'time')} more since this was last told)" if untold else line)
