"""Reads one capture as batches, in memory that does not grow with it; what it holds is the scan's to find."""

import os
from collections.abc import Iterator

from vrrpwatch.capture import pcap, pcapng, scan
from vrrpwatch.capture.batches import Code, Storage, pages
from vrrpwatch.capture.compression import unpack
from vrrpwatch.capture.errors import CaptureError, DamageError
from vrrpwatch.capture.files import Source, Stream, open_capture
from vrrpwatch.capture.sections import Sections
from vrrpwatch.core.frames import Batch, Interface, Kind
from vrrpwatch.core.model import Instant

# The link types that the scan takes apart (https://www.tcpdump.org/linktypes.html).
LINK_TYPES = frozenset((0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276))

# One read's size: large, since each call costs, but what was read is still in the cache when it is scanned.
READ_SIZE = 1 << 20
# Between two batches at most this much input passes, so that progress shows and live sinks stay fresh.
BATCH_BYTES = 1 << 30

# Keys the hashes of this process: without it nobody can make two contents collide.
SECRET = (int.from_bytes(os.urandom(8)), int.from_bytes(os.urandom(8)))

_REASONS = (
    "",
    "a block length that is no multiple of 4",
    "a block length too small for its type",
    f"a packet block longer than {scan.MAX_BLOCK} bytes",
    "a packet of an interface that was not described",
    "a block whose two lengths differ",
    "a packet length beyond 2147483647",
    f"a captured length beyond its block or {scan.MAX_CAPTURED}",
)


