"""Who says of some addresses that they are at its card: ARP and neighbour advertisements of a capture, and no others.

Runs in the listening child, before anybody's group is known to have these addresses; the engine judges the rest.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from vrrpwatch.agent.auditing.objections import Claim
from vrrpwatch.core.frames import Batch, Kind, frame_of
from vrrpwatch.core.hearing import Observation, hear
from vrrpwatch.wire.values import Arp, IPAddress, Mac, NeighbourAdvertisement

# Cards that are remembered for an address: anybody can send claims, and a few tell that there is a conflict.
MAX_CARDS: Final = 8
# Frames of a batch that are taken apart: a flood of claims for our very addresses must not hold the listening up.
MAX_FRAMES: Final = 256
_REPLY: Final = 2
# Where in an untagged Ethernet frame ARP has the sender's address, and a neighbour advertisement the last eight octets
# of its target, as the type of a number: enough to tell one from almost all others.
_PLACES: Final = ((Kind.ARP, 4, 28, ">u4"), (Kind.ND, 6, 70, ">u8"))


class Claims:
    """Collects what is claimed of ``addresses`` on each interface."""

    def __init__(self, addresses: Iterable[tuple[str, IPAddress]]) -> None:
        self._cards: dict[tuple[str, IPAddress], set[Mac]] = {key: set() for key in addresses}

    def want(self, place: str, address: IPAddress) -> bool:
        """Collects what is claimed of one more; whether it is new."""
        known = (place, address) in self._cards
        self._cards.setdefault((place, address), set())
        return not known

    @property
    def found(self) -> frozenset[Claim]:
        return frozenset(Claim(place, ip, mac) for (place, ip), macs in self._cards.items() for mac in macs)

    def look(self, batch: Batch) -> None:
        """The next stretch of traffic."""
        names = [interface.name or "" for interface in batch.interfaces]
        sought = {ip for (_, ip), macs in self._cards.items() if len(macs) < MAX_CARDS}
        for kind, family, place, form in _PLACES:
            size = np.dtype(form).itemsize
            rows = batch.frames[(batch.frames["kind"] == kind) & (batch.frames["vlans"] == 0)]
            rows = rows[rows["captured"] >= place + size]
            if not len(rows):
                continue
            octets = batch.data[rows["offset"][:, None] + np.arange(place, place + size)]
            wanted = np.frombuffer(b"".join(ip.packed[-size:] for ip in sought if ip.version == family), form)
            for row in rows[np.isin(octets.view(form).ravel(), wanted)][:MAX_FRAMES]:
                self._take(row, frame_of(row, batch.data), names)

    def _take(self, row: np.void, frame: bytes, names: list[str]) -> None:
        place = names[int(row["interface"])]
        heard = hear(frame, int(row["linktype"]), int(row["length"]), int(row["kind"]), place, lambda *_: "")
        match heard:
            case Observation(message=Arp() as arp) if arp.gratuitous or arp.operation == _REPLY:
                claimed: tuple[IPAddress, Mac | None] = arp.sender_ip, arp.sender_mac
            case Observation(packet=packet, message=NeighbourAdvertisement() as told):
                claimed = told.target, told.mac or packet.source_mac
            case _:
                return
        cards = self._cards.get((place, claimed[0]))
        if cards is not None and claimed[1] is not None and len(cards) < MAX_CARDS:
            cards.add(claimed[1])
