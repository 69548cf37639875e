"""The agent's end of the janitor: starts it, tells it what the agent may hold, and starts another where it has died."""

import os
import select
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vrrpwatch.agent.holding import janitor

# Seconds; a busy host takes some to start Python, and to let it read.
_READY: Final = 20.0
_TAKEN: Final = 1.0
_SCRIPT: Final = Path(janitor.__file__)
_UNBLOCKABLE: Final = {signal.SIGKILL, signal.SIGSTOP}


class JanitorError(Exception):
    """There is no janitor; the message says why."""


@dataclass(slots=True)
class Janitor:
    """One that runs, and all it was told.  ``lock`` is a file that stays locked until it has ended too.

    :meth:`fileno` is readable when it has died, which it does only where somebody kills it: :meth:`revive` then.
    """

    lock: int
    _duties: dict[int, bytes] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _pid: int = -1
    _pipe: int = -1
    _pidfd: int = -1
    _count: int = 0

    def start(self) -> None:
        """Returns once it is on duty; raises :class:`JanitorError`."""
        told, pipe = os.pipe2(os.O_CLOEXEC)
        ready, readied = os.pipe2(os.O_CLOEXEC)
        actions = [
            (os.POSIX_SPAWN_DUP2, told, 0),
            (os.POSIX_SPAWN_DUP2, readied, 1),
            (os.POSIX_SPAWN_DUP2, self.lock, 3),
        ]
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                (sys.executable, "-I", "-S", "-B", str(_SCRIPT)),
                # Where the interpreter's own library is, if that is to be told.
                {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                file_actions=actions,
                # Neither a signal to the agent's process group nor systemd's to the whole service ends it: only the
                # end of its input does.
                setsid=True,
                setsigmask=signal.valid_signals() - _UNBLOCKABLE,
            )
            self._pidfd = os.pidfd_open(self._pid)
        except OSError as error:
            os.close(pipe)
            raise JanitorError(f"the janitor cannot be started: {error.strerror}") from None
        finally:
            os.close(told)
            os.close(readied)
        self._pipe = pipe
        os.set_blocking(pipe, False)
        try:
            if not _awaited(ready, select.POLLIN, _READY) or not os.read(ready, 1):
                raise JanitorError(f"the janitor was not on duty within {_READY:g} s")
        finally:
            os.close(ready)

    def fileno(self) -> int:
        return self._pidfd

    def requests(self, name: str, data: bytes) -> None:
        """What it sends to rtnetlink when the agent dies, under a name that a later call may use again."""
        self._tell(janitor.DEFINE, name, data)

    def setting(self, name: str, path: Path, now: int, was: int) -> None:
        """A file that it sets to ``was`` if it still says ``now``."""
        self._tell(janitor.SETTING, name, b"\0".join((str(path).encode(), str(now).encode(), str(was).encode())))

    def forget(self, name: str) -> None:
        number = self._numbers.pop(name, None)
        if number is not None:
            del self._duties[number]
            self._write(janitor.frame(janitor.FORGET, number))

    def revive(self) -> None:
        """Starts another in the place of one that died or is stuck; raises :class:`JanitorError`."""
        # It must be dead before its input ends: the end of that is what sets it to work.
        self.kill()
        self._bury()
        self.start()
        for told in self._duties.values():
            self._write(told)

    def kill(self) -> None:
        """Ends it so that it does nothing."""
        if self._pid > 0:
            os.kill(self._pid, signal.SIGKILL)

    def dismiss(self) -> None:
        """It has nothing to do any more, and ends."""
        try:
            self._write(janitor.frame(janitor.FAREWELL, 0))
        except JanitorError:
            self.kill()
        self._bury()

    def _tell(self, kind: int, name: str, data: bytes) -> None:
        if name not in self._numbers:
            self._count += 1
            self._numbers[name] = self._count
        number = self._numbers[name]
        self._duties[number] = janitor.frame(kind, number, data)
        self._write(self._duties[number])

    def _write(self, told: bytes) -> None:
        if self._pid < 0:
            raise JanitorError("there is no janitor")
        rest = memoryview(told)
        while rest:
            try:
                rest = rest[os.write(self._pipe, rest) :]
            except BlockingIOError:
                if not _awaited(self._pipe, select.POLLOUT, _TAKEN):
                    raise JanitorError(f"the janitor does not read what it is told (process {self._pid})") from None
            except BrokenPipeError:
                raise JanitorError("the janitor has died") from None

    def _bury(self) -> None:
        if self._pid < 0:
            return
        os.close(self._pipe)
        if not _awaited(self._pidfd, select.POLLIN, _TAKEN):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._pidfd)
        self._pid = -1


def _awaited(fileno: int, event: int, seconds: float) -> bool:
    """Whether that happens in time; many routers take more numbers than select(2) knows."""
    waiting = select.poll()
    waiting.register(fileno, event)
    return bool(waiting.poll(seconds * 1000))
