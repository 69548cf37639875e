"""Bounded waits: the lab never sleeps for a fixed time, it waits until something is so, for a limited time."""

import time
from collections.abc import Callable

# Often enough that a scenario's next step follows within a tenth of the shortest interval used.
_POLL = 0.02


class LabError(Exception):
    """The lab could not set up or record something; the message says what and what was seen instead."""


def wait_until(
    condition: Callable[[], bool],
    *,
    at_most: float,
    what: str,
    seen: Callable[[], str] | None = None,
    every: float = _POLL,
) -> None:
    """Returns once ``condition`` holds; raises ``LabError`` when it does not within ``at_most`` seconds.

    ``what`` names the condition, ``seen`` tells what was found in its place.  A condition that costs is looked at only
    ``every`` so many seconds.
    """
    deadline = time.monotonic() + at_most
    while not condition():
        if time.monotonic() >= deadline:
            detail = f": {seen()}" if seen is not None else ""
            raise LabError(f"waited {at_most:g} s in vain for {what}{detail}")
        time.sleep(every)
