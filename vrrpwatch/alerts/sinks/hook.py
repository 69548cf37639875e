"""Runs a program for each alert, with the payload on its standard input and without a shell."""

import grp
import os
import pwd
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.alerts.alert import Alert, encode
from vrrpwatch.alerts.settings import Hook
from vrrpwatch.alerts.sinks.base import Plain, Retry, SinkError

# All that a program finds in its environment: nothing of ours, and nothing off the wire.
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
# Who runs hooks when root starts them and the settings name nobody.
NOBODY: Final = "nobody"
# CAP_SETGID and CAP_SETUID (linux/capability.h).
_SWITCHING: Final = 1 << 6 | 1 << 7


class Identity(NamedTuple):
    """Whom a program runs as; ``groups`` are the supplementary ones."""

    uid: int
    gid: int
    groups: tuple[int, ...]


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
    root = os.geteuid() == 0
    name = settings.user or (NOBODY if root else None)
    if name is None:
        if settings.group is not None:
            raise _unfit(settings, "group is given without user; name both, or none")
        return None
    try:
        user = pwd.getpwnam(name)
        gid = user.pw_gid if settings.group is None else grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise _unfit(settings, f"there is no user {name!a} or no group {settings.group!a}; correct the names") from None
    if not root or not _may_switch():
        if user.pw_uid != os.geteuid() or gid != os.getegid():
            # Who had no hook at its start has given the right up.
            do = "start again" if root else "start as root, or remove user and group"
            raise _unfit(settings, f"only root with all its rights can run programs as {name}; {do}")
        return None
    return Identity(user.pw_uid, gid, tuple(os.getgrouplist(name, gid)))


def _may_switch() -> bool:
    status = Path("/proc/thread-self/status").read_text()
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return int(held, 16) & _SWITCHING == _SWITCHING


def _unfit(settings: Hook, text: str) -> SinkError:
    return SinkError(f"sink {settings.name}: {text}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The group may be gone already, or, a moment after the start, not yet be there.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
