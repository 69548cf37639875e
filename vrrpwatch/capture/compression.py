"""Compressed captures as streams: gzip, bzip2, xz and zstd, told by their first bytes and unpacked in bounded memory.

Nothing is unpacked beyond what is asked for, so a bomb of whatever ratio costs time and no memory: at most
MAX_WINDOW for the history that zstd or xz may refer to, one chunk of input and one of output.  A stream that breaks
gives everything before the break, then raises :class:`DamageError`.
"""

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vrrpwatch.capture.errors import DamageError
from vrrpwatch.capture.files import Source, Stream

if TYPE_CHECKING:
    import zstandard

CHUNK = 1 << 16
MAX_WINDOW = 1 << 26
MAGIC_SIZE = 6

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# RFC 8878 §3.1.1.2.4: no block unpacks to more, whatever the window.
_ZSTD_BLOCK = 1 << 17
_ZSTD_RAW, _ZSTD_RLE, _ZSTD_RESERVED = 0, 1, 3


class Decompressor(Protocol):
    """What bz2 and lzma call a decompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's gzip decoder with that interface."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._tail = b""
        self._fault: zlib.error | None = None

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._tail and self._fault is None

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if self._fault is not None:
            raise self._fault
        data = self._tail + data
        before = self._inner.copy()
        try:
            unpacked = self._inner.decompress(data, max_length)
        except zlib.error as error:
            # The call's output is lost with it: go back, and on again byte by byte up to the break.
            self._fault = error
            return _salvage(before, data)
        self._tail = self._inner.unconsumed_tail
        return unpacked


def _salvage(inner: Any, data: bytes) -> bytes:
    unpacked = []
    try:
        for position in range(len(data)):
            unpacked.append(inner.decompress(data[position : position + 1]))  # noqa: PERF401
    except zlib.error:
        pass
    return b"".join(unpacked)


class _Format(NamedTuple):
    """A compression that the standard library undoes."""

    name: str
    magic: bytes
    make: Callable[[], Decompressor]


# Most captures are not compressed: each library is loaded by the first that needs it.
def _bzip2() -> Decompressor:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Decompressor:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_WINDOW)


def _faults() -> tuple[type[Exception], ...]:
    """What decompressors raise where a stream breaks."""
    from lzma import LZMAError

    return zlib.error, LZMAError, OSError, EOFError


_FORMATS = (
    _Format("gzip", b"\x1f\x8b", _Gzip),
    _Format("bzip2", b"BZh", _bzip2),
    _Format("xz", b"\xfd7zXZ\0", _xz),
)


def unpack(source: Source) -> Stream:
    """The stream itself, or what it holds where it is compressed (one layer)."""
    start = source.peek(MAGIC_SIZE)
    if _is_zstd(start):
        return _Zstd(source)
    for form in _FORMATS:
        if start.startswith(form.magic):
            return _Unpacked(source, form)
    return source


class _Unpacked:
    """A gzip, bzip2 or xz stream, of one member or several."""

    def __init__(self, source: Source, form: _Format) -> None:
        self._source = source
        self._form = form
        self._decompressor = form.make()
        self._input = b""

    def readinto(self, view: memoryview, /) -> int:
        try:
            unpacked = self._read(min(len(view), CHUNK))
        except _faults() as error:
            raise DamageError(f"the {self._form.name} stream breaks ({error})") from error
        view[: len(unpacked)] = unpacked
        return len(unpacked)

    def close(self) -> None:
        self._source.close()

    def _read(self, size: int) -> bytes:
        while True:
            if self._decompressor.eof and not self._next_member():
                return b""
            ended = False
            if self._decompressor.needs_input and not self._input:
                self._input = self._source.read(CHUNK)
                ended = not self._input
            data, self._input = self._input, b""
            unpacked = self._decompressor.decompress(data, size)
            if unpacked:
                return unpacked
            if ended and not self._decompressor.eof:
                raise DamageError(f"the {self._form.name} stream is cut")

    def _next_member(self) -> bool:
        """Goes on to the next member; false at the end, which may be padded with zeros."""
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while len(rest) < MAGIC_SIZE and (more := self._source.read(CHUNK)):
            rest = (rest + more).lstrip(b"\0")
        if not rest:
            return False
        if not rest.startswith(self._form.magic):
            raise DamageError(f"the {self._form.name} stream is followed by something else")
        self._decompressor = self._form.make()
        self._input = rest
        return True


class _Zstd:
    """A zstd stream (RFC 8878), fed to the decoder block by block: no call gives more than one, and a cut shows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._checksum = False
        self._last = False
        self._output = b""

    def readinto(self, view: memoryview, /) -> int:
        while not self._output:
            if self._frame is not None and self._last:
                self._close_frame(self._frame)
            elif self._frame is not None:
                self._unpack_block(self._frame)
            elif not self._open_frame():
                return 0
        count = min(len(view), len(self._output))
        view[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def close(self) -> None:
        self._source.close()

    def _open_frame(self) -> bool:
        """Reads a frame's header, or steps over a frame to be skipped; false at the end (RFC 8878 §3.1)."""
        import zstandard

        magic = self._source.peek(4)
        if not magic:
            return False
        if not _is_zstd(magic):
            raise DamageError("the zstd stream is followed by something else")
        magic = self._take(4)
        if magic != _ZSTD_MAGIC:
            left = int.from_bytes(self._take(4), "little")
            while left:
                left -= len(self._take(min(left, CHUNK)))
            return True
        descriptor = self._take(1)[0]
        single = descriptor >> 5 & 1
        size = (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
        self._checksum = bool(descriptor & 4)
        self._frame = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        self._feed(self._frame, magic + bytes((descriptor,)) + self._take(size))
        return True

    def _unpack_block(self, frame: "zstandard.ZstdDecompressionObj") -> None:
        header = self._take(3)
        field = int.from_bytes(header, "little")
        last, kind, size = field & 1, field >> 1 & 3, field >> 3
        if kind == _ZSTD_RESERVED or size > _ZSTD_BLOCK:
            raise DamageError("the zstd stream breaks (no such block)")
        self._feed(frame, header + self._take(1 if kind == _ZSTD_RLE else size))
        self._last = bool(last)

    def _close_frame(self, frame: "zstandard.ZstdDecompressionObj") -> None:
        """Checks the frame's sum only once all that it holds was handed on."""
        if self._checksum:
            self._feed(frame, self._take(4))
        self._frame = None
        self._last = False

    def _feed(self, frame: "zstandard.ZstdDecompressionObj", data: bytes) -> None:
        import zstandard

        try:
            self._output += frame.decompress(data)
        except zstandard.ZstdError as error:
            raise DamageError(f"the zstd stream breaks ({error})") from error

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._source.read(count - len(data))
            if not more:
                raise DamageError("the zstd stream is cut")
            data += more
        return data


def _is_zstd(start: bytes) -> bool:
    """Whether a zstd frame, or one to be skipped, begins so (RFC 8878 §3.1.1, §3.1.2)."""
    return start[:4] == _ZSTD_MAGIC or (start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5)
