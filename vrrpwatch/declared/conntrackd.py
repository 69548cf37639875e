"""Reads conntrackd.conf(5): how conntrackd sends its state to its peers, and what else the file says as a tree."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from vrrpwatch.declared.files import read_lines
from vrrpwatch.declared.keepalived_fields import parsed_address, whole
from vrrpwatch.declared.notes import DeclaredError, Note, Notes, Place, quoted
from vrrpwatch.wire.values import IPAddress

# The daemon's own sections go five deep.
MAX_DEPTH: Final = 32
MAX_WORDS: Final = 200_000

_CHANNELS: Final = ("Multicast", "UDP", "TCP")
_MODES: Final = ("FTFW", "NOTRACK", "ALARM")
_BUFFERS: Final = frozenset({"SndSocketBuffer", "McastSndSocketBuffer", "RcvSocketBuffer", "McastRcvSocketBuffer"})
_SYNC: Final = frozenset({"Mode", "Options", "Checksum", "CacheWriteThrough", "SandboxMode", *_CHANNELS, *_BUFFERS})
_GENERAL: Final = frozenset(
    {
        *("Systemd", "Nice", "HashSize", "HashLimit", "LogFile", "Syslog", "Lockfile", "LockFile", "UNIX"),
        *("NetlinkBufferSize", "NetlinkBufferSizeMaxGrowth", "NetlinkBufferSizeMaxGrown", "NetlinkOverrunResync"),
        *("SocketBufferSize", "SocketBufferSizeMaxGrowth", "SocketBufferSizeMaxGrown", "EventIterationLimit"),
        *("NetlinkEventsReliable", "PollSecs", "Filter", "Scheduler", "Family", "Stripe"),
    }
)
_TOP: Final = frozenset({"Sync", "General", "Stats", "Helper"})
_STATS: Final = frozenset({"LogFile", "NetlinkEventsReliable", "Syslog"})


class Item(NamedTuple):
    """One line of the file: its words, and the lines of its section if it has one."""

    place: Place
    words: tuple[str, ...]
    section: tuple["Item", ...] | None = None

    @property
    def keyword(self) -> str:
        return self.words[0]


class Channel(NamedTuple):
    """A dedicated link: a ``Multicast``, ``UDP`` or ``TCP`` section; ``port`` is ``Group`` in a multicast one.

    ``address`` is the multicast group, or what a unicast link listens on; ``source`` is ``IPv4_interface``.
    """

    place: Place
    transport: Literal["Multicast", "UDP", "TCP"]
    default: bool = False
    address: IPAddress | None = None
    destination: IPAddress | None = None
    source: IPAddress | None = None
    interface: str | None = None
    port: int | None = None
    checksum: bool | None = None


class Conntrackd(NamedTuple):
    """One host's conntrackd configuration."""

    host: str
    file: str
    mode: str | None
    channels: tuple[Channel, ...]
    tree: tuple[Item, ...]
    notes: tuple[Note, ...]


def read_conntrackd(path: Path, *, host: str | None = None) -> Conntrackd:
    """What the conntrackd configuration ``path`` declares; ``host`` is the file's name by default.

    Raises :class:`DeclaredError` where it cannot be read or is nested beyond any real one.
    """
    notes = Notes()
    items = _items(str(path), read_lines(path).lines, notes)
    reader = _Reader(notes)
    for item in items:
        reader.section(item)
    return Conntrackd(host or path.stem, str(path), reader.mode, tuple(reader.channels), items, notes.all())


