# mypy: disallow_untyped_decorators=False, disable-error-code="import-untyped"
"""Hashes the frames of a batch: `fingerprint` (what a frame says) and `identity` (which datagram it is a copy of).

Written in Cython's pure-Python mode like :mod:`vrrpwatch.capture.scan`, and equal to itself uncompiled.  The hash is
SipHash-1-3 (Aumasson and Bernstein, 2012) with a secret key, for who can make two contents collide hides one of them.

Fields that differ from one advertisement to the next while nothing changes are left out of `fingerprint`: CARP's
counter and digest, AH's sequence and ICV, the times, counter and digest of keepalived's HMAC trailer, the checksums
over those (what counts is the rules under which they fit), the IP identification, header checksum and flow label.
"""

from typing import Any

import cython

_MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_SIP0 = cython.declare(cython.ulonglong, 0x736F6D6570736575)
_SIP1 = cython.declare(cython.ulonglong, 0x646F72616E646F6D)
_SIP2 = cython.declare(cython.ulonglong, 0x6C7967656E657261)
_SIP3 = cython.declare(cython.ulonglong, 0x7465646279746573)
_ADVERT = cython.declare(cython.longlong, 1)
_ARP = cython.declare(cython.longlong, 2)
_TRAILER = cython.declare(cython.longlong, 28)


@cython.cfunc
@cython.exceptval(check=False)
@cython.inline
def low(value: cython.ulonglong) -> cython.ulonglong:
    """The lowest 64 bits: compiled it has no others."""
    return value if cython.compiled else value & _MASK


@cython.final
@cython.cclass
class Sip:
    """One SipHash-1-3 over 64-bit words."""

    v0: cython.ulonglong
    v1: cython.ulonglong
    v2: cython.ulonglong
    v3: cython.ulonglong

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    @cython.inline
    def start(self, key0: cython.ulonglong, key1: cython.ulonglong) -> cython.int:
        self.v0 = key0 ^ _SIP0
        self.v1 = key1 ^ _SIP1
        self.v2 = key0 ^ _SIP2
        self.v3 = key1 ^ _SIP3
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    @cython.inline
    def round(self) -> cython.int:
        v0: cython.ulonglong = self.v0
        v1: cython.ulonglong = self.v1
        v2: cython.ulonglong = self.v2
        v3: cython.ulonglong = self.v3
        v0 = low(v0 + v1)
        v1 = low(v1 << 13) | v1 >> 51
        v1 ^= v0
        v0 = low(v0 << 32) | v0 >> 32
        v2 = low(v2 + v3)
        v3 = low(v3 << 16) | v3 >> 48
        v3 ^= v2
        v0 = low(v0 + v3)
        v3 = low(v3 << 21) | v3 >> 43
        v3 ^= v0
        v2 = low(v2 + v1)
        v1 = low(v1 << 17) | v1 >> 47
        v1 ^= v2
        v2 = low(v2 << 32) | v2 >> 32
        self.v0 = v0
        self.v1 = v1
        self.v2 = v2
        self.v3 = v3
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    @cython.inline
    def add(self, word: cython.ulonglong) -> cython.int:
        self.v3 ^= word
        self.round()
        self.v0 ^= word
        return 0

    @cython.cfunc
    # Every value may be right: after this rare one the caller asks whether there was an error.
    @cython.exceptval(0xDEAD, check=True)
    @cython.inline
    def finish(self) -> cython.ulonglong:
        self.v2 ^= 0xFF
        self.round()
        self.round()
        self.round()
        return self.v0 ^ self.v1 ^ self.v2 ^ self.v3


def siphash(key0: int, key1: int, words: list[int]) -> int:
    """SipHash-1-3 of whole words, the last of which holds the length as the standard has it."""
    sip: Sip = Sip()
    sip.start(key0, key1)
    for word in words:
        sip.add(word)
    return int(sip.finish())


