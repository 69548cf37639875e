"""Changes of mastership as lines in a named pipe, in the form of keepalived's vrrp_notify_fifo."""

from ipaddress import ip_address
from typing import Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.pipe import NamedPipe, PipeError, UnwrittenError, line
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
        try:
            self._pipe = NamedPipe(settings.path)
        except PipeError as error:
            raise SinkError(f"sink {settings.name}: {error}") from None

    def deliver(self, alert: Alert) -> None:
        text = format_line(alert, self._speaker, self._settings.names)
        if text is None:
            return
        try:
            self._pipe.write(text)
        except UnwrittenError as error:
            raise Retry(f"{self._settings.path}: {error}") from None

    def close(self) -> None:
        self._pipe.close()


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
    return line("INSTANCE", name, state, priority if isinstance(priority, int) else 0)
