"""Alerts as syslog messages (RFC 5424), to the local socket or to a host by UDP (RFC 5426) or TCP (RFC 6587)."""

import os
import socket
from pathlib import Path
from typing import Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.settings import Syslog
from vrrpwatch.alerts.sinks.base import Plain, Retry
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Severity
from vrrpwatch.wire.text import safe_text

LOCAL: Final = Path("/dev/log")
# RFC 5424 §6.2.1; the end of trouble is a notice.
LEVELS: Final = {Severity.CRITICAL: 2, Severity.WARNING: 4, Severity.INFO: 6}
NOTICE: Final = 5
# 32473 is the number for those without one of their own (RFC 5612).
SD_ID: Final = "alert@32473"
# Every receiver must take 480 octets and should take 2048 (RFC 5424 §6.1): a summary and six short parameters.
_LONGEST: Final = 900
_LONGEST_PARAMETER: Final = 150


class SyslogSender(Plain):
    """A datagram is delivered when the kernel took it.  Over TCP the receiver must have read to the end, too."""

    def __init__(self, settings: Syslog) -> None:
        self._settings = settings
        self._host = socket.gethostname()

    def deliver(self, alert: Alert) -> None:
        message = format_message(alert, self._settings.facility, self._host)
        settings = self._settings
        try:
            if settings.host is None:
                self._local(settings.path or LOCAL, message)
            elif settings.transport == "udp":
                self._udp(settings.host, message)
            else:
                self._tcp(settings.host, message)
        except OSError as error:
            where = settings.host or settings.path or LOCAL
            raise Retry(f"{where}: {error.strerror or error}") from None

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
    """One message, in UTF-8; nothing in an alert can end it early or pass for a field of it."""
    level = NOTICE if alert.status == "resolved" else LEVELS[alert.severity]
    parameters = {
        "id": alert.id,
        "status": alert.status,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "sensor": alert.sensor,
        "segment": alert.segment or "",
        "group": alert.group or "",
    }
    data = "".join(f' {name}="{_escape(value)}"' for name, value in parameters.items() if value)
    head = f"<{facility * 8 + level}>1 {rfc3339(alert.at)} {_name(host)} vrrpwatch - {_name(alert.rule)}"
    return f"{head} [{SD_ID}{data}] {alert.status}: {safe_text(alert.summary, _LONGEST)}".encode()


def _escape(value: str) -> str:
    r"""RFC 5424 §6.3.3: ``"``, ``\`` and ``]`` are escaped in a parameter's value."""
    text = safe_text(value, _LONGEST_PARAMETER)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name(text: str) -> str:
    """A header field: printable ASCII without spaces (RFC 5424 §6), at most 32 characters as MSGID allows."""
    return "".join(character for character in text if "!" <= character <= "~")[:32] or "-"
