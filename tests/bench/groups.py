"""The redundancy groups of a generated capture: who advertises when, and the advertisements themselves."""

import hmac
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.bench.columns import (
    SHORTEST,
    Frames,
    Numbers,
    Rows,
    ethernet,
    ipv4,
    ipv6,
    link_local,
    put,
    put_bytes,
    put_checksum,
    word_sum,
)

VLANS = np.array([0, 10, 20, 30])
GROUPS_PER_SEGMENT = 250
PASSPHRASE = b"benchkey"  # of CARP and AH: `analyze --keys` may verify them
VRRP_GROUP = 0xE0000012  # 224.0.0.18
VRRP_GROUP6 = bytes.fromhex("ff020000000000000000000000000012")
ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
PRIORITIES = np.array([200, 100])
ADVSKEWS = np.array([0, 100])
NANOSECONDS = 1_000_000_000

ADVERT, RESIGNATION, ANNOUNCEMENT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a group speaks: its protocol, how many addresses it holds, and its interval in seconds."""

    protocol: Literal["v2", "ah", "v3", "v3-ipv6", "carp"]
    addresses: int
    interval: float


FLAVOURS = (
    Flavour("v2", 1, 1.0),
    Flavour("v2", 2, 1.0),
    Flavour("carp", 1, 1.0),
    Flavour("v3", 1, 1.0),
    Flavour("v2", 1, 1.0),
    Flavour("ah", 1, 1.0),
    Flavour("v3", 2, 1.0),
    Flavour("v2", 3, 1.0),
    Flavour("v3-ipv6", 2, 0.5),
    Flavour("v2", 1, 1.0),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that the groups send, in order: parallel columns.

    ``serial`` counts what one speaker of one group sent before: it drives IP ids, AH sequences and CARP counters.
    """

    at: Numbers
    group: Numbers
    speaker: Numbers
    kind: Numbers
    serial: Numbers
    segments: int


def _wait(flavour: Flavour, resigned: bool) -> float:
    """How long the second speaker waits for the first: Master_Down_Interval, or its skew after a resignation."""
    if flavour.protocol == "carp":
        return (0 if resigned else 3) + 100 / 256
    skew = (256 - 100) / 256 * (flavour.interval if flavour.protocol.startswith("v3") else 1.0)
    return skew if resigned else 3 * flavour.interval + skew


def _stretch(random: np.random.Generator, start: float, end: float, step: float) -> Numbers:
    """Advertisements from ``start`` (seconds) every ``step``, each up to a millisecond late, before ``end``."""
    count = max(0, int(np.ceil((end - start) / step)))
    late = random.random(count) * 0.001
    late[:1] = 0
    nanoseconds: Numbers = ((start + np.arange(count) * step + late) * NANOSECONDS).astype(np.int64)
    return nanoseconds


def _play(
    random: np.random.Generator, group: int, duration: float, upsets: list[tuple[float, bool]], split: bool
) -> list[tuple[Numbers, int, int]]:
    """What one group sends in ``duration`` seconds, as (instants, speaker, kind).

    An upset while the first speaker rules is a crash or a resignation; the next is its return, which preempts.
    """
    flavour = FLAVOURS[group % len(FLAVOURS)]
    steps = [flavour.interval, flavour.interval + (100 / 256 if flavour.protocol == "carp" else 0)]
    sent: list[tuple[Numbers, int, int]] = []
    start, speaker = random.random() * flavour.interval, 0
    for when, resigns in [*upsets, (duration, False)]:
        sent.append((_stretch(random, start, when, steps[speaker]), speaker, ADVERT))
        if when == duration:
            break
        resigned = resigns and speaker == 0
        if resigned:
            sent.append((np.array([int(when * NANOSECONDS)]), speaker, RESIGNATION))
        heard = when if resigned or not len(sent[-1][0]) else sent[-1][0][-1] / NANOSECONDS
        start = when if speaker == 1 else heard + _wait(flavour, resigned)
        speaker = 1 - speaker
        for address in range(flavour.addresses):
            announced = int(start * NANOSECONDS) + 400_000 + address * 20_000
            sent.append((np.array([announced]), speaker, ANNOUNCEMENT + address))
    if split:
        sent.append((_stretch(random, duration * 2 / 3, duration, steps[1 - speaker]), 1 - speaker, ADVERT))
    return sent


