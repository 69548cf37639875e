"""Alerts as syslog messages: as syslog(3) writes them to the local socket, or RFC 5424 to a host by UDP or TCP."""

import errno
import os
import socket
import time
from pathlib import Path
from typing import Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.settings import Syslog
from vrrpwatch.alerts.sinks.base import Plain, Retry, perhaps_denied, unanswered
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import NANOSECONDS, Instant, Severity
from vrrpwatch.wire.text import safe_text

LOCAL: Final = Path("/dev/log")
# RFC 5424 §6.2.1; the end of trouble is a notice.
LEVELS: Final = {Severity.CRITICAL: 2, Severity.WARNING: 4, Severity.INFO: 6}
NOTICE: Final = 5
# 32473 is the number for those without one of their own (RFC 5612).
SD_ID: Final = "alert@32473"
# As programs write them, whatever the locale (RFC 3164 §4.1.2).
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Every receiver must take 480 octets and should take 2048 (RFC 5424 §6.1): a summary and seven short parameters.
_LONGEST: Final = 900
_LONGEST_PARAMETER: Final = 150


class SyslogSender(Plain):
    """A datagram is delivered when the kernel took it.  Over TCP the receiver must have read to the end, too."""

    def __init__(self, settings: Syslog) -> None:
        self._settings = settings
        self._host = socket.gethostname()

    def deliver(self, alert: Alert) -> None:
        settings = self._settings
        try:
            if settings.host is None:
                self._local(settings.path or LOCAL, format_local(alert, settings.facility, os.getpid()))
                return
            message = format_message(alert, settings.facility, self._host)
            if settings.transport == "udp":
                self._udp(settings.host, message)
            else:
                self._tcp(settings.host, message)
        except OSError as error:
            where = settings.host or settings.path or LOCAL
            raise Retry(f"{where}: {self._reason(error)}") from None

    def _reason(self, error: OSError) -> str:
        if self._settings.host is not None:
            if isinstance(error, TimeoutError):
                return unanswered(self._settings.timeout)
            # Datagrams that a firewall of this host holds back are refused to their sender.
            if error.errno == errno.EPERM:
                return f"{error.strerror}{perhaps_denied()}"
        return error.strerror or str(error)

    def _local(self, path: Path, message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
            local.settimeout(self._settings.timeout)
            local.connect(os.fspath(path))
            local.send(message)

    def _udp(self, host: str, message: bytes) -> None:
        family, kind, _, _, address = socket.getaddrinfo(host, self._settings.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as remote:
            remote.settimeout(self._settings.timeout)
            remote.sendto(message, address)

    def _tcp(self, host: str, message: bytes) -> None:
        with socket.create_connection((host, self._settings.port), self._settings.timeout) as remote:
            # The length in front (RFC 6587 §3.4.1): a line break in a message begins no other.
            remote.sendall(b"%d " % len(message) + message)
            remote.shutdown(socket.SHUT_WR)
            try:
                # Syslog has no acknowledgement; that the receiver closes without an error is the nearest to one.
                remote.recv(1)
            except TimeoutError:
                return


def format_message(alert: Alert, facility: int, host: str) -> bytes:
    """A message for a host (RFC 5424), in UTF-8; nothing in an alert can end it early or pass for a field of it."""
    head = f"{_priority(alert, facility)}1 {rfc3339(alert.at)} {_name(host)} vrrpwatch - {_name(alert.rule)}"
    return f"{head} [{SD_ID} {_parameters(alert)}] {_text(alert)}".encode()


def format_local(alert: Alert, facility: int, process: int) -> bytes:
    """The same for the local socket, as syslog(3) writes it (RFC 3164 §4.1): journald and others read no other form.

    Its time is local, to the second; the parameters come last, since some daemons cut a message short.
    """
    head = f"{_priority(alert, facility)}{_local_time(alert.at)} vrrpwatch[{process}]:"
    return f"{head} {_text(alert)} [{_parameters(alert)}]".encode()


def _priority(alert: Alert, facility: int) -> str:
    level = NOTICE if alert.status == "resolved" else LEVELS[alert.severity]
    return f"<{facility * 8 + level}>"


def _local_time(at: Instant) -> str:
    """``Jan 31 21:03:07``; a day of one digit has a blank in front."""
    local = time.localtime(at // NANOSECONDS)
    return f"{_MONTHS[local.tm_mon - 1]} {local.tm_mday:2} {time.strftime('%H:%M:%S', local)}"


def _text(alert: Alert) -> str:
    return f"{alert.status}: {safe_text(alert.summary, _LONGEST)}"


def _parameters(alert: Alert) -> str:
    parameters = {
        "id": alert.id,
        "status": alert.status,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "sensor": alert.sensor,
        "segment": alert.segment or "",
        "group": alert.group or "",
    }
    return " ".join(f'{name}="{_escape(value)}"' for name, value in parameters.items() if value)


def _escape(value: str) -> str:
    r"""RFC 5424 §6.3.3: ``"``, ``\`` and ``]`` are escaped in a parameter's value."""
    text = safe_text(value, _LONGEST_PARAMETER)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name(text: str) -> str:
    """A header field: printable ASCII without spaces (RFC 5424 §6), at most 32 characters as MSGID allows."""
    return "".join(character for character in text if "!" <= character <= "~")[:32] or "-"
