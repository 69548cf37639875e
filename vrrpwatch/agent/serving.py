"""What the agent does when it is asked to, by its control socket or by a signal: drain, undrain, reload, status."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.ports import Change
from vrrpwatch.agent.routers import Routers
from vrrpwatch.agent.telling.requests import Handed, RequestError
from vrrpwatch.agent.telling.status import Status
from vrrpwatch.core.model import Seconds


class Serving:
    """Implements :class:`vrrpwatch.agent.telling.requests.Commands`.

    ``status`` and ``reload`` are the daemon's; ``settings`` returns those in force.
    """

    def __init__(
        self,
        routers: Routers,
        settings: Callable[[], AgentSettings],
        status: Callable[[], Status],
        reload: Callable[[], Awaitable[tuple[str, ...]]],
    ) -> None:
        self._routers, self._settings, self._status, self._reload = routers, settings, status, reload
        self._changed = asyncio.Event()

    def heed(self, _: Change) -> None:
        """Somebody may wait for a change of state."""
        self._changed.set()
        self._changed = asyncio.Event()

    def status(self) -> Status:
        return self._status()

    async def drain(self, routers: tuple[str, ...], wait: Seconds | None) -> tuple[Handed, ...]:
        names = self._named(routers)
        members = self._routers.node.members
        masters = [name for name in names if members[name].role == "master"]
        self._routers.drain(names)
        patience = self._settings().agent.drain_wait if wait is None else wait
        try:
            async with asyncio.timeout(patience):
                while any(members[name].role == "master" for name in masters if name in members):
                    await self._changed.wait()
                # Who has taken over is heard a moment after an owner's resignation.
                while any(self._successor_of(name) is None for name in masters):
                    await self._heard()
                # Whoever waits may be about to stop what serves the connections that were open.
                while any(self._routers.lingers(name) for name in masters):
                    await self._heard()
        except TimeoutError:
            pass
        return tuple(self._handed(name, name in masters, patience) for name in names)

    async def undrain(self, routers: tuple[str, ...]) -> tuple[str, ...]:
        names = self._named(routers)
        drained = tuple(name for name in names if self._routers.node.members[name].drained)
        self._routers.undrain(names)
        return drained

    async def reload(self) -> tuple[str, ...]:
        return await self._reload()

    def _named(self, routers: Iterable[str]) -> tuple[str, ...]:
        members = self._routers.node.members
        unknown = [name for name in routers if name not in members]
        if unknown:
            known = ", ".join(members)
            raise RequestError("usage", *(f"there is no router {name[:64]!a}: it has {known}" for name in unknown))
        return tuple(routers) or tuple(members)

    def _successor_of(self, name: str) -> object:
        member = self._routers.node.members.get(name)
        return member is None or member.role in ("stop", "fault") or member.master

    async def _heard(self) -> None:
        await asyncio.sleep(0.01)

    def _handed(self, name: str, was_master: bool, patience: Seconds) -> Handed:
        member = self._routers.node.members.get(name)
        if member is None:
            return Handed(name, False, None, "it was removed meanwhile")
        if not was_master:
            return Handed(name, True, member.master, f"it was {member.role} here")
        if member.role == "master":
            why = (
                f"nobody took over within {patience:g} s: is there a backup, and does it preempt? It stays master here"
            )
            return Handed(name, False, None, why)
        if member.state is not None and member.state.settings.owner:
            return Handed(name, True, None, "it resigned, since an owner's priority cannot be lowered")
        if member.master is None:
            return Handed(name, False, None, "it let go, but nobody was heard as master")
        return Handed(name, True, ip_address(str(member.master)))