def _collect(
    random: np.random.Generator, duration: float, groups: int, failovers: int, splits: int
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    upsets: list[list[tuple[float, bool]]] = [[] for _ in range(groups)]
    for number in range(failovers):
        upsets[number % groups].append((duration * (number + 1) / (failovers + 2), number % 2 == 1))
    columns: list[tuple[Numbers, ...]] = []
    for group in range(groups):
        for at, speaker, kind in _play(random, group, duration, upsets[group], group >= groups - splits):
            columns.append((at, np.full(len(at), group), np.full(len(at), speaker), np.full(len(at), kind)))
    at, group_of, speaker_of, kind_of = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((kind_of, group_of, at))
    return at[order], group_of[order], speaker_of[order], kind_of[order]


def timeline(seed: int, adverts: int, groups: int, failovers: int = 0, splits: int = 0) -> Timeline:
    """Plays ``groups`` until they have sent ``adverts`` advertisements; instants are nanoseconds from the start."""
    rate = sum(1 / FLAVOURS[group % len(FLAVOURS)].interval for group in range(groups))
    duration = adverts / rate
    at, group, speaker, kind = _collect(np.random.default_rng(seed), duration, groups, failovers, splits)
    while (sent := int(np.count_nonzero(kind < ANNOUNCEMENT))) < adverts:
        duration *= adverts / max(sent, 1) + 0.001
        at, group, speaker, kind = _collect(np.random.default_rng(seed), duration, groups, failovers, splits)
    end = int(np.searchsorted(np.cumsum(kind < ANNOUNCEMENT), adverts)) + 1
    at, group, speaker, kind = at[:end], group[:end], speaker[:end], kind[:end]
    sender = group * 2 + speaker
    order = np.argsort(sender, kind="stable")
    starts = np.searchsorted(sender[order], sender[order])
    serial = np.empty(end, np.int64)
    serial[order] = np.arange(end) - starts
    segments = max(len(VLANS), -(-groups // GROUPS_PER_SEGMENT))
    return Timeline(at, group, speaker, kind, serial, segments)


def vlan_of(segment: Numbers) -> Numbers:
    """The VID of a segment; the first ones are shared with the background."""
    shared = VLANS[np.minimum(segment, len(VLANS) - 1)]
    vid: Numbers = np.where(segment < len(VLANS), shared, 100 + segment)
    return vid


@dataclass(frozen=True, slots=True)
class _Said:
    """A slice of the timeline: one flavour, one kind; with where it happens."""

    at: Numbers
    group: Numbers
    speaker: Numbers
    serial: Numbers
    segment: Numbers
    id: Numbers
    resigns: bool

    @property
    def virtual(self) -> Numbers:
        """The group's first IPv4 address, 10.SEGMENT.ID.1; the next ones follow from .11."""
        number: Numbers = (10 << 24) + (self.segment << 16) + (self.id << 8) + 1
        return number

    @property
    def source(self) -> Numbers:
        number: Numbers = self.virtual + 1 + self.speaker
        return number

    @property
    def identification(self) -> Numbers:
        number: Numbers = self.group * 77 + self.speaker * 30000 + self.serial
        return number

    @property
    def priority(self) -> Numbers | int:
        return 0 if self.resigns else PRIORITIES[self.speaker]


def _virtual(said: _Said, index: int) -> Numbers:
    return said.virtual + (10 * index)


def _ip(said: _Said, size: int, protocol: int, length: int) -> Rows:
    rows = ethernet(len(said.at), size, 0x0800)
    put(rows, 0, 6, 0x01005E000012)
    put(rows, 6, 6, 0x00005E000100 + said.id)
    ipv4(rows, said.source, VRRP_GROUP, protocol, length, said.identification, ttl=255, tos=0xC0)
    return rows


def _v2_message(rows: Rows, start: int, said: _Said, flavour: Flavour) -> None:
    put(rows, start, 1, 0x21)
    put(rows, start + 1, 1, said.id)
    put(rows, start + 2, 1, said.priority)
    put(rows, start + 3, 1, flavour.addresses)
    put(rows, start + 4, 2, (2 if flavour.protocol == "ah" else 0) << 8 | round(flavour.interval))
    for index in range(flavour.addresses):
        put(rows, start + 8 + 4 * index, 4, _virtual(said, index))
    put_checksum(rows, start + 6, start, start + 16 + 4 * flavour.addresses)


def _v2(said: _Said, flavour: Flavour) -> Rows:
    length = 36 + 4 * flavour.addresses
    rows = _ip(said, max(SHORTEST, 14 + length), 112, length)
    _v2_message(rows, 34, said, flavour)
    return rows


def _ah(said: _Said, flavour: Flavour) -> Rows:
    """VRRPv2 in AH as keepalived sends it: the source address as SPI, and HMAC-MD5-96."""
    rows = _ip(said, 78, 51, 64)
    put(rows, 34, 2, 112 << 8 | 4)
    put(rows, 38, 4, said.source)
    put(rows, 42, 4, said.serial + 1)
    _v2_message(rows, 58, said, flavour)
    signed = rows[:, 14:78].copy()
    for zeroed in (1, 6, 7, 10, 11):
        signed[:, zeroed] = 0
    for index, row in enumerate(signed):
        put_bytes(rows[index : index + 1], 46, hmac.digest(PASSPHRASE, row.tobytes(), "md5")[:12])
    return rows


def _v3_message(rows: Rows, start: int, said: _Said, flavour: Flavour) -> None:
    put(rows, start, 1, 0x31)
    put(rows, start + 1, 1, said.id)
    put(rows, start + 2, 1, said.priority)
    put(rows, start + 3, 1, flavour.addresses)
    put(rows, start + 4, 2, round(flavour.interval * 100))


def _v3(said: _Said, flavour: Flavour) -> Rows:
    length = 8 + 4 * flavour.addresses
    rows = _ip(said, SHORTEST, 112, 20 + length)
    _v3_message(rows, 34, said, flavour)
    for index in range(flavour.addresses):
        put(rows, 42 + 4 * index, 4, _virtual(said, index))
    put_checksum(rows, 40, 34, 34 + length, word_sum(rows, 26, 34) + length + 112)
    return rows


def _virtual6(rows: Rows, start: int, said: _Said, index: int) -> None:
    link_local(rows, start, said.segment, 0x8000 + said.id)
    if index:
        put(rows, start, 2, 0xFD00 + index)


def _v3_ipv6(said: _Said, flavour: Flavour) -> Rows:
    length = 8 + 16 * flavour.addresses
    rows = ethernet(len(said.at), 54 + length, 0x86DD)
    put(rows, 0, 6, 0x333300000012)
    put(rows, 6, 6, 0x00005E000200 + said.id)
    ipv6(rows, VRRP_GROUP6, 112, length, hop_limit=255)
    link_local(rows, 22, said.segment, 0x4000 + said.id * 4 + said.speaker)
    _v3_message(rows, 54, said, flavour)
    for index in range(flavour.addresses):
        _virtual6(rows, 62 + 16 * index, said, index)
    put_checksum(rows, 60, 54, 54 + length, word_sum(rows, 22, 54) + length + 112)
    return rows


def _carp(said: _Said) -> Rows:
    """CARP with a counter that grows, as FreeBSD's does, so that no two digests are alike."""
    rows = _ip(said, 70, 112, 56)
    put(rows, 34, 1, 0x21)
    put(rows, 35, 1, said.id)
    put(rows, 36, 1, 255 if said.resigns else ADVSKEWS[said.speaker])
    put(rows, 37, 1, 7)
    put(rows, 39, 1, 255 if said.resigns else 1)
    counter = (said.group << 32) + (said.speaker << 31) + said.serial
    put(rows, 42, 8, counter)
    signed = np.zeros((len(said.at), 15), np.uint8)
    put(signed, 0, 2, 0x0201)
    put(signed, 2, 1, said.id)
    put(signed, 3, 4, said.virtual)
    signed[:, 7:] = rows[:, 42:50]
    key = PASSPHRASE.ljust(20, b"\0")
    for index, row in enumerate(signed):
        put_bytes(rows[index : index + 1], 50, hmac.digest(key, row.tobytes(), "sha1"))
    put_checksum(rows, 40, 34, 70)
    return rows


def _advert(said: _Said, flavour: Flavour) -> Rows:
    match flavour.protocol:
        case "v2":
            return _v2(said, flavour)
        case "ah":
            return _ah(said, flavour)
        case "v3":
            return _v3(said, flavour)
        case "v3-ipv6":
            return _v3_ipv6(said, flavour)
        case "carp":
            return _carp(said)


def _announcement(said: _Said, flavour: Flavour, index: int) -> Rows:
    """A gratuitous ARP request (RFC 5227 §3) or an unsolicited neighbour advertisement (RFC 4861 §7.2.6)."""
    count = len(said.at)
    if flavour.protocol != "v3-ipv6":
        rows = ethernet(count, SHORTEST, 0x0806)
        put(rows, 0, 6, 0xFFFFFFFFFFFF)
        put(rows, 6, 6, 0x00005E000100 + said.id)
        put(rows, 14, 8, 0x0001080006040001)
        put(rows, 22, 6, 0x00005E000100 + said.id)
        put(rows, 28, 4, _virtual(said, index))
        put(rows, 38, 4, _virtual(said, index))
        return rows
    rows = ethernet(count, 86, 0x86DD)
    put(rows, 0, 6, 0x333300000001)
    put(rows, 6, 6, 0x00005E000200 + said.id)
    ipv6(rows, ALL_NODES, 58, 32, hop_limit=255)
    link_local(rows, 22, said.segment, 0x4000 + said.id * 4 + said.speaker)
    put(rows, 54, 8, 0x88000000A0000000)
    _virtual6(rows, 62, said, index)
    put(rows, 78, 2, 0x0201)
    put(rows, 80, 6, 0x00005E000200 + said.id)
    put_checksum(rows, 56, 54, 86, word_sum(rows, 22, 54) + 32 + 58)
    return rows


def spoken(line: Timeline, first: int, end: int) -> list[Frames]:
    """The frames of rows ``first`` to ``end`` of the timeline, grouped by kind."""
    group, kind = line.group[first:end], line.kind[first:end]
    frames = []
    for number, flavour in enumerate(FLAVOURS):
        for what in range(ANNOUNCEMENT + flavour.addresses):
            (chosen,) = np.nonzero((group % len(FLAVOURS) == number) & (kind == what))
            if not len(chosen):
                continue
            chosen = chosen + first
            segment = line.group[chosen] % line.segments
            said = _Said(
                line.at[chosen],
                line.group[chosen],
                line.speaker[chosen],
                line.serial[chosen],
                segment,
                line.group[chosen] // line.segments + 1,
                what == RESIGNATION,
            )
            announces = what >= ANNOUNCEMENT
            rows = _announcement(said, flavour, what - ANNOUNCEMENT) if announces else _advert(said, flavour)
            frames.append(Frames(said.at, rows, np.full(len(chosen), rows.shape[1]), vlan_of(segment)))
    return frames
