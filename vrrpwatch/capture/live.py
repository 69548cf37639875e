"""Watches interfaces: what passes them becomes pcapng bytes, which the reader reads and files keep, the very same ones.

    sniffer = Sniffer(["eth0"], told=print)
    sniffer.open()
    for batch in sniffer.batches(wanted=INTERESTING):
        if batch is not None:
            engine.feed(batch)
        engine.tick(sniffer.settled_until)

Nothing is sent.  Rings and filters are the sibling modules'; what frames mean is the engine's.
"""

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from vrrpwatch.capture import live_blocks, ring
from vrrpwatch.capture.bpf import Instruction
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.interfaces import ANY, Changes, is_name
from vrrpwatch.capture.live_ports import AnyPort, NamedPort, Port, Settings
from vrrpwatch.capture.live_privileges import RightsError, missing_right
from vrrpwatch.capture.live_socket import RingSize, check_right
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.core.frames import Batch, Kind
from vrrpwatch.core.model import Instant

SECOND = 1_000_000_000
# How often interfaces are looked for that came, went, or changed their name (ns), where the kernel does not tell of it.
FOLLOW = SECOND
# How often in that time the kernel may interrupt a pause to tell: interfaces may flap as they like.
MAX_WAKES = 4
# How far the clock may be set forward at once (ns) before silence is excused: less than two advertisements' time.
JUMP = SECOND
# Frames are taken at once if they are further ahead of the clock than this (ns): it was set back since.
AHEAD = SECOND
# Frames of several rings are put in order by this much time (ns): less than what two routers' clocks differ by.
SLICE = 10_000_000
# A pause ends early where the last one saw more than this part of a ring come in.
_FILL = 8
# Interfaces may come and go for years; the scan numbers 4096, and what is beyond shares one.
MAX_INTERFACES = 4000
_OTHERS = "others"
# Whose senders may be masters.
_ELECTIONS = (Kind.ADVERT, Kind.HSRP, Kind.GLBP)


class Sink(Protocol):
    """Who keeps the bytes: calls come in the order of the stream, each with whole blocks, good only during the call."""

    def header(self, block: bytes) -> None:
        """The section's header, or an interface's description: what any file of this stream needs to begin with."""
        ...

    def blocks(self, blocks: memoryview) -> None:
        """Packets, and statistics of interfaces."""
        ...

    def end(self, until: Instant) -> None:
        """The stream is over, and whatever passed before ``until`` was in it."""
        ...


