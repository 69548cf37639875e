# mypy: disallow_untyped_decorators=False, disable-error-code="import-untyped"
"""Makes pcapng packet blocks of what the kernel puts into a packet ring: the one loop over every live frame.

The layout is TPACKET_V3's (linux/if_packet.h).  Like the scan it is written in Cython's pure-Python mode and keeps its
bounds checks: the kernel is trusted to be honest, not to be the version that was tested.  Sockets and interface names
are the sibling modules'.
"""

import sys

import cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy

# Why `Transcoder.frames` returned: the ring's block is used up; the output has no room for the next frame; that frame
# crossed an interface which is not described yet; it is later than was asked for; the ring's block makes no sense.
DONE, FULL, UNKNOWN, LATER, DAMAGED = 0, 1, 2, 3, 4
_DONE = cython.declare(cython.int, 0)
_FULL = cython.declare(cython.int, 1)
_UNKNOWN = cython.declare(cython.int, 2)
_LATER = cython.declare(cython.int, 3)
_DAMAGED = cython.declare(cython.int, 4)

# What `describe` is told of an interface beside its number.
ETHERNET, COOKED, IGNORED = 0, 1, 2
_COOKED = cython.declare(cython.longlong, 1)
_IGNORED = cython.declare(cython.longlong, 2)

# A packet block around its data, and what a VLAN tag or a cooked header adds to a frame at most.
OVERHEAD = 32
_OVERHEAD = cython.declare(cython.longlong, 32)
_TAG = cython.declare(cython.longlong, 4)
_SLL = cython.declare(cython.longlong, 16)
# tpacket_block_desc with its header; tpacket3_hdr and the sockaddr_ll behind it.
_BLOCK = cython.declare(cython.longlong, 48)
_FRAME = cython.declare(cython.longlong, 68)
# Whatever is asked for, an Ethernet header with its tag is kept; libpcap's MAXIMUM_SNAPLEN is the scan's limit too.
MAX_CAPTURED = 262144
_SHORTEST = cython.declare(cython.longlong, 64)
_LONGEST = cython.declare(cython.longlong, 262144)
# No link carries longer frames; the scan takes longer ones for damage.
_MAX_LENGTH = cython.declare(cython.longlong, 0x7FFFFFFF)
_VLAN_VALID = cython.declare(cython.longlong, 1 << 4)
_TPID_VALID = cython.declare(cython.longlong, 1 << 6)
_OUTGOING = cython.declare(cython.int, 4)
_LOOPBACK = cython.declare(cython.longlong, 772)
_BIG = cython.declare(cython.bint, sys.byteorder == "big")
_NOTHING = bytearray(64)


