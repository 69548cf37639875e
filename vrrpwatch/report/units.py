"""Instants, durations, counts and names as text: the same words in every report."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from vrrpwatch.core.analysis import SourceInfo, SpeakerInfo
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Evidence, GroupKey, Instant, Seconds
from vrrpwatch.wire.text import safe_text

_PROTOCOLS = {"vrrp": "VRRP", "carp": "CARP", "hsrp": "HSRP", "glbp": "GLBP"}
# What a group of each protocol and family is sent to unless someone changed it: not worth a word in a report.
_USUAL_SCOPES = {
    ("vrrp", 4): ("224.0.0.18",),
    ("vrrp", 6): ("ff02::12",),
    ("carp", 4): ("224.0.0.18",),
    ("carp", 6): ("ff02::12",),
    ("hsrp", 4): ("224.0.0.2", "224.0.0.102"),
    ("hsrp", 6): ("ff02::66",),
    ("glbp", 4): ("224.0.0.102",),
    ("glbp", 6): ("ff02::66",),
}


def date(at: Instant) -> str:
    """The UTC date of an instant: ``2026-01-31``."""
    return rfc3339(at)[:10]


def clock(at: Instant, digits: int = 6) -> str:
    """The UTC time of day of an instant, cut to ``digits`` decimals (at most six)."""
    text = rfc3339(at)[11:26]
    return text if digits == 6 else text[: 9 + digits] if digits else text[:8]


def span(first: Instant, last: Instant) -> str:
    """Two instants as a stretch of time of day; the date is named where they differ in it."""
    if first == last:
        return f"at {clock(first, 3)}"
    if date(first) != date(last):
        return f"{date(first)} {clock(first, 0)} to {date(last)} {clock(last, 0)}"
    return f"{clock(first, 3)} to {clock(last, 3)}"


def duration(value: Seconds) -> str:
    """A duration for people, to three digits or so: ``0.4 ms``, ``3.61 s``, ``5 min 3 s``, ``3 d 4 h``."""
    if value < 0:
        return f"-{duration(-value)}"
    if 0 < value < 0.0995:
        return f"{value * 1000:.3g} ms"
    if value < 100:
        return f"{value:.2f}".rstrip("0").rstrip(".") + " s"
    whole = round(value)
    for size, unit, smaller, name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 packet``, ``1,234 packets``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def scaled(value: float, unit: str) -> str:
    """A value with a decimal prefix: ``512 B``, ``1.21 kB``, ``34.5 Mbit/s``."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.5 would print as 1000 of the smaller unit.
        if value >= factor * 0.9995:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def rate(value: float) -> str:
    """A rate per second: one decimal below a hundred."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 0.95 or value == 0 else f"{value:.2g}"


def share(part: int, whole: int) -> str:
    """A share in percent; a small one is never called none."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %" if percent >= 0.05 else "<0.1 %"


def router_name(key: GroupKey) -> str:
    """A group's name without its segment: ``VRRP 51``, ``VRRP 51 (IPv6)``, ``CARP 7 (unicast)``."""
    notes = ["IPv6"] if key.family == 6 else []
    if key.scope not in _USUAL_SCOPES[key.protocol, key.family]:
        notes.append(safe_text(key.scope))
    return f"{_PROTOCOLS[key.protocol]} {key.id}" + (f" ({', '.join(notes)})" if notes else "")


def group_name(key: GroupKey) -> str:
    """A group's name as a sentence carries it: ``VRRP 51 on eth0/10``."""
    return f"{router_name(key)} on {safe_text(key.segment)}"


def rank(speaker: SpeakerInfo) -> str:
    """What decides a speaker's election: its priority, or CARP's advbase, advskew and demotion."""
    if speaker.advbase is not None:
        demotion = f", demotion {speaker.demotion}" if speaker.demotion else ""
        return f"advbase {speaker.advbase}, advskew {speaker.advskew or 0}{demotion}"
    return "priority unknown" if speaker.priority is None else f"priority {speaker.priority}"


def speaker_protocol(key: GroupKey, speaker: SpeakerInfo) -> str:
    """The protocol with the versions that a speaker used: ``VRRPv2``, ``VRRPv2+v3``, ``CARP``."""
    if key.protocol == "carp":
        return "CARP"
    return _PROTOCOLS[key.protocol] + "+".join(f"v{version}" for version in speaker.versions)


def packet_list(evidence: Iterable[Evidence], sources: Sequence[SourceInfo]) -> str:
    """Packet numbers as one opens them in Wireshark; the capture is named where there are several."""
    by_source: dict[int, list[int]] = {}
    for source, packet in evidence:
        by_source.setdefault(source, []).append(packet)
    parts = []
    for source, packets in by_source.items():
        name = f"{source_name(sources[source])} " if len(sources) > 1 and source < len(sources) else ""
        parts.append(f"{name}{'packet' if len(packets) == 1 else 'packets'} {', '.join(map(str, packets))}")
    return "; ".join(parts)


def source_name(source: SourceInfo) -> str:
    """A capture's file name, safe to print."""
    return safe_text(PurePath(source.path).name or source.path) if source.path != "-" else "standard input"
