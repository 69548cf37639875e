"""What a proof found: plain values, and the same as a document for JSON."""

from typing import Any, Final, Literal, NamedTuple

from vrrpwatch.core.model import Evidence
from vrrpwatch.firewall.expectation import Wanted
from vrrpwatch.firewall.flows import Family
from vrrpwatch.firewall.proof_classes import Left
from vrrpwatch.firewall.proof_ways import Way
from vrrpwatch.firewall.replay_job import Tool

# ``unreached``: the kernel itself drops it, without any rules.
Fate = Literal["kept", "dropped", "unreached"]
FindingFate = Literal["kept", "dropped", "partly", "unknown"]
# What is wrong with the rules: belonging packets dropped; unlisted ones kept; what the policy does not judge dropped;
# a capture's own packets above their limit; a burst that no limit cuts; one that is cut too early.
Fault = Literal["dropped", "leaked", "disturbed", "over-limit", "unlimited", "limited-early"]

SCHEMA: Final = "vrrpwatch/proof/1"


class Sight(NamedTuple):
    """One way of one class: what the plan wants of it there, for whom, and what the kernel did."""

    way: Way
    wanted: Wanted
    serves: str | None
    fate: Fate


class Tried(NamedTuple):
    """Packets that rules cannot tell apart; ``protocol`` is the IP protocol, ``None`` for ARP.

    ``serves`` names the group or synchronisation that they belong to, where they do.
    """

    segment: str
    protocol: int | None
    source: str
    destination: str
    source_mac: str | None
    id: int | None
    serves: str | None
    packets: int
    octets: int
    evidence: tuple[Evidence, ...]
    sights: tuple[Sight, ...]


class Violation(NamedTuple):
    """One fault of the rules, on all ``ways`` on which it shows; ``packets`` says how many of the capture it concerns.

    ``subject`` names the class by number, or the flow.
    """

    fault: Fault
    segment: str
    subject: str
    serves: str | None
    ways: tuple[Way, ...]
    packets: int
    evidence: tuple[Evidence, ...]


class Cured(NamedTuple):
    """What becomes of the packets that show a finding, where they arrive."""

    rule: str
    segment: str
    subject: str
    fate: FindingFate
    kept: tuple[Evidence, ...]
    dropped: tuple[Evidence, ...]


class Saving(NamedTuple):
    """What arrives on a segment that the plan judges, and what the rules let through of it, over ``seconds``."""

    segment: str
    seconds: float
    packets_before: int
    packets_after: int
    octets_before: int
    octets_after: int

    def rate(self, count: int) -> float | None:
        """A count of these per second; ``None`` where all packets are of one instant."""
        return count / self.seconds if self.seconds > 0 else None


class Proof(NamedTuple):
    """``families`` are those that the rules are for; packets of another, ``uncovered`` in number, are not judged.

    ``untried`` counts ways that a rate limit may have closed and that were not tried again alone.
    ``bursts`` are the flows whose limit was tried in the kernel.  ``states`` are what the rules ask for that no replay
    has: connections, marks, hours and such.
    """

    tools: tuple[Tool, ...]
    families: tuple[Family, ...]
    classes: tuple[Tried, ...]
    violations: tuple[Violation, ...]
    findings: tuple[Cured, ...]
    savings: tuple[Saving, ...]
    bursts: tuple[str, ...]
    left: Left
    uncovered: int
    untried: int
    states: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the rules do all that the plan says of all that was tried, and something was."""
        return not self.violations and any(
            sight.wanted != "ignore" and sight.fate != "unreached" for one in self.classes for sight in one.sights
        )


def document(proof: Proof) -> dict[str, Any]:
    """The proof as JSON-able values."""
    return {
        "schema": SCHEMA,
        "passed": proof.passed,
        "tools": list(proof.tools),
        "families": list(proof.families),
        "classes": [_tried(one) for one in proof.classes],
        "violations": [
            {
                "fault": one.fault,
                "segment": one.segment,
                "subject": one.subject,
                "serves": one.serves,
                "ways": [_way(way) for way in one.ways],
                "packets": one.packets,
                "evidence": _evidence(one.evidence),
            }
            for one in proof.violations
        ],
        "findings": [
            {
                "rule": one.rule,
                "segment": one.segment,
                "subject": one.subject,
                "fate": one.fate,
                "kept": _evidence(one.kept),
                "dropped": _evidence(one.dropped),
            }
            for one in proof.findings
        ],
        "savings": [_saving(one) for one in proof.savings],
        "bursts": list(proof.bursts),
        "left": proof.left._asdict(),
        "uncovered": proof.uncovered,
        "untried": proof.untried,
        "states": list(proof.states),
    }


def _tried(one: Tried) -> dict[str, Any]:
    return {
        **one._asdict(),
        "evidence": _evidence(one.evidence),
        "sights": [
            {**_way(sight.way), "wanted": sight.wanted, "serves": sight.serves, "fate": sight.fate}
            for sight in one.sights
        ],
    }


def _saving(one: Saving) -> dict[str, Any]:
    return {
        **one._asdict(),
        "packets_per_second": {"before": one.rate(one.packets_before), "after": one.rate(one.packets_after)},
        "bytes_per_second": {"before": one.rate(one.octets_before), "after": one.rate(one.octets_after)},
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "hook": way.course,
        "incoming": way.incoming,
        "outgoing": way.outgoing,
        "own": way.own,
        "vlans": None if way.vlans is None else list(way.vlans),
    }


def _evidence(evidence: tuple[Evidence, ...]) -> list[dict[str, int]]:
    return [one._asdict() for one in evidence]
