"""One receiving socket and the routers that hear by it: whose an advert is, whether it counts, and when it came."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, NamedTuple

from vrrpwatch.agent.ports import Discarded, Heard
from vrrpwatch.agent.speaking import raw
from vrrpwatch.agent.speaking.frames import GROUPS
from vrrpwatch.agent.speaking.verifying import Reason, Refused, Remark, Verifier, addressed
from vrrpwatch.core.model import Instant

# About a fifth of a millisecond; the event loop comes back for the rest, after whoever else has something to do.
MAX_BATCH: Final = 16


class Clocks(NamedTuple):
    """Nanoseconds of the time of day, and of the clock that instants count on, which never steps."""

    wall: Callable[[], Instant] = lambda: time.clock_gettime_ns(time.CLOCK_REALTIME)
    boot: Callable[[], Instant] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Tally:
    """What became of a router's adverts, in packets; unicast ones count once for each peer."""

    sent: int = 0
    unsent: int = 0
    announced: int = 0
    received: int = 0
    discarded: dict[Reason, int] = field(default_factory=dict)
    remarks: dict[Remark, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Hearer:
    """A router as its receiving sockets know it; without ``peers`` (packed addresses) it hears the group."""

    name: str
    id: int
    peers: tuple[bytes, ...]
    verifier: Verifier
    tally: Tally


class Ear:
    """Hears one protocol of one family on one interface.  Raises :class:`OSError` where the kernel refuses."""

    def __init__(
        self, index: int, family: int, protocol: int, clocks: Clocks, refused: Callable[[Discarded], None]
    ) -> None:
        self.socket = raw.open_receiver(index, family, protocol)
        self.hearers: list[Hearer] = []
        # How many packets the kernel had no room for.
        self.dropped = 0
        # Whether the last read left perhaps more.
        self.full = False
        self._index = index
        self._group = GROUPS[family].packed
        self._clocks = clocks
        self._refused = refused
        self._empty_at = clocks.boot()
        # Whatever came before that has been read.
        self.heard_until = self._empty_at
        self._listening: list[Hearer] = []
        self._grouped: dict[int, Hearer] = {}
        self._peered: dict[tuple[int, bytes], Hearer] = {}
        # For what comes from a stranger: one of the routers of that id that have peers.
        self._unicast: dict[int, Hearer] = {}

    def listen(self, hearer: Hearer) -> None:
        """Hears for a router from now on; raises :class:`OSError` where the group cannot be joined."""
        if not hearer.peers and not any(not one.peers for one in self._listening):
            raw.membership(self.socket, self._group, self._index, join=True)
        if hearer not in self._listening:
            self._listening.append(hearer)
        self._sort()

    def stop_listening(self, hearer: Hearer) -> None:
        """Hears for it no longer; raises :class:`OSError` where the interface has gone, and its groups with it."""
        if hearer not in self._listening:
            return
        self._listening.remove(hearer)
        self._sort()
        if not hearer.peers and not any(not one.peers for one in self._listening):
            raw.membership(self.socket, self._group, self._index, join=False)

    def _sort(self) -> None:
        self._grouped = {one.id: one for one in self._listening if not one.peers}
        self._peered = {(one.id, peer): one for one in self._listening for peer in one.peers}
        self._unicast = {one.id: one for one in self._listening if one.peers}

    def read(self) -> list[Heard]:
        """The adverts that count of what has come, at most ``MAX_BATCH`` packets of it.

        Raises :class:`OSError` where the socket has failed.
        """
        heard: list[Heard] = []
        now = self._clocks.boot()
        ahead = self._clocks.wall() - now
        self.full = True
        for _ in range(MAX_BATCH):
            try:
                packet, wall, dropped = raw.receive(self.socket)
            except BlockingIOError:
                self._empty_at = self.heard_until = now
                self.full = False
                break
            if dropped is not None:
                self.dropped = dropped
            if wall is None:
                wall = now + ahead
            at = wall - ahead
            # When the time of day was set meanwhile, this is still certain: it came after there was nothing left to
            # read, and before now.
            if at > now:
                at = min(at, self._clocks.boot())
            self.heard_until = max(at, self._empty_at)
            one = self._judge(packet, wall, self.heard_until)
            if one is not None:
                heard.append(one)
        return heard

    def _judge(self, packet: bytes, wall: Instant, at: Instant) -> Heard | None:
        to = addressed(packet)
        if to is None:
            return None
        if to.multicast:
            hearer = self._grouped.get(to.id)
        else:
            hearer = self._peered.get((to.id, to.source))
            if hearer is None:
                stranger = self._unicast.get(to.id)
                if stranger is not None and not stranger.verifier.sent(packet):
                    self._discard(stranger, to.source, "rogue-speaker")
                return None
        if hearer is None:
            return None
        verdict = hearer.verifier.verify(packet, wall)
        if verdict is None:
            return None
        if isinstance(verdict, Refused):
            self._discard(hearer, to.source, verdict.reason)
            return None
        tally = hearer.tally
        tally.received += 1
        for remark in verdict.remarks:
            tally.remarks[remark] = tally.remarks.get(remark, 0) + 1
        return Heard(hearer.name, verdict.source, verdict.advert, at)

    def _discard(self, hearer: Hearer, source: bytes, reason: Reason) -> None:
        """Counts it, and tells of the first for a reason: who floods must not fill a log as well."""
        counted = hearer.tally.discarded
        before = counted.get(reason, 0)
        counted[reason] = before + 1
        if not before:
            self._refused(Discarded(hearer.name, ip_address(source), reason))
