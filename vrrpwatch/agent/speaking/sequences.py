"""Numbers that adverts carry against replays: those that a router sends, and the highest that it has heard of each.

They outlive sockets and interfaces: a router that is attached again goes on where it was.
"""

from dataclasses import dataclass
from typing import Final

from vrrpwatch.core.model import NANOSECONDS, Instant, Seconds

# 2020-01-01 in seconds since 1970.  Four numbers a second from there on last until 2054; a router that is started again
# is ahead of all that it sent before, unless it had sent more than that in every second.
_AH_EPOCH: Final = 1_577_836_800
_AH_RATE: Final = 4
_AH_MOST: Final = 2**32 - 1

# keepalived 2.4's time_window where it is not configured (vrrp.c, vrrp_complete_instance), in seconds.
_LEAST_WINDOW, _MOST_WINDOW = 5, 300

# Only who has the key gets an entry, so these are real routers; one that is forgotten can be replayed once more.
MAX_SOURCES: Final = 64


def freshness_window(interval: Seconds) -> int:
    """By how many seconds the clock in an HMAC trailer may differ from one's own."""
    return min(max(3 * int(interval), _LEAST_WINDOW), _MOST_WINDOW)


@dataclass(slots=True)
class Sequences:
    """What one router's adverts are numbered with; ``cookie`` is a 64-bit random number that is drawn once a run.

    ``wall`` below is the time of day in nanoseconds since 1970.
    """

    cookie: int
    identification: int = 0
    ah: int = 0
    trailer: int = 0

    def next_identification(self) -> int:
        """IPv4's; never 0, which the kernel would replace after the ICV was computed (raw(7))."""
        self.identification = self.identification % 0xFFFF + 1
        return self.identification

    def next_ah(self, wall: Instant) -> int:
        """The next sequence number of AH.

        keepalived keeps one number for all hosts of a router and drops what is not above it, so the next is also above
        all that was heard.
        """
        clock = (wall // NANOSECONDS - _AH_EPOCH) * _AH_RATE
        self.ah = min(max(self.ah + 1, clock), _AH_MOST)
        return self.ah

    def heard_ah(self, sequence: int) -> None:
        """A genuine advert of another host had this number."""
        self.ah = max(self.ah, sequence)

    def next_trailer(self, wall: Instant, window: int) -> int:
        """Seconds, 65,536ths and counter of the next HMAC trailer as one number: the time, or what follows the last."""
        seconds, rest = divmod(wall, NANOSECONDS)
        clock = seconds << 32 | (rest << 16) // NANOSECONDS << 16
        ahead = (self.trailer >> 32) - seconds
        # Receivers refuse what is beyond the window: once a clock was set back by more, growing on would be in vain.
        self.trailer = clock if clock > self.trailer or ahead > window else self.trailer + 1
        return self.trailer & 0xFFFF_FFFF_FFFF_FFFF


class Replays:
    """The highest number that each source's genuine adverts have had."""

    def __init__(self) -> None:
        self._marks: dict[bytes, int] = {}

    def fresh(self, source: bytes, number: int, ceiling: int | None = None) -> bool:
        """Takes ``number`` down, unless the source has had as high a one already.

        A mark at ``ceiling`` or above is from before a clock was set back, and holds nothing up.
        """
        mark = self._marks.get(source)
        if mark is not None and number <= mark and (ceiling is None or mark < ceiling):
            return False
        if mark is None and len(self._marks) >= MAX_SOURCES:
            del self._marks[next(iter(self._marks))]
        self._marks[source] = number
        return True
