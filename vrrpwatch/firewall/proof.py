"""Proves rules on captured traffic: loads them into a scratch network namespace and holds its verdicts against a plan.

Every way is tried without rules first: what a kernel drops by itself is no merit of theirs.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vrrpwatch.core.model import Evidence, Finding
from vrrpwatch.firewall.expectation import Expected, Passage, expect
from vrrpwatch.firewall.flows import Family, Flow, Plan
from vrrpwatch.firewall.proof_classes import Captured, Classes
from vrrpwatch.firewall.proof_kernel import Attempt, Kernel, Replayer
from vrrpwatch.firewall.proof_limits import Excess
from vrrpwatch.firewall.proof_rules import states
from vrrpwatch.firewall.proof_values import Fate, Proof, Sight, Violation
from vrrpwatch.firewall.proof_verdict import Judged, Trace, cured, faults, savings, tried
from vrrpwatch.firewall.proof_ways import Way, expected, ways
from vrrpwatch.firewall.replay_job import RulesText
from vrrpwatch.firewall.replay_session import ProofError, replay
from vrrpwatch.wire.values import Ipv4, Packet

# Packets of one finding that are followed; a report names a few.
MAX_FOLLOWED: Final = 100


def prove(
    plan: Plan,
    rules: Sequence[RulesText],
    captured: Iterable[Captured],
    findings: Sequence[Finding] = (),
    *,
    replayer: Replayer = replay,
) -> Proof:
    """What ``rules`` do to what was captured, against what ``plan`` wants.

    ``captured`` comes in the order of time.  Raises :class:`ProofError` where no proof can be made.
    """
    reading = _Reading(plan, rules, findings)
    for one in captured:
        reading.take(one)
    judged, wanted = reading.judged()
    if not wanted:
        raise ProofError("nothing to prove the rules on: no packet of the capture has a way through this host's hooks")
    devices = {device for _, way in wanted for device in (way.incoming, way.outgoing) if device is not None}
    kernel = Kernel(plan, rules, [one.one for one in judged], devices, replayer)
    before = kernel.passes(wanted, ruled=False)
    after = kernel.passes(before, ruled=True)
    untried = kernel.retry(wanted, before, after)
    judged = [
        one._replace(sights=_sights(number, one.ways, wanted, before, after)) for number, one in enumerate(judged)
    ]
    bursts, uncut = kernel.bursts(wanted, before)
    return Proof(
        tuple(one.tool for one in rules),
        reading.families,
        tuple(tried(one) for one in judged),
        (*(fault for number, one in enumerate(judged) for fault in faults(number, one)), *reading.over_limit(), *uncut),
        cured(judged, findings, reading.trace),
        savings(judged, reading.trace),
        bursts,
        reading.classes.left(),
        reading.uncovered,
        untried,
        tuple(sorted({state for one in rules for state in states(one)})),
    )


def families(rules: Iterable[RulesText]) -> tuple[Family, ...]:
    """The address families that rules of these tools can be about."""
    tools = {one.tool for one in rules}
    if tools == {"iptables"}:
        return (4,)
    return (6,) if tools == {"ip6tables"} else (4, 6)


def confined(plan: Plan, packet: Packet) -> bool:
    """Whether the plan judges such packets at all, wherever on its segments they are."""
    for place in plan.places[:1]:
        passage = Passage(plan.hooks[0], place.devices[0], place.devices[-1] if plan.role == "bridge" else None)
        # Guards alone say what is judged.
        bare = plan._replace(flows=())
        return expect(bare, packet._replace(vlans=place.vlans), passage).wanted != "ignore"
    return False


class _Known(NamedTuple):
    """What is wanted of a class; ``flow`` is what it belongs to on its own segment."""

    covered: bool
    wanted: tuple[tuple[Way, Expected], ...]
    flow: Flow | None


class _Reading:
    """One pass over the capture."""

    def __init__(self, plan: Plan, rules: Sequence[RulesText], findings: Sequence[Finding]) -> None:
        self._plan = plan
        self._egress = any("egress" in one.text for one in rules)
        self.families = families(rules)
        self.classes = Classes(plan, self._confined)
        self.trace = Trace({one: None for finding in findings for one in finding.evidence[:MAX_FOLLOWED]})
        self.uncovered = 0
        self._excess = Excess()
        self._known: list[_Known] = []
        self._flows: dict[tuple[object, object], list[Flow]] = {}
        for flow in plan.flows:
            self._flows.setdefault((flow.source, flow.destination), []).append(flow)

    def _confined(self, packet: Packet) -> bool:
        return confined(self._plan, packet)

    def take(self, one: Captured) -> None:
        number = self.classes.take(one)
        if number is None:
            return
        if number == len(self._known):
            self._known.append(self._wants(number))
        known = self._known[number]
        self.uncovered += not known.covered
        evidence = Evidence(one.source, one.packet)
        within = known.flow is None or self._excess.take(known.flow, one.at, evidence)
        self.trace.note(number, one, evidence, within=within)

    def _wants(self, number: int) -> _Known:
        one = self.classes.get(number)
        network = one.packet.network
        if network is not None and (4 if isinstance(network, Ipv4) else 6) not in self.families:
            return _Known(False, (), None)
        found = ways(self._plan, one, judged=confined(self._plan, one.packet), egress=self._egress)
        # With a thousand groups, most flows are of other hosts.
        ends = (None, None) if network is None else (network.source, network.destination)
        near = self._plan._replace(flows=tuple(self._flows.get(ends, ())))
        pairs = tuple((way, expected(near, one.packet, way)) for way in found)
        return _Known(True, pairs, next((want.flow for way, want in pairs if way.own and want.flow is not None), None))

    def judged(self) -> tuple[list[Judged], dict[Attempt, Expected]]:
        """All classes, and what is wanted of each on each of its ways."""
        judged = [
            Judged(one, tuple(way for way, _ in known.wanted), ())
            for one, known in zip(self.classes.all(), self._known, strict=True)
        ]
        wanted = {(number, way): want for number, known in enumerate(self._known) for way, want in known.wanted}
        return judged, wanted

    def over_limit(self) -> list[Violation]:
        return [
            Violation(
                "over-limit",
                flow.place.segment,
                f"{flow.source} > {flow.destination}",
                flow.serves,
                (),
                count,
                tuple(self._excess.evidence[flow]),
            )
            for flow, count in self._excess.packets.items()
        ]


def _sights(
    number: int, found: Iterable[Way], wanted: dict[Attempt, Expected], before: set[Attempt], after: set[Attempt]
) -> tuple[Sight, ...]:
    sights = []
    for way in found:
        attempt = number, way
        fate: Fate = "unreached" if attempt not in before else "kept" if attempt in after else "dropped"
        flow = wanted[attempt].flow
        sights.append(Sight(way, wanted[attempt].wanted, None if flow is None else flow.serves, fate))
    return tuple(sights)
