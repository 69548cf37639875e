"""Opens captures: plain files and standard input, with a look ahead at their first bytes."""

import io
import select
import sys
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from vrrpwatch.capture.errors import CaptureError

PAGES = 1 << 16


class Stream(Protocol):
    """Where bytes come from; ``readinto`` fills what it can and answers 0 only at the end."""

    def readinto(self, view: memoryview, /) -> int: ...
    def close(self) -> None: ...


@runtime_checkable
class LiveStream(Stream, Protocol):
    """A stream that comes in while it is read, and says when there is nothing yet."""

    def idle(self) -> bool:
        """Whether the next read would wait."""
        ...

    def ready(self) -> bool:
        """Whether there is something to read; waits, but not for longer than who follows the stream may."""
        ...


class Source:
    """A stream whose beginning can be looked at before it is read; ``consumed`` counts what it gave."""

    def __init__(self, stream: Stream) -> None:
        self.consumed = 0
        self._stream = stream
        self._live = stream if isinstance(stream, LiveStream) else None
        self._ahead = b""

    def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer only at the end; they stay to be read."""
        # By whole pages, so that what is read afterwards starts where a page of the file does.
        while len(self._ahead) < count and (more := self._fetch(PAGES)):
            self._ahead += more
        return self._ahead[:count]

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes, none only at the end; raises :class:`OSError`."""
        data, self._ahead = self._ahead[:count], self._ahead[count:]
        data = data or self._fetch(count)
        self.consumed += len(data)
        return data

    def readinto(self, view: memoryview, /) -> int:
        if self._ahead:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        count = self._stream.readinto(view)
        self.consumed += count
        return count

    def idle(self) -> bool:
        """Whether the next read would wait for somebody to write; never so of a file, nor of what is no descriptor."""
        if self._ahead:
            return False
        if self._live is not None:
            return self._live.idle()
        if not isinstance(self._stream, _StandardInput | io.FileIO):
            return False
        try:
            return not select.select([self._stream.fileno()], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def ready(self) -> bool:
        """Whether to read on: always, but of a live stream that nothing came in from for a while."""
        return bool(self._ahead) or self._live is None or self._live.ready()

    def close(self) -> None:
        self._stream.close()

    def _fetch(self, count: int) -> bytes:
        buffer = bytearray(count)
        return bytes(buffer[: self._stream.readinto(memoryview(buffer))])


class _StandardInput:
    """Standard input, which is nobody's to close; what a pipe holds is taken without waiting for more."""

    def readinto(self, view: memoryview, /) -> int:
        # Not through the buffer, which waits for more to fill the view with.
        return cast("io.FileIO", getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)).readinto(view) or 0

    def fileno(self) -> int:
        return sys.stdin.buffer.fileno()

    def close(self) -> None:
        """Leaves it open."""


def open_capture(path: str) -> Stream:
    """Opens a file, or standard input for ``-``; raises :class:`CaptureError` with the system's reason."""
    if path == "-":
        return _StandardInput()
    try:
        if Path(path).is_dir():
            raise CaptureError(f"{path}: is a directory; name the capture files in it")
        return cast("Stream", Path(path).open("rb", buffering=0))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CaptureError(f"{path}: cannot be opened ({reason}); check its name and your rights") from error
