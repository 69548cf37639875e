"""The register of findings: every rule's name and severity, and one entry per subject however often it is shown."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from vrrpwatch.core.model import Evidence, Finding, GroupKey, Instant, Severity

_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL

RULES: Final[dict[str, Severity]] = {
    "split-brain": _C,
    "vrid-collision": _C,
    "reflection": _W,
    "flapping": _W,
    "interval-mismatch": _W,
    "address-mismatch": _W,
    "version-mismatch": _W,
    "auth-mismatch": _C,
    "auth-cleartext": _W,
    "unauthenticated": _I,
    "auth-failed": _C,
    "bad-checksum": _W,
    "checksum-variant": _W,
    "bad-ttl": _C,
    "malformed": _W,
    "mac-mismatch": _W,
    "shared-virtual-mac": _C,
    "owner-priority": _W,
    "rogue-speaker": _C,
    "late-adverts": _W,
    "rate-high": _W,
    "leak": _W,
    "stale-arp": _C,
    "missing-garp": _W,
    "vip-conflict": _C,
    "multicast-budget": _W,
    "unjoined-multicast": _I,
    "no-querier": _W,
    "many-queriers": _W,
    "capture-loss": _W,
    "clock-step": _W,
}

# Subjects are taken from packets and so are forgeable: beyond this many findings new subjects are only counted, but for
# so many of each rule: ten thousand groups without authentication must not crowd out the one that has two masters.
MAX_FINDINGS: Final = 10_000
MAX_OF_RULE: Final = 1_000
# Enough packets to open in Wireshark; the count tells how many there were.
MAX_EVIDENCE: Final = 8


class Findings:
    """Collects findings, one per (rule, segment, group, subject).

    What is added must not depend on how runs were cut: ``count`` may be added up piece by piece, but ``evidence`` may
    only name packets that begin something (a run, an overlap, a claim).
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, GroupKey | None, str], Finding] = {}
        self._of_rule = dict.fromkeys(RULES, 0)
        self._grown: dict[int, Finding] = {}
        self.evicted = 0

    def add(
        self,
        rule: str,
        *,
        segment: str,
        group: GroupKey | None,
        subject: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        summary: str,
        evidence: Iterable[Evidence] = (),
    ) -> Finding | None:
        """Raises ``rule`` about ``subject``, or adds to what was raised: widens its time, adds ``count`` and evidence.

        The newest ``summary`` stands.  Returns ``None`` when the register is full.
        """
        last = first if last is None else last
        key = (rule, segment, group, subject)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MAX_FINDINGS and self._of_rule[rule] >= MAX_OF_RULE:
                self.evicted += 1
                return None
            self._of_rule[rule] += 1
            found = Finding(rule, RULES[rule], segment, group, subject, first, last, 0, summary, ())
            self._found[key] = found
        found.first = min(found.first, first)
        found.last = max(found.last, last)
        found.count += count
        found.summary = summary
        room = MAX_EVIDENCE - len(found.evidence)
        if room > 0:
            fresh = dict.fromkeys(item for item in evidence if item not in found.evidence)
            found.evidence += tuple(fresh)[:room]
        self._grown[id(found)] = found
        return found

    def extend(self, found: Finding, last: Instant, summary: str) -> None:
        """What was raised lasts until ``last``, as ``summary`` says."""
        found.last = max(found.last, last)
        found.summary = summary
        self._grown[id(found)] = found

    def grown(self) -> list[Finding]:
        """Copies of what was raised or added to since this was asked last, in the order of that."""
        grown = [replace(found) for found in self._grown.values()]
        self._grown.clear()
        return grown

    def get(self, rule: str, segment: str, group: GroupKey | None, subject: str) -> Finding | None:
        return self._found.get((rule, segment, group, subject))

    def all(self) -> tuple[Finding, ...]:
        """Every finding, the gravest first, then by time and name: an order that depends on the traffic alone."""
        return tuple(
            sorted(
                self._found.values(),
                key=lambda f: (-f.severity.rank, f.first, f.rule, f.segment, str(f.group or ""), f.subject),
            )
        )
