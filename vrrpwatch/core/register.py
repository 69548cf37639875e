"""Numbers for the segments, destinations, origins and talkers of multicast, so that all else about it is columns.

Tags and addresses are forgeable, so each kind is bounded; beyond, what is new shares the number of what is named OTHER.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.frames import DESTINATION_OCTETS, FLOW_OCTETS
from vrrpwatch.core.ledger import Column
from vrrpwatch.core.names import STATE_SYNC, protocol_name

SegmentOf = Callable[[int, int, int, int], str]

MAX_SEGMENTS: Final = 1_024
MAX_DESTINATIONS: Final = 16_384
MAX_ORIGINS: Final = 32_768
MAX_TALKERS: Final = 32_768
# Rows whose numbers are at hand.
MAX_KNOWN: Final = 32_768

OTHER: Final = "other"


class Destination(NamedTuple):
    """Where frames go; ``family`` is 4, 6, 0 for a MAC, or ``None`` for all that are too many."""

    segment: int
    family: int | None
    address: bytes


class Talker(NamedTuple):
    """Who spends the budget: an origin (``None``: one of too many) that sends one protocol to one destination."""

    destination: int
    origin: int | None
    protocol: int


# A flow's three numbers in one: destination, origin and talker, which is 0 for none.  All are below 2**20.
_SHIFT: Final = 20
_MASK: Final = (1 << _SHIFT) - 1
# The leading octets of both tables' rows, and what follows them in a flow's (core.frames).
_PLACE: Final = Struct("=4iQ16s")
_ORIGIN: Final = Struct("=2i16s")


def _text(family: int | None, address: bytes) -> str:
    if family is None:
        return OTHER
    if family == 4:
        return str(IPv4Address(address[:4]))
    if family == 6:
        return str(IPv6Address(address))
    return address[:6].hex(":")


class Register:
    """Gives numbers in order of first appearance."""

    def __init__(self) -> None:
        self.segments: list[str] = []
        self.destinations: list[Destination] = []
        self.origins: list[str] = []
        self.talkers: list[Talker] = []
        self.evicted = 0
        self._segments: dict[str, int] = {}
        self._destinations: dict[Destination, int] = {}
        self._origins: dict[tuple[int, bytes], int] = {}
        self._talkers: dict[Talker, int] = {}
        # Rows' leading octets, which the same traffic brings with every batch.
        self._flow_keys: dict[bytes, int] = {}
        self._destination_keys: dict[bytes, int] = {}

    def flows(self, rows: NDArray[np.void], segment_of: SegmentOf) -> tuple[Column, Column, Column]:
        """Each ``FLOWS`` row's destination, origin (MAX_ORIGINS: too many) and talker (-1: spends no budget)."""
        keys = _keys(rows, FLOW_OCTETS)
        known = self._flow_keys
        if len(known) > MAX_KNOWN:
            known.clear()
        codes = np.array([known.get(key, -1) for key in keys], dtype=np.int64)
        missing = np.flatnonzero(codes < 0)
        # What came first gets its number first, however the rows are ordered.
        for position in missing[np.argsort(rows["first"][missing], kind="stable")].tolist():
            key = keys[position]
            codes[position] = known[key] = self._flow(key, segment_of)
        return codes & _MASK, codes >> _SHIFT & _MASK, (codes >> 2 * _SHIFT) - 1

    def seconds(self, rows: NDArray[np.void], segment_of: SegmentOf) -> Column:
        """Destination of each ``SECONDS`` row."""
        keys = _keys(rows, DESTINATION_OCTETS)
        known = self._destination_keys
        if len(known) > MAX_KNOWN:
            known.clear()
        for key in keys:
            if key not in known:
                known[key] = self._destination(key, segment_of)
        return np.array([known[key] for key in keys], dtype=np.int64)

    def name(self, destination: int) -> tuple[str, str]:
        """A destination's segment and address."""
        segment, family, address = self.destinations[destination]
        return self.segments[segment], _text(family, address)

    def describe(self, talker: int) -> str:
        """A talker in words."""
        destination, origin, protocol = self.talkers[talker]
        sender = "many sources" if origin is None else self.origins[origin]
        return f"{protocol_name(protocol)} from {sender} to {self.name(destination)[1]}"

    def _flow(self, key: bytes, segment_of: SegmentOf) -> int:
        destination = self._destination(key[:DESTINATION_OCTETS], segment_of)
        protocol, family, address = _ORIGIN.unpack(key[DESTINATION_OCTETS:])
        origin = self._origin(family, address)
        talker = self._talker(destination, origin, protocol) + 1 if protocol in STATE_SYNC else 0
        return destination | origin << _SHIFT | talker << 2 * _SHIFT

    def _segment(self, name: str) -> int:
        if name not in self._segments and len(self._segments) >= MAX_SEGMENTS:
            self.evicted += 1
            name = OTHER
        if name not in self._segments:
            self._segments[name] = len(self.segments)
            self.segments.append(name)
        return self._segments[name]

    def _destination(self, key: bytes, segment_of: SegmentOf) -> int:
        source, interface, ifindex, family, vlans, address = _PLACE.unpack(key)
        destination = Destination(self._segment(segment_of(source, interface, ifindex, vlans)), family, address)
        if destination not in self._destinations and len(self._destinations) >= MAX_DESTINATIONS:
            self.evicted += 1
            destination = Destination(destination.segment, None, b"")
        if destination not in self._destinations:
            self._destinations[destination] = len(self.destinations)
            self.destinations.append(destination)
        return self._destinations[destination]

    def _origin(self, family: int, address: bytes) -> int:
        origin = (family, address)
        if origin not in self._origins:
            if len(self._origins) >= MAX_ORIGINS:
                self.evicted += 1
                return MAX_ORIGINS
            self._origins[origin] = len(self.origins)
            self.origins.append(_text(family, address))
        return self._origins[origin]

    def _talker(self, destination: int, origin: int, protocol: int) -> int:
        talker = Talker(destination, origin if origin < MAX_ORIGINS else None, protocol)
        if talker not in self._talkers and len(self._talkers) >= MAX_TALKERS:
            self.evicted += 1
            talker = Talker(destination, None, 0)
        if talker not in self._talkers:
            self._talkers[talker] = len(self.talkers)
            self.talkers.append(talker)
        return self._talkers[talker]


def _keys(rows: NDArray[np.void], octets: int) -> list[bytes]:
    data, width = rows.tobytes(), rows.dtype.itemsize
    return [data[at : at + octets] for at in range(0, len(data), width)]