@cython.cfunc
@cython.exceptval(0xDEAD, check=True)
@cython.inline
def read(data: cython.uchar[::1], at: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.ulonglong:
    """``count`` octets, at most eight, as a big-endian number."""
    value: cython.ulonglong = 0
    position: cython.Py_ssize_t
    for position in range(at, at + count):
        value = value << 8 | data[position]
    return value


@cython.cfunc
@cython.exceptval(-1, check=False)
def fold(
    data: cython.uchar[::1], at: cython.Py_ssize_t, count: cython.Py_ssize_t, total: cython.longlong
) -> cython.longlong:
    """Adds ``count`` octets to the one's complement sum ``total`` (RFC 1071), folded to 16 bits."""
    position: cython.Py_ssize_t
    for position in range(at, at + count - 1, 2):
        total += cython.cast(cython.longlong, data[position]) << 8 | data[position + 1]
    if count & 1:
        total += cython.cast(cython.longlong, data[at + count - 1]) << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@cython.final
@cython.cclass
class Hasher:
    """Fills in the two hash columns of a batch's rows."""

    key0: cython.ulonglong
    key1: cython.ulonglong
    masks: cython.ulonglong[::1]
    table: cython.longlong[::1]
    hashes: cython.ulonglong[::1]
    halves: cython.int[::1]
    ah_offsets: cython.longlong[::1]
    arena: cython.uchar[::1]
    words: cython.ulonglong[::1]
    content: Sip
    copy: Sip

    def __init__(self, secret: tuple[int, int], masks: object) -> None:
        """``masks[n]`` keeps the first ``n`` octets in memory of a word, for n from 0 to 8."""
        self.key0, self.key1 = secret
        self.masks = masks
        self.content = Sip()
        self.copy = Sip()

    def attach(self, storage: dict[str, Any]) -> None:
        """Sets where rows and frames are: what the scan writes, the arena and the rows also as unsigned words."""
        self.table = storage["rows"]
        self.hashes = storage["hashes"]
        self.halves = storage["halves"]
        self.ah_offsets = storage["ah_offsets"]
        self.arena = storage["arena"]
        self.words = storage["words"]

    def hash(self, count: cython.Py_ssize_t) -> None:
        """Hashes the first ``count`` rows, into their last two words."""
        row: cython.Py_ssize_t
        for row in range(count):
            self.frame(row)
            self.hashes[row * 11 + 9] = self.content.finish()
            self.hashes[row * 11 + 10] = 0 if self.halves[row * 22 + 7] == _ARP else self.copy.finish()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def frame(self, row: cython.Py_ssize_t) -> cython.int:
        """Hashes one row's frame into `content` and `copy`."""
        arena: cython.uchar[::1] = self.arena
        halves: cython.int[::1] = self.halves
        half: cython.Py_ssize_t = row * 22
        where: cython.ulonglong = cython.cast(cython.ulonglong, halves[half + 4]) << 32 | halves[half + 5]
        linktype: cython.longlong = halves[half + 6]
        kind: cython.longlong = halves[half + 7]
        start: cython.Py_ssize_t = self.table[row * 11 + 4]
        limit: cython.Py_ssize_t = start + halves[half + 10]
        network: cython.Py_ssize_t = start + halves[half + 12]
        payload: cython.Py_ssize_t = start + halves[half + 13]
        length: cython.longlong = halves[half + 14]
        ifindex: cython.ulonglong = halves[half + 15]
        vlans: cython.ulonglong = self.table[row * 11 + 8]
        ah: cython.Py_ssize_t = self.ah_offsets[row]
        present: cython.longlong = limit - payload
        overlong: cython.bint = payload + length > limit and payload + length > start + halves[half + 11]
        addresses: cython.ulonglong
        word: cython.Py_ssize_t
        octet: cython.Py_ssize_t
        kept: cython.longlong
        facts: cython.ulonglong = 0
        content: Sip = self.content
        copy: Sip = self.copy
        if present > length:
            present = length
        if present < 0:
            present = 0
        content.start(self.key0, self.key1)
        copy.start(self.key0, self.key1)
        content.add(where)
        content.add(cython.cast(cython.ulonglong, linktype << 8 | kind) << 32 | ifindex)
        content.add(vlans)
        # Files of one rotation are one stream, so a copy may be in the next one.
        copy.add(cython.cast(cython.ulonglong, halves[half + 5]))
        copy.add(vlans)
        if linktype == 1 and kind == _ARP:
            # Whom it is for is in the packet too, where that matters.
            content.add(read(arena, start + 6, 6))
        elif linktype == 1:
            content.add(read(arena, start, 8))
            content.add(read(arena, start + 8, 4))
        elif linktype == 113:
            content.add(read(arena, start, 8))
            content.add(read(arena, start + 8, 6))
        elif linktype == 276:
            content.add(read(arena, start + 8, 8))
            content.add(read(arena, start + 16, 4))
        if kind == _ARP:
            return self.arp(payload, limit)
        if arena[network] >> 4 == 4:
            addresses = read(arena, network + 12, 8)
            content.add(addresses)
            copy.add(addresses)
            copy.add(read(arena, network + 4, 2))
            # Version, header length, TOS; DF and MF; TTL and protocol.
            facts = read(arena, network, 2) << 32 | read(arena, network + 8, 2) << 8 | arena[network + 6] >> 5
        else:
            for octet in range(8, 40, 8):
                addresses = read(arena, network + octet, 8)
                content.add(addresses)
                copy.add(addresses)
            copy.add(0)
            for octet in range(network + 40, (start + ah) if ah >= 0 else payload, 8):
                content.add(read(arena, octet, 8))
            # Version and traffic class; next header and hop limit; how far the extension headers reach.
            facts = (
                read(arena, network, 2) >> 4 << 48
                | read(arena, network + 6, 2) << 32
                | cython.cast(cython.ulonglong, payload - network)
            )
        content.add(facts)
        if ah >= 0:
            ah += start
            content.add(read(arena, ah, 2) << 32 | read(arena, ah + 4, 4))
        content.add(
            cython.cast(cython.ulonglong, length) << 32 | cython.cast(cython.ulonglong, present) << 1 | overlong
        )
        copy.add(cython.cast(cython.ulonglong, length))
        kept = present
        if kind == _ADVERT and present >= 8:
            kept = self.steady(network, payload, length, present)
        # The arena places payloads on word boundaries, and its spare end makes the last word whole.
        word = payload >> 3
        for octet in range(0, present, 8):
            addresses = self.words[word]
            word += 1
            if octet + 8 > present:
                addresses &= self.masks[present - octet]
            copy.add(addresses)
            if octet < kept:
                if octet + 8 > kept:
                    addresses &= self.masks[kept - octet]
                elif octet == 0 and kept < present:
                    # The checksum that covers what is left out goes with it.
                    addresses &= self.masks[6]
                content.add(addresses)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def arp(self, at: cython.Py_ssize_t, limit: cython.Py_ssize_t) -> cython.int:
        """An ARP packet; of a question or an answer, unlike an announcement, only who asks or answers (RFC 826)."""
        arena: cython.uchar[::1] = self.arena
        content: Sip = self.content
        octet: cython.Py_ssize_t
        if at + 28 > limit:
            content.add(cython.cast(cython.ulonglong, limit - at))
            for octet in range(at, limit):
                content.add(arena[octet])
            return 0
        content.add(read(arena, at, 8))
        content.add(read(arena, at + 8, 8))
        # Ethernet and IPv4, operation 1 or 2.
        start: cython.ulonglong = read(arena, at + 4, 4)
        if (start == 0x06040001 or start == 0x06040002) and read(arena, at + 14, 4) != read(arena, at + 24, 4):
            content.add(read(arena, at + 16, 2))
            return 0
        content.add(read(arena, at + 16, 8))
        content.add(read(arena, at + 24, 4))
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def steady(
        self,
        network: cython.Py_ssize_t,
        payload: cython.Py_ssize_t,
        length: cython.longlong,
        present: cython.longlong,
    ) -> cython.longlong:
        """How many leading octets of an advertisement stay the same; adds how the checksum over the rest fits.

        Where that is all of them nothing is added.  The shapes are those by which the decoder tells CARP from VRRP.
        """
        content: Sip = self.content
        arena: cython.uchar[::1] = self.arena
        first: cython.int = arena[payload]
        family: cython.int = arena[network] >> 4
        count: cython.longlong = arena[payload + 3]
        message: cython.longlong
        fits: cython.ulonglong
        pseudo: cython.longlong
        if first == 0x21 and length == 36 and count == 7:
            fits = 2
            if present == length:
                fits = fold(arena, payload, length, 0) == 0xFFFF
                pseudo = self.pseudo(network, family, length, 0)
                fits |= cython.cast(cython.ulonglong, fold(arena, payload, length, pseudo) == 0xFFFF) << 2
            content.add(fits)
            return 6
        if first == 0x21:
            message = 16 + 4 * count
        elif first == 0x31:
            message = 8 + (4 if family == 4 else 16) * count
        else:
            return present
        if length != message + _TRAILER:
            return present
        fits = 0
        if present == length:
            # Without and with the trailer, each plain, with the pseudo-header and with the multicast one.
            for covered in (message, length):
                pseudo = self.pseudo(network, family, covered, 0)
                fits = fits << 1 | (fold(arena, payload, covered, 0) == 0xFFFF)
                fits = fits << 1 | (fold(arena, payload, covered, pseudo) == 0xFFFF)
                pseudo = self.pseudo(network, family, covered, 1)
                fits = fits << 1 | (fold(arena, payload, covered, pseudo) == 0xFFFF)
        content.add(fits)
        return min(present, message + 4)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def pseudo(
        self,
        network: cython.Py_ssize_t,
        family: cython.int,
        length: cython.longlong,
        multicast: cython.bint,
    ) -> cython.longlong:
        """The pseudo-header's share of a sum (RFC 9293 §3.1, RFC 8200 §8.1); ``multicast`` puts 224.0.0.18 in."""
        arena: cython.uchar[::1] = self.arena
        total: cython.longlong = 112 + length
        if family == 6:
            return fold(arena, network + 8, 32, total)
        if multicast:
            return fold(arena, network + 12, 4, total + 0xE000 + 0x0012)
        return fold(arena, network + 12, 8, total)
