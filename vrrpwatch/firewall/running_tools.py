"""Runs nft, iptables, ip6tables and ebtables on this host's own rules, and tells apart why one of them fails."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final, Literal

XTool = Literal["iptables", "ip6tables", "ebtables"]
Tool = Literal["nft", XTool]
Family = Literal["inet", "bridge", "netdev"]
# Where rules of ours may stand: a table of nftables by its family, else the tool's own filter table.
Place = Literal["inet", "bridge", "netdev", "iptables", "ip6tables", "ebtables"]

FAMILIES: Final[tuple[Family, ...]] = ("inet", "bridge", "netdev")
XTABLES: Final[tuple[XTool, ...]] = ("iptables", "ip6tables", "ebtables")
PLACES: Final[tuple[Place, ...]] = ("inet", "bridge", "netdev", "iptables", "ip6tables", "ebtables")

# Seconds.  Loading 1,000 groups takes below one; iptables may wait for others that hold its lock.
TIMEOUT: Final = 60
LOCK_WAIT: Final = "5"
# Where they are when an ordinary user's path does not lead there.
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
ENVIRONMENT: Final = {"PATH": PATH, "LC_ALL": "C"}
_FORBIDDEN: Final = ("operation not permitted", "permission denied", "must be root")
_PACKAGES: Final = {"nft": "nftables", "unshare": "util-linux"}


class RulesError(Exception):
    """Something that a person asked for cannot be done; one line says what, where and what to do."""


class RefusedError(RulesError):
    """A rules file that is not taken."""


class ForbiddenError(RulesError):
    """The right to do it is missing."""


def tool_of(place: Place) -> Tool:
    """The program that reads and loads the rules of ``place``."""
    match place:
        case "iptables" | "ip6tables" | "ebtables":
            return place
        case _:
            return "nft"


def said_place(place: Place) -> str:
    """``place`` in the words of its tool."""
    return f"table {place} vrrpwatch" if tool_of(place) == "nft" else place


def installed(program: str) -> bool:
    """Whether ``program`` is there."""
    return shutil.which(program, path=PATH) is not None


def run(command: Sequence[str], text: str = "", *, hold: int | None = None) -> str:
    """What ``command`` prints, given ``text``; raises :class:`RulesError` with its first words where it fails.

    ``hold`` is a descriptor that the program gets as well: a lock that lasts until it has ended, even if we end before.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            command,
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=ENVIRONMENT,
            cwd="/",
            pass_fds=() if hold is None else (hold,),
        )
    except FileNotFoundError:
        raise RulesError(_missing(command[0])) from None
    except subprocess.TimeoutExpired:
        raise RulesError(f"{' '.join(command)}: no end within {TIMEOUT} s") from None
    if done.returncode:
        words = _first(done.stderr or done.stdout) or f"exit status {done.returncode}"
        if any(sign in words.lower() for sign in _FORBIDDEN):
            raise ForbiddenError(f"{command[0]}: no permission ({words}): run as root")
        raise RulesError(f"{' '.join(command)}: {words}")
    return done.stdout.decode(errors="replace")


def _missing(program: str) -> str:
    package = _PACKAGES.get(program) or program.partition("-")[0].replace("ip6", "ip")
    return f"{program} is not installed: install the package {package}"


def _first(output: bytes) -> str:
    """The first line that is more than a warning about other tables."""
    lines = [line for line in output.decode(errors="replace").strip().splitlines() if not line.startswith("# ")]
    return lines[0].strip() if lines else ""
