"""What is watched, whatever becomes of it: an interface by its name, or all of them; rings come and go with them."""

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from vrrpwatch.capture import ring
from vrrpwatch.capture.bpf import Instruction, is_for_ethernet
from vrrpwatch.capture.interfaces import ANY, Link, is_ethernet, look_up, name_of
from vrrpwatch.capture.live_socket import Ring, RingSize
from vrrpwatch.core.model import Instant
from vrrpwatch.core.notice import Notice

# The pcapng number for frames of an interface with that name, with Ethernet headers or without.
Number = Callable[[str, bool], int]
Told = Callable[[str], None]
Opened = Callable[[str, int], None]
# Whether somebody on the interface with that pcapng number was heard who may be a master.
Elects = Callable[[int], bool]


class Missed(NamedTuple):
    """What an interface, by its pcapng number, has missed: ``known`` packets until it was asked last, ``lost`` since.

    ``outage``: it could not be heard for a while since then (``past``), or cannot from then on (``begun``), or could
    not all the time until now, when that is ``over``.
    """

    number: int
    known: int
    lost: int
    outage: Literal["past", "begun", "over"] | None


class Port(Protocol):
    """A place where frames come in; ``full`` says that the last read ended for want of room.

    ``drops`` is what the kernel lost, ``interruptions`` how often it was told that an interface could not be heard.
    """

    name: str
    drops: int
    interruptions: int
    full: bool

    @property
    def taken(self) -> int:
        """How many blocks of its rings were used up so far."""
        ...

    def open(self) -> None:
        """Opens what is there; raises :class:`OSError` where the kernel refuses."""
        ...

    def follow(self) -> None:
        """Looks what became of the interface; errors are told, not raised."""
        ...

    def head(self) -> Instant | None: ...
    def read(self, output: memoryview, position: int, until: int, now: int) -> int: ...
    def account(self) -> Iterator[Missed]:
        """The interfaces that missed something since this was asked last."""
        ...

    def missed(self) -> None:
        """Nothing was heard for a while on any of its interfaces: silence in that time proves nothing."""
        ...

    def close(self) -> None: ...


class Settings(NamedTuple):
    """How rings are opened, and who is told of what: see :class:`vrrpwatch.capture.live.Sniffer`."""

    program: Sequence[Instruction]
    size: RingSize
    snaplen: int
    promiscuous: bool
    number: Number
    told: Told
    opened: Opened
    elects: Elects


