"""From a batch's rows to deliveries: a distinct frame is taken apart once, its repetitions become runs and counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.bystanders import Bystanders
from vrrpwatch.core.findings import MAX_EVIDENCE
from vrrpwatch.core.frames import Kind, frame_of
from vrrpwatch.core.hearing import Heard, Observation, Refused, Unheard, hear
from vrrpwatch.core.model import Advert, Evidence, Instant
from vrrpwatch.core.reflection import Reflections
from vrrpwatch.core.runs import Content, Contents, Piece, cut_pieces
from vrrpwatch.core.scopes import UnicastScopes
from vrrpwatch.core.sightings import Answers, Sighting, by_entry, places, sightings
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import Arp, Packet

# Frames are forgeable, so what is remembered of distinct ones is bounded: beyond this all are met anew.
MAX_FINGERPRINTS = 32_768
# The same for what speakers say: a sender that never repeats itself must not grow this without end.
MAX_CONTENTS = 32_768
# The addresses that all of them list: one advertisement may hold 255.
MAX_ADDRESSES = 131_072
# Of a flood in which no two frames are alike, so many rows are taken in at a time: advertisements, and all others.
FLOOD_ADVERTS, FLOOD = 2_048, 8_192
SAMPLE = 1_024

# (source, interface, cooked ifindex, packed vlans) to the id of the segment.
SegmentOf = Callable[[int, int, int, int], str]


class RefusedPiece(NamedTuple):
    """A speaker's advertisements with one fault inside one batch, with the first few packets that show it."""

    refused: Refused
    first: Instant
    last: Instant
    adverts: int
    evidence: tuple[Evidence, ...]


class Copy(NamedTuple):
    """One packet that is a copy of an earlier advertisement."""

    advert: Advert
    evidence: Evidence


class Signed(NamedTuple):
    """One advertisement whole, for verification: what it says and the very packet."""

    advert: Advert
    packet: Packet
    frame: bytes
    evidence: Evidence


Delivery = Piece | RefusedPiece | Sighting | Answers | Copy | Signed
# What is remembered of a fingerprint.
Entry = Content | Refused | Observation | Unheard
# (instant, source, packet number, rank among the deliveries of one packet, what is delivered)
Dated = tuple[Instant, int, int, int, Delivery]


