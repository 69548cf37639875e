"""Announces addresses once the kernel takes packets for them: of IPv6 ones it does so a moment after they were put."""

from collections.abc import Callable

from vrrpwatch.agent.ports import Wire
from vrrpwatch.core.machine.settings import Advert
from vrrpwatch.core.model import Instant, nanoseconds

# The local route of an IPv6 address is put in by a kernel's worker (net/ipv6/addrconf.c: addrconf_dad_work) after
# the request for the address was acknowledged, and until then packets to it are dropped.  Its news of the address come
# with the route, within a millisecond; where they do not, the next announcement of a burst is made all the same.
PATIENCE = nanoseconds(0.01)


class Announcer:
    """A :class:`~vrrpwatch.agent.ports.Wire` over another one, whose announcements wait for their addresses.

    ``in_place`` says whether the kernel has told of a router's addresses, ``again`` has a router announced that is
    still master, and ``now`` is the clock.
    """

    def __init__(
        self,
        wire: Wire,
        in_place: Callable[[str], bool],
        again: Callable[[str], None],
        now: Callable[[], Instant],
    ) -> None:
        self._wire, self._in_place, self._again, self._now = wire, in_place, again, now
        # Until when each router's announcement waits.
        self._awaited: dict[str, Instant] = {}
        # Each advert passes here.
        self.send: Callable[[str, Advert], str | None] = wire.send

    def join(self, router: str) -> None:
        self._wire.join(router)

    def leave(self, router: str) -> None:
        self._awaited.pop(router, None)
        self._wire.leave(router)

    def announce(self, router: str) -> None:
        if not self._in_place(router):
            now = self._now()
            if now < self._awaited.setdefault(router, now + PATIENCE):
                return
        self._awaited.pop(router, None)
        self._wire.announce(router)

    def heard(self) -> None:
        """The kernel has told of addresses."""
        for router in [one for one in self._awaited if self._in_place(one)]:
            del self._awaited[router]
            self._again(router)
