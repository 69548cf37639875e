"""A named pipe that scripts read lines from, in the form of keepalived's vrrp_notify_fifo; writing never waits."""

import errno
import os
import stat
from pathlib import Path


class PipeError(Exception):
    """There can be no pipe in that place: what, why, and what to do."""


class UnwrittenError(Exception):
    """A line is not in the pipe, but may be later; the text says why not, without the path."""


class NamedPipe:
    """The writing end of the pipe at ``path``; raises :class:`PipeError` where it cannot be made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Kept open: lines that a reader left behind stay in the pipe for the next.
        self._pipe: int | None = None
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(path.lstat().st_mode):
                raise PipeError(f"{path} is no named pipe; name another path") from None
        except OSError as error:
            raise PipeError(f"{path}: cannot be made ({error.strerror}); check the folder") from None

    def write(self, line: bytes) -> None:
        """Puts a whole line of at most 4,096 octets into the pipe (pipe(7)); raises :class:`UnwrittenError`."""
        try:
            if self._pipe is None:
                self._pipe = self._open()
            os.write(self._pipe, line)
        except OSError as error:
            self._reconsider()
            raise UnwrittenError(_reason(error)) from None

    def close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _open(self) -> int:
        pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            os.close(pipe)
            raise OSError(errno.EINVAL, "is no named pipe any more")
        return pipe

    def _reconsider(self) -> None:
        """Lets go of a pipe that no reader can find any more, because another one has taken its path."""
        if self._pipe is not None and not _leads_to(self._path, self._pipe):
            self.close()


def line(kind: str, name: str, state: str, priority: int) -> bytes:
    """``INSTANCE "NAME" STATE PRIORITY`` and a line break; ``name`` is safe between quotes, and short."""
    return f'{kind} "{name}" {state} {priority}\n'.encode()


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except OSError:
        return False


def _reason(error: OSError) -> str:
    if error.errno == errno.ENXIO:
        return "nobody reads it"
    if error.errno == errno.EPIPE:
        return "its reader has gone"
    if error.errno == errno.EAGAIN:
        return "it is full, its reader does not keep up"
    return error.strerror or str(error)
