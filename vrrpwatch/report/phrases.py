"""What an analysis says in sentences, for terminal and HTML alike: verdict, events, findings, speakers."""

from collections import Counter
from typing import Final

from vrrpwatch.core.analysis import Analysis, GroupInfo, SpeakerInfo, Totals
from vrrpwatch.core.cures import Cure
from vrrpwatch.core.model import Event, Finding, Severity
from vrrpwatch.report.units import count, duration, group_name, rank, rate, scaled, share, span, speaker_protocol
from vrrpwatch.wire.text import safe_text

SYMBOLS: Final = {Severity.CRITICAL: "✖", Severity.WARNING: "▲", Severity.INFO: "•"}
STATE_SYMBOLS: Final = {"held": "✔", "contested": "✖", "lost": "○"}
_AUTH = {
    "none": "no authentication",
    "simple": "simple password",
    "ah": "AH",
    "hmac": "HMAC trailer",
    "carp": "keyed digest",
}


def severities(findings: tuple[Finding, ...]) -> list[tuple[Severity, int]]:
    """How many findings there are of each severity that occurs, the gravest first."""
    numbers = Counter(finding.severity for finding in findings)
    return sorted(numbers.items(), key=lambda item: -item[0].rank)


def worst(analysis: Analysis) -> Severity | None:
    """The gravest severity found."""
    return max((finding.severity for finding in analysis.findings), key=lambda severity: severity.rank, default=None)


def is_healthy(analysis: Analysis) -> bool:
    """Whether there are virtual routers and nothing is worse with them than what is said for information."""
    states_held = all(group.state == "held" for group in analysis.groups)
    return bool(analysis.groups) and states_held and worst(analysis) in (None, Severity.INFO)


def verdict_mark(analysis: Analysis) -> tuple[str, Severity | None]:
    """The symbol before the verdict, and the severity that gives its colour (``None``: all is well)."""
    gravest = worst(analysis)
    if is_healthy(analysis):
        return "✔", None
    if gravest is None:
        return ("○", Severity.WARNING) if analysis.groups else (SYMBOLS[Severity.INFO], Severity.INFO)
    return SYMBOLS[gravest], gravest


def verdict(analysis: Analysis) -> str:
    """The whole analysis in one sentence."""
    routers = count(len(analysis.groups), "virtual router")
    states = Counter(group.state for group in analysis.groups)
    if not analysis.groups:
        condition = nothing_heard(analysis.totals)
    elif states["held"] == len(analysis.groups):
        condition = f"{routers}, {'each with' if len(analysis.groups) > 1 else 'with'} one master at the end"
    else:
        troubled = ", ".join(f"{states[state]} {state}" for state in ("contested", "lost", "held") if states[state])
        condition = f"{routers}: {troubled} at the end"
    grave = ", ".join(_numbered(severity, number) for severity, number in severities(analysis.findings))
    if is_healthy(analysis):
        return f"{condition}; nothing wrong found" + (f", {grave}" if grave else "")
    if not grave:
        return condition
    return f"{condition}; found: {grave}"


def _numbered(severity: Severity, number: int) -> str:
    if severity is Severity.CRITICAL:
        return f"{number:,} critical"
    return count(number, "warning" if severity is Severity.WARNING else "note")


def nothing_heard(totals: Totals) -> str:
    """What to say when no virtual router was heard."""
    if not totals.packets:
        return "the capture holds no packets"
    return f"no VRRP, CARP, HSRP or GLBP advertisements in {count(totals.packets, 'packet')}"


def event_text(event: Event) -> str:
    """What happened, without when and to which group: ``10.0.0.3 took over from 10.0.0.2, …``."""
    match event.kind:
        case "master-appeared":
            return f"{event.new} is master (first heard)"
        case "master-resigned":
            return f"{event.old} resigned"
        case "master-lost":
            silence = f" for {duration(event.gap)}" if event.gap is not None else ""
            return f"{event.old} fell silent; nobody has advertised{silence}"
    return f"{event.new} took over from {event.old}{_circumstances(event)}"


