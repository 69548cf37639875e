"""What a flow's limit would cut of a capture, by the packets' own timestamps."""

from dataclasses import dataclass, field

from vrrpwatch.core.model import Evidence
from vrrpwatch.firewall.flows import Flow, Limit

# Packet numbers kept of what exceeds a limit.
MAX_EVIDENCE = 100
_SECOND = 1_000_000_000


@dataclass(slots=True)
class Bucket:
    """Full at first; a packet takes one token, and ``limit.rate`` come back every second, up to ``limit.burst``."""

    limit: Limit
    # In billionths of a token, so that whole nanoseconds give whole numbers.
    level: int = field(init=False)
    at: int | None = None

    def __post_init__(self) -> None:
        self.level = self.limit.burst * _SECOND

    def passes(self, at: int) -> bool:
        """Whether a packet at ``at`` (nanoseconds) is within the limit; a clock that steps back gives no tokens."""
        if self.at is not None and at > self.at:
            self.level = min(self.limit.burst * _SECOND, self.level + (at - self.at) * self.limit.rate)
        self.at = at
        if self.level < _SECOND:
            return False
        self.level -= _SECOND
        return True


class Excess:
    """Follows every limited flow of a capture."""

    def __init__(self) -> None:
        self._buckets: dict[Flow, Bucket] = {}
        self.packets: dict[Flow, int] = {}
        self.evidence: dict[Flow, list[Evidence]] = {}

    def take(self, flow: Flow, at: int, evidence: Evidence) -> bool:
        """Whether the packet is within the flow's limit."""
        if flow.limit is None:
            return True
        bucket = self._buckets.get(flow)
        if bucket is None:
            bucket = self._buckets[flow] = Bucket(flow.limit)
        if bucket.passes(at):
            return True
        self.packets[flow] = self.packets.get(flow, 0) + 1
        kept = self.evidence.setdefault(flow, [])
        if len(kept) < MAX_EVIDENCE:
            kept.append(evidence)
        return False
