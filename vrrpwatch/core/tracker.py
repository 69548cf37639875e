"""Follows who is master of one group: the protocol's own rules, run by an observer that can never be elected.

Every decision is a function of merged runs and is taken when it is certain: at the start of a stretch, at a
resignation, when a speaker has been silent for its own master-down time.  So it does not matter how runs were cut, and
a live interface gives what its recording gives.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Protocol

from vrrpwatch.core.dialect import outranks, resignation_wait, takeover_wait
from vrrpwatch.core.losses import ENDLESS
from vrrpwatch.core.model import (
    NANOSECONDS,
    Advert,
    Cause,
    Event,
    EventKind,
    Evidence,
    GroupKey,
    GroupState,
    Instant,
    Seconds,
    SpeakerKey,
)
from vrrpwatch.core.overlaps import Onlooker, Overlaps
from vrrpwatch.core.voices import MAX_TENURES, Patience, Span, Voice

# A timer that fires a little early has still timed out (FRR truncates its skew and is up to 7 ms early).
TIMEOUT_TOLERANCE = 0.05
# Four changes within five minutes are no failover but a fault.
FLAPPING_CHANGES = 4
FLAPPING_WINDOW = 300 * NANOSECONDS
# Source addresses are forgeable: beyond this many speakers the one silent for longest is forgotten.
MAX_VOICES = 64
# Stretches of challengers that came and went while the master's fate was open; more is noise.
MAX_STINTS = 64


class Audience(Onlooker, Protocol):
    """Who hears what the tracker decides."""

    def happened(self, event: Event) -> None: ...

    def took_over(
        self, group: GroupKey, master: Advert, at: Instant, evidence: Evidence, *, takeover: bool
    ) -> None: ...

    def lost(self, group: GroupKey, at: Instant) -> None: ...

    def flapping(self, group: GroupKey, first: Instant, last: Instant, changes: tuple[Evidence, ...]) -> None: ...

    def lossy(self, group: GroupKey, first: Instant, last: Instant) -> bool: ...

    def missed_until(self, group: GroupKey, heard: Instant, first: Instant, last: Instant) -> Instant | None: ...


@dataclass(slots=True)
class Tracker:
    """The mastership of one group."""

    key: GroupKey
    audience: Audience
    voices: dict[SpeakerKey, Voice] = field(default_factory=dict)
    master: Voice | None = None
    overlaps: Overlaps = field(init=False)
    first_heard: Instant = 0
    last_heard: Instant = 0
    tenures: deque[Span] = field(default_factory=lambda: deque(maxlen=MAX_TENURES))
    _stints: list[Voice] = field(default_factory=list)
    # Silence counts from here, or not at all: what was missed before might have been anything.
    _deaf_until: Instant = 0
    _excused: bool = False
    _changes: deque[tuple[Instant, Evidence]] = field(default_factory=lambda: deque(maxlen=FLAPPING_CHANGES))

    def __post_init__(self) -> None:
        self.overlaps = Overlaps(self.key, self.audience)

    def hear(self, advert: Advert, first: Instant, last: Instant, began: Evidence, ended: Evidence) -> None:
        """One run (or a piece of one): ``advert`` was said from ``first`` to ``last``; :meth:`advance` came before."""
        voice = self.voices.get(advert.speaker)
        if advert.resigns:
            self._resign(voice, first, last, began)
        elif not advert.claims:
            self._stand_by(voice, advert, first, last, began, ended)
        elif voice is None or voice.ended is not None:
            self._start(voice, advert, first, last, began, ended)
        else:
            if voice.advert is not advert:
                voice.advert, voice.patience = advert, Patience.with_speaker(advert)
            if (last, ended) > (voice.last, voice.last_evidence):
                voice.last, voice.last_evidence = last, ended
            self.last_heard = max(self.last_heard, last)
            self.overlaps.check(voice)
        self._excused = False

    def prolong(self, advert: Advert, last: Instant, ended: Evidence) -> bool:
        """The same where that is all the speaker goes on with; if so, nothing falls due earlier than it did before."""
        voice = self.voices.get(advert.speaker)
        if voice is None or voice.advert is not advert or voice.ended is not None or advert.resigns:
            return False
        if self._excused or self.overlaps.pairs or self._stints:
            return False
        if (last, ended) > (voice.last, voice.last_evidence):
            voice.last, voice.last_evidence = last, ended
        self.last_heard = max(self.last_heard, last)
        return True

    def heard_again(self, at: Instant) -> None:
        """An outage is over ``at``: silence means something again, if it goes on from there."""
        if self._excused:
            self._excused = False
            self._deaf_until = max(self._deaf_until, at)

    @property
    def deadline(self) -> Instant | None:
        """When silence next means something, if nothing more is heard."""
        deadlines = [self._verdict_at(voice) for voice in self.voices.values() if voice.ended is None]
        if self.master is not None and not self._excused:
            deadlines.append(self._lost_at)
        return min(deadlines, default=None)

    def advance(self, now: Instant, *, inclusive: bool = False) -> None:
        """Takes the decisions that silence up to ``now`` brings, in the order in which they fall due."""
        while (due := self.deadline) is not None and (due < now or (inclusive and due == now)):
            silent = [v for v in self.voices.values() if v.ended is None and self._verdict_at(v) <= due]
            # Challengers first: whether they were still there matters to the verdict on the master.
            for voice in sorted(silent, key=lambda v: (v is self.master, v.since, str(v.key.ip))):
                self._fell_silent(voice, due)
            if self.master is not None and not self._excused and self._lost_at <= due:
                self._lose(due)

    def finish(self, now: Instant) -> None:
        """The capture ends at ``now``: decides what is decidable without waiting any longer."""
        self.advance(now, inclusive=True)
        master = self.master
        if master is None or master.ended is not None:
            return
        heirs = sorted((v for v in self._challengers() if v.since > master.last), key=lambda v: v.since)
        if heirs:
            heir = heirs[0]
            gap = (heir.since - master.last) / NANOSECONDS
            overdue = now > master.overdue
            timed_out = gap >= (1 - TIMEOUT_TOLERANCE) * takeover_wait(heir.first_advert, master.advert)
            if overdue or timed_out or outranks(heir.first_advert, master.advert):
                master.ended = "silent"
                self._succeed()

    def resynchronise(self, now: Instant) -> None:
        """The capture's clock was stepped back to ``now``: silence counts from here, and no overlap spans the step."""
        for voice in self.voices.values():
            voice.last = min(voice.last, now) if voice.ended is not None else now
            voice.since = min(voice.since, now)
        self.first_heard = min(self.first_heard, now)
        self.last_heard = now
        self._deaf_until = min(self._deaf_until, now)
        self._stints.clear()
        for voice in self.voices.values():
            self.overlaps.drop(voice)

    def state(self) -> GroupState:
        if self.overlaps.confirmed:
            return "contested"
        return "lost" if self.master is None or self.master.ended == "resigned" else "held"

    def _verdict_at(self, voice: Voice) -> Instant:
        """When silence decides on a speaker; a master that faces a better one has yielded once it misses a turn."""
        if voice is self.master and (self.overlaps.pairs or self._stints) and self._is_outranked(voice):
            return min(voice.overdue, voice.deadline)
        return voice.deadline

    def _is_outranked(self, master: Voice) -> bool:
        facing = (v for o in self.overlaps.of(master) if not o.confirmed for v in o.pair if v is not master)
        came = [stint for stint in self._stints if stint.since >= master.last]
        return any(outranks(rival.first_advert, master.advert) for rival in chain(facing, came))

    @property
    def _lost_at(self) -> Instant:
        since = max(self.last_heard, self._deaf_until)
        return since + max((voice.patience.lost for voice in self.voices.values()), default=0)

    def _challengers(self) -> list[Voice]:
        return [v for v in self.voices.values() if v.ended is None and v is not self.master]

    def _start(
        self, voice: Voice | None, advert: Advert, first: Instant, last: Instant, began: Evidence, ended: Evidence
    ) -> None:
        patience = Patience.with_speaker(advert)
        previous = voice.ended if voice is not None else None
        if voice is None:
            self._make_room()
            voice = Voice(advert.speaker, advert, advert, first, began, last, ended, patience)
            self.voices[advert.speaker] = voice
        else:
            voice.advert = voice.first_advert = advert
            voice.since, voice.since_evidence = first, began
            voice.last, voice.last_evidence = last, ended
            voice.patience, voice.ended, voice.standby = patience, None, False
        self.last_heard = max(self.last_heard, last)
        if self.master is None or (voice is self.master and previous == "resigned"):
            self._appear(voice)
        elif self.master.ended is not None:
            self._succeed()
        self._begin_overlaps(voice)

    def _appear(self, voice: Voice) -> None:
        self.master = voice
        self._stints.clear()
        self._tenure(voice.since, voice)
        self._event("master-appeared", voice.since, voice.since_evidence, new=voice)
        self.audience.took_over(self.key, voice.first_advert, voice.since, voice.since_evidence, takeover=False)
        self._begin_overlaps(voice)

    def _stand_by(
        self, voice: Voice | None, advert: Advert, first: Instant, last: Instant, began: Evidence, ended: Evidence
    ) -> None:
        """An HSRP or GLBP router that says it is not the active one: known, and giving up the role if it had it."""
        if voice is None:
            self._make_room()
            patience = Patience.with_speaker(advert)
            voice = Voice(advert.speaker, advert, advert, first, began, last, ended, patience)
            voice.ended = "silent"
            self.voices[advert.speaker] = voice
        elif voice.ended is None:
            self.overlaps.leave(voice, first)
            voice.ended = "silent"
            if voice is self.master:
                self._succeed()
            else:
                self.overlaps.drop(voice)
        voice.advert, voice.standby = advert, True

    def _resign(self, voice: Voice | None, first: Instant, last: Instant, evidence: Evidence) -> None:
        self.last_heard = max(self.last_heard, last)
        if voice is None or voice.ended == "resigned":
            return
        was_advertising = voice.ended is None
        if was_advertising:
            self.overlaps.leave(voice, first)
        voice.last, voice.last_evidence, voice.ended = max(voice.last, first), evidence, "resigned"
        if voice is self.master:
            self._stints.clear()
            self._announce_resignation(voice)
            self._succeed()
        elif was_advertising:
            self._retire(voice)

    def _announce_resignation(self, voice: Voice) -> None:
        self._event("master-resigned", voice.last, voice.last_evidence, old=voice, cause="resigned")
        self._tenure(voice.last, None)

    def _fell_silent(self, voice: Voice, at: Instant) -> None:
        if voice.ended is not None:
            return
        self.overlaps.leave(voice, at)
        voice.ended = "silent"
        if voice is self.master:
            self._succeed()
        else:
            self._retire(voice)

    def _retire(self, voice: Voice) -> None:
        """A challenger's stretch is over; it only mattered if the master turns out to have stopped before it."""
        self.overlaps.drop(voice)
        master = self.master
        if master is None or voice.ended is None:
            return
        # One that yielded to a better master is a backup now, and known to be alive.
        voice.standby = voice.ended == "silent" and outranks(master.advert, voice.advert)
        self._stints = [stint for stint in self._stints if stint.since >= master.last][:MAX_STINTS]
        self._stints.append(replace(voice))

    def _succeed(self) -> None:
        """The master's stretch is over: hands the group to whoever followed, one after the other."""
        while (master := self.master) is not None and master.ended is not None:
            self.overlaps.drop(master)
            stints = [s for s in self._stints if s.since >= master.last and s.key != master.key]
            heirs = sorted(self._challengers(), key=lambda v: (v.since, str(v.key.ip)))
            if stints and (not heirs or stints[0].since < heirs[0].since):
                self._stints.remove(stints[0])
                self._replay(stints[0], master)
            else:
                self._stints.clear()
                if heirs:
                    self._take_over(heirs[0], master)
                    self._begin_overlaps(heirs[0])
                return

    def _replay(self, stint: Voice, master: Voice) -> None:
        """A challenger did follow the master, though its stretch has ended meanwhile."""
        self._take_over(stint, master)
        if stint.ended == "resigned":
            self._announce_resignation(stint)
        voice = self.voices.get(stint.key)
        if voice is None:
            return
        if voice.ended is None and stint.ended == "resigned":
            self._appear(voice)
        else:
            self.master = voice
            if voice.ended is None:
                self._begin_overlaps(voice)

    def _take_over(self, heir: Voice, master: Voice) -> None:
        cause, gap, expected = self._explain(heir, master)
        self.master = heir
        self._tenure(heir.since, heir)
        self._event(
            "master-changed",
            heir.since,
            heir.since_evidence,
            old=master,
            new=heir,
            cause=cause,
            gap=gap,
            expected=expected,
        )
        self.audience.took_over(self.key, heir.first_advert, heir.since, heir.since_evidence, takeover=True)
        if cause == "preempted" and master.ended == "silent":
            master.standby = True
        self._changes.append((heir.since, heir.since_evidence))
        if len(self._changes) == FLAPPING_CHANGES:
            first, last = self._changes[0][0], self._changes[-1][0]
            if last - first <= FLAPPING_WINDOW:
                self.audience.flapping(self.key, first, last, tuple(evidence for _, evidence in self._changes))

    def _explain(self, heir: Voice, master: Voice) -> tuple[Cause, Seconds | None, Seconds | None]:
        """Why ``heir`` took over, how long nobody advertised, and how long the protocol would have it take."""
        gap = max(heir.since - master.last, 0) / NANOSECONDS
        if master.ended == "resigned":
            return "resigned", gap, resignation_wait(heir.first_advert, master.advert)
        wait = takeover_wait(heir.first_advert, master.advert)
        if gap >= (1 - TIMEOUT_TOLERANCE) * wait:
            if self.audience.lossy(self.key, master.last, heir.since):
                return "unknown", None, wait
            return "timed-out", gap, wait
        if outranks(heir.first_advert, master.advert):
            return "preempted", gap, None
        return "unknown", gap, wait

    def _lose(self, at: Instant) -> None:
        master = self.master
        if master is None:
            return
        # Each time from later on, so that it comes to an end.
        since = max(self.last_heard, self._deaf_until + 1)
        missed = self.audience.missed_until(self.key, self.last_heard, since, at)
        if missed is not None:
            self._excused = missed == ENDLESS
            self._deaf_until = self._deaf_until if self._excused else missed
            return
        self.master = None
        self._stints.clear()
        self._tenure(at, None)
        self._event("master-lost", at, master.last_evidence, old=master)
        self.audience.lost(self.key, at)

    def _begin_overlaps(self, voice: Voice) -> None:
        self.overlaps.begin(voice, self.voices.values(), self.master)

    def _make_room(self) -> None:
        if len(self.voices) < MAX_VOICES:
            return
        idle = [v for v in self.voices.values() if v is not self.master]
        victim = min(idle, key=lambda v: (v.ended is None, v.last))
        self.overlaps.drop(victim)
        del self.voices[victim.key]

    def _tenure(self, at: Instant, holder: Voice | None) -> None:
        if self.tenures and self.tenures[-1].last is None:
            self.tenures[-1].last = max(at, self.tenures[-1].first)
        self.tenures.append(Span(at, None, (holder.key,) if holder is not None else ()))

    def _event(
        self,
        kind: EventKind,
        at: Instant,
        evidence: Evidence,
        *,
        old: Voice | None = None,
        new: Voice | None = None,
        cause: Cause | None = None,
        gap: Seconds | None = None,
        expected: Seconds | None = None,
    ) -> None:
        self.audience.happened(
            Event(
                at,
                kind,
                self.key,
                evidence.source,
                evidence.packet,
                old.key.ip if old is not None else None,
                new.key.ip if new is not None else None,
                cause,
                gap,
                expected,
            )
        )
