"""What was done to a host's firewall rules, as a value: the firewall tells it, and a store keeps it."""

from typing import Literal, NamedTuple

from vrrpwatch.core.model import Instant

Action = Literal["applied", "confirmed", "rolled-back", "removed", "failed"]


class RuleChange(NamedTuple):
    """One thing that was done on ``host`` by ``who``; ``key`` tells it from all others, also of other hosts.

    ``applied`` is loaded and waits for its confirmation.  ``places`` are nftables' families and the names of other
    tools, ``files`` the rules files with the SHA-256 of each in hexadecimal, ``reason`` is one line.
    """

    key: str
    at: Instant
    host: str
    who: str
    action: Action
    places: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    reason: str
