# mypy: disallow_untyped_decorators=False, disable-error-code="import-untyped"
"""Walks capture records, picks the frames of interest and counts the rest: the one hot loop, run over every packet.

Written in Cython's pure-Python mode: compiled it keeps its bounds checks, uncompiled it does the same slowly.
C integers wrap and Python's do not, so what can pass 64 bits is masked.  What a frame means and where it is left is
:func:`vrrpwatch.wire.link.dissect`'s to say; tests hold the two against each other.  Opening files, reading block
options and hashing the frames picked are the sibling modules'.
"""

from typing import Any

import cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy

# What stops the scan from following a frame, in the words of `dissect`; `Scanner.skipped` counts by position here.
SKIPPED = (
    "",
    "truncated ethernet",
    "truncated sll",
    "truncated sll2",
    "truncated ip",
    "not ip",
    "truncated null",
    "unknown address family",
    "truncated ppp",
    "ppp protocol",
    "more than four vlan tags",
    "truncated vlan",
    "llc",
    "truncated pppoe",
    "pppoe without a session",
    "truncated mpls",
    "mpls stack too deep",
    "mpls pseudowire",
    "mpls payload",
    "mac-in-mac",
    "truncated ipv4",
    "not ipv4",
    "bad ipv4 header length",
    "bad ipv4 total length",
    "truncated ipv6",
    "not ipv6",
    "too many ipv6 extensions",
    "ipv6 extension cut",
    "later fragment",
    "truncated or malformed ah",
    "ip-in-ip",
    "gre",
    "etherip",
    "mpls-in-ip",
    "erspan",
    "vxlan",
    "geneve",
)

# Why `pcap` and `pcapng` returned: the next record is not all there; the batch has no room for it; no record can
# start here; a pcapng block that holds no packet starts here.
SHORT, FULL, DAMAGED, BLOCK = 0, 1, 2, 3
_SHORT = cython.declare(cython.int, 0)
_FULL = cython.declare(cython.int, 1)
_DAMAGED = cython.declare(cython.int, 2)
_BLOCK = cython.declare(cython.int, 3)

# What a batch holds at most: much, since what the engine does once a batch for every speaker and host costs most.  The
# arena takes any frame (MAX_CAPTURED); its spare end lets hashes read whole words.
ARENA_SIZE = 16 << 20
MAX_ROWS = 1 << 17
ROW_WORDS = 11
MAX_ENTRIES = 1 << 14
KEY_WORDS = 7
SUM_WORDS = 4
MAX_SECONDS = 1 << 15
SECOND_WORDS = 4
MAX_INTERFACES = 4096
INTERFACE_WORDS = 8
_ARENA = cython.declare(cython.longlong, 16 << 20)
_SPARE = cython.declare(cython.longlong, 16)
_ROWS = cython.declare(cython.longlong, 1 << 17)
_ENTRIES = cython.declare(cython.longlong, 1 << 14)
_SLOTS = cython.declare(cython.longlong, 1 << 15)
_SECONDS = cython.declare(cython.longlong, 1 << 15)
# Who knows the hash's key could make keys collide: past this many steps the batch ends instead.
_PROBES = cython.declare(cython.longlong, 64)

# libpcap's MAXIMUM_SNAPLEN: no capture tool writes longer packets of the link types read here.
MAX_CAPTURED = 262144
_MAX_CAPTURED = cython.declare(cython.longlong, 262144)
# No link carries 2 GiB frames; such a length is a damaged one.
_MAX_LENGTH = cython.declare(cython.longlong, 0x7FFFFFFF)
# Packet blocks may carry options beside the packet, but must fit the reader's buffer.
MAX_BLOCK = 1 << 19
_MAX_BLOCK = cython.declare(cython.longlong, 1 << 19)

# Instants stay within [0, 2**62) ns, up to the year 2116, so that differences never overflow.
_LAST_INSTANT = cython.declare(cython.longlong, (1 << 62) - 1)
_SECOND = cython.declare(cython.longlong, 1_000_000_000)
_LAST_SECOND = cython.declare(cython.ulonglong, 4_611_686_018)
_BROADCAST = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFF0000)
_MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
# What tells the key of a destination from that of a flow.
_IS_DESTINATION = cython.declare(cython.ulonglong, 1 << 32)
_MULTIPLIER = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)

MAX_STEPS = 1000

_ARP = cython.declare(cython.int, 2)
_ND = cython.declare(cython.int, 3)
_CARP = cython.declare(cython.int, 12)
_PLAIN = cython.declare(cython.longlong, 1 << 24 | 1 << 25 | 1 << 26)
# The high octets of the ports 1985, 2029, 3222, 3780, 3781, 4789, 6081, 8472 and 8848, a bit each.
_LISTED = cython.declare(
    cython.ulonglong, 1 << 0x07 | 1 << 0x0C | 1 << 0x0E | 1 << 0x12 | 1 << 0x17 | 1 << 0x21 | 1 << 0x22
)


