"""Hands connections over at a planned change of masters, on the old master's side and on the new one's."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from vrrpwatch.agent.handing.rules import guide, guide_table, quiet, quiet_table, without
from vrrpwatch.agent.launcher import Ending, Program
from vrrpwatch.agent.ports import Attachment, Holdings
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# nft takes some milliseconds; what takes longer has hung.
TIMEOUT = 5.0
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_GUIDED, _QUIET = ("ip", "ip6"), ("arp", "ip6")


Run = Callable[[Program], Awaitable[Ending]]


class Place(NamedTuple):
    """What a handover needs to know of a router."""

    family: int
    id: int
    attachment: Attachment
    addresses: tuple[IPAddress, ...]


class Handover:
    """A :class:`~vrrpwatch.agent.ports.Handover` over nft(8), which ``run`` runs; without it there is none.

    Calls return at once; what they ask for is done in order, within some milliseconds.
    """

    def __init__(self, holdings: Holdings, run: Run, seconds: Seconds, told: Callable[[str], None]) -> None:
        self._holdings, self._run, self._seconds, self._told = holdings, run, seconds, told
        self._program = shutil.which("nft", path=_PATH)
        self._places: dict[str, Place] = {}
        self._guided: dict[str, IPAddress] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._ending: dict[str, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._work: asyncio.Queue[str] = asyncio.Queue()
        self._worker = self._loop.create_task(self._apply())
        self._complained = False

    def place(self, router: str, place: Place | None) -> None:
        """Where the router runs, or that it does no more; one with a virtual MAC has no handover, since that moves."""
        if place is None or place.attachment.device != place.attachment.interface:
            self.forget(router)
            self.release(router)
            self._places.pop(router, None)
        else:
            self._places[router] = place

    def guide(self, router: str, master: IPAddress) -> None:
        place = self._places.get(router)
        if place is None or self._guided.get(router) == master or self._program is None:
            return
        self._cancel(self._ending, router)
        self._guided[router] = master
        table = guide_table(place.family, place.id, place.attachment.device_index)
        text = guide(table, place.attachment.device, place.addresses, master)
        self._work.put_nowait(without(table, _GUIDED) + text)

    def relieved(self, router: str) -> None:
        if router in self._guided:
            self._ending[router] = self._loop.call_later(self._seconds, self.forget, router)

    def forget(self, router: str) -> None:
        self._cancel(self._ending, router)
        if self._guided.pop(router, None) is not None:
            place = self._places[router]
            table = guide_table(place.family, place.id, place.attachment.device_index)
            self._work.put_nowait(without(table, _GUIDED))

    def linger(self, router: str) -> None:
        place = self._places.get(router)
        if place is None or self._program is None:
            self._holdings.release(router)
            return
        table = quiet_table(place.family, place.id, place.attachment.device_index)
        self._work.put_nowait(without(table, _QUIET) + quiet(table, place.attachment.device, place.addresses))
        self._lingering[router] = self._loop.call_later(self._seconds, self.release, router)

    def release(self, router: str) -> None:
        if self._cancel(self._lingering, router):
            self._holdings.release(router)
            self._speak(router)

    def resume(self, router: str) -> None:
        if self._cancel(self._lingering, router):
            self._speak(router)

    async def close(self) -> None:
        """Ends every handover, and returns when nothing is left of them."""
        for router in list(self._places):
            self.place(router, None)
        await self._work.join()
        self._worker.cancel()

    def _speak(self, router: str) -> None:
        place = self._places[router]
        table = quiet_table(place.family, place.id, place.attachment.device_index)
        self._work.put_nowait(without(table, _QUIET))

    @staticmethod
    def _cancel(handles: dict[str, asyncio.TimerHandle], router: str) -> bool:
        handle = handles.pop(router, None)
        if handle is None:
            return False
        handle.cancel()
        return True

    async def _apply(self) -> None:
        while True:
            text = await self._work.get()
            try:
                await self._load(text)
            finally:
                self._work.task_done()

    async def _load(self, text: str) -> None:
        if self._program is None:
            return
        ending = await self._run(Program((self._program, text), None, TIMEOUT, explain=True, network=True))
        if ending.status != 0 and not self._complained:
            self._complained = True
            reason = next(iter(ending.said.strip().splitlines()), ending.trouble)
            self._told(f"no handover of connections: nft: {reason}")