class _Base:
    """What all ports have in common: rings, of which all but the newest are only emptied, and their losses."""

    def __init__(self, settings: Settings) -> None:
        self.drops = self.interruptions = 0
        self.full = False
        self._settings = settings
        self._ring: Ring | None = None
        self._rings: list[Ring] = []
        self._closed = 0
        self._owed = 0
        # Numbers of interfaces that could not be heard, or can be again, which is yet to be told.
        self._unheard: dict[int, None] = {}
        self._heard_again: dict[int, None] = {}
        # Those of which the end of an outage was not told.
        self._out: set[int] = set()
        self._lost: dict[int, int] = {}
        self._said = ""

    @property
    def taken(self) -> int:
        return self._closed + sum(ring.taken for ring in self._rings)

    def head(self) -> Instant | None:
        return next((head for ring in self._rings if (head := ring.head()) is not None), None)

    def read(self, output: memoryview, position: int, until: int, now: int) -> int:
        self.full = False
        for source in self._rings:
            position = source.read(output, position, until, now)
            transcoder = source.transcoder
            if not transcoder.left:
                continue
            if transcoder.status == ring.UNKNOWN:
                name, ethernet = self._name(transcoder.ifindex), is_ethernet(transcoder.hatype)
                self._describe(source, transcoder.ifindex, name, ethernet)
            self.full = transcoder.status != ring.LATER
            break
        return position

    def account(self) -> Iterator[Missed]:
        self._owed += sum(ring.lost() for ring in self._rings)
        numbers = self._numbers()
        unheard, self._unheard = self._unheard, {}
        again, self._heard_again = self._heard_again, {}
        self.interruptions += len(unheard)
        told = dict.fromkeys((*unheard, *again), 0)
        if self._owed and numbers:
            lost, self._owed = self._owed, 0
            self.drops += lost
            # Which of many interfaces on one ring lost them is not known; that each may have is what matters.
            for place, number in enumerate(numbers):
                told[number] = max(lost // len(numbers) + (place < lost % len(numbers)), 1)
        for number, part in told.items():
            before = self._lost.get(number, 0)
            self._lost[number] = before + part
            yield Missed(number, before, part, self._outage(number, number in unheard, number in again))

    def _outage(self, number: int, unheard: bool, again: bool) -> Literal["past", "begun", "over"] | None:
        if unheard:
            return "begun" if number in self._out else "past"
        return "over" if again else None

    def missed(self) -> None:
        self._unheard.update(dict.fromkeys(self._numbers()))

    def _fell_silent(self, number: int) -> None:
        """Nothing can be heard on that interface from now on: of the silence that begins nobody knows anything."""
        self._unheard[number] = None
        self._out.add(number)

    def _is_back(self, number: int) -> None:
        if number in self._out:
            self._out.discard(number)
            self._heard_again[number] = None

    def close(self) -> None:
        while self._rings:
            self._close(self._rings[0])

    def _open(self, name: str) -> Ring:
        settings = self._settings
        self._ring = Ring(name, settings.program, settings.size, settings.snaplen)
        self._rings.append(self._ring)
        return self._ring

    def _close(self, source: Ring) -> None:
        self._owed += source.lost()
        self._closed += source.taken
        self._rings.remove(source)
        source.close()

    def _clear(self) -> None:
        """Closes the rings of interfaces that have gone, once all is read."""
        for source in [source for source in self._rings if source is not self._ring and source.head() is None]:
            self._close(source)

    def _describe(self, source: Ring, ifindex: int, name: str, ethernet: bool) -> None:
        number = self._settings.number(name, ethernet)
        source.transcoder.describe(ifindex, number, ring.ETHERNET if ethernet else ring.COOKED)

    def _say(self, line: str) -> None:
        """Says what is new, and not again each second."""
        if line != self._said:
            self._said = line
            self._settings.told(line)

    def _name(self, ifindex: int, /) -> str:
        raise NotImplementedError

    def _numbers(self) -> Sequence[int]:
        raise NotImplementedError


class NamedPort(_Base):
    """One interface, by name: waited for while it is not there, and watched on when it is given another name."""

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(settings)
        self.name = name
        self._index = 0
        self._hears = False
        self._described: list[int] = []

    def open(self) -> None:
        link = look_up(self.name)
        if link is None:
            self._say(f"{self.name}: there is no such interface; it is waited for")
        else:
            self._watch(link)
            self._say(_state(link))
            self._hears = link.up

    def follow(self) -> None:
        self._clear()
        link = look_up(self.name)
        try:
            self._follow(link)
        except OSError as error:
            self._say(f"{self.name}: cannot be watched ({error.strerror}); it is tried again")

    def _follow(self, link: Link | None) -> None:
        if link is not None:
            if self._ring is None or link.number != self._index:
                self._ring = None
                self._watch(link)
            self._say(_state(link))
            self._heard(link.up)
        elif self._ring is not None:
            other = name_of(self._index)
            if other is not None:
                self._say(Notice(f"{self.name}: is called {other} now; it is watched on as {self.name}"))
            else:
                self._ring = None
                self._say(f"{self.name}: has gone; it is waited for")
                self._heard(False)

    def _heard(self, hears: bool) -> None:
        """Whether anything can be heard from now on."""
        if self._hears != hears:
            for number in self._numbers():
                self._is_back(number) if hears else self._fell_silent(number)
        self._hears = hears

    def _watch(self, link: Link) -> None:
        self._index = link.number
        source = self._open(self.name)
        self._describe(source, link.number, self.name, link.ethernet)
        if self._settings.promiscuous:
            try:
                source.promiscuous(link.number)
            except OSError as error:
                self._say(f"{self.name}: cannot be made promiscuous ({error.strerror}); it is watched all the same")
        if not link.ethernet and is_for_ethernet(self._settings.program):
            self._say(f"{self.name}: is no Ethernet link, so nothing on it matches a filter expression")
        self._settings.opened(self.name, link.number)

    def _describe(self, source: Ring, ifindex: int, name: str, ethernet: bool) -> None:
        super()._describe(source, ifindex, name, ethernet)
        number = self._settings.number(name, ethernet)
        if number not in self._described:
            self._described.append(number)

    def _name(self, _: int, /) -> str:
        return self.name

    def _numbers(self) -> Sequence[int]:
        return self._described[-1:]


class AnyPort(_Base):
    """All interfaces on one ring, each by the name it has.

    Of those that fall silent only where somebody may be a master is told: a host's containers come and go.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.name = ANY
        self._names: dict[int, tuple[str, bool]] = {}
        self._present: frozenset[tuple[int, str]] = frozenset()
        self._down: set[int] = set()

    def open(self) -> None:
        self._open("")
        self._announce()

    def follow(self) -> None:
        try:
            self._announce()
        except OSError as error:
            self._say(f"{self.name}: interfaces cannot be listed ({error.strerror}); it is tried again")
        if self._ring is None:
            return
        for ifindex, (name, ethernet) in list(self._names.items()):
            now = name_of(ifindex)
            if now is None:
                # Its number may come again with another interface.
                del self._names[ifindex]
                self._down.discard(ifindex)
                self._ring.transcoder.undescribe(ifindex)
                self._silent(self._settings.number(name, ethernet), f"{name}: has gone")
                continue
            if now != name:
                self._settings.told(Notice(f"{name}: is called {now} now"))
                self._describe(self._ring, ifindex, now, ethernet)
                # Nobody is heard under the other name again.
                if self._settings.elects(former := self._settings.number(name, ethernet)):
                    self._fell_silent(former)
            link = look_up(now)
            if link is not None and link.number == ifindex:
                self._look(link, self._settings.number(now, ethernet))

    def _look(self, link: Link, number: int) -> None:
        """Whether the interface is up still, or again."""
        if link.up == (link.number not in self._down):
            return
        if not link.up:
            self._down.add(link.number)
            self._silent(number, _state(link))
            return
        self._down.discard(link.number)
        self._is_back(number)
        if self._settings.elects(number):
            self._settings.told(_state(link))

    def _silent(self, number: int, line: str) -> None:
        """Nothing can be heard on an interface from now on; the line says why."""
        if self._settings.elects(number):
            self._fell_silent(number)
            self._settings.told(line)

    def _announce(self) -> None:
        present = frozenset(socket.if_nameindex())
        for index, name in sorted(present - self._present):
            self._settings.opened(name, index)
        self._present = present

    def _describe(self, source: Ring, ifindex: int, name: str, ethernet: bool) -> None:
        super()._describe(source, ifindex, name, ethernet)
        self._names[ifindex] = name, ethernet

    def _name(self, ifindex: int, /) -> str:
        return name_of(ifindex) or f"if{ifindex}"

    def _numbers(self) -> Sequence[int]:
        return sorted({self._settings.number(*name) for name in self._names.values()})


def _state(link: Link) -> str:
    watched = Notice(f"{link.name}: is watched")
    return watched if link.up else f"{link.name}: is down; it is watched as soon as it is up"
