"""Tells systemd how the service is: sd_notify(3), a datagram to the socket that it names, if it names one."""

import faulthandler
import os
import socket
from collections.abc import Mapping
from typing import Final

# The watchdog is to hear from us twice in the time that it gives (sd_watchdog_enabled(3)).
SAFETY: Final = 2


class Supervisor:
    """The service manager, if there is one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environment)

    @property
    def listens(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    def ready(self) -> None:
        if self.watchdog is not None:
            # From now on the watchdog ends with SIGABRT what hangs: where it hung is to stand in the log.  The loop's
            # thread gets the signal; others may run on meanwhile, and to read a stack that changes ends in a crash.
            faulthandler.enable(all_threads=False)
        self._tell("READY=1")

    def reloading(self, monotonic_us: int) -> None:
        """The settings are read again, until :meth:`ready`; ``monotonic_us`` is CLOCK_MONOTONIC in microseconds."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def status(self, line: str) -> None:
        """What ``systemctl status`` shows."""
        self._tell("STATUS=" + line.replace("\n", " "))

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(message.encode(), address)
            except OSError:
                # It will notice by its own timeouts; the network is watched all the same.
                return


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Seconds between two signs of life; ``None`` where nobody waits for them."""
    text, owner = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or (owner and owner != str(os.getpid())):
        return None
    return int(text) / 1e6 / SAFETY or None
