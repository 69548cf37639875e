"""Runs nft, iptables, ip6tables and ebtables on this host's own rules, and tells apart why one of them fails."""

from collections.abc import Sequence
from typing import Final, Literal

from vrrpwatch.firewall.tools import FailedError, MissingError, call

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


def run(command: Sequence[str], text: str = "", *, hold: int | None = None) -> str:
    """What ``command`` prints, given ``text``; raises :class:`RulesError` with its first words where it fails.

    ``hold`` is a descriptor that the program gets as well: a lock that lasts until it has ended, even if we end before.
    """
    try:
        return call(command, text, TIMEOUT, hold=hold)
    except MissingError:
        raise RulesError(_missing(command[0])) from None
    except FailedError as error:
        words = str(error)
        if any(sign in words.lower() for sign in _FORBIDDEN):
            raise ForbiddenError(f"{command[0]}: no permission ({words}): run as root") from None
        raise RulesError(f"{' '.join(command)}: {words}") from None


def _missing(program: str) -> str:
    package = _PACKAGES.get(program) or program.partition("-")[0].replace("ip6", "ip")
    return f"{program} is not installed: install the package {package}"
