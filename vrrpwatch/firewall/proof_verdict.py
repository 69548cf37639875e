"""What a kernel did with each class, told as classes, faults, findings and savings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vrrpwatch.core.model import Evidence, Finding
from vrrpwatch.firewall.flows import ADVERTISEMENT
from vrrpwatch.firewall.proof_classes import Captured, PacketClass
from vrrpwatch.firewall.proof_values import Cured, Fate, Fault, FindingFate, Saving, Sight, Tried, Violation
from vrrpwatch.firewall.proof_ways import Way
from vrrpwatch.wire.values import Packet

_SECOND = 1_000_000_000


class Judged(NamedTuple):
    """A class, the ways on which it is tried, and what was seen there."""

    one: PacketClass
    ways: tuple[Way, ...]
    sights: tuple[Sight, ...]


@dataclass(slots=True)
class _Span:
    first: int
    last: int


@dataclass(slots=True)
class Trace:
    """What is followed packet by packet while a capture is read.

    ``followed`` gives the class of each packet that shows a finding, and whether it is within its flow's limit.
    """

    followed: dict[Evidence, tuple[int, bool] | None]
    over: dict[int, list[int]] = field(default_factory=dict)
    _spans: dict[str, _Span] = field(default_factory=dict)

    def note(self, number: int, one: Captured, evidence: Evidence, *, within: bool) -> None:
        if evidence in self.followed:
            self.followed[evidence] = number, within
        if not within:
            sums = self.over.setdefault(number, [0, 0])
            sums[0] += 1
            sums[1] += one.length
        span = self._spans.get(one.segment)
        if span is None:
            self._spans[one.segment] = _Span(one.at, one.at)
        else:
            span.first, span.last = min(span.first, one.at), max(span.last, one.at)

    def seconds(self, segment: str) -> float:
        """From the segment's first packet to its last."""
        span = self._spans[segment]
        return (span.last - span.first) / _SECOND


def tried(one: Judged) -> Tried:
    """The class as a report names it."""
    packet, known = one.one.packet, one.one
    network = packet.network
    return Tried(
        known.segment,
        packet.protocol if network is not None else None,
        str(network.source) if network is not None else "",
        str(network.destination) if network is not None else "",
        packet.source_mac,
        _id(packet),
        next((sight.serves for sight in one.sights if sight.serves), None),
        known.packets,
        known.octets,
        known.evidence,
        one.sights,
    )


def _id(packet: Packet) -> int | None:
    return packet.payload[1] if packet.protocol == ADVERTISEMENT and len(packet.payload) > 1 else None


def faults(number: int, one: Judged) -> list[Violation]:
    """What the rules do to a class that they should not; ``number`` counts from 0."""
    found: dict[Fault, list[Sight]] = {}
    for sight in one.sights:
        match sight.wanted, sight.fate:
            case "keep", "dropped":
                found.setdefault("dropped", []).append(sight)
            case "ignore", "dropped":
                found.setdefault("disturbed", []).append(sight)
            case "drop", "kept":
                found.setdefault("leaked", []).append(sight)
            case _:
                pass
    return [
        Violation(
            fault,
            one.one.segment,
            f"class {number + 1}",
            next((sight.serves for sight in sights if sight.serves), None),
            tuple(sight.way for sight in sights),
            one.one.packets,
            one.one.evidence,
        )
        for fault, sights in found.items()
    ]


def arrival(one: Judged) -> Fate:
    """What becomes of a class that comes in where the capture saw it: kept if it gets anywhere at all."""
    homes = {way.incoming for way in one.ways if way.own and way.incoming is not None}
    fates = {sight.fate for sight in one.sights if sight.way.incoming in homes and sight.way.vlans is None}
    return "kept" if "kept" in fates else "dropped" if "dropped" in fates else "unreached"


def cured(judged: Sequence[Judged], findings: Iterable[Finding], trace: Trace) -> tuple[Cured, ...]:
    """What becomes of each finding's packets; ``unknown`` where it names none that was tried."""
    made = []
    for finding in findings:
        kept: list[Evidence] = []
        dropped: list[Evidence] = []
        for evidence in finding.evidence:
            found = trace.followed.get(evidence)
            if found is None:
                continue
            number, within = found
            fate = arrival(judged[number])
            if fate == "kept" and within:
                kept.append(evidence)
            elif fate != "unreached":
                dropped.append(evidence)
        fates: FindingFate = "partly" if kept and dropped else "kept" if kept else "dropped" if dropped else "unknown"
        made.append(Cured(finding.rule, finding.segment, finding.subject, fates, tuple(kept), tuple(dropped)))
    return tuple(made)


def savings(judged: Sequence[Judged], trace: Trace) -> tuple[Saving, ...]:
    """By segment, of all classes that the plan judges where they arrive."""
    sums: dict[str, list[int]] = {}
    for number, one in enumerate(judged):
        if all(sight.wanted == "ignore" for sight in one.sights if sight.way.own):
            continue
        over = trace.over.get(number, [0, 0])
        kept = arrival(one) == "kept"
        totals = sums.setdefault(one.one.segment, [0, 0, 0, 0])
        totals[0] += one.one.packets
        totals[1] += one.one.packets - over[0] if kept else 0
        totals[2] += one.one.octets
        totals[3] += one.one.octets - over[1] if kept else 0
    return tuple(Saving(segment, trace.seconds(segment), *sums[segment]) for segment in sorted(sums))
