"""The storage that the scan writes to, and the batches made of what it holds: the only place that knows its columns."""

import sys
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.capture import fingerprint, scan
from vrrpwatch.core.frames import FRAME, VOLUME, Batch, ClockStep, Interface, Loss

Code = tuple[type, type]


class Storage:
    """One scan's tables, filled and emptied again and again."""

    def __init__(self, source: int, wanted: int, secret: tuple[int, int], code: Code | None = None) -> None:
        """``code`` stands in for the scan's and the hash's classes: tests put the uncompiled ones there."""
        scanner, hasher = code or (scan.Scanner, fingerprint.Hasher)
        arena = memoryview(bytearray(scan.ARENA_SIZE))
        self.source = source
        self.arena = arena
        rows = bytearray(scan.MAX_ROWS * FRAME.itemsize)
        self.tables: dict[str, Any] = {
            "arena": arena,
            "words": arena.cast("Q"),
            "rows": memoryview(rows).cast("q"),
            "hashes": memoryview(rows).cast("Q"),
            "halves": memoryview(rows).cast("i"),
            "ah_offsets": _words("q", scan.MAX_ROWS),
            "keys": _words("Q", scan.MAX_VOLUMES * scan.KEY_WORDS),
            "sums": _words("q", scan.MAX_VOLUMES * scan.SUM_WORDS),
            "slots": _words("q", scan.MAX_VOLUMES * 2),
            "places": _words("q", scan.MAX_VOLUMES),
            "skipped": _words("q", len(scan.SKIPPED)),
            "interfaces": _words("q", scan.MAX_INTERFACES * scan.INTERFACE_WORDS),
        }
        self.scanner = scanner(self.tables, source, wanted, secret[0])
        masks = _words("Q", 9)
        for count in range(9):
            masks[count] = int.from_bytes(b"\xff" * count + b"\0" * (8 - count), sys.byteorder)
        self.hasher = hasher(secret, masks)
        self.hasher.attach(self.tables)

    def take(self, interfaces: tuple[Interface, ...], losses: tuple[Loss, ...]) -> Batch:
        """The batch of everything scanned since the last one."""
        scanner = self.scanner
        counted = scanner.packets > 0
        batch = Batch(
            source=self.source,
            interfaces=interfaces,
            packets=scanner.packets,
            bytes=scanner.octets,
            multicast_packets=scanner.group_packets,
            multicast_bytes=scanner.group_octets,
            first=scanner.first if counted else None,
            last=scanner.last if counted else None,
            frames=self._frames(scanner.kept),
            data=np.frombuffer(self.arena, np.uint8, scanner.used).copy(),
            volume=self._volume(scanner.volumes),
            steps=tuple(ClockStep(self.source, *step) for step in scanner.steps),
            losses=losses + tuple(Loss(self.source, *drop) for drop in scanner.drops),
            skipped=self._skipped(),
        )
        scanner.reset()
        return batch

    def _frames(self, count: int) -> NDArray[np.void]:
        self.hasher.hash(count)
        return np.frombuffer(self.tables["rows"], FRAME, count).copy()

    def _volume(self, count: int) -> NDArray[np.void]:
        volume = np.zeros(count, VOLUME)
        keys = self._table("keys", np.uint64, count, scan.KEY_WORDS)
        sums = self._table("sums", np.int64, count, scan.SUM_WORDS)
        volume["source"] = self.source
        volume["interface"] = keys[:, 5] >> 32
        volume["ifindex"] = keys[:, 5] & 0xFFFFFFFF
        volume["vlans"] = keys[:, 4]
        volume["protocol"] = keys[:, 7] >> 8
        volume["family"] = volume["origin_family"] = keys[:, 7] & 0xFF
        octets = keys[:, :4].astype(">u8").view(np.uint8).reshape(count, 32)
        volume["destination"] = octets[:, :16]
        volume["origin"] = octets[:, 16:]
        volume["second"] = keys[:, 6]
        for column, name in enumerate(("packets", "bytes", "first", "last")):
            volume[name] = sums[:, column]
        return volume

    def _skipped(self) -> dict[str, int]:
        skipped = {
            name: int(count)
            for name, count in zip(scan.SKIPPED, self._table("skipped", np.int64), strict=True)
            if count
        }
        for ethertype, count in self.scanner.ethertypes.items():
            skipped[f"ethertype 0x{ethertype:04x}"] = count
        for linktype, count in self.scanner.unknown.items():
            skipped[f"unknown link type {linktype}"] = count
        return skipped

    def _table(
        self, name: str, dtype: type[np.int64] | type[np.uint64], rows: int = -1, columns: int | None = None
    ) -> NDArray[Any]:
        table = np.frombuffer(self.tables[name], dtype)
        return table if columns is None else table.reshape(-1, columns)[:rows]


def _words(code: Literal["q", "Q"], count: int) -> memoryview:
    return memoryview(bytearray(8 * count)).cast(code)
