"""Keeps a live stream's bytes in pcapng files, one after the other, each complete up to its last whole block."""

import itertools
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.live_blocks import Baselines, end_of_capture, is_statistics
from vrrpwatch.core.model import Instant
from vrrpwatch.core.notice import Notice

SECOND = 1_000_000_000
_DIGITS = 6
_STDOUT = 1


class WriteError(CaptureError):
    """Nothing can be written there: one line with the path and the reason."""


class Writer:
    """A :class:`~vrrpwatch.capture.live.Sink` that writes to ``path``, ``-`` for standard output.

    Without rotation ``path`` itself is written.  With it, another file begins before the one at hand grows beyond
    ``rotate_bytes`` or when it has gone on for ``rotate_seconds`` of packets' time, each with the section's header and
    all interfaces.  ``watch.pcapng`` becomes ``watch-000001.pcapng`` and so on, from where the numbers found end;
    ``watch-%Y%m%d-%H%M%S.pcapng`` is named after its first packet's local time, as tcpdump -G does it.  No file is
    overwritten then, and of those of this run the last ``keep`` stay.

    ``alarm`` is given one line when writing fails and when it goes on again: what comes between, ``missing`` octets,
    is in no file.
    """

    def __init__(
        self,
        path: str,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        keep: int | None = None,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises :class:`WriteError` where nothing can be written there."""
        self.missing = 0
        self.failed = False
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._rotate = None if rotate_seconds is None else round(rotate_seconds * SECOND)
        self._keep = keep
        self._alarm = alarm
        # All headers so far, and those that the file at hand does not have yet.
        self._headers: list[bytes] = []
        self._due: list[bytes] = []
        self._files: list[Path] = []
        self._descriptor: int | None = None
        self._size = 0
        self._used = False
        # Whether nothing is missing in the file at hand.
        self._whole = True
        self._began: Instant | None = None
        self._baselines = Baselines()
        self._rotates = rotate_bytes is not None or rotate_seconds is not None
        if path == "-" and self._rotates:
            raise WriteError("-w -: standard output cannot be rotated; name a file")
        try:
            self._numbers = itertools.count(self._last_number() + 1)
            if path == "-":
                self._descriptor = _STDOUT
            elif not self._rotates:
                self._create(Path(path), os.O_TRUNC)
            elif not os.access(Path(path).parent, os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13))
        except OSError as error:
            raise WriteError(f"{path}: cannot be written ({error.strerror})") from error

    @property
    def current(self) -> str:
        """The file that is written now, or was last; the path as given before there is any."""
        return str(self._files[-1]) if self._files else self._path

    def header(self, block: bytes) -> None:
        self._headers.append(block)
        self._due.append(block)
        # So that a capture of silence is one too, however it ends.
        self._put(memoryview(b""))

    def blocks(self, blocks: memoryview) -> None:
        while len(blocks):
            at = instant(blocks)
            if self._rotate is not None and self._began is not None and at - self._began >= self._rotate:
                self._end()
            if self._descriptor is None and not self._begin(at):
                self.missing += len(blocks)
                return
            if self._began is None:
                self._began = at
            if is_statistics(blocks):
                blocks = memoryview(self._baselines.rebased(blocks))
            part = self._fitting(blocks)
            if part:
                self._put(blocks[:part])
                blocks = blocks[part:]
            else:
                self._end()

    def end(self, until: Instant) -> None:
        """The file at hand holds all that passed from its beginning to ``until``: its last block says so."""
        if self._whole and len(self._headers) > 1:
            self._put(memoryview(b""))
            self._put(memoryview(end_of_capture(0, until, self._size)))

    def close(self) -> None:
        """Ends the file at hand."""
        self._end()

    def _fitting(self, blocks: memoryview) -> int:
        """How many octets of these go into the file at hand: whole blocks, and at least one in a new file."""
        size = self._size + sum(map(len, self._due))
        if self._rotate_bytes is None or size + len(blocks) <= self._rotate_bytes:
            return len(blocks)
        words = blocks.cast("I")
        end = 0
        while end < len(blocks):
            total = words[end // 4 + 1]
            if size + end + total > self._rotate_bytes and (end or self._used):
                break
            end += total
        return end

    def _begin(self, at: Instant) -> bool:
        """Begins another file; false, with an alarm, where that cannot be."""
        try:
            for path in self._paths(at):
                try:
                    self._create(path, os.O_EXCL)
                    break
                except FileExistsError:
                    continue
            self._due = list(self._headers)
            while self._keep is not None and len(self._files) > max(self._keep, 1):
                self._files.pop(0).unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)
            return self._descriptor is not None
        return True

    def _create(self, path: Path, flag: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o644)
        self._files.append(path)
        self._baselines = Baselines()
        self._size = 0
        self._used = False
        self._whole = True
        self._began = None

    def _end(self) -> None:
        if self._descriptor is not None and self._descriptor != _STDOUT:
            os.close(self._descriptor)
        self._descriptor = None
        self._began = None

    def _put(self, blocks: memoryview) -> None:
        """Writes whole blocks, and before them the headers that they need, or nothing of them."""
        if self._descriptor is None:
            return
        data = b"".join(self._due) + blocks if self._due else blocks
        try:
            done = 0
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
        except OSError as error:
            # What a pipe or a device has taken is gone.
            if stat.S_ISREG(os.fstat(self._descriptor).st_mode) and self._descriptor != _STDOUT:
                os.ftruncate(self._descriptor, self._size)
                os.lseek(self._descriptor, self._size, os.SEEK_SET)
            self.missing += len(blocks)
            self._whole = False
            self._fail(error)
            return
        self._due = []
        self._size += len(data)
        self._used = self._used or len(blocks) > 0
        if self.failed:
            self.failed = False
            self._alarm(Notice(f"{self.current}: is written again; {self.missing} bytes are missing in all"))

    def _fail(self, error: OSError) -> None:
        if not self.failed:
            self.failed = True
            self._alarm(f"{self.current}: cannot be written ({error.strerror}); it is watched on, and tried again")

    def _paths(self, at: Instant) -> Iterator[Path]:
        """What another file may be called, best first."""
        path = Path(self._path)
        if "%" in path.name:
            named = path.with_name(time.strftime(path.name, time.localtime(at // SECOND)))
            yield named
            for number in itertools.count(2):
                yield named.with_name(f"{named.stem}-{number}{named.suffix}")
        for number in self._numbers:
            yield path.with_name(f"{path.stem}-{number:0{_DIGITS}}{path.suffix}")

    def _last_number(self) -> int:
        """The greatest number that a file of this name has, 0 where there is none."""
        path = Path(self._path)
        if not self._rotates or "%" in path.name:
            return 0
        pattern = re.compile(rf"{re.escape(path.stem)}-(\d{{{_DIGITS},18}}){re.escape(path.suffix)}")
        found = (pattern.fullmatch(other.name) for other in path.parent.iterdir())
        return max((int(match[1]) for match in found if match), default=0)


def instant(blocks: memoryview) -> Instant:
    """When the first of these packet or statistics blocks was made (both have it at the same place)."""
    high, low = blocks[12:20].cast("I")
    return int(high) << 32 | int(low)
