"""The storage that the scan writes to, and the batches made of what it holds: the only place that knows its columns."""

import sys
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.capture import fingerprint, scan
from vrrpwatch.core.frames import FLOWS, FRAME, SECONDS, Batch, ClockStep, Interface, Loss
from vrrpwatch.core.names import STATE_SYNC

Code = tuple[type, type]

PAGE = 4096


class Storage:
    """One scan's tables, filled and emptied again and again."""

    def __init__(self, source: int, wanted: int, secret: tuple[int, int], code: Code | None = None) -> None:
        """``code`` stands in for the scan's and the hash's classes: tests put the uncompiled ones there."""
        scanner, hasher = code or (scan.Scanner, fingerprint.Hasher)
        arena = zeros(scan.ARENA_SIZE)
        self.source = source
        self.arena = arena
        rows = zeros(scan.MAX_ROWS * FRAME.itemsize)
        self.tables: dict[str, Any] = {
            "arena": arena,
            "words": arena.cast("Q"),
            "rows": rows.cast("q"),
            "hashes": rows.cast("Q"),
            "halves": rows.cast("i"),
            "ah_offsets": _words("q", scan.MAX_ROWS),
            "keys": _words("Q", scan.MAX_ENTRIES * scan.KEY_WORDS),
            "sums": _words("q", scan.MAX_ENTRIES * scan.SUM_WORDS),
            "slots": zeros(scan.MAX_ENTRIES * 4).cast("H"),
            "places": _words("q", scan.MAX_ENTRIES),
            "destinations": _words("q", scan.MAX_ENTRIES),
            "seconds": _words("q", scan.MAX_SECONDS * scan.SECOND_WORDS),
            "skipped": _words("q", len(scan.SKIPPED)),
            "interfaces": _words("q", scan.MAX_INTERFACES * scan.INTERFACE_WORDS),
        }
        self.scanner = scanner(self.tables, source, wanted, sum(1 << kind for kind in STATE_SYNC), secret[0])
        masks = _words("Q", 9)
        for count in range(9):
            masks[count] = int.from_bytes(b"\xff" * count + b"\0" * (8 - count), sys.byteorder)
        self.hasher = hasher(secret, masks)
        self.hasher.attach(self.tables)

    def take(self, interfaces: tuple[Interface, ...], losses: tuple[Loss, ...]) -> Batch:
        """The batch of everything scanned since the last one, its frames lent until the scan goes on."""
        scanner = self.scanner
        counted = scanner.packets > 0
        flows, seconds = self._volume(scanner.entries, scanner.left)
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
            data=np.frombuffer(self.arena, np.uint8, scanner.used),
            flows=flows,
            seconds=seconds,
            steps=tuple(ClockStep(self.source, *step) for step in scanner.steps),
            losses=losses + tuple(Loss(self.source, *drop) for drop in scanner.drops),
            skipped=self._skipped(),
        )
        scanner.reset()
        return batch

    def _frames(self, count: int) -> NDArray[np.void]:
        self.hasher.hash(count)
        return np.frombuffer(self.tables["rows"], FRAME, count)

    def _volume(self, count: int, left: int) -> tuple[NDArray[np.void], NDArray[np.void]]:
        keys = self._table("keys", np.uint64, count, scan.KEY_WORDS)
        sums = self._table("sums", np.int64, count, scan.SUM_WORDS)
        destination = keys[:, 6] >> 32 != 0
        # A flow whose destination found no room has not counted anything.
        flow = np.flatnonzero(~destination & (sums[:, 0] > 0))
        flows = np.zeros(len(flow), FLOWS)
        self._describe(flows, keys[flow])
        flows["protocol"] = keys[flow, 6] >> 8
        flows["origin_family"] = flows["family"]
        flows["origin"] = _octets(keys[flow, 2:4])
        for column, name in enumerate(("packets", "bytes", "first", "last")):
            flows[name] = sums[flow, column]
        # The seconds that were left, and those that the destinations are still in.
        present = np.flatnonzero(destination & (sums[:, 1] > 0))
        counted = np.concatenate(
            (
                self._table("seconds", np.int64, left, scan.SECOND_WORDS),
                np.column_stack((present, sums[present, :3])),
            )
        )
        entries = counted[:, 0]
        seconds = np.zeros(len(counted), SECONDS)
        self._describe(seconds, keys[entries])
        seconds["redundancy"] = keys[entries, 6] >> 8 & 1
        for column, name in enumerate(("second", "packets", "bytes"), 1):
            seconds[name] = counted[:, column]
        return flows, seconds

    def _describe(self, rows: NDArray[np.void], keys: NDArray[np.uint64]) -> None:
        rows["source"] = self.source
        rows["interface"] = keys[:, 5] >> 32
        rows["ifindex"] = keys[:, 5] & 0xFFFFFFFF
        rows["family"] = keys[:, 6] & 0xFF
        rows["vlans"] = keys[:, 4]
        rows["destination"] = _octets(keys[:, :2])

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


def zeros(count: int) -> memoryview:
    """So many octets, which take memory only once something is put there: many captures may be open at a time."""
    return np.zeros(count, np.uint8).data


def pages(count: int) -> memoryview:
    """The same, starting where a page of memory does."""
    octets = np.zeros(count + PAGE, np.uint8)
    start = -octets.__array_interface__["data"][0] % PAGE
    return octets[start : start + count].data


def _words(code: Literal["q", "Q"], count: int) -> memoryview:
    return zeros(8 * count).cast(code)


def _octets(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return words.astype(">u8").view(np.uint8)
