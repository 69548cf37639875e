"""Parameters of keepalived.conf(5): ``$NAME=VALUE``, their substitution, and the ``~SEQ`` and ``~LST`` blocks."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

# keepalived's MAXBUF: what a line may hold with its parameters replaced, the ending NUL included (lib/parser.h).
MAX_LINE: Final = 1024
# A definition that contains itself would be replaced for ever.
MAX_REPLACEMENTS: Final = 1024

_BLANKS: Final = " \t"
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME: Final = _LETTERS | frozenset("0123456789")


class Definition(NamedTuple):
    """A parameter's value; the lines after the first of a multi-line one are ``rest``."""

    value: str
    rest: tuple[str, ...] = ()
    multiline: bool = False


class Reference(NamedTuple):
    """``$NAME``, ``${NAME}`` or ``${NAME WORDS}`` in a line, from ``start`` to before ``end``."""

    start: int
    end: int
    name: str
    words: tuple[str, ...]


def definition(text: str) -> tuple[str, str] | None:
    """The name and the value of a ``$NAME=VALUE`` line, or ``None`` for any other line."""
    if len(text) < 2 or text[0] != "$" or text[1] not in _LETTERS:
        return None
    end = 2
    while end < len(text) and text[end] in _NAME:
        end += 1
    if text[end : end + 1] != "=":
        return None
    return text[1:end], text[end + 1 :].lstrip(_BLANKS)


def reference(text: str, start: int) -> Reference | None:
    """The reference that begins with the ``$`` at ``start``, if one does."""
    braced = text[start + 1 : start + 2] == "{"
    first = start + 2 if braced else start + 1
    if text[first : first + 1] not in _LETTERS:
        return None
    end = first
    while end < len(text) and text[end] in _NAME:
        end += 1
    name = text[first:end]
    if not braced:
        # Only these may follow a name without braces; anything else makes it plain text.
        return Reference(start, end, name, ()) if text[end : end + 1] in ("", " ", "\t", ",", ")") else None
    closing = text.find("}", end)
    if closing < 0:
        return None
    words = text[end:closing]
    if words and (words[0] not in _BLANKS or words[-1] in _BLANKS or set(words) - _NAME - set(_BLANKS)):
        return None
    return Reference(start, closing + 1, name, tuple(words.split()))


def undefined(text: str) -> Iterator[str]:
    """The names of the references that a line holds after everything known was replaced."""
    position = text.find("$")
    while position >= 0:
        found = reference(text, position)
        if found is not None:
            yield found.name
        position = text.find("$", position + 1)


class Replaced(NamedTuple):
    """A line with its parameters replaced, and the lines that a multi-line one adds after it."""

    text: str
    following: tuple[tuple[str, ...], ...]
    changed: bool


def replaced(text: str, find: Callable[[Reference, bool], Definition | None]) -> Replaced:
    """``text`` with every known parameter replaced, also those that the values hold.

    ``find`` is asked with the reference and whether a multi-line definition may stand here.  Raises
    :class:`ValueError` where the line outgrows keepalived's ``MAXBUF``, or a definition contains itself.
    """
    following: list[tuple[str, ...]] = []
    changed = False
    position = text.find("$")
    for _ in range(MAX_REPLACEMENTS):
        while position >= 0:
            found = reference(text, position)
            known = None if found is None else find(found, found.end == len(text))
            if found is not None and known is not None:
                break
            position = text.find("$", position + 1)
        else:
            return Replaced(text, tuple(following), changed)
        changed = True
        text = text[: found.start] + known.value + text[found.end :]
        if len(text) >= MAX_LINE:
            raise ValueError(f"grows beyond {MAX_LINE - 1} characters with its parameters replaced")
        if known.multiline:
            following.append(known.rest)
        if known.value.lstrip(_BLANKS).startswith("~"):
            return Replaced(text, tuple(following), changed)
        position = text.find("$", found.start)
    raise ValueError("replaces parameters without end: a definition contains itself")


class Sequence(NamedTuple):
    """A ``~SEQ`` or ``~LST`` line: the parameters, the sets of values they take one after another, and the rest."""

    names: tuple[str, ...]
    values: Iterator[tuple[str, ...]]
    text: str