class CaptureReader:
    """One capture, read once with :meth:`batches`.

    ``format`` (``"pcap"`` or ``"pcapng"``) is known once the first batch is out; ``packets``, ``bytes`` (original
    lengths), ``interfaces``, ``dropped`` (packets that the capture says it lost, per interface; ``None``: it does not
    say), ``until`` (the instant up to which it is complete; ``None``: up to its last packet as far as is known) and
    ``damage`` (one line, with the byte offset, for a cut or broken capture) at the end.
    """

    def __init__(
        self,
        path: str,
        source: int = 0,
        *,
        wanted: frozenset[Kind],
        stream: Stream | None = None,
        secret: tuple[int, int] = SECRET,
        code: Code | None = None,
        batch_bytes: int | None = None,
    ) -> None:
        """Opens nothing yet.  ``stream`` is read in place of the file; ``code`` is for tests (see :class:`Storage`).

        A batch ends where a read does once so many bytes were read for it (``BATCH_BYTES``).
        """
        self.path = path
        self.source = source
        self.format = ""
        self.packets = 0
        self.bytes = 0
        self.interfaces: tuple[Interface, ...] = ()
        self.dropped: tuple[int | None, ...] = ()
        self.until: Instant | None = None
        self.damage: str | None = None
        self._input = stream
        self._source: Source | None = None
        self._stream: Stream
        self._batch_bytes = BATCH_BYTES if batch_bytes is None else batch_bytes
        self._storage = Storage(source, sum(1 << kind for kind in wanted), secret, code)
        self._scanner = self._storage.scanner
        self._sections = Sections(self._storage)
        # What was read last starts at MAX_BLOCK, and what the scan left of the input before ends there: the kernel
        # copies a file's pages twice as fast to where pages start.
        self._view = pages(scan.MAX_BLOCK + READ_SIZE)
        self._position = self._end = scan.MAX_BLOCK
        # How far into the (uncompressed) capture the buffer starts.
        self._base = -scan.MAX_BLOCK
        # What is left to step over of a block too long for the buffer, and that block's length.
        self._left = 0
        self._long = 0

    def batches(self) -> Iterator[Batch]:
        """Yields the capture's batches in order, each good until the next is asked for.

        Raises :class:`CaptureError` where it cannot be read at all.
        """
        self._source = source = Source(self._input or open_capture(self.path))
        try:
            self._open(source)
            yield from self._read()
        finally:
            source.close()

    @property
    def consumed(self) -> int:
        """How many bytes of the file were read so far, compressed ones as they are."""
        return 0 if self._source is None else self._source.consumed

    @property
    def offset(self) -> int:
        """How many bytes of the (uncompressed) capture were taken in so far."""
        return self._base + self._position

    def _read(self) -> Iterator[Batch]:
        walk = self._scanner.pcap if self.format == "pcap" else self._scanner.pcapng
        flushed = self._base
        try:
            while True:
                status = scan.SHORT
                if self._step_over():
                    self._position = walk(self._view, self._position, self._end)
                    status = self._scanner.status
                if status == scan.FULL or self._base - flushed >= self._batch_bytes:
                    yield self._take()
                    flushed = self._base
                elif status == scan.DAMAGED:
                    raise DamageError(self._reason())
                elif status == scan.SHORT or not self._step():
                    if self._scanner.packets and self._source is not None and self._source.idle():
                        # A live pipe: who follows it shall not wait for the packets of the next second.
                        yield self._take()
                        flushed = self._base
                    while self._source is not None and not self._source.ready():
                        # Who follows a live capture shall hear that time passes.
                        yield self._take()
                        flushed = self._base
                    if not self._fill():
                        break
            if self._position < self._end or self._left:
                raise DamageError(
                    "the capture is cut in the middle of a " + ("record" if self.format == "pcap" else "block")
                )
        except DamageError as error:
            where = f"byte {self.offset}" if self._stream is self._source else f"unpacked byte {self.offset}"
            self.damage = f"{self.path}: {error} at {where}; what comes before it was read"
        yield self._take()
        self.interfaces = tuple(self._sections.interfaces)
        self.dropped = self._sections.dropped()
        self.until = self._sections.until
        if self.packets and all(interface.linktype not in LINK_TYPES for interface in self.interfaces):
            raise CaptureError(self._unknown_link(self.interfaces[0].linktype))

    def _take(self) -> Batch:
        batch = self._sections.take()
        self.packets += batch.packets
        self.bytes += batch.bytes
        return batch

    def _fill(self) -> bool:
        """Reads on; false at the end.  What was not taken in yet moves to before what is read."""
        start = scan.MAX_BLOCK - (self._end - self._position)
        self._view[start : scan.MAX_BLOCK] = bytes(self._view[self._position : self._end])
        self._base += self._position - start
        self._position, self._end = start, scan.MAX_BLOCK
        try:
            count = self._stream.readinto(self._view[scan.MAX_BLOCK :])
        except OSError as error:
            raise DamageError(f"reading failed ({error.strerror})") from error
        self._end += count
        return count > 0

    def _open(self, source: Source) -> None:
        """Tells the format by its magic and sets the scan up for it."""
        try:
            self._stream = unpack(source)
            while self._end - self._position < pcap.HEADER_SIZE and self._fill():
                pass
        except (DamageError, OSError) as error:
            raise CaptureError(f"{self.path}: cannot be read ({error})") from error
        start = bytes(self._view[self._position : min(self._end, self._position + pcap.HEADER_SIZE)])
        if not start:
            raise CaptureError(f"{self.path}: is empty; nothing was captured, or the copy failed")
        if start.startswith(pcapng.MAGIC):
            self.format = "pcapng"
            if pcapng.byte_order(start) is None:
                raise CaptureError(f"{self.path}: begins like a pcapng file, but its byte-order magic is broken")
        elif pcap.is_pcap(start):
            self.format = "pcap"
            header = pcap.read_header(start, self.path)
            if header.linktype not in LINK_TYPES:
                raise CaptureError(self._unknown_link(header.linktype))
            self._scanner.configure(header.linktype, header.big, header.nanoseconds, header.record_size, header.minor)
            self._sections.add(Interface(None, header.linktype, header.snaplen), pcapng.clock(9, 0))
            self._position += pcap.HEADER_SIZE
        else:
            raise CaptureError(f"{self.path}: is not a capture (pcap or pcapng); it begins with {start[:4].hex(' ')}")

    def _unknown_link(self, linktype: int) -> str:
        known = ", ".join(map(str, sorted(LINK_TYPES)))
        return f"{self.path}: link type {linktype} is not supported; capture on one of these: {known}"

    def _reason(self) -> str:
        if self.format == "pcapng":
            return _REASONS[self._scanner.reason]
        order: pcapng.ByteOrder = "big" if self._scanner.big else "little"
        captured = int.from_bytes(self._view[self._position + 8 : self._position + 12], order)
        length = int.from_bytes(self._view[self._position + 12 : self._position + 16], order)
        return f"a record of impossible length ({captured} bytes captured of {length})"

    def _step(self) -> bool:
        """Takes the block at hand that holds no packet; false where more input is needed for that."""
        view, position = self._view, self._position
        kind = int.from_bytes(view[position : position + 4], self._sections.order)
        if kind == pcapng.SECTION_HEADER:
            order = pcapng.byte_order(bytes(view[position : position + 12]))
            if order is None:
                raise DamageError("a section without a byte order")
            self._sections.order = order
        total = int.from_bytes(view[position + 4 : position + 8], self._sections.order)
        if fault := pcapng.length_fault(kind, total):
            raise DamageError(fault)
        if total > scan.MAX_BLOCK:
            if kind in pcapng.LEAST:
                raise DamageError(f"a block of type {kind:#x} longer than {scan.MAX_BLOCK} bytes")
            self._left = self._long = total
            self._sections.pass_over(kind)
            return True
        if self._end - position < total:
            return False
        block = bytes(view[position : position + total])
        if int.from_bytes(block[-4:], self._sections.order) != total:
            raise DamageError("a block whose two lengths differ")
        self._sections.block(kind, block, self.offset)
        self._position += total
        return True

    def _step_over(self) -> bool:
        """Steps over a block longer than the buffer, up to its closing length; false where input is missing."""
        if self._left > 4:
            taken = min(self._left - 4, self._end - self._position)
            self._position += taken
            self._left -= taken
        if not self._left:
            return True
        if self._left > 4 or self._end - self._position < 4:
            return False
        if int.from_bytes(self._view[self._position : self._position + 4], self._sections.order) != self._long:
            raise DamageError("a block whose two lengths differ")
        self._position += 4
        self._left = 0
        return True
