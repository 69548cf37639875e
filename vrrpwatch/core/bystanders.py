"""Which ARP packets need no reading, or not each of them: those of known hosts, and what virtual routers answer.

Busy segments are full of ARP, and nearly all of it is about other things.  What is read is every gratuitous packet,
every one from a virtual MAC, every one about an address that a group has or speaks from, and one of every other host.
"""

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.claims import is_virtual, virtual_macs
from vrrpwatch.core.model import Advert, Instant
from vrrpwatch.wire.arp import ARP
from vrrpwatch.wire.values import Arp, IPAddress, Mac

# Hosts are forgeable: beyond this all of them are met anew.
MAX_HOSTS = 262_144
# So are addresses; beyond this many, what concerns a new one goes unread unless it would be read anyway.
MAX_ADDRESSES = 32_768
# And beyond this many virtual or announced addresses every answer may be disputed.
MAX_CLAIMED = 32_768
# The first four octets of every virtual router MAC (RFC 9568 §7.3, and ucarp's).
VIRTUAL = bytes.fromhex("00005e00")

_ALWAYS, _NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)


class Bystanders:
    """Remembers the hosts that have been read once, and since when which IPv4 addresses concern a group."""

    def __init__(self) -> None:
        self._since: dict[int, Instant] = {}
        self._addresses = np.empty(0, dtype=np.uint32)
        self._instants = np.empty(0, dtype=np.int64)
        self._hosts: set[int] = set()
        # The MACs that all groups with a virtual address have in common; the segments on which a group does not tell
        # its addresses; and who announced what (None: several), for such a group's addresses are found there.
        self._own: dict[tuple[str, IPAddress], frozenset[Mac]] = {}
        self._untold: set[str] = set()
        self._announced: dict[tuple[str, IPAddress], Mac | None] = {}
        self._full = False

    def concern(self, advert: Advert, at: Instant) -> None:
        """From ``at`` on, the speaker's and the virtual addresses of ``advert`` matter."""
        for address in (advert.speaker.ip, *(advert.addresses or ())):
            if address.version != 4:
                continue
            number = int(address)
            since = self._since.get(number)
            if (since is None and len(self._since) < MAX_ADDRESSES) or (since is not None and at < since):
                self._since[number] = at
                self._addresses = np.empty(0, dtype=np.uint32)
        self._claim(advert)

    def _claim(self, advert: Advert) -> None:
        group = advert.group
        if not advert.addresses:
            self._untold.add(group.segment)
        for address in advert.addresses or ():
            if len(self._own) >= MAX_CLAIMED:
                self._full = True
                return
            key, macs = (group.segment, address), virtual_macs(group)
            self._own[key] = self._own.get(key, macs) & macs

    def announce(self, segment: str, arp: Arp) -> None:
        """Somebody announces an address."""
        place = (segment, arp.sender_ip)
        if len(self._announced) >= MAX_CLAIMED:
            self._full = True
        elif self._announced.setdefault(place, arp.sender_mac) != arp.sender_mac:
            self._announced[place] = None

    def undisputed(self, segment: str, arp: Arp) -> bool:
        """Whether no group heard so far disputes this answer, so that to hear it again teaches nothing.

        That is one about an address that no group has, or from the virtual MAC of all the groups that have it.  A group
        that does not tell its addresses (CARP) takes for its own what its virtual MAC or its hosts announce: as long as
        one virtual MAC alone announces and answers, such a group too knows the answer for its own.
        """
        place = (segment, arp.sender_ip)
        if self._full or arp.gratuitous:
            return False
        if segment in self._untold and place in self._announced:
            announced = self._announced[place]
            if announced != arp.sender_mac or not is_virtual(announced):
                return False
        own = self._own.get(place)
        return own is None or arp.sender_mac in own

    def worth_reading(
        self,
        rows: NDArray[np.void],
        which: NDArray[np.intp],
        first: NDArray[np.intp],
        arp: NDArray[np.bool_],
        data: NDArray[np.uint8],
    ) -> NDArray[np.bool_]:
        """Which of the rows (``FRAME``, their frames in ``data``) must be read.

        Row ``r`` holds content ``which[r]``, content ``c`` is first in row ``first[c]`` and is one of ARP where
        ``arp[c]``; all other rows must be.
        """
        contents = np.flatnonzero(arp)
        contents = contents[np.argsort(first[contents])]
        firsts = rows[first[contents]]
        start = firsts["offset"]
        arps, whole = ARP.column(data, start + firsts["payload"], start + firsts["captured"])
        sender, target = _number(arps["sender_ip"]), _number(arps["target_ip"])
        mac = np.ascontiguousarray(arps["sender_mac"])
        virtual = np.all(mac[:, :4] == np.frombuffer(VIRTUAL, dtype=np.uint8), axis=1)
        since = np.full(len(first), _ALWAYS)
        since[contents] = np.where(~whole | (sender == target) | virtual, _ALWAYS, self._concerned_since(sender))
        wanted: NDArray[np.bool_] = rows["at"] >= since[which]
        others = np.flatnonzero(~wanted[first[contents]])
        keys = _host_keys(firsts[others], sender[others], mac[others])
        hosts = dict(zip(keys[::-1].tolist(), contents[others][::-1].tolist(), strict=True))
        fresh = [(host, content) for host, content in hosts.items() if host not in self._hosts]
        if len(self._hosts) + len(fresh) > MAX_HOSTS:
            self._hosts.clear()
        self._hosts.update(host for host, _ in fresh)
        wanted[first[[content for _, content in fresh]]] = True
        return wanted

    def _concerned_since(self, sender: NDArray[np.uint32]) -> NDArray[np.int64]:
        if not self._since:
            return np.full(len(sender), _NEVER)
        if len(self._addresses) != len(self._since):
            ranked = sorted(self._since.items())
            self._addresses = np.array([address for address, _ in ranked], dtype=np.uint32)
            self._instants = np.array([instant for _, instant in ranked], dtype=np.int64)
        place = np.minimum(np.searchsorted(self._addresses, sender), len(self._addresses) - 1)
        return np.where(self._addresses[place] == sender, self._instants[place], _NEVER)


def _number(octets: NDArray[np.uint8]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(octets).reshape(-1, 4).view(">u4").reshape(-1).astype(np.uint32)


def _host_keys(rows: NDArray[np.void], sender: NDArray[np.uint32], mac: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number for every (segment, address, MAC); a collision only costs the reading of one host's packet."""
    words = np.zeros((len(rows), 8), dtype=np.uint8)
    words[:, :6] = mac
    place = rows["source"].astype(np.uint64) << np.uint64(40)
    place ^= rows["interface"].astype(np.uint64) << np.uint64(20)
    place ^= rows["ifindex"].astype(np.uint64)
    key: NDArray[np.uint64] = sender.astype(np.uint64) * _MIX[0]
    for word, factor in ((words.view(np.uint64).reshape(-1), _MIX[1]), (rows["vlans"], _MIX[2]), (place, _MIX[3])):
        key = (key ^ (key >> np.uint64(29))) + word * factor
    return key
