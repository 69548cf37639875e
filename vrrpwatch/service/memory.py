"""Keeps a program that runs for months as small as it was on its first day."""

import ctypes
from typing import Final

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
