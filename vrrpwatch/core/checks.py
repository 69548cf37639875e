"""Judges what speakers say, not when: each by itself, against the others of its group, and against the policy."""

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from vrrpwatch.core.checks_pairs import mismatches, rejections, seconds, subject
from vrrpwatch.core.checks_speaker import faults, title
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import (
    NANOSECONDS,
    Advert,
    Evidence,
    GroupKey,
    Instant,
    Run,
    SpeakerKey,
    nanoseconds,
)
from vrrpwatch.wire.macs import virtual_mac
from vrrpwatch.wire.values import IPAddress

if TYPE_CHECKING:
    from vrrpwatch.core.policy import Policy

# Ids and sources are forgeable: beyond these the ones that have been quiet longest are forgotten and counted.
MAX_GROUPS: Final = 4096
MAX_SPEAKERS: Final = 64
MAX_HOMES: Final = 16_384
# A redundancy group has a handful of speakers; comparing with more of a flood's would cost time and tell nothing new.
MAX_COMPARED: Final = 8
# One late advertisement is a busy host, three are a pattern.
LATE_ADVERTS: Final = 3
# More than half as often again as announced, over at least so many announced intervals.
RATE_RATIO: Final = 1.5
RATE_INTERVALS: Final = 10

Home = tuple[str, int, int, str, IPAddress]


@dataclass(slots=True)
class _Voice:
    """One speaker: what it says now, since which packet, and how often it has been late so far."""

    advert: Advert
    at: Instant
    evidence: Evidence
    late: int = 0
    late_gap: int = 0
    late_since: Instant | None = None
    late_evidence: tuple[Evidence, ...] = ()


@dataclass(slots=True)
class _Group:
    """The speakers of a group, the one that began something longest ago first."""

    voices: dict[SpeakerKey, _Voice] = field(default_factory=dict)


