"""Rights: watching needs CAP_NET_RAW and nothing else, so all others are given up (capabilities(7)).

CAP_NET_RAW itself stays, in the permitted and effective sets only: an interface that comes back needs a new socket.
Who runs programs as other users keeps what that takes as well, and not all that root may.
"""

import ctypes
import os
import pwd
import shlex
import struct
import sys
from pathlib import Path

from vrrpwatch.capture.errors import CaptureError

# linux/capability.h, linux/prctl.h.
_CAP_KILL, _CAP_SETGID, _CAP_SETUID, _CAP_SETPCAP, _CAP_NET_RAW = 5, 6, 7, 8, 13
_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 8, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


class RightsError(CaptureError):
    """The right to watch, or to change to a user, is missing: one line that says what gives it."""


def missing_right() -> str:
    """The line for who may not watch: the command that gives the right, and the one that needs none."""
    python = shlex.quote(str(Path(sys.executable).resolve()))
    command = shlex.join(["vrrpwatch", *sys.argv[1:]])
    return f"no right to watch interfaces (CAP_NET_RAW): `sudo setcap cap_net_raw+ep {python}`, or `sudo {command}`"


def drop_privileges(user: str | None = None, *, runs_as_others: bool = False) -> None:
    """Keeps CAP_NET_RAW, and gives up all else for good; changes to ``user`` where one is given.

    With ``runs_as_others`` the rights stay to run programs as other users and to end these.  To be called when sockets
    and files are open and before threads are started, since rights are each thread's own.  What it does not have is not
    kept.  Raises :class:`RightsError` where it may not change to the user.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    held, _ = _capabilities(libc)
    wanted = (_CAP_NET_RAW, *((_CAP_KILL, _CAP_SETGID, _CAP_SETUID) if runs_as_others else ()))
    kept = held & sum(1 << capability for capability in wanted)
    if held & 1 << _CAP_SETPCAP:
        # Nothing that is executed later gets them back.
        for capability in range(int(_LAST_CAPABILITY.read_text()) + 1):
            if capability not in wanted:
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if user is not None:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        _become(user)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    # Who started us with no more may have forbidden to change it (systemd's SystemCallFilter=~@privileged).
    if _capabilities(libc) == (kept, kept):
        return
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    # Effective, permitted, inheritable, for the capabilities below and above 32.
    data = ctypes.create_string_buffer(struct.pack("=6I", kept, kept, 0, 0, 0, 0))
    _check(libc.capset(header, data))


def _become(user: str) -> None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise RightsError(f"there is no user {user}: name one that there is, or leave --user out") from None
    try:
        os.initgroups(user, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except PermissionError as error:
        raise RightsError(f"no right to change to user {user}: start as root, or leave --user out") from error


def _capabilities(libc: ctypes.CDLL) -> tuple[int, int]:
    """The effective and the permitted ones."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _check(libc.capget(header, data))
    effective, permitted, _, more_effective, more_permitted, _ = struct.unpack("=6I", data.raw[:24])
    return int(effective | more_effective << 32), int(permitted | more_permitted << 32)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
