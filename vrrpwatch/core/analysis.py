"""The result of an analysis as values: what every report, export and front end is made from."""

from typing import NamedTuple

from vrrpwatch.core.model import Event, Finding, GroupKey, GroupState, Instant, Seconds, SpeakerKey
from vrrpwatch.wire.values import Camp, IPAddress, Mac


class InterfaceInfo(NamedTuple):
    """One capture interface; ``linktype`` is the number in the capture, ``dropped`` what it says it lost."""

    name: str
    linktype: int
    dropped: int | None


class SourceInfo(NamedTuple):
    """One capture.  ``damage`` is the one-line message of a cut or damaged one, else ``None``."""

    path: str
    format: str
    packets: int
    bytes: int
    first: Instant | None
    last: Instant | None
    damage: str | None
    interfaces: tuple[InterfaceInfo, ...]


class Segment(NamedTuple):
    """One layer-2 segment: an interface, and the VLANs on it from outer to inner."""

    id: str
    interface: str
    vlans: tuple[int, ...]


class SpeakerInfo(NamedTuple):
    """One speaker of a group; its settings are those that it announced last, a resignation apart."""

    key: SpeakerKey
    versions: tuple[int, ...]
    priority: int | None
    advbase: int | None
    advskew: int | None
    demotion: int | None
    interval: Seconds
    adverts: int
    first: Instant
    last: Instant
    addresses: tuple[IPAddress, ...]
    auth: str | None
    checksum: Camp | None
    implementation: str | None
    authentic: bool | None
    authentic_addresses: tuple[IPAddress, ...] | None = None


class Listener(NamedTuple):
    """A host that joined a group's multicast destination without being heard to advertise: a silent backup, perhaps."""

    ip: IPAddress
    mac: Mac | None
    joined: Instant


class Successor(NamedTuple):
    """Who would take over next, and how long after the master's last advertisement (``None``: cannot be known)."""

    ip: IPAddress
    in_seconds: Seconds | None


class Tenure(NamedTuple):
    """A stretch of the timeline: who held the group; it was contested with several ``holders``, lost with none."""

    first: Instant
    last: Instant
    holders: tuple[IPAddress, ...]


class GroupInfo(NamedTuple):
    """One virtual router as of the end of the traffic; ``peers`` are both ends of its unicast advertisements."""

    key: GroupKey
    state: GroupState
    master: SpeakerKey | None
    addresses: tuple[IPAddress, ...]
    interval: Seconds
    adverts: int
    first: Instant
    last: Instant
    speakers: tuple[SpeakerInfo, ...]
    successor: Successor | None
    listeners: tuple[Listener, ...] = ()
    timeline: tuple[Tenure, ...] = ()
    peers: tuple[IPAddress, ...] = ()


class Rate(NamedTuple):
    """Per second: over the whole time, and in the busiest whole second."""

    mean: float
    peak: float


class VolumeInfo(NamedTuple):
    """Multicast (and broadcast) of one destination on one segment.

    ``series`` is packets and bytes per bucket of ``bucket`` whole seconds from ``first``, for drawing.
    """

    segment: str
    destination: str
    protocol: str
    packets: int
    bytes: int
    sources: tuple[str, ...]
    first: Instant
    last: Instant
    packets_per_second: Rate
    bits_per_second: Rate
    bucket: int = 1
    series: tuple[tuple[int, int], ...] = ()


class Totals(NamedTuple):
    """Everything that was captured; ``adverts`` are VRRP and CARP advertisements that a router could accept."""

    packets: int
    bytes: int
    multicast_packets: int
    multicast_bytes: int
    adverts: int


class Analysis(NamedTuple):
    """All that was found; ``skipped`` counts by name what was not understood, ``evicted`` what was forgotten.

    ``until`` is the instant as of which it is judged: the last packet's, or a later one up to which nothing came.
    """

    sources: tuple[SourceInfo, ...]
    segments: tuple[Segment, ...]
    groups: tuple[GroupInfo, ...]
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    multicast: tuple[VolumeInfo, ...]
    totals: Totals
    skipped: dict[str, int]
    evicted: dict[str, int]
    until: Instant = 0