class Intake:
    """Understands frames and orders what they say by time.  ``signed`` asks for every advertisement whole as well."""

    def __init__(self, segment_of: SegmentOf, *, signed: bool = False) -> None:
        self._segment_of = segment_of
        self._signed = signed
        self._reflections = Reflections()
        self._scopes = UnicastScopes()
        self._by_claim: dict[tuple[object, ...], Content] = {}
        self._heard: dict[int, Entry] = {}
        self._bystanders = Bystanders()
        self.contents = Contents()
        self.skipped: dict[str, int] = {}
        self.forgotten = 0

    def clock_stepped(self, now: Instant) -> Sequence[Content]:
        """Forgets what is compared by time, and returns the contents whose runs end here."""
        self._reflections.forget()
        for content in self.contents.items:
            content.line.content = None
            if content.last is not None:
                content.last = min(content.last, now)
        return self.contents.items

    @staticmethod
    def portions(rows: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
        """The rows whole, or few at a time where each says something new, so that what is remembered stays small."""
        size = len(rows)
        if _is_flood(rows["fingerprint"][rows["kind"] == Kind.ADVERT]):
            size = FLOOD_ADVERTS
        elif _is_flood(rows["fingerprint"]):
            size = FLOOD
        for start in range(0, len(rows), size or 1):
            yield rows[start : start + size]

    def take_in(self, rows: NDArray[np.void], data: NDArray[np.uint8]) -> list[Dated]:
        """What the rows (in stream order, their frames in ``data``) say, in time order."""
        if not len(rows):
            return []
        prints, which = distinct(rows["fingerprint"])
        heard: list[Entry] = [_NOTHING] * len(prints)
        first = _firsts(which, len(prints))
        arp = rows["kind"][first] == Kind.ARP
        self._understand(heard, rows, prints, first, ~arp, data)
        if arp.any():
            # Now it is known which addresses matter.
            wanted = self._bystanders.worth_reading(rows, which, first, arp, data)
            rows, which = rows[wanted], which[wanted]
            first = _firsts(which, len(prints))
            self._understand(heard, rows, prints, first, arp & (first < len(rows)), data)
        dated = self._tell(rows, which, heard, data)
        dated.sort(key=_PLACE)
        if len(self._heard) > MAX_FINGERPRINTS:
            self._heard.clear()
        return dated

    def _tell(
        self, rows: NDArray[np.void], which: NDArray[np.intp], heard: Sequence[Entry], data: NDArray[np.uint8]
    ) -> list[Dated]:
        kinds = np.array([_KINDS[type(entry)] for entry in heard], dtype=np.int64)
        indices = np.array([entry.index if isinstance(entry, Content) else -1 for entry in heard], dtype=np.int64)
        kind = kinds[which]
        adverts = np.flatnonzero(kind == _KINDS[Content])
        whole = len(adverts) == len(rows)
        dated = self._advertisements(rows if whole else rows[adverts], indices[which[adverts]], data)
        if whole:
            return dated
        dated.extend(_refusals(rows, np.flatnonzero(kind == _KINDS[Refused]), which, heard))
        dated.extend(sightings(rows, np.flatnonzero(kind == _KINDS[Observation]), which, heard, self._bystanders))
        for row in np.flatnonzero(kind == _KINDS[Unheard]).tolist():
            entry = heard[which[row]]
            if isinstance(entry, Unheard):
                self.skipped[entry.reason] = self.skipped.get(entry.reason, 0) + 1
        return dated

    def forget(self) -> list[Content]:
        """Where there are too many contents, drops the half that has been silent for longest and returns it."""
        if len(self.contents.items) <= MAX_CONTENTS and self.contents.addresses <= MAX_ADDRESSES:
            return []
        self.contents, dropped = self.contents.halve()
        self._by_claim = {content.advert.claim: content for content in self.contents.items}
        self._heard.clear()
        self.forgotten += len(dropped)
        return dropped

    def _understand(
        self,
        heard: list[Entry],
        rows: NDArray[np.void],
        prints: NDArray[np.uint64],
        first: NDArray[np.intp],
        chosen: NDArray[np.bool_],
        data: NDArray[np.uint8],
    ) -> None:
        """Puts into ``heard`` what the ``chosen`` ones of the fingerprints, whose first rows are told, say."""
        numbers = np.flatnonzero(chosen)
        # In stream order, because what comes first names the unicast scopes.
        numbers = numbers[np.argsort(first[numbers])]
        for number, place, fingerprint in zip(
            numbers.tolist(), first[numbers].tolist(), prints[numbers].tolist(), strict=True
        ):
            entry = self._heard.get(fingerprint)
            heard[number] = self._meet(rows[place], fingerprint, data) if entry is None else entry

    def _meet(self, row: np.void, fingerprint: int, data: NDArray[np.uint8]) -> Entry:
        heard = self._hear(row, data)
        entry: Entry
        if isinstance(heard, Advert):
            entry = self._content(heard, int(row["identity"]))
            self._bystanders.concern(heard, int(row["at"]))
        else:
            entry = heard
            if isinstance(heard, Observation) and isinstance(heard.message, Arp) and heard.message.gratuitous:
                self._bystanders.announce(heard.segment, heard.message)
        self._heard[fingerprint] = entry
        return entry

    def _hear(self, row: np.void, data: NDArray[np.uint8]) -> Heard:
        segment = self._segment_of(int(row["source"]), int(row["interface"]), int(row["ifindex"]), int(row["vlans"]))
        linktype, length, kind = int(row["linktype"]), int(row["length"]), int(row["kind"])
        return hear(frame_of(row, data), linktype, length, kind, segment, self._scopes.scope)

    def _content(self, advert: Advert, identity: int) -> Content:
        claim = advert.claim
        content = self._by_claim.get(claim)
        if content is None:
            content = self._by_claim[claim] = self.contents.add(advert, identity)
        return content

    def _advertisements(self, rows: NDArray[np.void], index: NDArray[np.int64], data: NDArray[np.uint8]) -> list[Dated]:
        dated: list[Dated] = []
        copy = self._reflections.copies(self.contents, index, rows["at"], rows["identity"])
        if copy.any():
            dated.extend(self._copies(rows[copy], index[copy]))
            rows, index = rows[~copy], index[~copy]
        if self._signed:
            dated.extend(self._whole(rows, index, data))
        source = rows["source"].astype(np.int64)
        dated.extend(
            (piece.first, piece.source, piece.first_packet, 1, piece)
            for piece in cut_pieces(self.contents, index, rows["at"], rows["packet"], source)
        )
        return dated

    def _copies(self, rows: NDArray[np.void], index: NDArray[np.int64]) -> Iterator[Dated]:
        for at, source, packet, content in zip(*places(rows), index.tolist(), strict=True):
            yield at, source, packet, 0, Copy(self.contents.items[content].advert, Evidence(source, packet))

    def _whole(self, rows: NDArray[np.void], index: NDArray[np.int64], data: NDArray[np.uint8]) -> Iterator[Dated]:
        for row, content in zip(rows, index.tolist(), strict=True):
            frame = frame_of(row, data)
            evidence = Evidence(int(row["source"]), int(row["packet"]))
            packet = dissect(frame, int(row["linktype"]), int(row["length"]))
            signed = Signed(self.contents.items[content].advert, packet, frame, evidence)
            yield int(row["at"]), evidence.source, evidence.packet, 2, signed


_PLACE: Final = itemgetter(0, 1, 2, 3)
_NOTHING: Final = Unheard("")
_KINDS: Final[dict[type[object], int]] = {Content: 0, Refused: 1, Observation: 2, Unheard: 3}


def _is_flood(prints: NDArray[np.uint64]) -> bool:
    """Whether nearly all of many fingerprints differ, as far as a sample shows."""
    sample = prints[:: max(len(prints) // SAMPLE, 1)].tolist()
    return len(prints) > FLOOD_ADVERTS and len(set(sample)) > 0.9 * len(sample)


def _refusals(
    rows: NDArray[np.void], chosen: NDArray[np.intp], which: NDArray[np.intp], heard: Sequence[object]
) -> Iterator[Dated]:
    """One piece a fault of a speaker, whatever else differs in its packets: they are shown in their order."""
    if not len(chosen):
        return
    parts: dict[tuple[object, ...], list[tuple[NDArray[np.intp], Refused]]] = {}
    for entry, said in by_entry(which[chosen]):
        refused = heard[entry]
        if isinstance(refused, Refused):
            for fault in refused.faults:
                key = refused.segment, refused.group, refused.subject, fault.rule
                parts.setdefault(key, []).append((chosen[said], replace(refused, faults=(fault,))))
    for told in parts.values():
        mine = rows[np.sort(np.concatenate([where for where, _ in told]))]
        _, newest = max(told, key=lambda part: int(part[0][-1]))
        shown = tuple(Evidence(source, packet) for _, source, packet in zip(*places(mine[:MAX_EVIDENCE]), strict=True))
        piece = RefusedPiece(newest, int(mine["at"].min()), int(mine["at"].max()), len(mine), shown)
        yield int(mine["at"][0]), shown[0].source, shown[0].packet, 0, piece


def distinct(prints: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """The fingerprints without repetition, ascending, and the place of each row's among them."""
    # A stable sort of 16-bit numbers is a radix sort; what it puts next to each other is then few to tell apart.
    order = np.argsort(prints.astype(np.uint16), kind="stable")
    ranked = prints[order]
    begins = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    distinct, place = np.unique(ranked[begins], return_inverse=True)
    which = np.empty(len(prints), dtype=np.intp)
    which[order] = np.repeat(place, np.diff(np.append(np.flatnonzero(begins), len(prints))))
    return distinct, which


def _firsts(which: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The first row of each of ``count`` fingerprints; ``len(which)`` for one that has none."""
    first = np.full(count, len(which), dtype=np.intp)
    # Assigned backwards, the first row of each is the one that stays.
    first[which[::-1]] = np.arange(len(which) - 1, -1, -1)
    return first
