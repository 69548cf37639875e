"""What the engine talks about: groups, what speakers claim, runs of claims, events and findings.

Instants are integer nanoseconds since the Unix epoch (``Instant``), durations are seconds (``Seconds``).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple

from vrrpwatch.wire.values import Camp, Carp, Glbp, Hsrp, IPAddress, Mac, Vrrp

Instant = int
Seconds = float

NANOSECONDS = 1_000_000_000
# Octets of a network device's name: IFNAMSIZ of linux/if.h is 16, and the closing zero is one of them.
MAX_DEVICE = 15

Protocol = Literal["vrrp", "carp", "hsrp", "glbp"]
Auth = Literal["none", "simple", "ah", "hmac", "carp"]
Cause = Literal["resigned", "preempted", "timed-out", "unknown"]
EventKind = Literal["master-appeared", "master-changed", "master-lost", "master-resigned"]
GroupState = Literal["held", "contested", "lost"]


def nanoseconds(duration: Seconds) -> int:
    """A duration in seconds as the nanoseconds that instants count."""
    return round(duration * NANOSECONDS)


class Severity(Enum):
    """How grave a finding is; ``rank`` orders them."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return ("info", "warning", "critical").index(self.value)


class GroupKey(NamedTuple):
    """One virtual router as the field keys it."""

    segment: str
    protocol: Protocol
    family: Literal[4, 6]
    id: int
    scope: str

    def __str__(self) -> str:
        return "|".join((self.segment, self.protocol, str(self.family), str(self.id), self.scope))


class SpeakerKey(NamedTuple):
    """One host that advertises in a group; ``mac`` is ``None`` on links without addresses and for HSRP and GLBP."""

    ip: IPAddress
    mac: Mac | None


class Evidence(NamedTuple):
    """A packet that shows something: the index of its source and its number there, from 1."""

    source: int
    packet: int


class Advert(NamedTuple):
    """What one speaker claims with one advertisement, whatever the protocol.

    ``claims`` is whether it says "I am the master" (an HSRP standby's hello does not); ``resigns`` whether it gives the
    role up (VRRP priority 0, CARP advbase = advskew = 255).  ``addresses`` is ``None`` where the protocol does not say
    or the capture cut them off.  ``checksum`` is ``None`` where the capture cut the message.
    """

    group: GroupKey
    speaker: SpeakerKey
    destination: IPAddress
    message: Vrrp | Carp | Hsrp | Glbp
    version: int
    priority: int | None
    advbase: int | None
    advskew: int | None
    demotion: int | None
    interval: Seconds
    addresses: tuple[IPAddress, ...] | None
    auth: Auth | None
    password: bytes | None
    checksum: Camp | None
    ttl: int
    tos: int
    dont_fragment: bool
    spi: int | None
    claims: bool
    resigns: bool
    implementation: str | None

    @property
    def claim(self) -> tuple[object, ...]:
        """All that makes two advertisements say the same: everything but counters, digests and check values."""
        hold = self.message.hold if isinstance(self.message, Hsrp | Glbp) else None
        return (
            self.group,
            self.speaker,
            self.destination,
            self.version,
            self.priority,
            self.advbase,
            self.advskew,
            self.demotion,
            self.interval,
            self.addresses,
            self.auth,
            self.password,
            self.checksum,
            self.ttl,
            self.tos,
            self.dont_fragment,
            self.spi,
            self.claims,
            self.resigns,
            self.implementation,
            hold,
        )


@dataclass(slots=True)
class Run:
    """A stretch of advertisements with identical content and no gap beyond one and a half intervals.

    A master that yields to a better one may be back within its master-down time, so a missed advertisement ends a run.
    Two runs of one content that touch say the same as their union: cutting a run anywhere changes no result.
    ``late`` is 1 if the run follows another of its speaker within the master-down time: its first advertisement was
    late.  ``greatest_gap`` is in nanoseconds and includes the one before a late run.
    ``earlier`` advertisements, the first of them at ``since``, came before it in time and announced the same interval,
    but said something else; ``continued`` is whether such a run follows this one.
    Of its advertisements the last ``uncounted`` are not counted yet for what is wrong with them.
    """

    advert: Advert
    source: int
    first: Instant
    last: Instant
    count: int
    first_packet: int
    last_packet: int
    greatest_gap: int = 0
    late: int = 0
    earlier: int = 0
    since: tuple[Instant, Evidence] | None = None
    continued: bool = False
    uncounted: int = 0


class Event(NamedTuple):
    """A change of mastership; ``source`` and ``packet`` are where it shows."""

    at: Instant
    kind: EventKind
    group: GroupKey
    source: int
    packet: int
    old: IPAddress | None = None
    new: IPAddress | None = None
    cause: Cause | None = None
    gap: Seconds | None = None
    expected_gap: Seconds | None = None


@dataclass(slots=True)
class Finding:
    """One thing that is wrong, about one subject, with the packets that show it."""

    rule: str
    severity: Severity
    segment: str
    group: GroupKey | None
    subject: str
    first: Instant
    last: Instant
    count: int
    summary: str
    evidence: tuple[Evidence, ...]

    @property
    def id(self) -> str:
        """Stable across runs and sources: the same trouble has the same id wherever it is seen."""
        # It brings in OpenSSL, of which a clean capture has no need.
        from hashlib import sha256

        text = "\0".join((self.rule, self.segment, str(self.group or ""), self.subject))
        # Names of interfaces are whatever a capture says.
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