class Checks:
    """Turns runs into the findings that their content alone shows.

    ``evicted`` counts what the bounded tables have forgotten.
    """

    def __init__(self, findings: Findings, policy: "Policy | None" = None, *, reveal: bool = False) -> None:
        self._findings = findings
        self._policy = policy
        self._reveal = reveal
        self._groups: dict[GroupKey, _Group] = {}
        # Groups that share a virtual MAC, by segment and id, in the order in which they were first heard.
        self._sharing: dict[tuple[str, int], dict[GroupKey, None]] = {}
        self.evicted: dict[str, int] = {"groups": 0, "speakers": 0}

    def obey(self, policy: "Policy | None") -> None:
        """From now on another policy says who belongs where."""
        self._policy = policy

    def started(self, run: Run) -> None:
        """A speaker begins to say what it was not saying until now; never called where a run was merely cut."""
        advert = run.advert
        evidence = Evidence(run.source, run.first_packet)
        voice = self._voice(advert, run.first, evidence)
        if voice.advert is advert:
            for other in islice(reversed(self._groups[advert.group].voices.values()), 1, MAX_COMPARED + 1):
                self._compare(voice, other)
            self._share(voice)

    def counted(self, run: Run, packets: int, last: Instant) -> None:
        """``packets`` more advertisements of ``run``, which began with ``first_packet``, were heard up to ``last``."""
        advert = run.advert
        evidence = (Evidence(run.source, run.first_packet),)
        for fault in faults(advert, self._reveal):
            self._speaker(fault.rule, advert, run.first, last, packets, fault.summary, evidence)
        self._rogue(run, packets, last)

    def late(self, run: Run) -> None:
        """``run`` is over, or the capture is: judges its pace as a whole."""
        self._late(run)
        self._rate(run)

    def takes_turns(self, group: GroupKey) -> str | None:
        """Why the speakers of ``group`` reject each other, for a flapping group's summary; ``None``: they do not."""
        known = self._groups.get(group)
        if known is None:
            return None
        matters = rejections([voice.advert for voice in islice(reversed(known.voices.values()), MAX_COMPARED)])
        if matters:
            return f"they reject each other's advertisements ({' and '.join(sorted(matters))} differ) and take turns"
        sharers = self._sharing.get((group.segment, group.id), {})
        if any(sharer.protocol != group.protocol for sharer in sharers) and group in sharers:
            return "CARP and VRRP use one id here and silence each other, so they take turns"
        return None

    def _voice(self, advert: Advert, at: Instant, evidence: Evidence) -> _Voice:
        """The speaker of ``advert``, with what it says now; it and its group become the latest of their tables."""
        group = self._groups.pop(advert.group, None)
        if group is None:
            group = _Group()
            if len(self._groups) >= MAX_GROUPS:
                quietest = next(iter(self._groups))
                del self._groups[quietest]
                self._unshare(quietest)
                self.evicted["groups"] += 1
        self._groups[advert.group] = group
        voice = group.voices.pop(advert.speaker, None)
        if voice is None:
            voice = _Voice(advert, at, evidence)
            if len(group.voices) >= MAX_SPEAKERS:
                del group.voices[next(iter(group.voices))]
                self.evicted["speakers"] += 1
        elif advert.group.protocol != "carp" or not advert.resigns:
            # A host that bows out of CARP says nothing about its settings: what it said before still stands.
            voice.advert, voice.at, voice.evidence = advert, at, evidence
        group.voices[advert.speaker] = voice
        return voice

    def _compare(self, voice: _Voice, other: _Voice) -> None:
        group = voice.advert.group
        for found in mismatches(voice.advert, other.advert, self._reveal):
            self._findings.add(
                found.rule,
                segment=group.segment,
                group=group,
                subject=subject(voice.advert.speaker, other.advert.speaker),
                first=voice.at,
                summary=found.summary,
                evidence=(other.evidence, voice.evidence),
            )

    def _share(self, voice: _Voice) -> None:
        """CARP and VRRP over IPv4 derive the same virtual MAC from one id (RFC 9568 §7.3, ip_carp.c)."""
        key = voice.advert.group
        if key.protocol != "carp" and (key.protocol, key.family) != ("vrrp", 4):
            return
        sharers = self._sharing.setdefault((key.segment, key.id), {})
        sharers.pop(key, None)
        sharers[key] = None
        mac = virtual_mac("ipv4", key.id)
        for other_key in islice(reversed(sharers), 1, MAX_COMPARED + 1):
            if other_key.protocol == key.protocol:
                continue
            other = next(reversed(self._groups[other_key].voices.values()))
            vrrp, carp = (voice, other) if key.protocol == "vrrp" else (other, voice)
            self._findings.add(
                "shared-virtual-mac",
                segment=key.segment,
                group=vrrp.advert.group,
                subject=mac,
                first=voice.at,
                summary=f"{vrrp.advert.speaker.ip} uses id {key.id} for VRRP and {carp.advert.speaker.ip} for CARP: "
                f"both own the virtual MAC {mac}, and each takes the other's advertisements for bad ones of its own; "
                "give one of them another id",
                evidence=(other.evidence, voice.evidence),
            )

    def _unshare(self, key: GroupKey) -> None:
        sharers = self._sharing.get((key.segment, key.id))
        if sharers is not None:
            sharers.pop(key, None)
            if not sharers:
                del self._sharing[key.segment, key.id]

    def _rogue(self, run: Run, packets: int, last: Instant) -> None:
        if self._policy is None:
            return
        group, speaker = run.advert.group, run.advert.speaker
        expected = self._policy.group_for(group)
        if expected is not None:
            if expected.lists(speaker):
                return
            reason = f"the policy does not list it for {title(group)} on {group.segment}"
        elif self._policy.covers(group.segment):
            reason = f"the policy knows no {group.protocol.upper()} {title(group)} ({group.scope}) on {group.segment}"
        else:
            return
        mac = "" if speaker.mac is None else f" ({speaker.mac})"
        self._speaker(
            "rogue-speaker",
            run.advert,
            run.first,
            last,
            packets,
            f"{speaker.ip}{mac} advertises, but {reason}: find that host, or list it",
            (Evidence(run.source, run.first_packet),),
        )

    def _late(self, run: Run) -> None:
        group = self._groups.get(run.advert.group)
        voice = group.voices.get(run.advert.speaker) if group is not None else None
        if voice is None or not run.late:
            return
        before = voice.late
        voice.late += run.late
        voice.late_gap = max(voice.late_gap, run.greatest_gap)
        if before < LATE_ADVERTS:
            voice.late_since = run.first if voice.late_since is None else voice.late_since
            voice.late_evidence += (Evidence(run.source, run.first_packet),)
        if voice.late < LATE_ADVERTS:
            return
        advert = run.advert
        self._speaker(
            "late-adverts",
            advert,
            run.first if voice.late_since is None else voice.late_since,
            run.first,
            voice.late if before < LATE_ADVERTS else run.late,
            f"{voice.late} advertisements of {advert.speaker.ip} came late, up to {_seconds(voice.late_gap)} apart "
            f"instead of {seconds(advert.interval)}: an overloaded host or a lossy link, close to a needless takeover",
            voice.late_evidence,
        )

    def _rate(self, run: Run) -> None:
        if run.continued:
            return
        advert = run.advert
        first, evidence = run.since or (run.first, Evidence(run.source, run.first_packet))
        span = run.last - first
        if span < nanoseconds(RATE_INTERVALS * advert.interval) or span <= 0:
            return
        often = (run.earlier + run.count - 1) * advert.interval * NANOSECONDS / span
        if often <= RATE_RATIO:
            return
        self._speaker(
            "rate-high",
            advert,
            first,
            run.last,
            1,
            f"{advert.speaker.ip} advertises to {advert.destination} {often:.1f} times as often as the "
            f"{seconds(advert.interval)} that it announces: several hosts behind one address, or a fault",
            (evidence,),
        )

    def _speaker(
        self,
        rule: str,
        advert: Advert,
        first: Instant,
        last: Instant,
        count: int,
        summary: str,
        evidence: tuple[Evidence, ...],
    ) -> None:
        self._findings.add(
            rule,
            segment=advert.group.segment,
            group=advert.group,
            subject=str(advert.speaker.ip),
            first=first,
            last=last,
            count=count,
            summary=summary,
            evidence=evidence,
        )


def _seconds(gap: int) -> str:
    return f"{gap / NANOSECONDS:.3f} s"
