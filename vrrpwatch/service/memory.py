"""Keeps a program that runs for months as small as it was on its first day."""

import ctypes
from collections.abc import Callable
from typing import Final

from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.core.news import News

# malloc.h of glibc; mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Smaller arrays come and go with every look at a busy segment, and fresh memory for each would cost more than they do.
_THRESHOLD: Final = 1 << 20


def return_freed_memory() -> None:
    """Has large arrays go back to the system when they are freed.

    glibc keeps more and more for itself the larger what was freed; a limit keeps it from that (mallopt(3)).
    Other C libraries have no such call, and no such habit.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)


# It takes half a millisecond; what lies about for ten seconds is small.
_EACH: Final = 10 * NANOSECONDS


class Trimmer:
    """A sink that has glibc give back, every ten seconds, what lies free between things in use (malloc_trim(3))."""

    def __init__(self) -> None:
        self._trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._at: Instant = 0

    def tell(self, news: News) -> None:
        if self._trim is not None and not 0 <= news.now - self._at < _EACH:
            self._at = news.now
            self._trim(0)

    def close(self) -> None:
        """There is nothing to put away."""
