"""How long to wait before the next attempt; chance is injected."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vrrpwatch.core.model import Seconds

FIRST: Final[Seconds] = 0.5
CAP: Final[Seconds] = 60.0


@dataclass(slots=True)
class Backoff:
    """Doubles from ``first`` up to ``cap``; ``random`` gives numbers from 0 up to 1.

    Each wait is drawn from the upper half, so that many sensors do not come back to a receiver at one moment.
    """

    random: Callable[[], float]
    first: Seconds = FIRST
    cap: Seconds = CAP
    _failures: int = 0

    def failed(self, at_least: Seconds = 0.0) -> Seconds:
        """One more attempt failed; ``at_least`` is what the receiver asked for, which holds up to the cap."""
        # Beyond some 60 doublings every cap is reached.
        wait = min(self.cap, self.first * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return max(wait * (0.5 + self.random() / 2), min(at_least, self.cap))

    def succeeded(self) -> None:
        self._failures = 0