def sequence(text: str, substitute: Callable[[str], str]) -> Sequence:
    """What a line that begins with ``~SEQ`` or ``~LST`` means; raises :class:`ValueError` if it is malformed."""
    return _seq(text, substitute) if text.startswith("~SEQ") else _lst(text)


def _seq(text: str, substitute: Callable[[str], str]) -> Sequence:
    hexadecimal = text.startswith("~SEQx")
    inner, rest = _parenthesised(text, 5 if hexadecimal else 4)
    name, comma, numbers = inner.partition(",")
    name = name.strip(_BLANKS)
    parts = substitute(numbers.strip(_BLANKS)).split(",")
    if not comma or not name or set(name) - _NAME or len(parts) > 3:
        raise ValueError("is no ~SEQ(NAME, [START, [STEP,]] END)")
    values = [_integer(part) for part in parts]
    if len(values) == 1:
        (end,) = values
        start, step = (-1 if end < 0 else 1), (-1 if end < 1 else 1)
    elif len(values) == 2:
        start, end = values
        step = 1 if start <= end else -1
    else:
        start, step, end = values
        if not step or (start < end and step < 0) or (start > end and step > 0):
            raise ValueError("steps away from its end")
    if hexadecimal and (start < 0 or end < 0):
        raise ValueError("has negative numbers, which ~SEQx has not")
    numbers_of = range(start, end + (1 if step > 0 else -1), step)
    # keepalived gives the start even where the end already lies behind it.
    counted = numbers_of or range(start, start + 1)
    return Sequence((name,), ((f"{value:x}" if hexadecimal else str(value),) for value in counted), rest)


def _lst(text: str) -> Sequence:
    inner, rest = _parenthesised(text, 4)
    groups = list(_groups(inner))
    if len(groups) < 2 or not all(name and not set(name) - _NAME for name in groups[0]):
        raise ValueError("is no ~LST(NAME, VALUE, …) or ~LST({NAME, …}, {VALUE, …}, …)")
    names, *sets = groups
    if any(len(values) > len(names) for values in sets):
        raise ValueError("gives more values than it has names")
    padded = ((*values, *("" for _ in range(len(names) - len(values)))) for values in sets)
    return Sequence(names, padded, rest)


def _groups(text: str) -> Iterator[tuple[str, ...]]:
    """``{a, b}, c`` as ``(a, b)`` and ``(c,)``."""
    position = 0
    while True:
        while text[position : position + 1] in (" ", "\t"):
            position += 1
        if text[position : position + 1] == "{":
            end = text.find("}", position)
            if end < 0:
                raise ValueError("does not close a brace")
            yield tuple(part.strip(_BLANKS) for part in text[position + 1 : end].split(","))
            position = end + 1
            while text[position : position + 1] in (" ", "\t"):
                position += 1
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            yield (text[position:end].strip(_BLANKS),)
            position = end
        if position >= len(text):
            return
        if text[position] != ",":
            raise ValueError("has something between two values that is no comma")
        position += 1


def _parenthesised(text: str, start: int) -> tuple[str, str]:
    after = text[start:].lstrip(_BLANKS)
    inner, closed, rest = after[1:].partition(")")
    if not after.startswith("(") or not closed:
        raise ValueError("misses its parentheses")
    return inner, rest.lstrip(_BLANKS)


def _integer(text: str) -> int:
    """A number as strtol(3) reads it with base 0: decimal, ``0x`` or ``0`` for octal."""
    digits = text.strip(_BLANKS)
    sign = -1 if digits.startswith("-") else 1
    digits = digits.removeprefix("-").removeprefix("+")
    # Longer ones are beyond a long; int() would take its time over millions of digits.
    if not 1 <= len(digits) <= 20 or set(digits) - set("0123456789abcdefABCDEFxX"):
        raise ValueError("has something that is no number")
    try:
        if digits[:2] in ("0x", "0X"):
            return sign * int(digits, 16)
        return sign * int(digits, 8 if digits[0] == "0" and digits != "0" else 10)
    except ValueError:
        raise ValueError("has something that is no number") from None