def _circumstances(event: Event) -> str:
    gap = "" if event.gap is None else f" after {duration(event.gap)}"
    expected = f", {duration(event.expected_gap)} prescribed" if event.expected_gap is not None else ""
    match event.cause:
        case "resigned":
            return f", which had resigned,{gap}{expected}" if gap else ", which had resigned"
        case "timed-out":
            return f", which had fallen silent,{gap}{expected}" if gap else ", which had fallen silent"
        case "preempted":
            return " by preemption" + (gap if event.gap else "")
        case _:
            return f"{gap}{expected} (cause unknown)"


def is_late(event: Event) -> bool:
    """Whether a takeover came more than a tenth later than prescribed, a tenth of a second at least."""
    if event.gap is None or event.expected_gap is None:
        return False
    return event.gap - event.expected_gap > max(0.1, 0.1 * event.expected_gap)


def finding_title(finding: Finding) -> str:
    """The rule and what it is about: ``split-brain: VRRP 51 on eth0/10``."""
    where = group_name(finding.group) if finding.group else safe_text(finding.segment)
    return f"{finding.rule}: {where}" if where else finding.rule


def finding_extent(finding: Finding) -> str:
    """How often and when: ``43 times, 10:00:01.000 to 10:00:13.000``."""
    times = "once, " if finding.count == 1 else f"{finding.count:,} times, "
    return times + span(finding.first, finding.last)


def speaker_text(group: GroupInfo, speaker: SpeakerInfo) -> str:
    """One speaker's facts, its address left out."""
    facts = [
        speaker_protocol(group.key, speaker),
        rank(speaker),
        f"every {duration(speaker.interval)}",
        count(speaker.adverts, "advert"),
    ]
    if speaker.auth is not None:
        facts.append(_AUTH.get(speaker.auth, safe_text(speaker.auth)))
    if speaker.authentic is not None:
        facts.append("verified" if speaker.authentic else "NOT VERIFIED")
    if speaker.checksum == "bad":
        facts.append("bad checksum")
    if speaker.implementation:
        facts.append(safe_text(speaker.implementation))
    return ", ".join(facts)


def successor_text(group: GroupInfo) -> str | None:
    """Who would take over next."""
    if group.successor is None:
        return None
    wait = group.successor.in_seconds
    if wait is None:
        return f"{group.successor.ip}"
    return f"{group.successor.ip}, {duration(wait)} after the master falls silent"


def totals_text(analysis: Analysis) -> str:
    """What was read, and how much of it was multicast and advertisements."""
    totals = analysis.totals
    captures = f" in {count(len(analysis.sources), 'capture')}" if len(analysis.sources) != 1 else ""
    return (
        f"{count(totals.packets, 'packet')}, {scaled(totals.bytes, 'B')}{captures}; "
        f"multicast {count(totals.multicast_packets, 'packet')}, {scaled(totals.multicast_bytes, 'B')} "
        f"({share(totals.multicast_bytes, totals.bytes)} of all bytes); "
        f"{count(totals.adverts, 'advertisement')}"
    )


def not_understood(analysis: Analysis) -> str | None:
    """What the capture held that was not looked into, by name, the most frequent first."""
    if not analysis.skipped:
        return None
    items = sorted(analysis.skipped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{safe_text(name)} {number:,}" for name, number in items)


def evictions(analysis: Analysis) -> str | None:
    """What was counted no longer because a table was full."""
    if not any(analysis.evicted.values()):
        return None
    return ", ".join(f"{safe_text(name)} {number:,}" for name, number in sorted(analysis.evicted.items()) if number)


def cure_text(cure: Cure) -> str:
    """What a rule would do about a finding, and what it would save."""
    saved = f"saves {rate(cure.packets_per_second)} packets/s, {scaled(cure.bits_per_second, 'bit/s')}"
    return f"cure on {cure.where}: {cure.rule} · {saved}"
