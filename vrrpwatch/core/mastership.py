"""All trackers under one schedule: silence falls due in time order, and decisions become events and findings."""

import heapq
from collections.abc import Callable

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.losses import Losses
from vrrpwatch.core.model import Advert, Event, Evidence, GroupKey, Instant
from vrrpwatch.core.neighbours import Neighbours
from vrrpwatch.core.overlaps import Overlap
from vrrpwatch.core.quietest import Quietest, patient
from vrrpwatch.core.tracker import Tracker

# Groups are named by forgeable fields: beyond this many, the one silent for longest is forgotten.
MAX_GROUPS = 16_384
# The speakers of all groups together: what is kept of each is some kilobytes.
MAX_ALL_VOICES = 32_768
# A network that changes masters more often than this has been told so already.
MAX_EVENTS = 100_000


class Mastership:
    """Runs one :class:`Tracker` a group; ``losses`` say where silence proves nothing."""

    def __init__(
        self,
        findings: Findings,
        neighbours: Neighbours,
        losses: Losses,
        takes_turns: Callable[[GroupKey], str | None],
    ) -> None:
        self.trackers: dict[GroupKey, Tracker] = {}
        self.events: list[Event] = []
        self.evicted_groups = 0
        self.evicted_events = 0
        self._findings = findings
        self._neighbours = neighbours
        self._losses = losses
        self._takes_turns = takes_turns
        self._due: list[tuple[Instant, str, GroupKey]] = []
        self._scheduled: dict[GroupKey, Instant] = {}
        self._voices = 0
        self._quietest = Quietest(self.trackers, lambda tracker: patient(tracker.first_heard, tracker.last_heard))

    def hear(self, advert: Advert, first: Instant, last: Instant, began: Evidence, ended: Evidence) -> None:
        """One run or piece of a run; :meth:`advance` to ``first`` came before."""
        tracker = self.trackers.get(advert.group)
        if tracker is None:
            tracker = self._admit(advert.group, first)
        elif tracker.prolong(advert, last, ended):
            return
        known = len(tracker.voices)
        tracker.hear(advert, first, last, began, ended)
        self._voices += len(tracker.voices) - known
        self._schedule(advert.group, tracker)
        while self._voices > MAX_ALL_VOICES and len(self.trackers) > 1:
            self._forget_quietest(first)

    def advance(self, now: Instant) -> None:
        """Lets silence before ``now`` take effect."""
        while self._due and self._due[0][0] < now:
            due, _, group = heapq.heappop(self._due)
            tracker = self.trackers.get(group)
            if tracker is None or self._scheduled.get(group) != due:
                continue
            del self._scheduled[group]
            tracker.advance(now)
            self._schedule(group, tracker)

    def over(self, loss: Loss) -> None:
        """What could not be heard is heard again: silence there counts from then on."""
        for group, tracker in self.trackers.items():
            if self._losses.concerns(loss, group.segment):
                tracker.heard_again(loss.last)
                self._schedule(group, tracker)

    def finish(self, now: Instant) -> None:
        for group in sorted(self.trackers):
            self.trackers[group].finish(now)
        self.events.sort(key=lambda e: (e.at, e.source, e.packet, e.kind != "master-resigned", str(e.group)))

    def take_events(self) -> tuple[Event, ...]:
        """What was decided since this was asked last, in the order of the decisions; it is not kept."""
        taken = tuple(self.events)
        self.events.clear()
        return taken

    def resynchronise(self, now: Instant) -> None:
        """The capture's clock was stepped back to ``now``."""
        self._due.clear()
        self._scheduled.clear()
        for group, tracker in self.trackers.items():
            tracker.resynchronise(now)
            self._schedule(group, tracker)

    def _admit(self, group: GroupKey, at: Instant) -> Tracker:
        if len(self.trackers) >= MAX_GROUPS:
            self._forget_quietest(at)
        tracker = self.trackers[group] = Tracker(group, self, first_heard=at, last_heard=at)
        return tracker

    def _forget_quietest(self, now: Instant) -> None:
        quietest = self._quietest.find(now)
        self._voices -= len(self.trackers.pop(quietest).voices)
        self._scheduled.pop(quietest, None)
        self.evicted_groups += 1

    def _schedule(self, group: GroupKey, tracker: Tracker) -> None:
        due = tracker.deadline
        planned = self._scheduled.get(group)
        if due is not None and (planned is None or due < planned):
            self._scheduled[group] = due
            heapq.heappush(self._due, (due, str(group), group))

    # What trackers decide (tracker.Audience).

    def happened(self, event: Event) -> None:
        if len(self.events) >= MAX_EVENTS:
            self.evicted_events += 1
        else:
            self.events.append(event)

    def took_over(self, group: GroupKey, master: Advert, at: Instant, evidence: Evidence, *, takeover: bool) -> None:
        self._neighbours.mastered(group, master, at, evidence, takeover)

    def lost(self, group: GroupKey, at: Instant) -> None:
        self._neighbours.lost(group, at)

    def contested(self, group: GroupKey, overlap: Overlap, *, fresh: bool) -> None:
        if fresh:
            self._neighbours.contest(group, overlap.since, None)
        pair = sorted(overlap.pair, key=lambda voice: (int(voice.key.ip), voice.key.mac or ""))
        names = [str(voice.key.ip) for voice in pair]
        if names[0] == names[1]:
            names = [f"{voice.key.ip} ({voice.key.mac})" for voice in pair]
        self._findings.add(
            "vrid-collision" if overlap.collision else "split-brain",
            segment=group.segment,
            group=group,
            subject=", ".join(names),
            first=overlap.since,
            last=overlap.until,
            count=int(fresh),
            summary=f"{names[0]} and {names[1]} are unrelated routers that use one id, {group.id}: "
            "they share no virtual address, and each disturbs the other's elections and virtual MAC"
            if overlap.collision
            else f"{names[0]} and {names[1]} both act as master and keep advertising: "
            "they do not hear, or do not accept, each other's advertisements",
            evidence=sorted(voice.since_evidence for voice in pair) if fresh else (),
        )

    def settled(self, group: GroupKey, since: Instant, until: Instant) -> None:
        self._neighbours.contest(group, since, until)

    def flapping(self, group: GroupKey, first: Instant, last: Instant, changes: tuple[Evidence, ...]) -> None:
        reason = self._takes_turns(group)
        known = self._findings.get("flapping", group.segment, group, str(group.id))
        changed = len(changes) if known is None else 1
        summary = "the master changes four times or more within five minutes"
        if reason is not None:
            summary += f", and no router is failing: {reason}"
        self._findings.add(
            "flapping",
            segment=group.segment,
            group=group,
            subject=str(group.id),
            first=first,
            last=last,
            count=changed,
            summary=summary,
            evidence=changes,
        )

    def lossy(self, group: GroupKey, first: Instant, last: Instant) -> bool:
        return self._losses.touch(group.segment, first, last)

    def missed_until(self, group: GroupKey, heard: Instant, first: Instant, last: Instant) -> Instant | None:
        return self._losses.missed_until(group.segment, heard, first, last)
