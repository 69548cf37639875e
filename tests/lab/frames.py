"""The lab's own small capture reader: what a recording holds so far, for waiting on it and for counting it again.

It shares no code with the package on purpose: the samples' expectations are checked against it.  It reads what tcpdump
and dumpcap write on this machine (Ethernet, little-endian, pcap in microseconds or pcapng) and nothing else.
"""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PCAP_HEADER = 24
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_IF_NAME, _IF_TSRESOL = 2, 9
_VLAN_TYPES = {0x8100, 0x88A8}


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded frame: ``packet`` counts from 1, ``at`` is in nanoseconds since the epoch."""

    packet: int
    at: int
    interface: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """One VRRP or CARP advertisement; ``priority`` is the advskew for CARP."""

    packet: int
    at: int
    segment: str
    protocol: str
    family: int
    id: int
    scope: str
    source: str
    mac: str
    priority: int

    @property
    def group(self) -> str:
        return "|".join((self.segment, self.protocol, str(self.family), str(self.id), self.scope))


@dataclass(frozen=True, slots=True)
class Announced:
    """One gratuitous ARP or unsolicited neighbour advertisement."""

    packet: int
    at: int
    address: str
    mac: str


def read_frames(path: Path) -> list[Frame]:
    """Every whole record written so far; a record that is still being written is left for the next look."""
    data = path.read_bytes() if path.exists() else b""
    if data[:4] == struct.pack("<I", _SECTION):
        return list(_pcapng(data))
    return list(_pcap(data, path.stem))


def adverts(frames: list[Frame]) -> list[Heard]:
    return [heard for frame in frames if (heard := _advert(frame)) is not None]


def announcements(frames: list[Frame]) -> list[Announced]:
    return [announced for frame in frames if (announced := _announcement(frame)) is not None]


def multicast(frames: list[Frame]) -> dict[tuple[str, str], tuple[int, int]]:
    """Packets and bytes by segment and destination (the IP one, else the MAC) of all frames with the group bit set."""
    volume: dict[tuple[str, str], tuple[int, int]] = {}
    for frame in frames:
        if frame.data[0] & 1:
            segment, kind, data = _network(frame)
            ends = {0x0800: data[16:20], 0x86DD: data[24:40]}
            to = str(ipaddress.ip_address(ends[kind])) if kind in ends else frame.data[:6].hex(":")
            packets, size = volume.get((segment, to), (0, 0))
            volume[segment, to] = (packets + 1, size + len(frame.data))
    return volume


class Growing:
    """The advertisements of a pcap recording in the making, of which nothing is read twice, by source and id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = _PCAP_HEADER
        self._heard: dict[tuple[str, int], list[Heard]] = {}
        self.last = 0

    def adverts(self, source: str, number: int) -> list[Heard]:
        """Those recorded so far; the list is this object's own."""
        self._read_on()
        return self._heard.setdefault((source, number), [])

    def sources(self) -> set[str]:
        """Who has advertised."""
        self._read_on()
        return {source for (source, _), heard in self._heard.items() if heard}

    def _read_on(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = bytes(_PCAP_HEADER) + file.read()
        for frame in _pcap(data, self._path.stem):
            self._offset += 16 + len(frame.data)
            self.last = frame.at
            heard = _advert(frame)
            if heard is not None:
                self._heard.setdefault((heard.source, heard.id), []).append(heard)


def _pcap(data: bytes, name: str) -> Iterator[Frame]:
    offset, packet = _PCAP_HEADER, 0
    while offset + 16 <= len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, offset)
        end = offset + 16 + captured
        if end > len(data):
            return
        packet += 1
        yield Frame(packet, seconds * 10**9 + micros * 1000, name, data[offset + 16 : end])
        offset = end


def _pcapng(data: bytes) -> Iterator[Frame]:
    offset, packet = 0, 0
    interfaces: list[tuple[str, int]] = []
    while offset + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, offset)
        if offset + length > len(data):
            return
        body = data[offset + 8 : offset + length - 4]
        if kind == _INTERFACE:
            interfaces.append(_interface(body[8:]))
        elif kind == _PACKET:
            index, high, low, captured = struct.unpack_from("<IIII", body)
            name, tick = interfaces[index]
            packet += 1
            yield Frame(packet, (high << 32 | low) * tick, name, body[20 : 20 + captured])
        offset += length


def _interface(options: bytes) -> tuple[str, int]:
    """The interface's name and its clock tick in nanoseconds."""
    name, tick, offset = "", 1000, 0
    while offset + 4 <= len(options):
        code, length = struct.unpack_from("<HH", options, offset)
        value = options[offset + 4 : offset + 4 + length]
        if code == _IF_NAME:
            name = value.decode()
        elif code == _IF_TSRESOL:
            tick = 10 ** (9 - value[0])
        offset += 4 + (length + 3) // 4 * 4
    return name, tick


def _network(frame: Frame) -> tuple[str, int, bytes]:
    """The segment (interface and VLAN), the EtherType and what follows it."""
    data, offset, tags = frame.data, 12, []
    kind = int.from_bytes(data[offset : offset + 2], "big")
    while kind in _VLAN_TYPES:
        tags.append(int.from_bytes(data[offset + 2 : offset + 4], "big") & 0xFFF)
        offset += 4
        kind = int.from_bytes(data[offset : offset + 2], "big")
    segment = frame.interface + ("/" + ".".join(map(str, tags)) if tags else "")
    return segment, kind, data[offset + 2 :]


def _advert(frame: Frame) -> Heard | None:
    segment, kind, data = _network(frame)
    if kind == 0x0800:
        start = (data[0] & 15) * 4
        protocol, payload = data[9], data[start : int.from_bytes(data[2:4], "big")]
        source, destination = data[12:16], data[16:20]
        if protocol == 51:
            protocol, payload = payload[0], payload[(payload[1] + 2) * 4 :]
    elif kind == 0x86DD:
        protocol, payload = data[6], data[40 : 40 + int.from_bytes(data[4:6], "big")]
        source, destination = data[8:24], data[24:40]
    else:
        return None
    if protocol != 112:
        return None
    carp = payload[0] == 0x21 and len(payload) == 36 and payload[3] == 7
    to = ipaddress.ip_address(destination)
    return Heard(
        packet=frame.packet,
        at=frame.at,
        segment=segment,
        protocol="carp" if carp else "vrrp",
        family=4 if kind == 0x0800 else 6,
        id=payload[1],
        scope=str(to) if to.is_multicast else "unicast",
        source=str(ipaddress.ip_address(source)),
        mac=frame.data[6:12].hex(":"),
        priority=payload[2],
    )


def _announcement(frame: Frame) -> Announced | None:
    _, kind, data = _network(frame)
    if kind == 0x0806 and data[14:18] == data[24:28]:
        return Announced(frame.packet, frame.at, str(ipaddress.ip_address(data[14:18])), data[8:14].hex(":"))
    # A neighbour advertisement with its solicited flag clear and a target link-layer option (RFC 4861 §4.4).
    if kind == 0x86DD and data[6] == 58 and data[40] == 136 and not data[44] & 0x40 and len(data) >= 72:
        return Announced(frame.packet, frame.at, str(ipaddress.ip_address(data[48:64])), data[66:72].hex(":"))
    return None
