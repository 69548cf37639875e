"""Counts who said what: per group and speaker the adverts, times, versions and addresses that a report shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vrrpwatch.core.analysis import GroupInfo, Listener, SpeakerInfo, Tenure
from vrrpwatch.core.forecast import successor
from vrrpwatch.core.mastership import MAX_GROUPS
from vrrpwatch.core.model import Advert, GroupKey, Instant, SpeakerKey
from vrrpwatch.core.quietest import Quietest, patient
from vrrpwatch.core.runs import Piece
from vrrpwatch.core.tracker import MAX_VOICES, Tracker
from vrrpwatch.core.voices import Span
from vrrpwatch.wire.values import IPAddress

# An advertisement holds 255 addresses at most, but a forger may send ever new ones.
MAX_ADDRESSES = 1024
# What all groups and speakers together may hold: a good deal more than any network's.
MAX_ALL_ADDRESSES = 65_536


@dataclass(slots=True)
class SpeakerRecord:
    """One speaker's counts; ``advert`` is the newest content that was not a resignation."""

    advert: Advert
    first: Instant
    last: Instant
    adverts: int = 0
    versions: set[int] = field(default_factory=set)
    addresses: dict[IPAddress, None] = field(default_factory=dict)
    # The content of which the version and all addresses are noted.
    noted: Advert | None = None


@dataclass(slots=True)
class GroupRecord:
    """One group's counts."""

    first: Instant
    last: Instant
    adverts: int = 0
    speakers: dict[SpeakerKey, SpeakerRecord] = field(default_factory=dict)
    addresses: dict[IPAddress, None] = field(default_factory=dict)
    peers: dict[IPAddress, None] = field(default_factory=dict)


