"""Who may speak: routers that have listened, at the start, after a reload, or when their interface comes later."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Final

from vrrpwatch.agent.auditing.listening import Listened
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.config.routers import Router
from vrrpwatch.agent.routers import Routers
from vrrpwatch.core.model import Seconds

# Routers that share an interface get it one after the other, and listen together.
_TOGETHER: Final[Seconds] = 0.2
_UNHEARD: Final = "it has not listened yet"

Listen = Callable[[tuple[Station, ...]], Awaitable[Listened]]


class Admission:
    """Holds routers back until they have listened.

    ``listen`` listens; ``watch`` has the sniffer watch the routers that have an interface now; with ``force`` routers
    run in spite of what is heard.  ``changing`` is held by whoever changes which routers there are.
    """

    def __init__(
        self,
        routers: Routers,
        listen: Listen,
        watch: Callable[[], Awaitable[None]],
        told: Callable[[str], None],
        changing: asyncio.Lock,
        *,
        force: bool,
    ) -> None:
        self._routers, self._listen, self._watch, self._told = routers, listen, watch, told
        self._changing, self._force = changing, force
        # Those that have not listened, or with what was said against them.
        self._unheard: set[str] = set()
        self._stations: tuple[Station, ...] = ()
        self._attached = asyncio.Event()

    def begin(self, listened: Iterable[Station], *, all_may: bool) -> None:
        """All that have listened may run, or all."""
        names = set(self._routers.node.members)
        self._hold_back(set() if all_may else names - {one.name for one in listened})
        self._routers.start()

    def attached(self) -> None:
        """A router has got an interface, or another one."""
        self._attached.set()

    def watched(self, stations: tuple[Station, ...]) -> None:
        """The sniffer watches these from now on."""
        self._stations = stations

    async def follow(self) -> None:
        """Lets in whoever gets an interface, until this is cancelled."""
        while await self._attached.wait():
            await asyncio.sleep(_TOGETHER)
            self._attached.clear()
            async with self._changing:
                stations = self._routers.stations()
                late = tuple(one for one in stations if one.name in self._unheard)
                if late:
                    for line in await self._hear(late):
                        self._told(line)
                if set(self._routers.stations()) - set(self._stations):
                    await self._watch()

    async def admit(self, fresh: Collection[str], before: Iterable[Router]) -> list[str]:
        """Starts routers after a reload; those of ids that this host did not have listen first, as at the start.

        Returns a line for each thing that speaks against one.  Those that were held back listen again.
        """
        known = {_identity(router) for router in before if router.name not in self._unheard}
        members = self._routers.node.members
        strange = {name for name in fresh if _identity(members[name].config) not in known}
        self._hold_back((self._unheard & members.keys()) - set(fresh) | strange)
        self._routers.start(fresh)
        return await self._hear(tuple(one for one in self._routers.stations() if one.name in self._unheard))

    def _hold_back(self, names: set[str]) -> None:
        self._unheard = names
        self._routers.hold_back(names, _UNHEARD)

    async def _hear(self, stations: tuple[Station, ...]) -> list[str]:
        heard = await self._listen(stations)
        against: dict[str, str] = {}
        lines = []
        for name, line in objections(heard):
            against.setdefault(name, line.partition(": ")[2])
            lines.append(f"{line} (--force: it runs all the same)" if self._force else f"{line}; it is not started")
        stopped = {} if self._force else against
        for name, why in stopped.items():
            self._routers.hold_back([name], why)
        welcome = {one.name for one in stations} - stopped.keys()
        self._unheard -= welcome
        self._routers.hold_back(welcome, None)
        return lines


def objections(heard: Listened) -> Iterator[tuple[str, str]]:
    """For each thing that was heard against a router, its name and a line."""
    for one in heard.objections:
        if one.stops:
            yield one.router, f"{one.router}: {one.rule}: {one.heard}: {one.remedy}"


def _identity(router: Router) -> object:
    """What makes a router the same to everybody else, whatever its other settings are."""
    return router.interface, router.protocol, router.family, router.id, router.peers
