"""Changes of mastership as lines in a named pipe, in the form of keepalived's vrrp_notify_fifo."""

import errno
import os
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.quiet import EVENTS
from vrrpwatch.alerts.settings import Fifo
from vrrpwatch.alerts.sinks.base import Plain, Retry, SinkError

# What scripts may meet between the quotes without harm, however carelessly they are written.
_NAME: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@/|-")
# With the rest of a line well below the 4096 octets that are written at once or not at all (pipe(7)).
_LONGEST_NAME: Final = 512


class FifoSender(Plain):
    """A line is delivered when it is in the pipe.  Without a reader, or with the pipe full, it waits in the outbox."""

    def __init__(self, settings: Fifo) -> None:
        self._settings = settings
        self._speaker = None
        if settings.speaker is not None:
            try:
                self._speaker = str(ip_address(settings.speaker))
            except ValueError:
                raise SinkError(f"sink {settings.name}: speaker is no IP address; correct it") from None
        # Kept open: lines that a reader left behind stay in the pipe for the next.
        self._pipe: int | None = None
        self._make()

    def deliver(self, alert: Alert) -> None:
        line = format_line(alert, self._speaker, self._settings.names)
        if line is None:
            return
        try:
            if self._pipe is None:
                self._pipe = self._open()
            os.write(self._pipe, line)
        except OSError as error:
            self._reconsider()
            raise Retry(f"{self._settings.path}: {_reason(error)}") from None

    def close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _reconsider(self) -> None:
        """Lets go of a pipe that no reader can find any more, because another one has taken its path."""
        if self._pipe is not None and not _leads_to(self._settings.path, self._pipe):
            self.close()

    def _make(self) -> None:
        path = self._settings.path
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(path.lstat().st_mode):
                raise SinkError(f"sink {self._settings.name}: {path} is no named pipe; name another path") from None
        except OSError as error:
            raise SinkError(
                f"sink {self._settings.name}: {path}: cannot be made ({error.strerror}); check the folder"
            ) from None

    def _open(self) -> int:
        path = self._settings.path
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            os.close(pipe)
            raise OSError(errno.EINVAL, "is no named pipe any more")
        return pipe


def format_line(alert: Alert, speaker: str | None, names: dict[str, str]) -> bytes | None:
    """``INSTANCE "NAME" STATE PRIORITY`` and a line break; ``None`` for what is no change of mastership.

    Seen by ``speaker`` (the canonical text of its address) the state is MASTER, BACKUP or FAULT; without one, MASTER
    says that somebody holds the group.
    """
    if alert.rule not in EVENTS or alert.status != "firing" or alert.group is None:
        return None
    holder = alert.details.get("to")
    if alert.rule == "master-resigned":
        return None
    if alert.rule == "master-lost":
        state = "FAULT"
    elif speaker is None or holder == speaker:
        state = "MASTER"
    else:
        state = "BACKUP"
    priority = alert.details.get("priority")
    name = names.get(alert.group) or "".join(c if c in _NAME else "_" for c in alert.group[:_LONGEST_NAME])
    return f'INSTANCE "{name}" {state} {priority if isinstance(priority, int) else 0}\n'.encode()


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
