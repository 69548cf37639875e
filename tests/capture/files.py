"""Capture files built by hand, byte by byte from their specifications, and both builds of the scan to read them."""

import importlib.util
import io
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np

import vrrpwatch.capture
from vrrpwatch.capture import fingerprint, scan
from vrrpwatch.capture.batches import Code
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.core.frames import Batch, Interface, Kind

Order = Literal["<", ">"]

SECRET = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
EVERYTHING = frozenset(Kind)
# Without TCP, UDP and ICMP among them the scan takes its fast way out of most frames.
OF_INTEREST = frozenset(kind for kind in Kind if Kind.ADVERT <= kind <= Kind.GLBP)
NAME = "made.pcap"
DESTINATION = ("interface", "ifindex", "vlans", "family", "destination")
FLOW = (*DESTINATION, "protocol", "origin_family", "origin")
SECOND = (*DESTINATION, "redundancy", "second")


def record(data: bytes, at: int = 0, *, unit: int = 1000, order: Order = "<", length: int | None = None) -> bytes:
    """A pcap record; ``at`` is in ns, ``unit`` the ns of the file's fraction."""
    seconds, rest = divmod(at, 1_000_000_000)
    on_wire = len(data) if length is None else length
    return struct.pack(order + "IIII", seconds, rest // unit, len(data), on_wire) + data


def pcap_header(linktype: int = 1, *, magic: int = 0xA1B2C3D4, order: Order = "<", snaplen: int = 262144) -> bytes:
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)


def pcap(frames: Iterable[bytes], linktype: int = 1, *, first: int = 10**18, step: int = 10**6) -> bytes:
    """A little-endian microsecond pcap file, its packets ``step`` ns apart."""
    return pcap_header(linktype) + b"".join(record(frame, first + n * step) for n, frame in enumerate(frames))


def option(code: int, value: bytes, order: Order = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value.ljust((len(value) + 3) // 4 * 4, b"\0")


def block(kind: int, body: bytes, order: Order = "<") -> bytes:
    total = 12 + len(body)
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def section(order: Order = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(linktype: int = 1, options: bytes = b"", *, snaplen: int = 0, order: Order = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(
    data: bytes, ticks: int = 0, number: int = 0, options: bytes = b"", *, order: Order = "<", length: int | None = None
) -> bytes:
    on_wire = len(data) if length is None else length
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), on_wire)
    return block(6, head + data.ljust((len(data) + 3) // 4 * 4, b"\0") + options, order)


def obsolete(data: bytes, ticks: int, number: int, drops: int, order: Order = "<") -> bytes:
    head = struct.pack(order + "HHIIII", number, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data.ljust((len(data) + 3) // 4 * 4, b"\0"), order)


def simple(data: bytes, length: int, order: Order = "<") -> bytes:
    return block(3, struct.pack(order + "I", length) + data.ljust((len(data) + 3) // 4 * 4, b"\0"), order)


def statistics(number: int, ticks: int, options: bytes, order: Order = "<") -> bytes:
    return block(5, struct.pack(order + "III", number, ticks >> 32, ticks & 0xFFFFFFFF) + options, order)


class Pieces:
    """A stream that gives at most ``size`` bytes at a time."""

    def __init__(self, data: bytes, size: int = 1 << 20) -> None:
        self._inner = io.BytesIO(data)
        self._size = size

    def readinto(self, view: memoryview, /) -> int:
        return self._inner.readinto(view[: self._size])

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True)
class Read:
    """Everything that reading a capture gives, batches joined."""

    batches: tuple[Batch, ...]
    format: str
    packets: int
    octets: int
    interfaces: tuple[Interface, ...]
    dropped: tuple[int | None, ...]
    damage: str | None
    until: int | None

    @property
    def frames(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.concatenate([batch.frames for batch in self.batches])

    @property
    def flows(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.concatenate([batch.flows for batch in self.batches])

    @property
    def seconds(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.concatenate([batch.seconds for batch in self.batches])

    @property
    def skipped(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for batch in self.batches:
            for name, count in batch.skipped.items():
                total[name] = total.get(name, 0) + count
        return total

    def contents(self) -> list[bytes]:
        """Each kept frame's bytes."""
        return [
            batch.data[row["offset"] : row["offset"] + row["captured"]].tobytes()
            for batch in self.batches
            for row in batch.frames
        ]

    def summary(self) -> tuple[object, ...]:
        """Everything but where the batches were cut and where their arenas put the frames."""
        rows = self.frames
        rows["offset"] = 0
        flows: dict[tuple[bytes, ...], list[int]] = {}
        for row in self.flows:
            sums = flows.setdefault(tuple(row[name].tobytes() for name in FLOW), [0, 0, 1 << 62, 0])
            sums[0] += int(row["packets"])
            sums[1] += int(row["bytes"])
            sums[2] = min(sums[2], int(row["first"]))
            sums[3] = max(sums[3], int(row["last"]))
        seconds: dict[tuple[bytes, ...], list[int]] = {}
        for row in self.seconds:
            sums = seconds.setdefault(tuple(row[name].tobytes() for name in SECOND), [0, 0])
            sums[0] += int(row["packets"])
            sums[1] += int(row["bytes"])
        return (
            rows.tobytes(),
            self.contents(),
            flows,
            seconds,
            self.skipped,
            [step for batch in self.batches for step in batch.steps],
            sorted((loss for batch in self.batches for loss in batch.losses), key=repr),
            (self.format, self.packets, self.octets, self.interfaces, self.dropped, self.damage),
            sum(batch.multicast_packets for batch in self.batches),
            sum(batch.multicast_bytes for batch in self.batches),
            min((batch.first for batch in self.batches if batch.first is not None), default=None),
            max((batch.last for batch in self.batches if batch.last is not None), default=None),
        )


def read(
    data: bytes,
    *,
    wanted: frozenset[Kind] = EVERYTHING,
    size: int = 1 << 20,
    code: Code | None = None,
    secret: tuple[int, int] = SECRET,
) -> Read:
    """Reads a capture from memory, in pieces of at most ``size`` bytes."""
    reader = CaptureReader(NAME, 0, wanted=wanted, stream=Pieces(data, size), secret=secret, code=code)
    return Read(
        kept(reader.batches()),
        reader.format,
        reader.packets,
        reader.bytes,
        reader.interfaces,
        reader.dropped,
        reader.damage,
        reader.until,
    )


def kept(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    """Batches with arrays of their own: a reader only lends them."""
    return tuple(batch._replace(frames=batch.frames.copy(), data=batch.data.copy()) for batch in batches)


def rows(data: bytes, names: Sequence[str]) -> list[tuple[int, ...]]:
    """The named columns of a capture's rows."""
    return [tuple(int(row[name]) for name in names) for row in read(data).frames]


@cache
def uncompiled() -> Code:
    """The scan's and the hash's classes from their source, whether or not compiled ones stand beside it."""
    return from_source("scan").Scanner, from_source("fingerprint").Hasher


def is_compiled() -> bool:
    return not str(scan.__file__).endswith(".py") and not str(fingerprint.__file__).endswith(".py")


def from_source(name: str) -> ModuleType:
    """A module of ``vrrpwatch.capture`` from its source, whether or not a compiled one stands beside it."""
    path = Path(vrrpwatch.capture.__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"uncompiled_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
