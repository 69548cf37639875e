"""keepalived.conf as the daemon sees it: files put together, lines chosen by configuration id, parameters replaced."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.declared.files import Content, matching, read_lines
from vrrpwatch.declared.keepalived_parameters import (
    MAX_LINE,
    Definition,
    Reference,
    definition,
    replaced,
    sequence,
    undefined,
)
from vrrpwatch.declared.keepalived_words import cut, uncommented
from vrrpwatch.declared.notes import DeclaredError, Notes, Place, quoted
from vrrpwatch.wire.text import safe_text

# Definitions and sequences multiply: what they may make in all. 10,000 virtual routers need less.
MAX_LINES: Final = 200_000
MAX_CHARACTERS: Final = 16 << 20
# Includes, multi-line definitions and sequences that are inside one another; a cycle of definitions ends here.
MAX_NESTING: Final = 64
# Files in all, whatever includes them.
MAX_FILES: Final = 512
# Configuration ids that conditional lines name: a cluster has a few hosts.
MAX_IDS: Final = 256

_BLANKS: Final = " \t"
_INCLUDES: Final = ("include", "includer", "includem", "includew", "includeb", "includea")
_CHARACTERS: Final = {"_HASH": "#", "_BANG": "!"}


class Line(NamedTuple):
    """A part of a line that is a statement or a brace, with everything replaced, and where it was written."""

    place: Place
    text: str


class Expansion:
    """Reads ``paths`` and what they include, line by line; ``ids`` are the configuration ids that lines name.

    Several files are one configuration, as if one included them all.  Raises :class:`DeclaredError` where one cannot
    be read, and when iterated where all grow beyond the limits above.
    """

    def __init__(self, paths: Sequence[Path], config_id: str | None, notes: Notes) -> None:
        self.ids: dict[str, None] = {}
        self.files: list[str] = []
        self._config_id = config_id
        self._notes = notes
        self._definitions: dict[str, Definition] = {}
        # Where the next texts come from, the innermost last: files, the rest of a line, definitions, sequences.
        self._sources: list[Iterator[str]] = []
        self._reading: list[Path] = []
        self._lines = self._characters = 0
        self._place = Place(str(paths[0]), 1)
        self._push(self._begin([(path, read_lines(path)) for path in paths]))

    def __iter__(self) -> Iterator[Line]:
        while (text := self._next()) is not None:
            yield from self._line(text)

    def _line(self, text: str) -> Iterator[Line]:
        chosen = self._chosen(text)
        if not chosen or self._included(chosen):
            return
        part, rest = cut(chosen)
        if rest:
            # What follows a brace is a line of its own: it may be conditional, a definition or a sequence.
            self._push(iter((rest,)))
        if part.endswith("\\"):
            self._notes.add(self._place, "ends in a \\: only definitions go on in the next line")
        for name in undefined(part):
            self._notes.add(self._place, f"parameter {quoted(name)} is not defined: left as it stands")
        yield Line(self._place, part)

    def _next(self) -> str | None:
        """The next text of the innermost source that has one."""
        while self._sources:
            text = next(self._sources[-1], None)
            if text is not None:
                self._lines += 1
                self._characters += len(text)
                if self._lines > MAX_LINES or self._characters > MAX_CHARACTERS:
                    raise DeclaredError(f"{self._place}: more than {MAX_LINES} lines in all: split the configuration")
                return text
            self._sources.pop()
        return None

    def _push(self, texts: Iterator[str]) -> None:
        if len(self._sources) >= MAX_NESTING:
            raise DeclaredError(f"{self._place}: includes or definitions nested deeper than {MAX_NESTING}")
        self._sources.append(texts)

    def _begin(self, files: list[tuple[Path, Content]]) -> Iterator[str]:
        for path, content in files:
            yield from self._file(path, content)

    def _file(self, path: Path, content: Content) -> Iterator[str]:
        if len(self.files) >= MAX_FILES:
            raise DeclaredError(f"{self._place}: includes more than {MAX_FILES} files")
        self.files.append(str(path))
        self._reading.append(path)
        came_from = self._place
        for number, line in enumerate(content.lines, 1):
            self._place = Place(str(path), number)
            if len(line) >= MAX_LINE:
                self._notes.add(self._place, f"longer than {MAX_LINE - 1} characters: left out, as keepalived does")
            elif "\0" in line:
                self._notes.add(self._place, "holds a NUL character: left out, as keepalived does")
            elif line:
                read = uncommented(line)
                if read.escaped:
                    self._notes.add(self._place, "a \\ does not keep a comment from beginning: use double quotes")
                if read.text:
                    yield read.text
            else:
                # An empty line ends a multi-line definition; a line of blanks and comment does not.
                yield ""
        self._place = came_from
        self._reading.pop()

    def _chosen(self, text: str) -> str:
        """What remains of a line: nothing of definitions, sequences, and lines for other configuration ids."""
        while text:
            if text[0] == "@":
                text = self._conditional(text)
                continue
            defined = definition(text)
            if defined is not None:
                self._define(*defined)
                return ""
            if text.startswith(("~SEQ", "~LST")):
                self._sequence(text)
                return ""
            if "$" not in text or text[0] == "~":
                return text
            try:
                result = replaced(text, self._find)
            except ValueError as error:
                self._notes.add(self._place, f"{error}: left out")
                return ""
            for rest in reversed(result.following):
                self._push(iter(rest))
            if not result.changed:
                return result.text
            text = uncommented(result.text).text
        return ""

    def _conditional(self, text: str) -> str:
        """What remains of ``@ID …`` or ``@^ID …``: nothing unless it is for the configuration id that is read for."""
        negative = text.startswith("@^")
        named = text[2 if negative else 1 :].replace("\t", " ")
        wanted, _, rest = named.partition(" ")
        if wanted not in self.ids and len(self.ids) < MAX_IDS:
            self.ids[wanted] = None
            if self._config_id is None:
                self._notes.add(self._place, f"asks for configuration id {quoted(wanted)}: say which one is meant")
        return text[len(text) - len(rest) :].strip(_BLANKS) if (wanted == self._config_id) != negative else ""

    def _define(self, name: str, value: str) -> None:
        if not value.endswith("\\"):
            self._definitions[name] = Definition(value)
            return
        lines = [value[:-1].rstrip(_BLANKS)]
        while text := self._next():
            continued = text.endswith("\\")
            lines.append(text.removesuffix("\\").rstrip(_BLANKS))
            if not continued:
                break
        kept = [line for line in lines if line]
        self._definitions[name] = Definition(kept[0], tuple(kept[1:]), True) if kept else Definition("")

    def _sequence(self, text: str) -> None:
        try:
            found = sequence(text, lambda numbers: replaced(numbers, self._find).text)
        except ValueError as error:
            self._notes.add(self._place, f"~{text[1:4]} {error}: left out")
            return

        def texts() -> Iterator[str]:
            for values in found.values:
                for name, value in zip(found.names, values, strict=True):
                    self._definitions[name] = Definition(value)
                yield found.text

        self._push(texts())

    def _find(self, wanted: Reference, multiline: bool) -> Definition | None:
        known = self._definitions.get(wanted.name)
        if known is not None:
            return None if known.multiline and not multiline else known
        predefined = self._predefined(wanted)
        return None if predefined is None else Definition(predefined)

    def _predefined(self, wanted: Reference) -> str | None:
        match wanted.name:
            case "_PWD":
                return str(Path(self._place.file).absolute().parent)
            case "_INSTANCE":
                if self._config_id is None:
                    self._notes.add(self._place, "holds the configuration id, which is not known: read as nothing")
                return self._config_id or ""
            case "_RANDOM":
                least = wanted.words[0] if wanted.words and wanted.words[0].isdigit() else "0"
                self._notes.add(self._place, f"a random number: read as {least}, the least it may be")
                return least
            case "_ENV":
                self._notes.add(self._place, "a variable of keepalived's environment: read as nothing")
                return ""
            case name:
                return _CHARACTERS.get(name)

    def _included(self, text: str) -> bool:
        """Whether the line is an include; its files then come next."""
        keyword, _, pattern = text.replace("\t", " ").partition(" ")
        if keyword not in _INCLUDES or not pattern:
            return False
        place = self._place
        pattern = text[len(keyword) :].strip(_BLANKS)
        try:
            found = list(matching(Path(place.file).parent, pattern))
        except ValueError as error:
            self._notes.add(place, f"include {quoted(pattern)} {error}")
            return True
        self._push(self._files(found, place, pattern))
        return True

    def _files(self, paths: list[Path], place: Place, pattern: str) -> Iterator[str]:
        if not paths:
            self._notes.add(place, f"include {quoted(pattern)} finds no file")
        for path in paths:
            if any(_same(one, path) for one in self._reading):
                self._notes.add(place, f"{safe_text(str(path))} includes itself: left out")
                continue
            try:
                content = read_lines(path)
            except DeclaredError as error:
                self._notes.add(place, f"cannot include {error.faults[0]}")
                continue
            if content.executable:
                self._notes.add(place, f"{safe_text(str(path))} is executable: left out, as keepalived does")
                continue
            yield from self._file(path, content)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
