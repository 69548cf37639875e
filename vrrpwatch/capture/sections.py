"""The interfaces of a capture across pcapng sections: how the scan is told of them, and what each of them lost."""

from vrrpwatch.capture import pcapng, scan
from vrrpwatch.capture.batches import Storage
from vrrpwatch.capture.errors import DamageError
from vrrpwatch.core.frames import Batch, Interface, Loss


class Sections:
    """Takes the blocks that hold no packets, one by one."""

    def __init__(self, storage: Storage) -> None:
        self.interfaces: list[Interface] = []
        self.order: pcapng.ByteOrder = "little"
        self._storage = storage
        self._section = 0
        self._clock_words = storage.tables["interfaces"]
        self._losses: list[Loss] = []
        # Per interface: the last drop count that statistics gave and when, all they gave, and the packet blocks' sum.
        self._counted: dict[int, tuple[int, int]] = {}
        self._reported: dict[int, int] = {}
        self._noted: dict[int, int] = {}
        self._began: int | None = None
        # Up to when the capture says that it is complete, where it can be believed.
        self.until: int | None = None

    def dropped(self) -> tuple[int | None, ...]:
        """How many packets each interface lost; ``None`` where the capture does not say."""
        # Both kinds of count tell of the same losses, so they are not added up.
        known = [
            [counts[index] for counts in (self._reported, self._noted) if index in counts]
            for index in range(len(self.interfaces))
        ]
        return tuple(max(counts) if counts else None for counts in known)

    def take(self) -> Batch:
        """The batch scanned so far, with the losses told of in it."""
        for interface, _, _, count in self._storage.scanner.drops:
            self._noted[interface] = self._noted.get(interface, 0) + count
        losses, self._losses = tuple(self._losses), []
        self._note_beginning()
        return self._storage.take(tuple(self.interfaces), losses)

    def add(self, interface: Interface, clock: pcapng.Clock) -> None:
        """Describes the next interface; raises :class:`DamageError` for more than any capture has."""
        index = len(self.interfaces)
        if index == scan.MAX_INTERFACES:
            raise DamageError(f"more than {scan.MAX_INTERFACES} interfaces")
        self.interfaces.append(interface)
        words = (interface.linktype, *clock, interface.snaplen, 0)
        for position, word in enumerate(words, index * scan.INTERFACE_WORDS):
            self._clock_words[position] = word
        self._storage.scanner.add_interface()

    def block(self, kind: int, block: bytes, offset: int) -> None:
        """Takes one whole block, which begins at ``offset``; raises :class:`DamageError` if it contradicts itself."""
        if kind == pcapng.SECTION_HEADER:
            self._section = len(self.interfaces)
            self._storage.scanner.open_section(self.order == "big", self._section)
        elif kind == pcapng.INTERFACE_DESCRIPTION:
            self.add(*pcapng.interface(block[8:-4], self.order))
        elif kind == pcapng.INTERFACE_STATISTICS:
            self._statistics(pcapng.statistics(block[8:-4], self.order), offset)
        else:
            self.pass_over(kind)

    def pass_over(self, kind: int) -> None:
        """Steps over a block that tells nothing of interfaces or packets."""
        if kind in pcapng.NUMBERED:
            self._storage.scanner.pass_number()

    def _statistics(self, said: pcapng.Statistics, offset: int) -> None:
        index = self._section + said.interface
        if index >= len(self.interfaces):
            raise DamageError("statistics of an interface that was not described")
        if said.end is not None and said.begins == offset:
            self.until = self._storage.scanner.instant(index * scan.INTERFACE_WORDS, said.end)
        if said.dropped is None:
            return
        at = self._storage.scanner.instant(index * scan.INTERFACE_WORDS, said.ticks)
        self._note_beginning()
        before, since = self._counted.get(index, (0, at if self._began is None else self._began))
        # A count below the last one has started anew.
        lost = said.dropped - before if said.dropped >= before else said.dropped
        self._counted[index] = said.dropped, at
        self._reported[index] = self._reported.get(index, 0) + lost
        if lost or said.unheard:
            self._losses.append(Loss(self._storage.source, index, min(since, at), at, lost, said.unheard, said.goes_on))

    def _note_beginning(self) -> None:
        if self._began is None and self._storage.scanner.packets:
            self._began = self._storage.scanner.first
