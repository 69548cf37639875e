"""Tells sets of unicast peers apart: one VRID may serve several pairs on one segment."""

from vrrpwatch.wire.values import IPAddress

# Peers are forgeable addresses; beyond this many every further pair falls into the first set.
MAX_PEERS = 16_384

Router = tuple[str, str, int]


class UnicastScopes:
    """Joins the ends of every unicast advertisement: a router's first set is ``unicast``, its next ``unicast#2``."""

    def __init__(self) -> None:
        self._sets: dict[tuple[Router, IPAddress], int] = {}
        self._count: dict[Router, int] = {}

    def scope(self, segment: str, protocol: str, identifier: int, source: IPAddress, destination: IPAddress) -> str:
        """The scope of an advertisement between two ends; what has once been named keeps its name."""
        router = (segment, protocol, identifier)
        known = self._sets.get((router, source)) or self._sets.get((router, destination))
        if known is None:
            if len(self._sets) >= MAX_PEERS:
                return "unicast"
            known = self._count[router] = self._count.get(router, 0) + 1
        if len(self._sets) < MAX_PEERS:
            self._sets.setdefault((router, source), known)
            self._sets.setdefault((router, destination), known)
        return "unicast" if known == 1 else f"unicast#{known}"
