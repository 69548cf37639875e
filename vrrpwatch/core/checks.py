"""Judges what speakers say, not when: each by itself, against the others of its group, and against the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from vrrpwatch.core.checks_pairs import mismatches, rejections, seconds, settings, subject
from vrrpwatch.core.checks_speaker import faults, title
from vrrpwatch.core.dialect import own_down
from vrrpwatch.core.disputes import Disputes, Matters, Presence, resynchronise
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
from vrrpwatch.core.runs import LATE_RATIO
from vrrpwatch.wire.macs import virtual_mac

if TYPE_CHECKING:
    from vrrpwatch.core.policy import Policy

# Ids and sources are forgeable: beyond these the ones that have been quiet longest are forgotten and counted.
MAX_GROUPS: Final = 16_384
MAX_SPEAKERS: Final = 64
# A redundancy group has a handful of speakers; comparing with more of a flood's would cost time and tell nothing new.
MAX_COMPARED: Final = 8
# One late advertisement is a busy host, three are a pattern.
LATE_ADVERTS: Final = 3
# More than half as often again as announced, over at least so many announced intervals.
RATE_RATIO: Final = 1.5
RATE_INTERVALS: Final = 10


@dataclass(slots=True)
class _Voice:
    """One speaker: what it says now, since which packet, and how often it has been late so far."""

    advert: Advert
    at: Instant
    evidence: Evidence
    presence: Presence
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
        self._disputes = Disputes(findings)
        self._groups: dict[GroupKey, _Group] = {}
        # Groups that share a virtual MAC, by segment and id, in the order in which they were first heard.
        self._sharing: dict[tuple[str, int], dict[GroupKey, None]] = {}
        self.evicted: dict[str, int] = {"groups": 0, "speakers": 0}

    def obey(self, policy: "Policy | None") -> None:
        """From now on another policy says who belongs where."""
        self._policy = policy

    def started(self, run: Run) -> None:
        """A speaker begins to say what it was not saying until now; never called where a run was merely cut."""
        self._began(run, run.first, fresh=True)

    def heard(self, run: Run, first: Instant, last: Instant) -> None:
        """``run`` was heard, or goes on, from ``first`` to ``last``; calls come in order of ``first``."""
        advert = run.advert
        voice = self._known(advert)
        if voice is not None:
            if advert is not voice.advert and not _bows_out(advert) and settings(advert) != settings(voice.advert):
                # It says again what it said a moment ago.
                self._began(run, first, fresh=False)
            self._disputes.heard(voice.presence, last, nanoseconds(LATE_RATIO * advert.interval))

    def counted(self, run: Run, packets: int, last: Instant) -> None:
        """``packets`` more advertisements of ``run``, which began with ``first_packet``, were heard up to ``last``."""
        advert = run.advert
        evidence = (Evidence(run.source, run.first_packet),)
        for fault in faults(advert, self._reveal):
            self._speaker(fault.rule, advert, run.first, last, packets, fault.summary, evidence)
        self._rogue(run, packets, last)

    def settle(self) -> None:
        """All up to now was told: what goes on is seen to go on."""
        self._disputes.settle()

    def resynchronise(self, now: Instant) -> None:
        """The capture's clock was stepped back to ``now``."""
        self.settle()
        for group in self._groups.values():
            for voice in group.voices.values():
                resynchronise(voice.presence, now)

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

    def _began(self, run: Run, at: Instant, *, fresh: bool) -> None:
        """A speaker says something else from ``at`` on, or the same after silence: compares it with the others."""
        advert = run.advert
        evidence = Evidence(run.source, run.first_packet)
        known = self._known(advert) is not None
        voice = self._voice(advert, at, evidence)
        if known and _bows_out(advert):
            return
        before = self._disputes.end(voice.presence, at)
        voice.advert, voice.at, voice.evidence = advert, at, evidence
        voice.presence.silent = nanoseconds(own_down(advert))
        for other in islice(reversed(self._groups[advert.group].voices.values()), 1, MAX_COMPARED + 1):
            self._compare(voice, other, before.get(other.presence, {}), fresh)
        self._share(voice, before, fresh)

    def _known(self, advert: Advert) -> _Voice | None:
        group = self._groups.get(advert.group)
        return None if group is None else group.voices.get(advert.speaker)

    def _voice(self, advert: Advert, at: Instant, evidence: Evidence) -> _Voice:
        """The speaker of ``advert``; it and its group become the latest of their tables."""
        group = self._groups.pop(advert.group, None)
        if group is None:
            group = _Group()
            if len(self._groups) >= MAX_GROUPS:
                quietest = next(iter(self._groups))
                for forgotten in self._groups.pop(quietest).voices.values():
                    self._disputes.end(forgotten.presence, at)
                self._unshare(quietest)
                self.evicted["groups"] += 1
        self._groups[advert.group] = group
        voice = group.voices.pop(advert.speaker, None)
        if voice is None:
            voice = _Voice(advert, at, evidence, Presence(at))
            if len(group.voices) >= MAX_SPEAKERS:
                forgotten = group.voices.pop(next(iter(group.voices)))
                self._disputes.end(forgotten.presence, at)
                self.evicted["speakers"] += 1
        group.voices[advert.speaker] = voice
        return voice

    def _compare(self, voice: _Voice, other: _Voice, before: Matters, fresh: bool) -> None:
        longest = max(voice.presence.silent, other.presence.silent)
        for found in mismatches(voice.advert, other.advert, self._reveal):
            self._raise(
                found.rule,
                (voice, other),
                voice.advert.group,
                subject(voice.advert.speaker, other.advert.speaker),
                found.summary,
                before,
                None if found.matter is None else longest,
                fresh,
            )

    def _raise(
        self,
        rule: str,
        pair: tuple[_Voice, _Voice],
        group: GroupKey,
        subject: str,
        summary: str,
        before: Matters,
        patience: int | None,
        fresh: bool,
    ) -> None:
        """A disagreement of a ``pair``, of which the first says something new; ``before``: what they had until now."""
        voice, other = pair
        counts = fresh or self._findings.get(rule, group.segment, group, subject) is None
        finding = self._findings.add(
            rule,
            segment=group.segment,
            group=group,
            subject=subject,
            first=voice.at,
            count=int(counts),
            summary=summary,
            evidence=(other.evidence, voice.evidence) if counts else (),
        )
        if finding is not None:
            since = before[rule].since if rule in before else voice.at
            self._disputes.begin((voice.presence, other.presence), finding, since, patience)

    def _share(self, voice: _Voice, before: Mapping[Presence, Matters], fresh: bool) -> None:
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
            self._raise(
                "shared-virtual-mac",
                (voice, other),
                vrrp.advert.group,
                mac,
                f"{vrrp.advert.speaker.ip} uses id {key.id} for VRRP and {carp.advert.speaker.ip} for CARP: "
                f"both own the virtual MAC {mac}, and each takes the other's advertisements for bad ones of its own; "
                "give one of them another id",
                before.get(other.presence, {}),
                # Each has a master of its own, which is never silent for long.
                0,
                fresh,
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
        voice = self._known(run.advert)
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


def _bows_out(advert: Advert) -> bool:
    """Whether it says nothing about its host's settings: what that said before bowing out of CARP still stands."""
    return advert.group.protocol == "carp" and advert.resigns


def _seconds(gap: int) -> str:
    return f"{gap / NANOSECONDS:.3f} s"