class _Reader:
    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.mode: str | None = None
        self.channels: list[Channel] = []

    def section(self, item: Item) -> None:
        if item.keyword not in _TOP:
            self._notes.add(item.place, f"unknown section {quoted(item.keyword)}")
            return
        for inner in item.section or ():
            match item.keyword:
                case "Sync":
                    self._sync(inner)
                case "General":
                    self._known(inner, _GENERAL)
                case "Stats":
                    self._known(inner, _STATS)

    def _known(self, item: Item, known: frozenset[str]) -> bool:
        if item.keyword not in known:
            self._notes.add(item.place, f"unknown statement {quoted(item.keyword)}")
            return False
        return True

    def _sync(self, item: Item) -> None:
        if not self._known(item, _SYNC):
            return
        if item.keyword == "Mode":
            mode = item.words[1] if len(item.words) > 1 else ""
            if mode not in _MODES:
                self._notes.add(item.place, f"'Mode' takes FTFW, NOTRACK or ALARM, not {quoted(mode)}")
            elif self.mode is not None:
                self._notes.add(item.place, "'Mode' is there already")
            else:
                self.mode = mode
        elif item.keyword in _CHANNELS and item.section is not None:
            self._channel(item)

    def _channel(self, item: Item) -> None:
        values: dict[str, Any] = {}
        for extra in item.words[1:]:
            if extra != "Default":
                self._notes.add(item.place, f"{quoted(item.keyword)} does not take {quoted(extra)}")
        for inner in item.section or ():
            # Line ends mean nothing to conntrackd: here every keyword takes one value.
            for keyword, text in zip(inner.words[::2], (*inner.words[1::2], ""), strict=False):
                self._setting(values, inner.place, keyword, text)
        if item.keyword == "Multicast":
            values.pop("destination", None)
            if values.get("address") is not None and not values["address"].is_multicast:
                self._notes.add(item.place, f"{values.pop('address')} is no multicast address")
        transport: Any = item.keyword
        self.channels.append(Channel(item.place, transport, "Default" in item.words[1:], **values))

    def _setting(self, values: dict[str, Any], place: Place, keyword: str, text: str) -> None:
        value: Any = None
        match keyword:
            case "IPv4_address" | "IPv6_address":
                field, value = "address", self._address(keyword, text, place)
            # The second spelling is the manual's, the daemon knows both.
            case "IPv4_Destination_Address" | "IPv6_Destination_Address" | "IPv6_Destionation_Address":
                field, value = "destination", self._address(keyword, text, place)
            case "IPv4_interface" | "IPv6_interface":
                field, value = "source", self._address(keyword, text, place)
            case "Interface":
                field, value = "interface", text or None
            case "Group" | "Port":
                field, value = "port", whole(text, 1, 65535)
                if value is None:
                    self._notes.add(place, f"{quoted(keyword)} takes 1 to 65535, not {quoted(text)}")
            case "Checksum":
                field, value = "checksum", text.lower() in ("on", "yes")
            case _:
                if keyword not in _BUFFERS:
                    self._notes.add(place, f"unknown statement {quoted(keyword)}")
                return
        if value is not None:
            values[field] = value

    def _address(self, keyword: str, text: str, place: Place) -> IPAddress | None:
        # Link-local addresses may name their interface, which the section also does.
        value = parsed_address(text.partition("%")[0])
        if value is None or value.version != int(keyword[3]):
            self._notes.add(place, f"{quoted(keyword)} takes an IPv{keyword[3]} address, not {quoted(text)}")
            return None
        return value


def _items(file: str, lines: tuple[str, ...], notes: Notes) -> tuple[Item, ...]:
    """The sections of the file; braces may stand anywhere, lines end statements."""
    stack: list[list[Item]] = [[]]
    opened: list[Place] = []
    counted = 0
    for number, line in enumerate(lines, 1):
        place = Place(file, number)
        words: list[str] = []
        for word in (*_words(line, place, notes), "\n"):
            counted += 1
            if counted > MAX_WORDS:
                raise DeclaredError(f"{place}: more than {MAX_WORDS} words in all, which no configuration has")
            if word not in ("{", "}", "\n"):
                words.append(word)
                continue
            if words:
                stack[-1].append(Item(place, tuple(words)))
                words = []
            if word == "{":
                if len(opened) >= MAX_DEPTH:
                    raise DeclaredError(f"{place}: sections nested deeper than {MAX_DEPTH}")
                if not stack[-1] or stack[-1][-1].section is not None:
                    notes.add(place, "a { that nothing stands before")
                    stack[-1].append(Item(place, ("",)))
                stack.append([])
                opened.append(place)
            elif word == "}" and not opened:
                notes.add(place, "a } that closes nothing")
            elif word == "}":
                opened.pop()
                _close(stack)
    for place in opened:
        notes.add(place, "the section is not closed: a } is missing")
    while len(stack) > 1:
        _close(stack)
    return tuple(stack[0])


def _close(stack: list[list[Item]]) -> None:
    inside = tuple(stack.pop())
    stack[-1][-1] = stack[-1][-1]._replace(section=inside)


def _words(line: str, place: Place, notes: Notes) -> Iterator[str]:
    position = 0
    while position < len(line):
        character = line[position]
        if character == "#":
            return
        if character.isspace():
            position += 1
        elif character in "{}":
            yield character
            position += 1
        elif character == '"':
            end = line.find('"', position + 1)
            if end < 0:
                notes.add(place, 'a " without another')
                return
            yield line[position + 1 : end]
            position = end + 1
        else:
            start = position
            while position < len(line) and not line[position].isspace() and line[position] not in '{}#"':
                position += 1
            yield line[start:position]
