"""Waits until something is so, for a bounded time."""

import time
from collections.abc import Callable

_LONGEST = 30.0
_PAUSE = 0.01


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns as soon as ``condition`` holds; fails after half a minute."""
    end = time.monotonic() + _LONGEST
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(_PAUSE)