class Sniffer:
    """Frames of some interfaces, or of all with ``any``, as a :class:`~vrrpwatch.capture.files.Stream` of pcapng.

    ``program`` is the kernel's filter (:mod:`vrrpwatch.capture.bpf`), ``told`` is given one line whenever an interface
    comes, goes or fails.  ``clock`` gives nanoseconds since the epoch and must be the one that the kernel stamps with;
    ``interval`` is how long to wait for traffic at a time, in seconds.

    ``settled_until`` is the instant up to which every packet that was not dropped has been read, ``drops`` how many
    were.  Time in which an interface could not be heard, since it was down or gone, the machine slept or its clock was
    set forward, is told as an outage when it begins and when it ends: silence in it proves nothing.  ``interruptions``
    counts these.

    Only :meth:`stop` may be called from elsewhere (a signal's handler, another thread).
    """

    def __init__(
        self,
        interfaces: Sequence[str],
        *,
        program: Sequence[Instruction],
        snaplen: int = ring.MAX_CAPTURED,
        promiscuous: bool = True,
        size: RingSize | None = None,
        interval: float = 0.25,
        sinks: Sequence[Sink] = (),
        told: Callable[[str], None] = lambda _: None,
        opened: Callable[[str, int], None] = lambda *_: None,
        clock: Callable[[], Instant] = time.time_ns,
        steady: Callable[[], Instant] = time.monotonic_ns,
    ) -> None:
        """Opens nothing yet; ``opened`` is called with name and number of each interface that is found.

        Raises :class:`CaptureError` for a name that no interface can have.
        """
        wrong = next((name for name in interfaces if not is_name(name)), None)
        if wrong is not None or not interfaces:
            raise CaptureError(f"{wrong or '-i'}: no interface can have this name; `ip link` shows those there are")
        for name in interfaces:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise CaptureError(f"{name}: is no UTF-8, and can only be watched with -i any") from None
        self.drops = self.interruptions = 0
        self.settled_until: Instant = 0
        self._clock = clock
        self._steady = steady
        self._told = told
        self._interval = round(interval * SECOND)
        self._size = size or _share(len(interfaces))
        self._sinks = sinks
        self._snaplen = snaplen
        self._slack = self._size.slack
        # Interfaces, by their pcapng numbers, with somebody on them who may be a master.
        self._electing: set[int] = set()
        elects = self._electing.__contains__
        settings = Settings(program, self._size, snaplen, promiscuous, self._number, told, opened, elects)
        # All interfaces include each.
        names = (ANY,) if ANY in interfaces else tuple(dict.fromkeys(interfaces))
        self._ports: list[Port] = [AnyPort(settings) if name == ANY else NamedPort(name, settings) for name in names]
        self._numbers: dict[tuple[str, bool], int] = {}
        # What is to be said before the next frames, and whether it is a header; what did not fit a small view.
        self._pending: list[tuple[bytes, bool]] = [(live_blocks.section_header(), True)]
        self._rest = memoryview(b"")
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._changes: Changes | None = None
        self._wakes = 0
        self._stopping = self._last = self._ended = self._closed = False
        self._began: Instant = 0
        self._apart = 0
        self._followed: Instant = 0
        self._counted: Instant = 0
        self._accounted = False
        self._taken = 0

    def open(self) -> None:
        """Opens what is there; the rest is waited for.

        Raises :class:`RightsError` without CAP_NET_RAW, :class:`CaptureError` where the kernel refuses otherwise.
        """
        try:
            self._changes = Changes()
        except OSError as error:
            self._told(f"the kernel tells of no changed interface ({error.strerror}): they are looked at each second")
        for port in self._ports:
            try:
                # Before anything is waited for that could then not be watched.
                check_right()
                port.open()
            except PermissionError as error:
                raise RightsError(missing_right()) from error
            except OSError as error:
                raise CaptureError(f"{port.name}: cannot be watched ({error.strerror})") from error
        self._counted = self._clock()
        self._apart = self._counted - self._steady()
        self._begin()

    def batches(
        self, wanted: frozenset[Kind], source: int = 0, name: str = "live", reader: CaptureReader | None = None
    ) -> Iterator[Batch | None]:
        """Reads itself: batches about every ``interval`` while there is traffic, ``None`` that often while not.

        Each batch is good until the next is asked for.  Ends after :meth:`stop`, when all that came before was read.
        """
        reader = reader or CaptureReader(name, source, wanted=wanted, stream=self)
        for batch in reader.batches():
            rows = batch.frames
            self._electing.update(np.unique(rows["interface"][np.isin(rows["kind"], _ELECTIONS)]).tolist())
            yield batch if batch.packets or batch.losses else None

    def stop(self) -> None:
        """Ends the stream once what has come in by now is read."""
        if self._closed:
            return
        self._stopping = True
        try:
            os.write(self._waker, b"\0")
        except BlockingIOError:
            # It has been told often enough.
            return

    def ready(self) -> bool:
        """Whether there is something to read, be it the end; waits for the interval to pass before it says no."""
        if not self.idle() or self._last:
            return True
        self._pause()
        self._begin()
        return not self.idle() or self._last

    def idle(self) -> bool:
        """Whether all that came in by the last wait's end was read; the kernel's drop counts are then read as well."""
        if self._pending or self._rest:
            return False
        now, until = self._clock() + AHEAD, self._until
        if any(self._due(head, until, now) for head in self._heads()):
            return False
        if not self._accounted:
            self._accounted = True
            self._account()
            if self._pending:
                return False
        self.settled_until = self._began - self._slack
        return True

    def readinto(self, view: memoryview, /) -> int:
        """Fills ``view`` with what is there, waiting where there is nothing; 0 only at the end."""
        while True:
            if self._rest:
                return self._hand_over(self._rest, view)
            if self._pending:
                block, header = self._pending.pop(0)
                for sink in self._sinks:
                    sink.header(block) if header else sink.blocks(memoryview(block))
                return self._hand_over(memoryview(block), view)
            if len(view) >= _ROOM:
                output, count = view, self._transcode(view)
            else:
                output = memoryview(bytearray(_ROOM))
                count = self._transcode(output)
            if count:
                for sink in self._sinks:
                    sink.blocks(output[:count])
                return count if output is view else self._hand_over(output[:count], view)
            if not self._pending and self._last and self.idle():
                if not self._ended:
                    self._ended = True
                    for sink in self._sinks:
                        sink.end(self.settled_until)
                return 0
            while not self._pending and not self.ready():
                pass

    def close(self) -> None:
        """Lets go of everything; a reader that came to the end has done so already."""
        if self._closed:
            return
        self._closed = True
        for port in self._ports:
            port.close()
        if self._changes is not None:
            self._changes.close()
        for descriptor in (self._wake, self._waker):
            os.close(descriptor)

    @property
    def _until(self) -> Instant:
        """Up to when frames are taken in now: so that two rings' come in order, the slower one is waited for."""
        return self._began - (self._slack if len(self._ports) > 1 and not self._last else 0)

    @staticmethod
    def _due(head: Instant | None, until: Instant, now: Instant) -> bool:
        return head is not None and not until < head <= now

    def _heads(self) -> Iterator[Instant | None]:
        return (port.head() for port in self._ports)

    def _hand_over(self, data: memoryview, view: memoryview) -> int:
        count = min(len(data), len(view))
        view[:count] = data[:count]
        self._rest = data[count:]
        return count

    def _transcode(self, output: memoryview) -> int:
        position = 0
        while not self._pending:
            now, until = self._clock() + AHEAD, self._until
            heads = [head for head in self._heads() if head is not None and self._due(head, until, now)]
            if not heads:
                break
            if len(self._ports) > 1:
                until = min(until, min(heads) + SLICE)
            for port in self._ports:
                position = port.read(output, position, until, now)
                if port.full or self._pending:
                    return position
        return position

    def _pause(self) -> None:
        """Waits until the interval is over, or for less where much comes in."""
        if self._stopping:
            # What was captured by now is handed over after this.
            select.poll().poll(self._slack // 1_000_000)
            self._last = True
            return
        before, self._taken = self._taken, sum(port.taken for port in self._ports)
        share = min(1, self._size.blocks / _FILL / max(self._taken - before, 1))
        left = self._began + round(self._interval * share) - self._clock()
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if self._changes is not None and self._wakes < MAX_WAKES:
            poll.register(self._changes, select.POLLIN)
        # A clock that was set back must not make it wait for longer.
        poll.poll(max(0, min(left, self._interval)) / 1_000_000)

    def _begin(self) -> None:
        """Starts to take in what has come by now."""
        self._began = self._clock()
        self._accounted = False
        # The steady clock is never set, and stands still while the machine sleeps (clock_gettime(2)).
        apart, before = self._began - self._steady(), self._apart
        self._apart = apart
        if apart - before > JUMP:
            self._told(
                f"the clock went {(apart - before) / SECOND:.0f} s further than time did: nothing was watched then"
            )
            for port in self._ports:
                port.missed()
        changed = self._changes is not None and self._changes.pending()
        self._wakes += changed
        if not 0 <= self._began - self._followed < FOLLOW:
            self._followed = self._began
            self._wakes = 0
        elif not changed:
            return
        for port in self._ports:
            port.follow()

    def _account(self) -> None:
        """Reads how many packets were dropped, and says so where there were any."""
        now, before = self._clock(), self._counted
        self._counted = now
        for port in self._ports:
            for number, known, lost, outage in port.account():
                if outage != "over":
                    # Told twice, so that the loss is known to be no older than the last look.
                    self._pending.append((live_blocks.interface_statistics(number, before, known), False))
                # One that is past was over before these statistics, as is one that is over with them.
                ends = "over" if outage == "past" else outage
                self._pending.append((live_blocks.interface_statistics(number, now, known + lost, ends), False))
        self.drops = sum(port.drops for port in self._ports)
        self.interruptions = sum(port.interruptions for port in self._ports)

    def _number(self, name: str, ethernet: bool) -> int:
        """The pcapng interface for frames of an interface called so, described where it is new."""
        if len(self._numbers) >= MAX_INTERFACES and (name, ethernet) not in self._numbers:
            name = _OTHERS
        number = self._numbers.get((name, ethernet))
        if number is None:
            number = self._numbers[name, ethernet] = len(self._numbers)
            linktype = live_blocks.ETHERNET if ethernet else live_blocks.LINUX_SLL
            self._pending.append((live_blocks.interface_description(name, linktype, self._snaplen), True))
        return number


def _share(ports: int) -> RingSize:
    """A ring's size where several share what may be had: 64 MiB each at most, 128 MiB together."""
    usual = RingSize()
    return usual._replace(blocks=max(min(usual.blocks, 2 * usual.blocks // ports), 16))


# Any frame fits a view of this size.
_ROOM = ring.MAX_CAPTURED + ring.OVERHEAD + 4