class Census:
    """The register of groups and speakers, bounded like the trackers'."""

    def __init__(self) -> None:
        self.groups: dict[GroupKey, GroupRecord] = {}
        self.evicted_speakers = 0
        self._quietest = Quietest(self.groups, lambda group: patient(group.first, group.last))
        self._held = 0

    def count(self, piece: Piece) -> None:
        """Adds a run's piece; pieces come in the order of their first packets."""
        advert = piece.content.advert
        group = self.groups.get(advert.group)
        if group is None:
            if len(self.groups) >= MAX_GROUPS:
                self._forget(self.groups.pop(self._quietest.find(piece.first)))
            group = self.groups[advert.group] = GroupRecord(piece.first, piece.last)
        group.adverts += piece.adverts
        group.first, group.last = min(group.first, piece.first), max(group.last, piece.last)
        speaker = group.speakers.get(advert.speaker)
        if speaker is None:
            if len(group.speakers) >= MAX_VOICES:
                quietest = min(group.speakers, key=lambda key: group.speakers[key].last)
                self._held -= len(group.speakers.pop(quietest).addresses)
                self.evicted_speakers += 1
            speaker = group.speakers[advert.speaker] = SpeakerRecord(advert, piece.first, piece.last)
        speaker.adverts += piece.adverts
        speaker.first, speaker.last = min(speaker.first, piece.first), max(speaker.last, piece.last)
        if not advert.resigns or speaker.advert.resigns:
            speaker.advert = advert
        if speaker.noted is advert:
            return
        speaker.versions.add(advert.version)
        told = advert.addresses or ()
        whole = [self._note(addresses, told) for addresses in (group.addresses, speaker.addresses)]
        if not advert.destination.is_multicast and advert.group.scope != "broadcast":
            whole.append(self._note(group.peers, (advert.speaker.ip, advert.destination)))
        if all(whole):
            speaker.noted = advert

    def _note(self, known: dict[IPAddress, None], addresses: Sequence[IPAddress]) -> bool:
        """Whether there was room for all."""
        before = len(known)
        room = before + min(MAX_ADDRESSES - before, MAX_ALL_ADDRESSES - self._held)
        for address in addresses:
            if len(known) >= room:
                break
            known[address] = None
        self._held += len(known) - before
        return len(known) < room

    def _forget(self, group: GroupRecord) -> None:
        self._held -= len(group.addresses) + len(group.peers)
        self._held -= sum(len(speaker.addresses) for speaker in group.speakers.values())

    def adverts(self) -> int:
        """VRRP and CARP advertisements that a router could accept."""
        return sum(record.adverts for key, record in self.groups.items() if key.protocol in ("vrrp", "carp"))


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What others know of a group when it is described."""

    listeners: Callable[[GroupKey], tuple[Listener, ...]]
    learnt: Callable[[GroupKey], tuple[IPAddress, ...]]
    authentic: Callable[[GroupKey, SpeakerKey], tuple[bool | None, tuple[IPAddress, ...] | None]]


def describe(
    key: GroupKey, record: GroupRecord, tracker: Tracker | None, witnesses: Witnesses, now: Instant
) -> GroupInfo:
    """A group as of ``now``, the end of the capture."""
    heard = {speaker.ip for speaker in record.speakers}
    joined = witnesses.listeners(key)
    listeners = tuple(listener for listener in joined if listener.ip not in heard)
    master = tracker.master if tracker is not None else None
    holder = master.key if master is not None and master.ended != "resigned" else None
    reference = record.speakers.get(holder) if holder is not None else None
    newest = max(record.speakers.values(), key=lambda speaker: speaker.last)
    return GroupInfo(
        key=key,
        state=tracker.state() if tracker is not None else "lost",
        master=holder,
        addresses=tuple(record.addresses) or witnesses.learnt(key),
        interval=(reference or newest).advert.interval,
        adverts=record.adverts,
        first=record.first,
        last=record.last,
        speakers=tuple([_describe_speaker(key, *known, witnesses) for known in record.speakers.items()]),
        successor=successor(tracker, joined) if tracker is not None else None,
        listeners=listeners,
        timeline=_timeline(tracker, now) if tracker is not None else (),
        peers=tuple(sorted(record.peers, key=int)),
    )


def _describe_speaker(group: GroupKey, key: SpeakerKey, record: SpeakerRecord, witnesses: Witnesses) -> SpeakerInfo:
    advert = record.advert
    authentic, verified = witnesses.authentic(group, key)
    return SpeakerInfo(
        key=key,
        versions=tuple(sorted(record.versions)),
        priority=advert.priority,
        advbase=advert.advbase,
        advskew=advert.advskew,
        demotion=advert.demotion,
        interval=advert.interval,
        adverts=record.adverts,
        first=record.first,
        last=record.last,
        addresses=tuple(record.addresses),
        auth=advert.auth,
        checksum=advert.checksum,
        implementation=advert.implementation,
        authentic=authentic,
        authentic_addresses=verified,
    )


def _timeline(tracker: Tracker, now: Instant) -> tuple[Tenure, ...]:
    tenures = [Tenure(s.first, s.last, tuple(h.ip for h in s.holders)) for s in _closed(tracker.tenures, now)]
    return tuple(
        sorted((*tenures, *_contests(_closed(tracker.overlaps.contests, now))), key=lambda t: (t.first, len(t.holders)))
    )


def _contests(spans: list["_Closed"]) -> list[Tenure]:
    """Contests of two speakers each as stretches of all who contest at a time."""
    steps = sorted({instant for span in spans for instant in (span.first, span.last)})
    opening = sorted(spans, key=lambda span: span.first, reverse=True)
    found: list[Tenure] = []
    current: list[_Closed] = []
    for first, last in pairwise(steps):
        while opening and opening[-1].first <= first:
            current.append(opening.pop())
        current = [span for span in current if span.last > first]
        holders = tuple(sorted({holder.ip for span in current for holder in span.holders}, key=int))
        if holders and found and found[-1].last == first and found[-1].holders == holders:
            found[-1] = Tenure(found[-1].first, last, holders)
        elif holders:
            found.append(Tenure(first, last, holders))
    return found


@dataclass(frozen=True, slots=True)
class _Closed:
    first: Instant
    last: Instant
    holders: tuple[SpeakerKey, ...]


def _closed(spans: Iterable[Span], now: Instant) -> list[_Closed]:
    return [
        _Closed(span.first, max(span.first, now if span.last is None else span.last), span.holders) for span in spans
    ]
