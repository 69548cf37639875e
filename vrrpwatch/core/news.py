"""What goes on: the values that an engine which is still listening hands to stores, alerts, metrics and screens.

Instants are integer nanoseconds since the Unix epoch, as everywhere in the core.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from vrrpwatch.core.analysis import GroupInfo, Totals, VolumeInfo
from vrrpwatch.core.model import Event, Finding, GroupKey, GroupState, Instant, Seconds, Severity
from vrrpwatch.wire.values import IPAddress, Mac


class Second(NamedTuple):
    """What went to one destination of a segment in one whole second (since the epoch); no more of it will be told."""

    segment: str
    destination: str
    second: int
    packets: int
    bytes: int


class News(NamedTuple):
    """All that became certain since it was asked for last.

    ``findings`` are those raised since then, and those that grew and were not told for some seconds; they are copies,
    and :attr:`Finding.id` tells which are the same.  ``groups`` are those that changed, and those that were heard and
    not told for some seconds.  ``dropped`` is how many packets the capture has
    lost so far.
    """

    now: Instant
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    groups: tuple[GroupInfo, ...]
    seconds: tuple[Second, ...]
    totals: Totals
    dropped: int
    evicted: dict[str, int]


class GroupRow(NamedTuple):
    """One line of an overview; ``jitter`` is how far the master's newest gaps strayed from its interval."""

    key: GroupKey
    state: GroupState
    master: IPAddress | None
    priority: int | None
    interval: Seconds
    jitter: Seconds | None
    last: Instant
    adverts: int
    severity: Severity | None


class Neighbour(NamedTuple):
    """Who announced or answered for an address last: what hosts on the segment believe."""

    ip: IPAddress
    mac: Mac
    at: Instant
    expected: bool | None


class Member(NamedTuple):
    """A host that joined a multicast group."""

    segment: str
    group: IPAddress
    ip: IPAddress
    mac: Mac | None
    joined: Instant


class QuerierInfo(NamedTuple):
    """Who asks for memberships on a segment; ``protocol`` is igmp or mld."""

    segment: str
    protocol: str
    ip: IPAddress
    last: Instant


class RecentPacket(NamedTuple):
    """An advertisement as it was on the wire, link header first."""

    at: Instant
    source: int
    packet: int
    linktype: int
    frame: bytes


class View(Protocol):
    """What a screen shows, whether it comes from an interface, a recording or a store.  Nothing here waits."""

    @property
    def now(self) -> Instant: ...

    @property
    def totals(self) -> Totals: ...

    @property
    def dropped(self) -> int:
        """Packets that the capture lost so far."""
        ...

    def rows(self) -> Sequence[GroupRow]:
        """All groups, in the order of their keys."""
        ...

    def row(self, key: GroupKey) -> GroupRow | None: ...

    def group(self, key: GroupKey) -> GroupInfo | None: ...

    def events(self, key: GroupKey | None = None) -> Sequence[Event]:
        """Oldest first; of one group, or of all."""
        ...

    def findings(self) -> Sequence[Finding]:
        """The gravest first."""
        ...

    def multicast(self) -> Sequence[VolumeInfo]: ...

    def rates(self, segment: str, destination: str | None = None) -> Sequence[tuple[int, int]]:
        """Packets and bytes of each of the last whole seconds, the newest last; of all destinations without one."""
        ...

    def budget(self, segment: str) -> float:
        """Packets/s of redundancy and state-sync multicast that the segment may carry."""
        ...

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        """Advertisements of a group in each of the last whole seconds, the newest last."""
        ...

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]: ...

    def members(self) -> Sequence[Member]: ...

    def queriers(self) -> Sequence[QuerierInfo]: ...

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:
        """The newest advertisements of a group, oldest first."""
        ...
