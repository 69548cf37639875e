"""How many messages a route may send: a bucket that fills with time."""

from dataclasses import dataclass, field

from vrrpwatch.core.model import Instant, nanoseconds


@dataclass(slots=True)
class Bucket:
    """Holds up to ``messages`` and gains as many in ``seconds``, evenly; with 0 messages it has no bottom."""

    messages: int
    seconds: float
    _left: float = field(init=False)
    _at: Instant | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._left = float(self.messages)

    def holds(self, messages: int, now: Instant) -> bool:
        """Whether so many may be sent now; a clock that steps back gains nothing."""
        if not self.messages:
            return True
        if self._at is not None and now > self._at:
            gained = (now - self._at) * self.messages / nanoseconds(self.seconds)
            self._left = min(float(self.messages), self._left + gained)
        self._at = now
        # What was gained in parts adds up to a little less than a whole.
        return self._left >= messages - 1e-6

    def take(self, messages: int) -> None:
        """Sends so many; it must hold them."""
        if self.messages:
            self._left -= messages
