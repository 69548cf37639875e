"""Reads how ucarp is started: a command line, as text or as arguments, or a stanza of /etc/network/interfaces."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from vrrpwatch.declared.files import read_lines
from vrrpwatch.declared.keepalived_fields import parsed_address, whole
from vrrpwatch.declared.notes import DeclaredError, Note, Notes, Place, quoted
from vrrpwatch.wire.values import IPAddress

# A command line of Linux may be longer, one for ucarp is not.
MAX_COMMAND: Final = 64 << 10
MAX_STANZAS: Final = 4096

# Where a command line stands that comes from no file.
COMMAND_LINE: Final = Place("ucarp command line", 1)

_WHITE: Final = " \t\n\r\f\v"
# ucarp(8), its letter and its long name; what takes a value, and what does not.
_VALUES: Final = {
    "interface": "i",
    "srcip": "s",
    "mcast": "m",
    "vhid": "v",
    "pass": "p",
    "passfile": "o",
    "addr": "a",
    "advbase": "b",
    "advskew": "k",
    "upscript": "u",
    "downscript": "d",
    "deadratio": "r",
    "facility": "f",
    "xparam": "x",
}
_FLAGS: Final = {
    "preempt": "P",
    "neutral": "n",
    "help": "h",
    "debug": "D",
    "shutdown": "z",
    "daemonize": "B",
    "ignoreifstate": "S",
    "nomcast": "M",
}
# Debian's /usr/share/doc/ucarp/README.Debian.
_DEBIAN: Final = {
    "ucarp-vid": "vhid",
    "ucarp-vip": "addr",
    "ucarp-password": "pass",
    "ucarp-downscript": "downscript",
    "ucarp-upscript": "upscript",
    "ucarp-advskew": "advskew",
    "ucarp-advbase": "advbase",
    "ucarp-master": "preempt",
    "ucarp-deadratio": "deadratio",
    "ucarp-nomcast": "nomcast",
    "ucarp-xparam": "xparam",
    "address": "srcip",
}
_OFF: Final = ("no", "off", "false", "0")
_NUMBERS: Final = {"vhid": (1, 255), "advbase": (0, 255), "advskew": (0, 255), "deadratio": (1, 2**31 - 1)}
_ADDRESSES: Final = ("srcip", "mcast", "addr")


class Ucarp(NamedTuple):
    """One ucarp as declared; ``None`` is what it does not say.  ``advbase`` is in seconds.

    Of the password only ``password`` (given on the command line) and ``passfile`` (read from there) are kept.
    """

    host: str
    place: Place
    interface: str | None = None
    srcip: IPAddress | None = None
    mcast: IPAddress | None = None
    vhid: int | None = None
    addr: IPAddress | None = None
    advbase: int = 1
    advskew: int = 0
    deadratio: int | None = None
    preempt: bool = False
    neutral: bool = False
    nomcast: bool = False
    ignoreifstate: bool = False
    shutdown: bool = False
    upscript: str | None = None
    downscript: str | None = None
    xparam: str | None = None
    password: bool = False
    passfile: str | None = None
    notes: tuple[Note, ...] = ()


def read_ucarp(command: str | Sequence[str], *, host: str | None = None, place: Place = COMMAND_LINE) -> Ucarp:
    """What a ucarp command line declares; nothing in it is expanded or executed.

    ``command`` is a line as a shell or a unit file has it, or its arguments; words before the first option (the
    program, ``sudo``) are passed over.  Raises :class:`DeclaredError` where a quote does not end.
    """
    notes = Notes()
    words = shell_words(command, place, notes) if isinstance(command, str) else list(command)
    return _read(words, host or "", place, notes)


def read_interfaces(path: Path, *, host: str | None = None) -> tuple[Ucarp, ...]:
    """The ucarp of every stanza of an /etc/network/interfaces that has a ``ucarp-vid`` (ifupdown, Debian's hook).

    Raises :class:`DeclaredError` where the file cannot be read.  ``source`` lines are not followed.
    """
    found: list[Ucarp] = []
    for stanza in _stanzas(path):
        notes = Notes()
        values: dict[str, Any] = {"interface": stanza.interface}
        for place, name, value in stanza.lines:
            field = _DEBIAN.get(name)
            if field is None:
                if name.startswith("ucarp"):
                    notes.add(place, f"unknown setting {quoted(name)}")
            elif field in _FLAGS:
                # The hook compares with expr(1): what begins with one of these means no.
                values[field] = not value.startswith(_OFF)
            else:
                _take(values, field, value.partition("/")[0] if field == "srcip" else value, place, notes)
        if any(name == "ucarp-vid" for _, name, _ in stanza.lines):
            if len(found) >= MAX_STANZAS:
                raise DeclaredError(f"{stanza.place}: more than {MAX_STANZAS} stanzas with ucarp")
            found.append(_made(values, host or path.stem, stanza.place, notes))
    return tuple(found)


def shell_words(text: str, place: Place, notes: Notes) -> list[str]:
    r"""The words of a line as sh(1) splits it: ``'…'``, ``"…"``, ``\`` and a comment; nothing is expanded.

    Raises :class:`DeclaredError` where a quote does not end, or the line is longer than any command.
    """
    if len(text) > MAX_COMMAND:
        raise DeclaredError(f"{place}: longer than {MAX_COMMAND} characters, which no ucarp command is")
    if "\0" in text:
        raise DeclaredError(f"{place}: holds a NUL character")
    words: list[str] = []
    word: list[str] | None = None
    position, quote = 0, ""
    while position < len(text):
        character = text[position]
        position += 1
        if character == quote:
            quote = ""
        elif character == "\\" and quote != "'":
            following = text[position : position + 1]
            position += 1
            if following != "\n":
                # Inside double quotes only these lose the backslash (POSIX, XCU 2.2.3).
                kept = character if quote and following not in '$`"\\' else ""
                word = _more(word, kept + following)
        elif quote:
            word = _more(word, character)
        elif character in "\"'":
            quote, word = character, _more(word, "")
        elif character in _WHITE:
            if word is not None:
                words.append("".join(word))
            word = None
        elif character == "#" and word is None:
            break
        else:
            word = _more(word, character)
            if character in "$`*?;|&<>":
                notes.add(place, "holds what a shell would expand: it is read as it stands")
    if quote:
        raise DeclaredError(f"{place}: a {quote} without another")
    return words if word is None else [*words, "".join(word)]


def _more(word: list[str] | None, text: str) -> list[str]:
    word = [] if word is None else word
    word.append(text)
    return word


def _read(words: list[str], host: str, place: Place, notes: Notes) -> Ucarp:
    values: dict[str, Any] = {}
    start = 0
    if words and not words[0].startswith("-"):
        options = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
        start = next((index + 1 for index, word in enumerate(words) if Path(word).name == "ucarp"), options)
    rest = iter(words[start:])
    for word in rest:
        if word.startswith("--") and word != "--":
            _long(values, word, rest, place, notes)
        elif word.startswith("-") and len(word) > 1:
            _short(values, word[1:], rest, place, notes)
        else:
            # The word does not show: it may be the second one of a password without quotes.
            notes.add(place, "has arguments that belong to no option")
    return _made(values, host, place, notes)


def _long(values: dict[str, Any], word: str, rest: Iterator[str], place: Place, notes: Notes) -> None:
    name, equals, value = word[2:].partition("=")
    # getopt_long(3) takes every beginning of a name that is the only one with it.
    meant = [known for known in (*_VALUES, *_FLAGS) if known.startswith(name)]
    exact = name if name in meant else meant[0] if len(meant) == 1 else None
    if exact is None:
        notes.add(place, f"unknown option {quoted('--' + name)}")
    elif exact in _FLAGS:
        values[exact] = True
    else:
        _take(values, exact, value if equals else next(rest, None), place, notes)


def _short(values: dict[str, Any], letters: str, rest: Iterator[str], place: Place, notes: Notes) -> None:
    for index, letter in enumerate(letters):
        flag = next((name for name, known in _FLAGS.items() if known == letter), None)
        if flag is not None:
            values[flag] = True
            continue
        option = next((name for name, known in _VALUES.items() if known == letter), None)
        if option is None:
            notes.add(place, f"unknown option {quoted('-' + letter)}")
            return
        _take(values, option, letters[index + 1 :] or next(rest, None), place, notes)
        return


def _take(values: dict[str, Any], name: str, text: str | None, place: Place, notes: Notes) -> None:
    if text is None:
        notes.add(place, f"option {quoted(name)} misses its value")
        return
    value: Any = text
    if name == "pass":
        name, value = "password", True
    elif name in _NUMBERS:
        least, most = _NUMBERS[name]
        value = whole(text, least, most)
        if value is None:
            notes.add(place, f"option {quoted(name)} takes {least} to {most}, not {quoted(text)}")
            return
    elif name in _ADDRESSES:
        value = parsed_address(text)
        if value is None or value.version != 4 or value.is_multicast != (name == "mcast"):
            kind = "a multicast address" if name == "mcast" else "an IPv4 address"
            notes.add(place, f"option {quoted(name)} takes {kind}, not {quoted(text)}")
            return
    elif name == "facility":
        return
    values[name] = value


def _made(values: dict[str, Any], host: str, place: Place, notes: Notes) -> Ucarp:
    kept = {name: value for name, value in values.items() if name in Ucarp._fields}
    if not kept.get("password") and "passfile" not in kept:
        notes.add(place, "has no password: ucarp does not start without")
    for name, option in (("vhid", "--vhid"), ("addr", "--addr"), ("srcip", "--srcip")):
        if name not in kept:
            notes.add(place, f"misses {option}")
    if kept.get("advbase") == 0 and not kept.get("advskew"):
        notes.add(place, "advertises without pause: advbase and advskew are both 0")
    return Ucarp(host=host, place=place, **kept, notes=notes.all())


class _Stanza(NamedTuple):
    place: Place
    interface: str
    lines: list[tuple[Place, str, str]]


def _stanzas(path: Path) -> Iterator[_Stanza]:
    """The ``iface`` stanzas of interfaces(5), with backslash continuation and comments at line starts."""
    stanza: _Stanza | None = None
    waiting = ""
    begun = 1
    for number, line in enumerate(read_lines(path).lines, 1):
        if not waiting:
            begun = number
        if line.endswith("\\"):
            waiting += line[:-1]
            if len(waiting) > MAX_COMMAND:
                raise DeclaredError(f"{Place(str(path), begun)}: longer than {MAX_COMMAND} characters")
            continue
        words = (waiting + line).split(None, 1)
        waiting = ""
        if not words or words[0].startswith("#"):
            continue
        place = Place(str(path), begun)
        keyword, value = words[0], words[1].strip() if len(words) > 1 else ""
        if keyword == "iface":
            if stanza is not None:
                yield stanza
            stanza = _Stanza(place, (value.split() or [""])[0], [])
        elif keyword in ("mapping", "auto", "source", "source-directory", "rename") or keyword.startswith("allow-"):
            if stanza is not None:
                yield stanza
            stanza = None
        elif stanza is not None:
            stanza.lines.append((place, keyword, value))
    if stanza is not None:
        yield stanza