@cython.cfunc
@cython.inline
def octets_at(buffer: cython.uchar[::1], at: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.p_uchar:
    """The ``count`` octets from ``at``: their bounds are checked here, so that no index below ``count`` need be.

    Any other index goes unnoticed compiled; uncompiled it is an error, and the tests run both.
    """
    if at < 0 or at > buffer.shape[0] - count:
        raise IndexError(at)
    if not cython.compiled:
        return buffer[at : at + count]
    return cython.address(buffer[at])


@cython.cfunc
@cython.exceptval(check=False)
@cython.inline
def word_at(octets: cython.p_uchar, at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
    """Four octets of what `octets_at` checked, most significant first where ``big``."""
    if big:
        return (
            cython.cast(cython.longlong, octets[at]) << 24
            | cython.cast(cython.longlong, octets[at + 1]) << 16
            | cython.cast(cython.longlong, octets[at + 2]) << 8
            | octets[at + 3]
        )
    return (
        cython.cast(cython.longlong, octets[at + 3]) << 24
        | cython.cast(cython.longlong, octets[at + 2]) << 16
        | cython.cast(cython.longlong, octets[at + 1]) << 8
        | octets[at]
    )


@cython.cfunc
@cython.exceptval(-1, check=False)
@cython.inline
def u16(buffer: cython.uchar[::1], at: cython.Py_ssize_t) -> cython.longlong:
    """Two octets, most significant first."""
    octets: cython.p_uchar = octets_at(buffer, at, 2)
    return cython.cast(cython.longlong, octets[0]) << 8 | octets[1]


@cython.cfunc
@cython.exceptval(-1, check=False)
@cython.inline
def u32(buffer: cython.uchar[::1], at: cython.Py_ssize_t) -> cython.longlong:
    """Four octets, most significant first."""
    return word_at(octets_at(buffer, at, 4), 0, True)


@cython.cfunc
# Every value may be right: after this rare one the caller asks whether there was an error.
@cython.exceptval(0xDEAD, check=True)
@cython.inline
def u64(buffer: cython.uchar[::1], at: cython.Py_ssize_t) -> cython.ulonglong:
    """Eight octets, most significant first."""
    octets: cython.p_uchar = octets_at(buffer, at, 8)
    high: cython.ulonglong = word_at(octets, 0, True)
    low: cython.ulonglong = word_at(octets, 4, True)
    return high << 32 | low


@cython.cfunc
@cython.exceptval(-1, check=False)
@cython.inline
def u32_ordered(buffer: cython.uchar[::1], at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
    """Four octets in the file's byte order."""
    return word_at(octets_at(buffer, at, 4), 0, big)


@cython.cfunc
@cython.exceptval(-1, check=False)
@cython.inline
def is_plain(buffer: cython.uchar[::1], at: cython.Py_ssize_t, captured: cython.longlong) -> cython.int:
    """Whether an Ethernet frame is unicast TCP, ICMP or UDP to no port of interest, on one VLAN or none: most are."""
    head: cython.p_uchar
    tag: cython.Py_ssize_t
    ethertype: cython.int
    kind: cython.int
    port: cython.int
    listed: cython.int
    if captured < 42:
        return 0
    head = octets_at(buffer, at, 42)
    if head[0] & 1:
        return 0
    # What differs from frame to frame at random is computed: a branch there would be mispredicted.
    tag = ((head[12] << 8 | head[13]) == 0x8100) << 2
    ethertype = head[tag + 12] << 8 | head[tag + 13]
    if ethertype == 0x0800:
        # Options, lengths that leave no room for ports, and all but first fragments go the long way.
        if head[tag + 14] != 0x45 or (head[tag + 20] & 0x1F) or head[tag + 21]:
            return 0
        if (head[tag + 16] << 8 | head[tag + 17]) < 28:
            return 0
        kind = head[tag + 23]
        port = head[tag + 36]
    elif ethertype == 0x86DD:
        if captured < 62 or head[tag + 14] >> 4 != 6:
            return 0
        kind = head[tag + 20]
        port = buffer[at + tag + 56]
    else:
        return 0
    listed = (port < 0x40) & (_LISTED >> (port & 0x3F))
    return (kind == 6) | (kind == 1) | ((kind == 17) & (listed ^ 1))


@cython.final
@cython.cclass
class Scanner:
    """One source's scan: feed it records with :meth:`pcap` or :meth:`pcapng`, empty it with :meth:`reset`.

    ``number`` is the source's; ``wanted`` a mask with bit ``1 << kind`` set for every kind to keep, ``redundancy`` one
    of the kinds whose seconds are counted apart; ``secret`` keys the table of flows.  ``storage`` is what
    :mod:`vrrpwatch.capture.batches` makes and reads: ``rows`` is an array of FRAME as 64-bit words, ROW_WORDS a row,
    ``halves`` the same bytes as 32-bit words; ``keys`` and ``sums`` have KEY_WORDS and SUM_WORDS words an entry, which
    is a flow (packets, octets, first and last instant; ``destinations`` has its destination's entry) or a destination
    (the second at hand, its packets and octets); ``seconds`` has SECOND_WORDS words for each second that a destination
    has left (entry, second, packets, octets).  ``interfaces`` has INTERFACE_WORDS words an interface (link type; most
    ticks, multiplier, divisor and binary exponent of its clock; offset in ns; snap length; when its last packet came).
    """

    buffer: cython.uchar[::1]
    arena: cython.uchar[::1]
    rows: cython.longlong[::1]
    halves: cython.int[::1]
    ah_offsets: cython.longlong[::1]
    keys: cython.ulonglong[::1]
    sums: cython.longlong[::1]
    slots: cython.ushort[::1]
    places: cython.longlong[::1]
    destinations: cython.longlong[::1]
    seconds: cython.longlong[::1]
    skipped: cython.longlong[::1]
    interfaces: cython.longlong[::1]
    number: cython.longlong
    wanted: cython.longlong
    redundancy: cython.longlong
    hasty: cython.bint
    secret: cython.ulonglong
    linktype: cython.longlong
    nano: cython.bint
    header: cython.longlong
    minor: cython.longlong
    previous: cython.longlong
    section: cython.longlong
    described: cython.longlong

    big = cython.declare(cython.bint, visibility="readonly")
    status = cython.declare(cython.int, visibility="readonly")
    packet = cython.declare(cython.longlong, visibility="readonly")
    packets = cython.declare(cython.longlong, visibility="readonly")
    octets = cython.declare(cython.longlong, visibility="readonly")
    group_packets = cython.declare(cython.longlong, visibility="readonly")
    group_octets = cython.declare(cython.longlong, visibility="readonly")
    first = cython.declare(cython.longlong, visibility="readonly")
    last = cython.declare(cython.longlong, visibility="readonly")
    kept = cython.declare(cython.longlong, visibility="readonly")
    used = cython.declare(cython.longlong, visibility="readonly")
    entries = cython.declare(cython.longlong, visibility="readonly")
    left = cython.declare(cython.longlong, visibility="readonly")
    steps = cython.declare(object, visibility="readonly")
    drops = cython.declare(object, visibility="readonly")
    ethertypes = cython.declare(object, visibility="readonly")
    unknown = cython.declare(object, visibility="readonly")
    reason = cython.declare(cython.int, visibility="readonly")

    # The frame at hand; positions count from the start of the buffer, -1 is "not there".
    start: cython.longlong
    limit: cython.longlong
    wire: cython.longlong
    interface: cython.longlong
    offset: cython.longlong
    ethertype: cython.longlong
    destination_mac: cython.longlong
    source_mac: cython.longlong
    group: cython.int
    broadcast: cython.int
    ifindex: cython.longlong
    vlans: cython.longlong
    skip: cython.int
    family: cython.int
    destination: cython.longlong
    source: cython.longlong
    later: cython.int
    protocol: cython.longlong
    payload: cython.longlong
    payload_length: cython.longlong
    ah: cython.longlong
    kind: cython.int
    volume_kind: cython.int

    def __init__(self, storage: dict[str, Any], number: int, wanted: int, redundancy: int, secret: int) -> None:
        self.arena = storage["arena"]
        self.rows = storage["rows"]
        self.halves = storage["halves"]
        self.ah_offsets = storage["ah_offsets"]
        self.keys = storage["keys"]
        self.sums = storage["sums"]
        # Sixteen bits number every entry, and the smaller the table the more of it stays in the core's cache.
        self.slots = storage["slots"]
        self.places = storage["places"]
        self.destinations = storage["destinations"]
        self.seconds = storage["seconds"]
        self.skipped = storage["skipped"]
        self.number = number
        self.interfaces = storage["interfaces"]
        self.wanted = wanted
        self.redundancy = redundancy
        # Whoever wants TCP, UDP or ICMP frames gets them all; nobody does but to compare.
        self.hasty = not wanted & _PLAIN
        self.secret = secret
        self.previous = -1
        self.packet = 0
        self.entries = 0
        self.interface = 0
        self.section = 0
        self.described = 0
        self.big = False
        self.reason = 0
        self.status = _SHORT
        self.reset()

    def reset(self) -> None:
        """Starts the next batch; what the storage held is the caller's to have copied."""
        i: cython.Py_ssize_t
        for i in range(self.entries):
            self.slots[self.places[i]] = 0
        for i in range(self.skipped.shape[0]):
            self.skipped[i] = 0
        self.packets = 0
        self.octets = 0
        self.group_packets = 0
        self.group_octets = 0
        self.first = _LAST_INSTANT
        self.last = 0
        self.kept = 0
        self.used = 0
        self.entries = 0
        self.left = 0
        self.steps = []
        self.drops = []
        self.ethertypes = {}
        self.unknown = {}

    def configure(self, linktype: int, big: bool, nano: bool, header: int, minor: int) -> None:
        """Sets what a pcap file says of its records: link type, byte order, nanoseconds, header size, minor version."""
        self.linktype = linktype
        self.big = big
        self.nano = nano
        self.header = header
        self.minor = minor

    def open_section(self, big: bool, section: int) -> None:
        """Starts a pcapng section: its byte order, and how many interfaces the sections before it described."""
        self.big = big
        self.section = section
        self.described = 0

    def pass_number(self) -> None:
        """Passes a packet number over: a record that is no packet has it."""
        self.packet += 1

    def add_interface(self) -> None:
        """Counts in an interface of this section, whose words are in ``interfaces``."""
        self.described += 1

    def pcap(self, buffer: cython.uchar[::1], position: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Scans the pcap records in ``buffer[position:end]``; returns where it stopped, ``status`` why."""
        captured: cython.longlong
        length: cython.longlong
        at: cython.longlong
        frame: cython.Py_ssize_t
        record: cython.p_uchar
        header: cython.Py_ssize_t = self.header
        big: cython.bint = self.big
        unit: cython.longlong = 1 if self.nano else 1000
        ethernet: cython.bint = self.linktype == 1 and self.hasty
        minor: cython.longlong = self.minor
        old: cython.bint = minor <= 3
        previous: cython.longlong = self.previous
        first: cython.longlong = self.first
        last: cython.longlong = self.last
        packets: cython.longlong = 0
        octets: cython.longlong = 0
        self.buffer = buffer
        self.status = _SHORT
        while end - position >= header:
            record = octets_at(buffer, position, 16)
            captured = word_at(record, 8, big)
            length = word_at(record, 12, big)
            # Version 2.3 changed the order of the two lengths, and not everyone noticed (libpcap sf-pcap.c).
            if old and (minor < 3 or captured > length):
                captured, length = length, captured
            if captured > _MAX_CAPTURED or length > _MAX_LENGTH:
                self.status = _DAMAGED
                break
            frame = position + header
            if end - frame < captured:
                break
            at = word_at(record, 0, big) * _SECOND + word_at(record, 4, big) * unit
            if not (ethernet and is_plain(buffer, frame, captured)) and not self.look(
                frame, captured, length, at, packets + 1
            ):
                self.status = _FULL
                break
            if at < previous - _SECOND:
                self.step(packets + 1, previous, at)
                previous = at
            elif at > previous:
                previous = at
            if at < first:
                first = at
            if at > last:
                last = at
            packets += 1
            octets += length
            position = frame + captured
        self.previous = previous
        self.first = first
        self.last = last
        self.packet += packets
        self.packets += packets
        self.octets += octets
        return position

    def pcapng(
        self, buffer: cython.uchar[::1], position: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.Py_ssize_t:
        """Scans the pcapng packet blocks in ``buffer[position:end]``; returns where it stopped, ``status`` why."""
        kind: cython.longlong
        total: cython.longlong
        captured: cython.longlong
        length: cython.longlong
        at: cython.longlong
        frame: cython.longlong
        word: cython.longlong
        dropped: cython.longlong
        big: cython.bint = self.big
        interfaces: cython.longlong[::1] = self.interfaces
        hasty: cython.bint = self.hasty
        previous: cython.longlong = self.previous
        first: cython.longlong = self.first
        last: cython.longlong = self.last
        packets: cython.longlong = 0
        octets: cython.longlong = 0
        self.buffer = buffer
        self.status = _SHORT
        while end - position >= 12:
            kind = u32_ordered(buffer, position, big)
            if kind != 6 and kind != 3 and kind != 2:
                self.status = _BLOCK
                break
            total = u32_ordered(buffer, position + 4, big)
            frame = 16 if kind == 3 else 32
            self.reason = 0
            if total & 3:
                self.reason = 1
            elif total < frame:
                self.reason = 2
            elif total > _MAX_BLOCK:
                self.reason = 3
            if self.reason:
                self.status = _DAMAGED
                break
            if end - position < total:
                break
            dropped = 0
            if kind == 3:
                self.interface = 0
                length = u32_ordered(buffer, position + 8, big)
            elif kind == 2:
                # The obsolete block's two 16-bit fields; 0xffff is an unknown drop count.
                dropped = buffer[position + 10] << 8 | buffer[position + 11]
                self.interface = buffer[position + 8] << 8 | buffer[position + 9]
                if not big:
                    dropped = buffer[position + 11] << 8 | buffer[position + 10]
                    self.interface = buffer[position + 9] << 8 | buffer[position + 8]
                if dropped == 0xFFFF:
                    dropped = 0
                length = u32_ordered(buffer, position + 24, big)
            else:
                self.interface = u32_ordered(buffer, position + 8, big)
                length = u32_ordered(buffer, position + 24, big)
            if self.interface >= self.described:
                self.reason = 4
            elif u32_ordered(buffer, position + total - 4, big) != total:
                self.reason = 5
            elif length > _MAX_LENGTH:
                self.reason = 6
            if self.reason:
                self.status = _DAMAGED
                break
            self.interface += self.section
            word = self.interface * 8
            if kind == 3:
                captured = total - 16
                if captured > length:
                    captured = length
                if interfaces[word + 6] and captured > interfaces[word + 6]:
                    captured = interfaces[word + 6]
                # This block has no time of its own: the packet before it is as near as can be known.
                at = max(previous, 0)
                frame = position + 12
            else:
                captured = u32_ordered(buffer, position + 20, big)
                if captured > total - 32:
                    self.reason = 7
                at = self.instant(
                    word,
                    cython.cast(cython.ulonglong, u32_ordered(buffer, position + 12, big)) << 32
                    | cython.cast(cython.ulonglong, u32_ordered(buffer, position + 16, big)),
                )
                frame = position + 28
            if self.reason or captured > _MAX_CAPTURED:
                self.reason = 7
                self.status = _DAMAGED
                break
            self.linktype = interfaces[word]
            if not (self.linktype == 1 and hasty and is_plain(buffer, frame, captured)) and not self.look(
                frame, captured, length, at, packets + 1
            ):
                self.status = _FULL
                break
            if at < previous - _SECOND:
                self.step(packets + 1, previous, at)
                previous = at
            elif at > previous:
                previous = at
            if kind == 6 and total - 32 - ((captured + 3) & ~3) >= 12:
                dropped = self.dropcount(frame + ((captured + 3) & ~3), position + total - 4)
            if dropped:
                self.drops.append((self.interface, interfaces[word + 7], at, dropped))
            interfaces[word + 7] = at
            if at < first:
                first = at
            if at > last:
                last = at
            packets += 1
            octets += length
            position += total
        self.previous = previous
        self.first = first
        self.last = last
        self.packet += packets
        self.packets += packets
        self.octets += octets
        return position

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def dropcount(self, at: cython.longlong, end: cython.longlong) -> cython.longlong:
        """The epb_dropcount among an enhanced packet block's options, 0 where there is none."""
        code: cython.longlong
        size: cython.longlong
        count: cython.longlong = 0
        while at + 4 <= end:
            code = u16(self.buffer, at)
            size = u16(self.buffer, at + 2)
            if not self.big:
                code = self.buffer[at + 1] << 8 | self.buffer[at]
                size = self.buffer[at + 3] << 8 | self.buffer[at + 2]
            if code == 0 or at + 4 + size > end:
                break
            if code == 4 and size == 8:
                count = u32_ordered(self.buffer, at + (8 if self.big else 4), self.big)
                break
            at += 4 + ((size + 3) & ~3)
        return count

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def instant(self, word: cython.longlong, ticks: cython.ulonglong) -> cython.longlong:
        """An interface's clock reading in nanoseconds since the epoch, clamped to what instants can be."""
        exponent: cython.longlong = self.interfaces[word + 4]
        divisor: cython.ulonglong = self.interfaces[word + 3]
        seconds: cython.ulonglong = 0
        fraction: cython.ulonglong = ticks
        result: cython.ulonglong
        if exponent >= 0:
            if exponent < 64:
                seconds = ticks >> exponent
                fraction = ticks & ((cython.cast(cython.ulonglong, 1) << exponent) - 1)
            # 34 bits of a second are finer than a nanosecond and leave room for the product.
            if exponent > 34:
                fraction = fraction >> (exponent - 34) if exponent < 98 else 0
                exponent = 34
            if seconds >= _LAST_SECOND:
                result = _LAST_INSTANT
            else:
                result = seconds * 1_000_000_000 + (fraction * 1_000_000_000 >> exponent)
        elif divisor:
            result = ticks // divisor
        elif ticks > cython.cast(cython.ulonglong, self.interfaces[word + 1]):
            result = _LAST_INSTANT
        else:
            result = ticks * cython.cast(cython.ulonglong, self.interfaces[word + 2])
        if result > cython.cast(cython.ulonglong, _LAST_INSTANT):
            result = _LAST_INSTANT
        signed: cython.longlong = cython.cast(cython.longlong, result) + self.interfaces[word + 5]
        if signed < 0:
            return 0
        return min(_LAST_INSTANT, signed)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def step(self, ahead: cython.longlong, before: cython.longlong, after: cython.longlong) -> cython.int:
        if len(self.steps) < MAX_STEPS:
            self.steps.append((self.packet + ahead, before, after))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def look(
        self,
        start: cython.longlong,
        captured: cython.longlong,
        length: cython.longlong,
        at: cython.longlong,
        ahead: cython.longlong,
    ) -> cython.int:
        """Takes one frame in; 0, and nothing done, where the batch has no room for it."""
        flow: cython.longlong
        if self.kept == _ROWS or self.used + captured + _SPARE > _ARENA:
            return 0
        self.start = start
        self.limit = start + captured
        self.wire = start + (max(captured, length))
        self.dissect()
        if self.group == 1:
            flow = self.find_flow()
            if flow < 0 or not self.tick(self.destinations[flow] * 4, at // 1_000_000_000, length):
                return 0
            self.group_packets += 1
            self.group_octets += length
            flow *= 4
            self.sums[flow] += 1
            self.sums[flow + 1] += length
            if at < self.sums[flow + 2]:
                self.sums[flow + 2] = at
            if at > self.sums[flow + 3]:
                self.sums[flow + 3] = at
        if self.skip == -1:
            self.ethertypes[self.ethertype] = self.ethertypes.get(self.ethertype, 0) + 1
        elif self.skip == -2:
            self.unknown[self.linktype] = self.unknown.get(self.linktype, 0) + 1
        elif self.skip:
            self.skipped[self.skip] += 1
        elif self.wanted >> self.kind & 1:
            self.keep(captured, length, at, ahead)
        return 1

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def keep(
        self, captured: cython.longlong, length: cython.longlong, at: cython.longlong, ahead: cython.longlong
    ) -> cython.int:
        """Adds a row and copies the frame, placed so that its payload starts on a word."""
        row: cython.Py_ssize_t = self.kept * 11
        inner: cython.longlong = self.payload - self.start
        offset: cython.Py_ssize_t = ((self.used + inner + 7) & ~7) - inner
        if captured:
            if cython.compiled:
                # Touching both ends has the bounds checked before the copy.
                self.arena[offset + captured - 1] = self.buffer[self.start + captured - 1]
                memcpy(cython.address(self.arena[offset]), cython.address(self.buffer[self.start]), captured)
            else:
                self.arena[offset : offset + captured] = self.buffer[self.start : self.start + captured]
        self.used = offset + captured
        self.rows[row] = at
        self.rows[row + 1] = self.packet + ahead
        self.rows[row + 4] = offset
        self.rows[row + 8] = self.vlans
        self.ah_offsets[self.kept] = self.ah - self.start if self.ah >= 0 else -1
        self.kept += 1
        # The same bytes as 32-bit words.
        row *= 2
        self.halves[row + 4] = self.number
        self.halves[row + 5] = self.interface
        self.halves[row + 6] = self.linktype
        self.halves[row + 7] = self.kind
        self.halves[row + 10] = captured
        self.halves[row + 11] = length
        self.halves[row + 12] = self.offset - self.start
        self.halves[row + 13] = inner
        # Only a hostile jumbogram announces more than this.
        self.halves[row + 14] = min(self.payload_length, _MAX_LENGTH)
        self.halves[row + 15] = self.ifindex
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def tick(self, sums: cython.longlong, second: cython.longlong, length: cython.longlong) -> cython.int:
        """Counts a packet in a destination's second; 0, and nothing done, where there is no room for the one left."""
        row: cython.longlong
        if self.sums[sums] != second:
            if self.sums[sums + 1]:
                if self.left == _SECONDS:
                    return 0
                row = self.left * 4
                self.left += 1
                self.seconds[row] = sums >> 2
                self.seconds[row + 1] = self.sums[sums]
                self.seconds[row + 2] = self.sums[sums + 1]
                self.seconds[row + 3] = self.sums[sums + 2]
            self.sums[sums] = second
            self.sums[sums + 1] = 0
            self.sums[sums + 2] = 0
        self.sums[sums + 1] += 1
        self.sums[sums + 2] += length
        return 1

    @cython.cfunc
    @cython.exceptval(-2, check=False)
    def find_flow(self) -> cython.longlong:
        """The entry of the frame's flow, made where there is none; -1 where there is no room for it."""
        buffer: cython.uchar[::1] = self.buffer
        key0: cython.ulonglong = 0
        key1: cython.ulonglong = 0
        key2: cython.ulonglong = 0
        key3: cython.ulonglong = 0
        key5: cython.ulonglong = self.interface << 32 | self.ifindex
        family: cython.ulonglong = self.family
        apart: cython.ulonglong
        entry: cython.longlong
        destination: cython.longlong
        if self.family == 4:
            key0 = cython.cast(cython.ulonglong, u32(buffer, self.destination)) << 32
            key2 = cython.cast(cython.ulonglong, u32(buffer, self.source)) << 32
        elif self.family == 6:
            key0 = u64(buffer, self.destination)
            key1 = u64(buffer, self.destination + 8)
            key2 = u64(buffer, self.source)
            key3 = u64(buffer, self.source + 8)
        else:
            if self.destination_mac >= 0:
                key0 = (
                    cython.cast(cython.ulonglong, u32(buffer, self.destination_mac)) << 32
                    | cython.cast(cython.ulonglong, u16(buffer, self.destination_mac + 4)) << 16
                )
            elif self.broadcast:
                key0 = _BROADCAST
            if self.source_mac >= 0:
                key2 = (
                    cython.cast(cython.ulonglong, u32(buffer, self.source_mac)) << 32
                    | cython.cast(cython.ulonglong, u16(buffer, self.source_mac + 4)) << 16
                )
        entry = self.find(key0, key1, key2, key3, key5, self.volume_kind << 8 | family)
        if entry >= 0 and self.destinations[entry] < 0:
            apart = _IS_DESTINATION | (self.redundancy >> self.volume_kind & 1) << 8
            destination = self.find(key0, key1, 0, 0, key5, apart | family)
            if destination < 0:
                # Without its destination the flow counts nothing yet: the next batch begins with this packet.
                return -1
            self.destinations[entry] = destination
        return entry

    @cython.cfunc
    @cython.exceptval(-2, check=False)
    def find(
        self,
        key0: cython.ulonglong,
        key1: cython.ulonglong,
        key2: cython.ulonglong,
        key3: cython.ulonglong,
        key5: cython.ulonglong,
        key6: cython.ulonglong,
    ) -> cython.longlong:
        """The entry with these keys on the frame's VLANs, made where there is none; -1 where there is no room."""
        keys: cython.ulonglong[::1] = self.keys
        key4: cython.ulonglong = self.vlans
        mixed: cython.ulonglong = self.secret
        mixed = ((mixed ^ key0) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key1) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key2) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key3) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key4) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key5) * _MULTIPLIER) & _MASK
        mixed = ((mixed ^ mixed >> 29 ^ key6) * _MULTIPLIER) & _MASK
        slot: cython.Py_ssize_t = (mixed >> 32) & (_SLOTS - 1)
        key: cython.Py_ssize_t
        entry: cython.longlong
        for _ in range(_PROBES):
            entry = self.slots[slot]
            if entry == 0:
                break
            key = (entry - 1) * 7
            if (
                keys[key] == key0
                and keys[key + 2] == key2
                and keys[key + 4] == key4
                and keys[key + 6] == key6
                and keys[key + 1] == key1
                and keys[key + 3] == key3
                and keys[key + 5] == key5
            ):
                return entry - 1
            slot = (slot + 1) & (_SLOTS - 1)
        else:
            return -1
        if self.entries == _ENTRIES:
            return -1
        entry = self.entries
        self.entries += 1
        self.slots[slot] = entry + 1
        self.places[entry] = slot
        self.destinations[entry] = -1
        key = entry * 7
        keys[key] = key0
        keys[key + 1] = key1
        keys[key + 2] = key2
        keys[key + 3] = key3
        keys[key + 4] = key4
        keys[key + 5] = key5
        keys[key + 6] = key6
        key = entry * 4
        self.sums[key] = 0
        self.sums[key + 1] = 0
        self.sums[key + 2] = 0 if key6 & _IS_DESTINATION else _LAST_INSTANT
        self.sums[key + 3] = 0
        return entry

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def dissect(self) -> cython.int:
        """Takes the frame apart: addresses, tags, protocol, payload, kind; the twin of `wire.link.dissect`."""
        self.offset = self.start
        self.ethertype = -1
        self.destination_mac = -1
        self.source_mac = -1
        self.group = 0
        self.broadcast = 0
        self.ifindex = 0
        self.vlans = 0
        self.skip = 0
        self.family = 0
        self.later = 0
        self.protocol = -1
        self.payload = self.start
        self.payload_length = 0
        self.ah = -1
        self.kind = 0
        self.volume_kind = 0
        self.link()
        if self.skip == 0:
            self.shims()
        self.payload = self.offset
        self.payload_length = self.wire - self.offset
        if self.skip == 0:
            if self.ethertype == 0x0800:
                self.ipv4()
            elif self.ethertype == 0x86DD:
                self.ipv6()
        if self.group == -1:
            self.group = self.is_group()
        if self.family:
            self.classify()
        elif self.skip == 0 and self.ethertype == 0x0806:
            self.kind = self.volume_kind = _ARP
        elif self.group == 1:
            self.name_frame()
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def is_group(self) -> cython.int:
        """Whether IP sends to a group: multicast or the limited broadcast."""
        if self.family == 6:
            return self.buffer[self.destination] == 0xFF
        if self.family == 4:
            return self.buffer[self.destination] >> 4 == 0xE or u32(self.buffer, self.destination) == 0xFFFFFFFF
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def link(self) -> cython.int:
        """The link header: leaves `ethertype` and `offset` at what it carries."""
        start: cython.longlong = self.start
        available: cython.longlong = self.limit - start
        linktype: cython.longlong = self.linktype
        family: cython.longlong
        swapped: cython.longlong
        if linktype == 1:
            if available >= 1:
                self.group = self.buffer[start] & 1
            if available < 14:
                self.skip = 1
                return 0
            self.destination_mac = start
            self.source_mac = start + 6
            self.ethertype = u16(self.buffer, start + 12)
            self.offset = start + 14
        elif linktype == 113:
            if available < 16:
                self.skip = 2
                return 0
            self.cooked(u16(self.buffer, start))
            if u16(self.buffer, start + 4) == 6:
                self.source_mac = start + 6
            self.ethertype = u16(self.buffer, start + 14)
            self.offset = start + 16
        elif linktype == 276:
            if available < 20:
                self.skip = 3
                return 0
            self.cooked(self.buffer[start + 10])
            if self.buffer[start + 11] == 6:
                self.source_mac = start + 12
            # The column is a signed 32-bit word; Linux interface indices are positive ones.
            self.ifindex = u32(self.buffer, start + 4) & 0x7FFFFFFF
            self.ethertype = u16(self.buffer, start)
            self.offset = start + 20
        elif linktype == 12 or linktype == 14 or linktype == 101:
            self.group = -1
            if available < 1:
                self.skip = 4
            elif self.buffer[start] >> 4 == 4:
                self.ethertype = 0x0800
            elif self.buffer[start] >> 4 == 6:
                self.ethertype = 0x86DD
            else:
                self.skip = 5
        elif linktype == 228:
            self.group = -1
            self.ethertype = 0x0800
        elif linktype == 229:
            self.group = -1
            self.ethertype = 0x86DD
        elif linktype == 0 or linktype == 108:
            self.group = -1
            if available < 4:
                self.skip = 6
                return 0
            family = u32(self.buffer, start)
            swapped = u32_ordered(self.buffer, start, False)
            self.offset = start + 4
            if family == 2 or swapped == 2:
                self.ethertype = 0x0800
            elif self.is_inet6(family) or self.is_inet6(swapped):
                self.ethertype = 0x86DD
            else:
                self.skip = 7
        elif linktype == 9 or linktype == 50:
            self.group = -1
            if available >= 2 and self.buffer[start] == 0xFF and self.buffer[start + 1] == 0x03:
                self.offset = start + 2
            self.ppp()
        elif linktype == 51:
            self.group = -1
            self.ethertype = 0x8864
        else:
            self.group = -1
            self.skip = -2
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def cooked(self, packet_type: cython.longlong) -> cython.int:
        """A cooked frame's packet type: 1 broadcast, 2 multicast, 4 outgoing, where only IP knows (if_packet.h)."""
        self.broadcast = packet_type == 1
        if packet_type == 4:
            self.group = -1
        else:
            self.group = packet_type == 1 or packet_type == 2
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def is_inet6(self, family: cython.longlong) -> cython.bint:
        """Whether it is one of the systems' address families for IPv6 (Linux 10, NetBSD 24, FreeBSD 28, macOS 30)."""
        return family == 10 or family == 24 or family == 28 or family == 30

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def ppp(self) -> cython.int:
        """PPP's protocol field at `offset`, one octet where it is compressed (RFC 1661 §6.5)."""
        protocol: cython.longlong
        at: cython.longlong = self.offset
        if at >= self.limit:
            self.skip = 8
            return 0
        if self.buffer[at] & 1:
            protocol = self.buffer[at]
            at += 1
        elif at + 2 <= self.limit:
            protocol = u16(self.buffer, at)
            at += 2
        else:
            self.skip = 8
            return 0
        if protocol == 0x0021:
            self.ethertype = 0x0800
        elif protocol == 0x0057:
            self.ethertype = 0x86DD
        elif protocol == 0x0281:
            self.ethertype = 0x8847
        elif protocol == 0x0283:
            self.ethertype = 0x8848
        else:
            self.skip = 9
            return 0
        self.offset = at
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def shims(self) -> cython.int:
        """Follows VLAN tags, SNAP, PPPoE and MPLS, each where it may stand, to a network protocol."""
        tags: cython.longlong = 0
        count: cython.longlong = 0
        vids: cython.longlong = 0
        vid: cython.longlong
        while self.ethertype == 0x8100 or self.ethertype == 0x88A8 or self.ethertype == 0x9100:
            if tags == 4 or self.offset + 4 > self.limit:
                self.skip = 10 if tags == 4 else 11
                break
            tags += 1
            vid = u16(self.buffer, self.offset) & 0xFFF
            if vid:
                vids = vids << 12 | vid
                count += 1
            self.ethertype = u16(self.buffer, self.offset + 2)
            self.offset += 4
        self.vlans = count << 60 | vids
        if self.skip == 0 and self.ethertype <= 1500:
            # IEEE 802.2 LLC: only SNAP with an Ethernet type is followed (RFC 1042).
            if (
                self.offset + 8 > self.limit
                or u32(self.buffer, self.offset) != 0xAAAA0300
                or u16(self.buffer, self.offset + 4)
            ):
                self.skip = 12
            else:
                self.ethertype = u16(self.buffer, self.offset + 6)
                self.offset += 8
        if self.skip == 0 and self.ethertype == 0x8864:
            self.pppoe()
        if self.skip == 0 and (self.ethertype == 0x8847 or self.ethertype == 0x8848):
            self.mpls()
        if self.skip == 0 and self.ethertype != 0x0800 and self.ethertype != 0x86DD and self.ethertype != 0x0806:
            self.skip = 19 if self.ethertype == 0x88E7 else -1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def pppoe(self) -> cython.int:
        """A PPPoE session header and PPP's protocol field (RFC 2516)."""
        if self.offset + 6 > self.limit:
            self.skip = 13
        elif self.buffer[self.offset] != 0x11 or self.buffer[self.offset + 1]:
            self.skip = 14
        else:
            self.offset += 6
            self.ppp()
            if self.skip:
                self.offset -= 6
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def mpls(self) -> cython.int:
        """An MPLS label stack (RFC 3032); what lies below names no type, so its first nibble decides (RFC 4928 §3)."""
        label: cython.longlong
        bottom: cython.longlong
        nibble: cython.longlong
        for label in range(17):
            if label == 16:
                self.skip = 16
                return 0
            if self.offset + 4 > self.limit:
                self.skip = 15
                return 0
            bottom = self.buffer[self.offset + 2] & 1
            self.offset += 4
            if bottom:
                break
        if self.offset >= self.limit:
            self.skip = 15
            return 0
        nibble = self.buffer[self.offset] >> 4
        if nibble == 4:
            self.ethertype = 0x0800
        elif nibble == 6:
            self.ethertype = 0x86DD
        else:
            self.skip = 17 if nibble < 2 else 18
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def ipv4(self) -> cython.int:
        """An IPv4 header and what follows it (RFC 791)."""
        at: cython.longlong = self.offset
        size: cython.longlong
        total: cython.longlong
        fragment: cython.longlong
        self.payload = 0
        self.payload_length = 0
        if at + 20 > self.limit:
            self.skip = 20
            return 0
        if self.buffer[at] >> 4 != 4:
            self.skip = 21
            return 0
        size = (self.buffer[at] & 0xF) * 4
        if size < 20:
            self.skip = 22
            return 0
        self.family = 4
        self.source = at + 12
        self.destination = at + 16
        self.protocol = self.buffer[at + 9]
        total = u16(self.buffer, at + 2)
        if total == 0:
            # Captured before the card's segmentation offload filled it in.
            total = self.wire - at
        self.payload = at + size
        if total < size:
            self.skip = 23
            return 0
        self.payload_length = total - size
        if self.payload > self.limit:
            self.payload = self.limit
            self.skip = 20
            return 0
        fragment = u16(self.buffer, at + 6) & 0x1FFF
        self.later = fragment != 0
        self.transport()
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def ipv6(self) -> cython.int:
        """An IPv6 header, its extension headers, and what follows them (RFC 8200)."""
        at: cython.longlong = self.offset
        following: cython.longlong
        end: cython.longlong
        limit: cython.longlong
        size: cython.longlong
        extensions: cython.longlong = 0
        self.payload = 0
        self.payload_length = 0
        if at + 40 > self.limit:
            self.skip = 24
            return 0
        if self.buffer[at] >> 4 != 6:
            self.skip = 25
            return 0
        self.family = 6
        self.source = at + 8
        self.destination = at + 24
        following = self.buffer[at + 6]
        size = u16(self.buffer, at + 4)
        at += 40
        end = at + size
        # Jumbograms (RFC 2675) and segmentation offload leave the length at 0 although a payload follows.
        if size == 0 and (following == 0 or following == 6 or following == 17):
            end = self.wire
        limit = min(self.limit, end)
        while self.later == 0 and (following == 0 or following == 43 or following == 44 or following == 60):
            if extensions == 16:
                self.skip = 26
                break
            if at + (8 if following == 44 else 2) > limit:
                self.skip = 27
                break
            size = 8 if following == 44 else (self.buffer[at + 1] + 1) * 8
            if at + size > limit:
                self.skip = 27
                break
            if following == 44 and u16(self.buffer, at + 2) >> 3:
                self.later = 1
            extensions += 1
            following = self.buffer[at]
            at += size
        self.protocol = following
        self.payload_length = end - at if end > at else 0
        self.payload = min(self.limit, at)
        if self.skip == 0:
            self.transport()
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def transport(self) -> cython.int:
        """What follows the IP header, past an Authentication Header where there is one (RFC 4302)."""
        at: cython.longlong = self.payload
        end: cython.longlong = at + self.payload_length
        limit: cython.longlong = min(self.limit, end)
        size: cython.longlong
        inner: cython.longlong
        if self.later:
            self.skip = 28
            return 0
        if self.protocol == 51:
            size = (self.buffer[at + 1] + 2) * 4 if at + 12 <= limit else 0
            if size < 12 or at + size > limit:
                self.skip = 29
                return 0
            self.ah = at
            self.protocol = self.buffer[at]
            at += size
            self.payload = at
            self.payload_length = end - at
        if self.protocol == 4 or self.protocol == 41:
            self.skip = 30
        elif self.protocol == 47:
            inner = u16(self.buffer, at + 2) if at + 4 <= limit else 0
            self.skip = 34 if inner == 0x88BE or inner == 0x22EB else 31
        elif self.protocol == 97:
            self.skip = 32
        elif self.protocol == 137:
            self.skip = 33
        elif self.protocol == 17 and at + 8 <= limit:
            inner = u16(self.buffer, at + 2)
            if inner == 4789 or inner == 8472:
                self.skip = 35
            elif inner == 6081:
                self.skip = 36
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def classify(self) -> cython.int:
        """Names what an IP packet carries, by protocol, port or message type."""
        at: cython.longlong = self.payload
        end: cython.longlong = at + self.payload_length
        limit: cython.longlong = min(self.limit, end)
        protocol: cython.longlong = self.protocol
        port: cython.longlong
        kind: cython.int = 27
        if protocol == 112:
            kind = 1
        elif self.ah >= 0 or protocol == 51:
            kind = 11
        elif protocol == 17:
            kind = 24
            if self.later == 0 and at + 8 <= limit:
                port = u16(self.buffer, at + 2)
                if port == 3780 or port == 3781:
                    kind = 7
                elif port == 8848:
                    kind = 8
                elif port == 1985 or port == 2029:
                    kind = 9
                elif port == 3222:
                    kind = 10
                elif port == 5353:
                    kind = 13
                elif port == 1900:
                    kind = 14
                elif port == 5355:
                    kind = 15
                elif port == 67 or port == 68 or port == 546 or port == 547:
                    kind = 16
        elif protocol == 2 and self.family == 4:
            kind = 4
        elif protocol == 240:
            kind = 6
        elif protocol == 58 and self.family == 6:
            kind = 23
            if self.later == 0 and at < limit:
                port = self.buffer[at]
                if 130 <= port <= 132 or port == 143:
                    kind = 5
                elif port == 135 or port == 136:
                    kind = _ND
        elif protocol == 6:
            kind = 25
        elif protocol == 1:
            kind = 26
        elif protocol == 89:
            kind = 17
        elif protocol == 103:
            kind = 18
        self.kind = self.volume_kind = kind
        # CARP shares VRRP's protocol number and first octet, but not its length's law.
        if (
            kind == 1
            and self.later == 0
            and self.payload_length == 36
            and at + 4 <= limit
            and self.buffer[at] == 0x21
            and self.buffer[at + 3] == 7
        ):
            self.volume_kind = _CARP
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def name_frame(self) -> cython.int:
        """Names what a group frame without IP carries: bridges' and neighbours' protocols."""
        at: cython.longlong = self.offset
        if self.ethertype == 0x88CC:
            self.volume_kind = 20
        elif self.ethertype == 0x8809:
            # IEEE 802.3 Annex 57A: subtype 1 of the slow protocols is LACP.
            if at < self.limit and self.buffer[at] == 1:
                self.volume_kind = 22
        elif self.skip == 12 and at + 3 <= self.limit:
            if self.buffer[at] == 0x42 and self.buffer[at + 1] == 0x42:
                self.volume_kind = 19
            elif at + 8 <= self.limit and u32(self.buffer, at) == 0xAAAA0300 and u16(self.buffer, at + 4) == 0x000C:
                if u16(self.buffer, at + 6) == 0x2000:
                    self.volume_kind = 21
                elif u16(self.buffer, at + 6) == 0x010B:
                    self.volume_kind = 19
        return 0