@cython.cfunc
@cython.inline
def octets(buffer: cython.uchar[::1], at: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.p_uchar:
    """The ``count`` octets from ``at``, whose bounds are checked here."""
    if at < 0 or count < 0 or at > buffer.shape[0] - count:
        raise IndexError(at)
    if not cython.compiled:
        return buffer[at : at + count]
    return cython.address(buffer[at])


@cython.cfunc
@cython.exceptval(check=False)
@cython.inline
def u16(head: cython.p_uchar, at: cython.Py_ssize_t) -> cython.longlong:
    """Two octets in this machine's order."""
    if _BIG:
        return cython.cast(cython.longlong, head[at]) << 8 | head[at + 1]
    return cython.cast(cython.longlong, head[at + 1]) << 8 | head[at]


@cython.cfunc
@cython.exceptval(check=False)
@cython.inline
def u32(head: cython.p_uchar, at: cython.Py_ssize_t) -> cython.longlong:
    """Four octets in this machine's order."""
    if _BIG:
        return u16(head, at) << 16 | u16(head, at + 2)
    return u16(head, at + 2) << 16 | u16(head, at)


@cython.cfunc
@cython.exceptval(check=False)
@cython.inline
def put(out: cython.p_uchar, at: cython.Py_ssize_t, value: cython.longlong) -> cython.void:
    """Writes four octets in this machine's order."""
    if _BIG:
        out[at] = value >> 24 & 0xFF
        out[at + 1] = value >> 16 & 0xFF
        out[at + 2] = value >> 8 & 0xFF
        out[at + 3] = value & 0xFF
    else:
        out[at] = value & 0xFF
        out[at + 1] = value >> 8 & 0xFF
        out[at + 2] = value >> 16 & 0xFF
        out[at + 3] = value >> 24 & 0xFF


@cython.final
@cython.cclass
class Transcoder:
    """One ring's frames as enhanced packet blocks: :meth:`load` a block of the ring, then ask for its :meth:`frames`.

    ``status`` says why `frames` returned; ``ifindex`` and ``hatype`` (ARPHRD_*) tell of the next frame's interface,
    ``at`` when it was captured (nanoseconds since the epoch; meaningful while ``left`` frames are to come).
    ``damaged`` counts the ring's blocks that made no sense, of which nothing more was read.
    """

    block: cython.uchar[::1]
    position: cython.longlong
    end: cython.longlong
    snaplen: cython.longlong
    known: dict  # type: ignore[type-arg]
    near: cython.longlong
    near_word: cython.longlong

    status = cython.declare(cython.int, visibility="readonly")
    ifindex = cython.declare(cython.longlong, visibility="readonly")
    hatype = cython.declare(cython.longlong, visibility="readonly")
    at = cython.declare(cython.longlong, visibility="readonly")
    left = cython.declare(cython.longlong, visibility="readonly")
    damaged = cython.declare(cython.longlong, visibility="readonly")

    def __init__(self, snaplen: int) -> None:
        """``snaplen`` is how many octets of a frame are kept at most, at least 64 and never above MAX_CAPTURED."""
        self.snaplen = max(_SHORTEST, min(snaplen, _LONGEST))
        self.known = {}
        self.damaged = 0
        self.forget()

    def forget(self) -> None:
        """Lets go of the ring's memory and of what was known of interfaces."""
        self.block = _NOTHING
        self.known = {}
        self.near = -1
        self.near_word = 0
        self.position = 0
        self.end = 0
        self.left = 0
        self.at = 0
        self.ifindex = 0
        self.hatype = 0
        self.status = _DONE

    def describe(self, ifindex: int, number: int, form: int) -> None:
        """Frames of the interface ``ifindex`` are written as those of pcapng interface ``number``.

        ``form`` is ETHERNET (as they are), COOKED (with a Linux cooked header) or IGNORED (not at all).
        """
        self.known[ifindex] = number << 2 | form
        self.near = -1

    def undescribe(self, ifindex: int) -> None:
        """Frames of that interface are asked about anew."""
        self.known.pop(ifindex, None)
        self.near = -1

    def load(self, block: cython.uchar[::1]) -> None:
        """Starts on a block of the ring that the kernel has handed over."""
        head: cython.p_uchar
        self.block = block
        self.status = _DONE
        self.left = 0
        if block.shape[0] < _BLOCK:
            self.spoil()
            return
        head = octets(block, 0, _BLOCK)
        self.left = u32(head, 12)
        self.position = u32(head, 16)
        self.end = u32(head, 20)
        if self.end > block.shape[0]:
            self.spoil()
        elif self.left:
            self.look()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def spoil(self) -> cython.int:
        """Gives the block up."""
        self.left = 0
        self.damaged += 1
        self.status = _DAMAGED
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def look(self) -> cython.int:
        """Learns when the next frame came; gives the block up where that frame is not all in it."""
        head: cython.p_uchar
        snapped: cython.longlong
        mac: cython.longlong
        if self.position < _BLOCK or self.position > self.end - _FRAME:
            return self.spoil()
        head = octets(self.block, self.position, _FRAME)
        snapped = u32(head, 12)
        mac = u16(head, 24)
        if mac < _FRAME or self.position + mac + snapped > self.end:
            return self.spoil()
        self.at = u32(head, 4) * 1_000_000_000 + u32(head, 8)
        return 0

    def frames(
        self,
        output: cython.uchar[::1],
        position: cython.Py_ssize_t,
        until: cython.longlong,
        now: cython.longlong,
    ) -> cython.Py_ssize_t:
        """Writes the block's frames into ``output`` from ``position`` on and returns where it ended.

        Frames later than ``until`` wait, but not those later than ``now``: the clock was set back since.
        """
        head: cython.p_uchar
        room: cython.Py_ssize_t = output.shape[0]
        written: cython.longlong
        self.status = _DONE
        while self.left:
            if until < self.at <= now:
                self.status = _LATER
                break
            head = octets(self.block, self.position, _FRAME)
            self.ifindex = u32(head, 52)
            if self.ifindex != self.near:
                self.hatype = u16(head, 56)
                word = self.known.get(self.ifindex)
                if word is None:
                    self.status = _UNKNOWN
                    break
                self.near = self.ifindex
                self.near_word = word
            written = 0
            # What loops back is seen going out and coming in.
            if self.near_word & 3 != _IGNORED and not (head[58] == _OUTGOING and u16(head, 56) == _LOOPBACK):
                if self.near_word & 3 == _COOKED:
                    written = self.cook(output, position, room, head)
                else:
                    written = self.copy(output, position, room, head)
                if written == 0:
                    self.status = _FULL
                    break
            position += written
            self.left -= 1
            if self.left:
                self.advance(u32(head, 0))
        return position

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def advance(self, step: cython.longlong) -> cython.int:
        """Goes on to the next frame; a step that leads nowhere spoils the block."""
        if step < _FRAME:
            return self.spoil()
        self.position += step
        return self.look()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def copy(
        self, output: cython.uchar[::1], position: cython.Py_ssize_t, room: cython.Py_ssize_t, head: cython.p_uchar
    ) -> cython.longlong:
        """Writes a frame with its VLAN tag where it belongs; 0, and nothing done, where there is no room for it."""
        out: cython.p_uchar
        snapped: cython.longlong = u32(head, 12)
        status: cython.longlong = u32(head, 20)
        start: cython.longlong = self.position + u16(head, 24)
        # The kernel takes the outermost tag off and tells it beside the frame.
        tag: cython.longlong = _TAG if status & _VLAN_VALID and snapped >= 12 else 0
        tpid: cython.longlong = u16(head, 36) if status & _TPID_VALID else 0x8100
        captured: cython.longlong = min(snapped + tag, self.snaplen)
        total: cython.longlong = _OVERHEAD + (captured + 3 & ~3)
        if total > room - position:
            return 0
        out = octets(output, position, total)
        self.frame_block(out, total, captured, min(u32(head, 16) + tag, _MAX_LENGTH))
        if tag:
            self.move(out, 28, start, 12)
            out[40] = tpid >> 8 & 0xFF
            out[41] = tpid & 0xFF
            out[42] = u32(head, 32) >> 8 & 0xFF
            out[43] = u32(head, 32) & 0xFF
            self.move(out, 44, start + 12, captured - 16)
        else:
            self.move(out, 28, start, captured)
        return total

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def cook(
        self, output: cython.uchar[::1], position: cython.Py_ssize_t, room: cython.Py_ssize_t, head: cython.p_uchar
    ) -> cython.longlong:
        """Writes a packet with a Linux cooked header in place of its own (LINKTYPE_LINUX_SLL); 0 as `copy` does."""
        out: cython.p_uchar
        i: cython.Py_ssize_t
        snapped: cython.longlong = u32(head, 12)
        mac: cython.longlong = u16(head, 24)
        link: cython.longlong = u16(head, 26) - mac
        if link < 0 or link > snapped:
            link = snapped
        captured: cython.longlong = min(_SLL + snapped - link, self.snaplen)
        total: cython.longlong = _OVERHEAD + (captured + 3 & ~3)
        if total > room - position:
            return 0
        out = octets(output, position, total)
        self.frame_block(out, total, captured, min(max(u32(head, 16) - link, 0) + _SLL, _MAX_LENGTH))
        out[28] = 0
        out[29] = head[58]
        out[30] = u16(head, 56) >> 8 & 0xFF
        out[31] = u16(head, 56) & 0xFF
        out[32] = 0
        out[33] = head[59]
        for i in range(8):
            out[34 + i] = head[60 + i]
        # The protocol is in network order already.
        out[42] = head[50]
        out[43] = head[51]
        self.move(out, 44, self.position + mac + link, captured - _SLL)
        return total

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def move(
        self, out: cython.p_uchar, at: cython.Py_ssize_t, start: cython.longlong, count: cython.longlong
    ) -> cython.int:
        """Copies octets of the ring's block to what was checked to have room for them."""
        if count:
            if cython.compiled:
                memcpy(out + at, octets(self.block, start, count), count)
            else:
                out[at : at + count] = octets(self.block, start, count)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def frame_block(
        self, out: cython.p_uchar, total: cython.longlong, captured: cython.longlong, length: cython.longlong
    ) -> cython.int:
        """Writes all of an enhanced packet block but its data."""
        # The padding first: it may share its word with the data's end.
        put(out, total - 8, 0)
        put(out, 0, 6)
        put(out, 4, total)
        put(out, 8, self.near_word >> 2)
        put(out, 12, self.at >> 32)
        put(out, 16, self.at & 0xFFFFFFFF)
        put(out, 20, captured)
        put(out, 24, length)
        put(out, total - 4, total)
        return 0
