"""Alerts as entries of systemd's journal, with fields of their own (systemd: docs/JOURNAL_NATIVE_PROTOCOL.md)."""

import os
import socket
from typing import Final

from vrrpwatch.alerts.alert import Alert, encode
from vrrpwatch.alerts.settings import Journald
from vrrpwatch.alerts.sinks.base import Plain, Retry
from vrrpwatch.alerts.sinks.syslog import LEVELS, NOTICE
from vrrpwatch.wire.text import safe_text

# The socket is local: an answer within this, or the journal hangs.
_TIMEOUT: Final = 5.0


class JournaldSender(Plain):
    """One datagram per entry; it is delivered when the kernel took it."""

    def __init__(self, settings: Journald) -> None:
        self._path = settings.path

    def deliver(self, alert: Alert) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
                journal.settimeout(_TIMEOUT)
                journal.connect(os.fspath(self._path))
                journal.send(format_entry(alert))
        except OSError as error:
            raise Retry(f"{self._path}: {error.strerror or error}") from None


def format_entry(alert: Alert) -> bytes:
    """The entry's fields; every value has its length in front of it, so nothing in it can pass for a field."""
    level = NOTICE if alert.status == "resolved" else LEVELS[alert.severity]
    fields = {
        "MESSAGE": f"{alert.status}: {safe_text(alert.summary, 1024)}",
        "PRIORITY": str(level),
        "SYSLOG_IDENTIFIER": "vrrpwatch",
        "VRRPWATCH_ID": alert.id,
        "VRRPWATCH_STATUS": alert.status,
        "VRRPWATCH_RULE": alert.rule,
        "VRRPWATCH_SEVERITY": alert.severity.value,
        "VRRPWATCH_SENSOR": alert.sensor,
        "VRRPWATCH_SEGMENT": alert.segment or "",
        "VRRPWATCH_GROUP": alert.group or "",
        "VRRPWATCH_ALERT": encode(alert).decode(),
    }
    return b"".join(_field(name, value) for name, value in fields.items() if value)


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
