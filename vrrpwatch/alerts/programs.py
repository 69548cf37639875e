"""Programs that settings name: whom they run as, and all that they find in their environment."""

import grp
import os
import pwd
from pathlib import Path
from typing import Final, NamedTuple

# All that a program finds in its environment: nothing of ours, and nothing off the wire.
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
# Who runs programs when root starts them and the settings name nobody.
NOBODY: Final = "nobody"
# CAP_KILL, to end it, CAP_SETGID and CAP_SETUID (linux/capability.h).
_SWITCHING: Final = 1 << 5 | 1 << 6 | 1 << 7


class Identity(NamedTuple):
    """Whom a program runs as; ``groups`` are the supplementary ones."""

    uid: int
    gid: int
    groups: tuple[int, ...]


class IdentityError(Exception):
    """A program cannot be run as the settings say: one line that says why, and what to do."""


def identity(user: str | None, group: str | None = None) -> Identity | None:
    """Whom to become; ``None``: remain who we are.  Raises :class:`IdentityError` for unknown names, lacking rights.

    Looks the names up, which may take long where they come from a directory service.
    """
    root = os.geteuid() == 0
    name = user or (NOBODY if root else None)
    if name is None:
        if group is not None:
            raise IdentityError("group is given without user; name both, or none")
        return None
    try:
        entry = pwd.getpwnam(name)
        gid = entry.pw_gid if group is None else grp.getgrnam(group).gr_gid
    except KeyError:
        or_group = "" if group is None else f" or no group {group!a}"
        raise IdentityError(f"there is no user {name!a}{or_group}; correct the settings") from None
    if not _may_switch():
        if entry.pw_uid != os.geteuid() or gid != os.getegid():
            # Who had no program to run at its start has given the right up.
            do = "start again" if root else f"start as root, or remove user{'' if group is None else ' and group'}"
            raise IdentityError(f"only root with all its rights can run programs as {name}; {do}")
        return None
    return Identity(entry.pw_uid, gid, tuple(os.getgrouplist(name, gid)))


def _may_switch() -> bool:
    """Whether the kernel lets us become somebody else and end what that one runs, root or not."""
    status = Path("/proc/thread-self/status").read_text()
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return int(held, 16) & _SWITCHING == _SWITCHING
