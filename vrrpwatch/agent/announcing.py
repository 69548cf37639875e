"""When a master tells the network again where its addresses are: a burst, another one later, and then now and then."""

from collections.abc import Iterator
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
