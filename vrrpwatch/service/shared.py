"""A view that one thread keeps up to date while another looks at it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Final

from vrrpwatch.core.analysis import GroupInfo, Totals, VolumeInfo
from vrrpwatch.core.model import Event, Finding, GroupKey, Instant
from vrrpwatch.core.news import GroupRow, Member, Neighbour, QuerierInfo, RecentPacket, View


class SharedView:
    """Looks at ``view`` under ``lock``, which its owner holds while it changes; implements ``View``."""

    def __init__(self, view: View, lock: AbstractContextManager[object] | None = None) -> None:
        self.lock: Final = lock or RLock()
        self._view = view

    def replace(self, view: View) -> None:
        """Shows another view from now on."""
        with self.lock:
            self._view = view

    @property
    def now(self) -> Instant:
        with self.lock:
            return self._view.now

    @property
    def totals(self) -> Totals:
        with self.lock:
            return self._view.totals

    @property
    def dropped(self) -> int:
        with self.lock:
            return self._view.dropped

    def rows(self) -> Sequence[GroupRow]:
        with self.lock:
            return self._view.rows()

    def row(self, key: GroupKey) -> GroupRow | None:
        with self.lock:
            return self._view.row(key)

    def group(self, key: GroupKey) -> GroupInfo | None:
        with self.lock:
            return self._view.group(key)

    def events(self, key: GroupKey | None = None) -> Sequence[Event]:
        with self.lock:
            return self._view.events(key)

    def findings(self) -> Sequence[Finding]:
        with self.lock:
            return self._view.findings()

    def multicast(self) -> Sequence[VolumeInfo]:
        with self.lock:
            return self._view.multicast()

    def rates(self, segment: str, destination: str | None = None) -> Sequence[tuple[int, int]]:
        with self.lock:
            return self._view.rates(segment, destination)

    def budget(self, segment: str) -> float:
        with self.lock:
            return self._view.budget(segment)

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        with self.lock:
            return self._view.heartbeat(key)

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]:
        with self.lock:
            return self._view.neighbours(key)

    def members(self) -> Sequence[Member]:
        with self.lock:
            return self._view.members()

    def queriers(self) -> Sequence[QuerierInfo]:
        with self.lock:
            return self._view.queriers()

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:
        with self.lock:
            return self._view.packets(key)
