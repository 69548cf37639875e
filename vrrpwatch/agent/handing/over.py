"""Hands connections over at a planned change of masters, on the old master's side and on the new one's."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from vrrpwatch.agent.handing.leftovers import left_tables
from vrrpwatch.agent.handing.rules import Served, guide, guide_table, quiet, quiet_table, without
from vrrpwatch.agent.launcher import Ending, Program
from vrrpwatch.agent.ports import Attachment, Holdings
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# nft takes some milliseconds; what takes longer has hung.
TIMEOUT = 5.0
# How long a guide that waits for its takeover is good for, and when it is renewed: should the agent be killed, and
# something else hold the addresses here, it is to end by itself.
WAITING, RENEWED = 600.0, 300.0
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_GUIDED, _QUIET = ("ip", "ip6"), ("arp", "ip6")
_POLL = 0.02


Run = Callable[[Program], Awaitable[Ending]]


class Place(NamedTuple):
    """What a handover needs to know of a router."""

    family: int
    id: int
    attachment: Attachment
    addresses: tuple[Served, ...]

    @property
    def guide_table(self) -> str:
        return guide_table(self.family, self.id, self.attachment.device_index)

    @property
    def quiet_table(self) -> str:
        return quiet_table(self.family, self.id, self.attachment.device_index)


class _Guided(NamedTuple):
    """The master that gets what is its own, and since when (seconds of the event loop)."""

    master: IPAddress
    since: Seconds


class Handover:
    """A :class:`~vrrpwatch.agent.ports.Handover` over nft(8), which ``run`` runs; without it there is none.

    Calls return at once; what they ask for is done within some milliseconds, and what is asked for meanwhile replaces
    what was asked for before of the same table: whoever sends adverts could have us guide to anybody, as often as he
    likes.
    """

    def __init__(self, holdings: Holdings, run: Run, seconds: Seconds, told: Callable[[str], None]) -> None:
        self._holdings, self._run, self._seconds, self._told = holdings, run, seconds, told
        self._program = shutil.which("nft", path=_PATH)
        self._places: dict[str, Place] = {}
        self._guided: dict[str, _Guided] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._ending: dict[str, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        # By table, the router that goes on in good order only if that succeeds, if any, and nft's words.
        self._wanted: dict[str, tuple[str | None, str]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._complained = False
        for table, families in left_tables().items():
            self._want(table, without(table, families))

    def place(self, router: str, place: Place | None) -> None:
        """Where the router runs, or that it does no more; one with a virtual MAC has no handover, since that moves."""
        if place is not None and place.attachment.device != place.attachment.interface:
            place = None
        if place == self._places.get(router):
            return
        self.forget(router)
        self.release(router)
        self._places.pop(router, None)
        if place is not None:
            self._places[router] = place

    def guide(self, router: str, master: IPAddress) -> None:
        place, now = self._places.get(router), self._loop.time()
        # What comes here while the router lingers is what the new master takes for ours.
        if place is None or self._program is None or router in self._lingering:
            return
        before = self._guided.get(router)
        if before is not None and before.master == master and now - before.since < RENEWED:
            return
        self._cancel(self._ending, router)
        self._guided[router] = _Guided(master, now)
        table = place.guide_table
        text = guide(table, place.addresses, master, place.attachment.device, WAITING)
        self._want(table, without(table, _GUIDED) + text)

    def relieved(self, router: str) -> None:
        if router in self._guided:
            self._cancel(self._ending, router)
            self._ending[router] = self._loop.call_later(self._seconds, self.forget, router)

    def forget(self, router: str) -> None:
        self._cancel(self._ending, router)
        if self._guided.pop(router, None) is not None:
            table = self._places[router].guide_table
            self._want(table, without(table, _GUIDED))

    def linger(self, router: str) -> None:
        # What is sent here from now on is to be served, not sent on.
        self.forget(router)
        place = self._places.get(router)
        if place is None or self._program is None:
            self._holdings.release(router)
            return
        table = place.quiet_table
        text = quiet(table, place.addresses, self._seconds + TIMEOUT)
        self._lingering[router] = self._loop.call_later(self._seconds, self.release, router)
        self._want(table, without(table, _QUIET) + text, needed_by=router)

    def release(self, router: str) -> None:
        if self._cancel(self._lingering, router):
            self._holdings.release(router)
            self._speak(router)

    def resume(self, router: str) -> None:
        if self._cancel(self._lingering, router):
            self._speak(router)

    def lingers(self, router: str) -> bool:
        """Whether the router, which was relieved, still serves connections."""
        return router in self._lingering

    async def close(self) -> None:
        """Lets connections that were handed back here have their time, and returns when nothing is left of it all."""
        while self._lingering:
            await asyncio.sleep(_POLL)
        for router in list(self._places):
            self.place(router, None)
        if self._worker is not None:
            await self._worker

    def _speak(self, router: str) -> None:
        table = self._places[router].quiet_table
        self._want(table, without(table, _QUIET))

    @staticmethod
    def _cancel(handles: dict[str, asyncio.TimerHandle], router: str) -> bool:
        handle = handles.pop(router, None)
        if handle is None:
            return False
        handle.cancel()
        return True

    def _want(self, table: str, text: str, needed_by: str | None = None) -> None:
        self._wanted[table] = needed_by, text
        if self._worker is None or self._worker.done():
            self._worker = self._loop.create_task(self._apply())

    async def _apply(self) -> None:
        while self._wanted:
            table = next(iter(self._wanted))
            router, text = self._wanted.pop(table)
            if not await self._load(text) and router is not None and table not in self._wanted:
                # Two hosts would answer for one address.
                self.release(router)

    async def _load(self, text: str) -> bool:
        if self._program is None:
            return False
        ending = await self._run(Program((self._program, text), None, TIMEOUT, explain=True, network=True))
        if ending.status == 0:
            return True
        if not self._complained:
            self._complained = True
            reason = next(iter(ending.said.strip().splitlines()), ending.trouble)
            self._told(f"no handover of connections: nft: {reason}")
        return False
