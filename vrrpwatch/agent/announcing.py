"""When a master tells the network again where its addresses are: a burst, another one later, and then now and then."""

import heapq
from collections.abc import Callable, Iterator
from itertools import count

from vrrpwatch.agent.config.routers import Announcing
from vrrpwatch.core.model import Instant, nanoseconds

# Between two of a burst: a switch or host that was busy for one of them hears the next.
SPACING = 0.02


def announcements(config: Announcing, since: Instant) -> Iterator[Instant]:
    """The instants after ``since`` at which a master that took over then announces again; endless with a refresh.

    The first of the burst is the takeover's own, and not among these.
    """
    spacing = nanoseconds(SPACING)
    last = since
    for number in range(1, config.repeat):
        last = since + number * spacing
        yield last
    if config.delay:
        second = max(since + nanoseconds(config.delay), last + spacing)
        for number in range(config.repeat):
            last = second + number * spacing
            yield last
    if config.refresh:
        refresh = nanoseconds(config.refresh)
        yield from (since + number * refresh for number in count(1) if since + number * refresh > last)


class Announcements:
    """What all routers of a host have yet to announce; ``announce`` is called with a router's name at each instant."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._numbers = count()
        # What is left of each router's, and its number, which older entries of the agenda do not have.
        self._left: dict[str, tuple[int, Iterator[Instant]]] = {}
        self._agenda: list[tuple[Instant, int, str]] = []

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`wake` wants to be called next."""
        return self._agenda[0][0] if self._agenda else None

    def begin(self, router: str, config: Announcing, now: Instant) -> None:
        """The router has just announced for the first time; what was left of its earlier ones is no more."""
        number = next(self._numbers)
        self._left[router] = number, announcements(config, now)
        self._next(router)

    def end(self, router: str) -> None:
        """It is master no more."""
        self._left.pop(router, None)

    def wake(self, now: Instant) -> None:
        """Announces whatever is due."""
        while self._agenda and self._agenda[0][0] <= now:
            _, number, router = heapq.heappop(self._agenda)
            if self._left.get(router, (None,))[0] == number:
                self._announce(router)
                self._next(router)

    def _next(self, router: str) -> None:
        number, left = self._left[router]
        at = next(left, None)
        if at is not None:
            heapq.heappush(self._agenda, (at, number, router))
