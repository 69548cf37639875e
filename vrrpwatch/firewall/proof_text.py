"""A proof as text for people: the verdict, what is wrong, what passed where, and what the rules would save."""

from collections.abc import Iterator
from typing import Final

from vrrpwatch.core.model import Evidence
from vrrpwatch.firewall.proof_values import Proof, Tried, Violation
from vrrpwatch.firewall.proof_ways import OUTSIDE, Way
from vrrpwatch.wire.text import safe_text

MAX_CLASSES: Final = 200
MAX_VIOLATIONS: Final = 100
MAX_PACKETS: Final = 8
MAX_WAYS: Final = 6

_FAULTS: Final = {
    "dropped": "belongs there and was dropped",
    "leaked": "is not listed there and was kept",
    "disturbed": "is none of the policy's business and was dropped",
    "over-limit": "belongs there and is above its limit: these would be dropped",
    "unlimited": "is to be limited and no limit cut it",
    "limited-early": "was cut before the policy's limit, if it has any",
}
_PROTOCOLS: Final = {None: "ARP", 1: "ICMP", 2: "IGMP", 17: "UDP", 51: "AH", 58: "ICMPv6", 112: "112", 240: "pfsync"}


def proof_text(proof: Proof) -> str:
    """Ready to print: nothing in it can steer a terminal."""
    return "".join(f"{line}\n" for line in _lines(proof))


def _lines(proof: Proof) -> Iterator[str]:
    tried = sum(one.packets for one in proof.classes)
    ways = sum(len(one.sights) for one in proof.classes)
    what = (
        f"{_count(tried)} in {_count(len(proof.classes), 'class', 'es')} on {ways:,} ways "
        f"through {', '.join(proof.tools)} rules"
    )
    if proof.passed:
        yield f"✔ proved: {what} did what the policy says"
    elif proof.violations:
        yield f"✖ not proved: {_count(len(proof.violations), 'fault')}; {what}"
    else:
        yield f"✖ not proved: nothing reached a hook where the policy wants anything; {what}"
    for violation in proof.violations[:MAX_VIOLATIONS]:
        yield from _violation(violation, proof.classes)
    yield from _more(len(proof.violations) - MAX_VIOLATIONS, "faults")
    yield ""
    judged = [one for one in proof.classes if any(sight.wanted != "ignore" for sight in one.sights)]
    for one in judged[:MAX_CLASSES]:
        yield from _class(one)
    yield from _more(len(judged) - MAX_CLASSES, "classes")
    yield from _others([one for one in proof.classes if one not in judged])
    if proof.findings:
        yield ""
    for cured in proof.findings:
        fate = {"unknown": "shows in no packet that was replayed", "partly": "partly dropped"}.get(
            cured.fate, cured.fate
        )
        yield _safe(f"finding {cured.rule} of {cured.subject} on {cured.segment}: its packets: {fate}")
    yield ""
    for saving in proof.savings:
        before, after = saving.rate(saving.packets_before), saving.rate(saving.packets_after)
        if before is None or after is None:
            yield _safe(f"{saving.segment}: {saving.packets_before:,} packets before, {saving.packets_after:,} after")
            continue
        octets = (saving.octets_before - saving.octets_after) / saving.seconds
        saved = f"saves {before - after:.1f} packets/s, {octets:,.0f} bytes/s"
        yield _safe(f"{saving.segment}: {before:.1f} packets/s before, {after:.1f} after; {saved}")
    yield from _notes(proof)


def _violation(one: Violation, classes: tuple[Tried, ...]) -> Iterator[str]:
    served = f" ({one.serves})" if one.serves else ""
    word, _, number = one.subject.partition(" ")
    # Classes count from 1.
    known = word == "class" and number.isdecimal() and 0 < int(number) <= len(classes)
    subject = _subject(classes[int(number) - 1]) if known else one.subject
    packets = _packets(one.packets, one.evidence)
    yield _safe(f"  ✖ {subject} on {one.segment}{served}: {_FAULTS[one.fault]}: {packets}")
    for way in one.ways[:MAX_WAYS]:
        yield _safe(f"      {_way(way)}")
    yield from (f"    {line}" for line in _more(len(one.ways) - MAX_WAYS, "ways"))


def _subject(one: Tried) -> str:
    number = "" if one.id is None else f" id {one.id}"
    protocol = _PROTOCOLS.get(one.protocol, str(one.protocol))
    return f"{one.source} > {one.destination} {protocol}{number}" if one.source else protocol


def _class(one: Tried) -> Iterator[str]:
    yield _safe(f"{one.segment}: {_subject(one)}: {one.serves or 'unlisted'}, {_count(one.packets)}")
    for fate in ("kept", "dropped"):
        ways = [_way(sight.way) for sight in one.sights if sight.fate == fate]
        if ways:
            more = f"; and {len(ways) - MAX_WAYS} more" if len(ways) > MAX_WAYS else ""
            yield _safe(f"  {fate}: {'; '.join(ways[:MAX_WAYS])}{more}")


def _others(classes: list[Tried]) -> Iterator[str]:
    """What the policy does not judge, in one line."""
    counts: dict[str, int] = {}
    for one in classes:
        protocol = _PROTOCOLS.get(one.protocol, str(one.protocol))
        counts[protocol] = counts.get(protocol, 0) + one.packets
    if counts:
        said = ", ".join(f"{_count(count)} of {protocol}" for protocol, count in sorted(counts.items()))
        yield f"not judged by the policy: {said}"


def _count(number: int, noun: str = "packet", plural: str = "s") -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _way(way: Way) -> str:
    tags = "" if way.vlans is None else f" VLAN {'.'.join(map(str, way.vlans)) or 'none'}"
    ends = [_device(device) for device in (way.incoming, way.outgoing) if device is not None]
    return f"{way.course} {' → '.join(ends)}{tags}"


def _device(name: str) -> str:
    return "of a device on no segment" if name == OUTSIDE else name


def _packets(count: int, evidence: tuple[Evidence, ...]) -> str:
    numbers = ", ".join(str(one.packet) for one in evidence[:MAX_PACKETS])
    return _count(count) + (f" ({numbers}{', …' if count > MAX_PACKETS else ''})" if numbers else "")


def _notes(proof: Proof) -> Iterator[str]:
    unreached = sum(sight.fate == "unreached" for one in proof.classes for sight in one.sights)
    if unreached:
        yield f"{unreached:,} ways never come to a rule: the kernel itself sends nothing on them"
    if proof.bursts:
        yield _safe(f"tried with a burst: {', '.join(proof.bursts[:10])}{', …' if len(proof.bursts) > 10 else ''}")
    if proof.states:
        yield f"not proved: what the rules do by {', '.join(proof.states)}, which a replay has none of"
    if proof.uncovered:
        others = "IPv4" if 4 not in proof.families else "IPv6"
        yield f"not judged: {proof.uncovered:,} packets of {others}, which these rules are not for"
    if proof.left.classes or proof.left.segments:
        yield f"left out: {proof.left.classes + proof.left.segments:,} packets, more classes or segments than are tried"
    if proof.left.unreadable:
        yield f"left out: {proof.left.unreadable:,} packets that are cut or neither IP nor ARP"
    if proof.untried:
        yield f"not tried again alone: {proof.untried:,} ways that a limit may have closed"


def _more(count: int, noun: str) -> Iterator[str]:
    if count > 0:
        yield f"  and {count:,} more {noun}; --output json lists all"


def _safe(text: str) -> str:
    return safe_text(text, 2000)
