"""Runs a program for each alert, with the payload on its standard input and without a shell."""

import os
import signal
import subprocess
import threading
from contextlib import suppress

from vrrpwatch.alerts import programs
from vrrpwatch.alerts.alert import Alert, encode
from vrrpwatch.alerts.programs import ENVIRONMENT, Identity
from vrrpwatch.alerts.settings import Hook
from vrrpwatch.alerts.sinks.base import Plain, Retry, SinkError


class HookSender(Plain):
    """Exit status 0 is a delivery, everything else is tried again."""

    def __init__(self, settings: Hook) -> None:
        self._settings = settings
        self._identity = identity(settings)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def deliver(self, alert: Alert) -> None:
        program = self._settings.command[0]
        try:
            process = self._start()
        except OSError as error:
            raise Retry(f"{program}: cannot be run ({error.strerror or error})") from None
        with self._lock:
            self._process = process
        try:
            process.communicate(encode(alert) + b"\n", timeout=self._settings.timeout)
        except subprocess.TimeoutExpired:
            raise Retry(f"{program}: took longer than {self._settings.timeout:g} s and was killed") from None
        finally:
            with self._lock:
                self._process = None
            if process.returncode is None:
                _kill(process)
                process.communicate()
        if process.returncode < 0:
            raise Retry(f"{program}: was killed by signal {-process.returncode}")
        if process.returncode > 0:
            raise Retry(f"{program}: exit status {process.returncode}")

    def interrupt(self) -> None:
        with self._lock:
            if self._process is not None:
                _kill(self._process)

    def _start(self) -> subprocess.Popen[bytes]:
        who = self._identity
        return subprocess.Popen(  # noqa: S603  # the settings name the program, and no shell reads them
            self._settings.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=ENVIRONMENT,
            # A group of its own, so that the children that it leaves behind can be killed with it.
            start_new_session=True,
            umask=0o077,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=who.groups if who else None,
        )


def identity(settings: Hook) -> Identity | None:
    """Whom to become; ``None``: remain who we are.  Raises :class:`SinkError` for unknown names and lacking rights."""
    try:
        return programs.identity(settings.user, settings.group)
    except programs.IdentityError as error:
        raise SinkError(f"sink {settings.name}: {error}") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The group may be gone already, or, a moment after the start, not yet be there.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
