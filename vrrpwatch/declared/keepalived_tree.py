"""keepalived.conf as a tree of statements that loses nothing but comments, and such a tree written as a file again."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pydantic import SecretStr

from vrrpwatch.declared.keepalived_grammar import MISPLACED, PUBLIC, ROOT, SCRIPTS, SYNONYMS, UNKNOWN, VALUES, Block
from vrrpwatch.declared.keepalived_lines import Line
from vrrpwatch.declared.keepalived_words import escaped_words, words
from vrrpwatch.declared.notes import DeclaredError, Notes, Place, quoted

# keepalived's own blocks go five deep.
MAX_DEPTH: Final = 32
HIDDEN: Final = "********"


class Statement(NamedTuple):
    """One statement: its words, its line as keepalived read it, and the statements of its block if it has one.

    Of a secret the words and the text show only ``********``; ``secret`` holds the whole line.
    """

    place: Place
    words: tuple[str, ...]
    text: str
    block: tuple["Statement", ...] | None = None
    secret: SecretStr | None = None

    @property
    def keyword(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]

    @property
    def inner(self) -> tuple["Statement", ...]:
        """The statements of its block; none where it has no block."""
        return self.block or ()


class _Open(NamedTuple):
    statement: Statement | None
    grammar: Block
    inside: list[Statement]


def tree(lines: Iterable[Line], notes: Notes) -> tuple[Statement, ...]:
    """The statements of a configuration; unknown ones are kept, and noted.

    Raises :class:`DeclaredError` where blocks are nested beyond ``MAX_DEPTH``.
    """
    builder = _Builder(notes)
    for line in lines:
        builder.take(line)
    return builder.end()


class _Builder:
    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._stack = [_Open(None, ROOT, [])]
        self._waiting: Statement | None = None

    def take(self, line: Line) -> None:
        if line.text == "{":
            self._begin(line)
            return
        if self._waiting is not None:
            self._implied()
        if line.text == "}":
            self._close(line)
            return
        statement = self._statement(line)
        if statement is None:
            return
        grammar = self._stack[-1].grammar
        self._stack[-1].inside.append(statement)
        if statement.keyword in grammar.blocks:
            self._waiting = statement

    def end(self) -> tuple[Statement, ...]:
        if self._waiting is not None:
            self._implied()
        while len(self._stack) > 1:
            opened = self._stack[-1].statement
            if opened is not None:
                self._notes.add(opened.place, f"{quoted(opened.keyword)} is not closed: a }} is missing")
            self._fold()
        return tuple(self._stack[0].inside)

    def _begin(self, line: Line) -> None:
        inside = self._stack[-1].inside
        if not inside or inside[-1].block is not None:
            self._notes.add(line.place, "a { that nothing stands before")
            inside.append(Statement(line.place, ("",), ""))
        opening = inside[-1]
        if self._waiting is None and opening.words != ("",) and self._stack[-1].grammar is not UNKNOWN:
            known = self._stack[-1].grammar.words
            if known is None or opening.keyword in known:
                self._notes.add(line.place, f"{quoted(opening.keyword)} takes no block")
        self._open()

    def _implied(self) -> None:
        """keepalived takes a block for begun also where its brace is missing."""
        if self._waiting is not None:
            self._notes.add(self._waiting.place, f"a {{ is missing after {quoted(self._waiting.keyword)}")
        self._open()

    def _open(self) -> None:
        opening = self._stack[-1].inside[-1]
        if len(self._stack) > MAX_DEPTH:
            raise DeclaredError(f"{opening.place}: blocks nested deeper than {MAX_DEPTH}")
        grammar = self._stack[-1].grammar.blocks.get(opening.keyword, UNKNOWN)
        self._stack.append(_Open(opening, grammar, []))
        self._waiting = None

    def _close(self, line: Line) -> None:
        if len(self._stack) == 1:
            self._notes.add(line.place, "a } that closes nothing")
        else:
            self._fold()

    def _fold(self) -> None:
        done = self._stack.pop()
        outer = self._stack[-1].inside
        outer[-1] = outer[-1]._replace(block=tuple(done.inside))

    def _statement(self, line: Line) -> Statement | None:
        found, paired = words(line.text)
        if not found:
            return None
        keyword = found[0]
        around = self._stack[-1]
        if _secret(around, keyword):
            known = keyword.startswith(MISPLACED) or keyword in (around.grammar.words or ())
            if not known:
                # The word itself may be one of a password that was written into a second line.
                self._notes.add(line.place, "unknown statement among secrets")
            elif keyword not in (around.grammar.words or ()):
                self._known(line, keyword)
            shown = ((keyword,) if known else ()) + ((HIDDEN,) if len(found) > 1 or not known else ())
            return Statement(line.place, shown, " ".join(shown), None, SecretStr(line.text))
        if around.grammar.words is not None and keyword in SCRIPTS:
            escaped = escaped_words(line.text)
            if escaped is not None:
                found, paired = escaped, True
        if not paired:
            self._notes.add(line.place, 'a " without another: the rest of the line is not read')
        self._known(line, keyword)
        return Statement(line.place, found, line.text)

    def _known(self, line: Line, keyword: str) -> None:
        grammar = self._stack[-1].grammar
        if grammar.words is None:
            return
        if keyword not in grammar.words and keyword not in grammar.blocks:
            self._notes.add(line.place, f"unknown statement {quoted(keyword)}")


def _secret(around: _Open, keyword: str) -> bool:
    if keyword.startswith(MISPLACED):
        return around.grammar is not VALUES
    public = None if around.statement is None else PUBLIC.get(around.statement.keyword)
    return public is not None and keyword not in public


def canonical(keyword: str) -> str:
    """A keyword as keepalived's manual spells it."""
    return SYNONYMS.get(keyword, keyword)


def written(statements: Iterable[Statement], *, reveal: bool = False, depth: int = 0) -> Iterator[str]:
    """The lines of a file that keepalived reads as it read the original; secrets only with ``reveal``.

    Every parameter is replaced in it, nothing is included, and lines for other hosts are gone.
    """
    indent = "    " * depth
    for statement in statements:
        if statement.text:
            text = statement.text
            if reveal and statement.secret is not None:
                text = statement.secret.get_secret_value()
            yield indent + text
        if statement.block is not None:
            yield indent + "{"
            yield from written(statement.block, reveal=reveal, depth=depth + 1)
            yield indent + "}"
