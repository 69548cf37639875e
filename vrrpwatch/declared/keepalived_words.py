"""Words of a keepalived line: comments, quotes, braces and escapes, as keepalived.conf(5) "Quoted strings" has them."""

from typing import Final, NamedTuple

_BLANKS: Final = " \t"
_WHITE: Final = " \t\f\n\r\v"
_ESCAPES: Final = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OCTAL: Final = "01234567"
_HEX: Final = "0123456789abcdefABCDEF"


class Uncommented(NamedTuple):
    """A line without comment and outer blanks, and whether the comment's ``#`` had a ``\\`` before it."""

    text: str
    escaped: bool


def uncommented(text: str) -> Uncommented:
    r"""A line as far as its comment, which begins at ``#`` or ``!`` anywhere outside double quotes.

    A ``\`` before it does not help: keepalived takes it away, and its VRRP process, which reads what the first one has
    read, finds a comment there.
    """
    quoted = escaped = False
    position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == "\\" and following:
            if not quoted and following in "#!":
                escaped = True
                break
            position += 2
            continue
        if character == '"':
            quoted = not quoted
        elif character in "#!" and not quoted:
            break
        position += 1
    return Uncommented(text[:position].strip(_BLANKS), escaped)


def brace(text: str) -> int | None:
    """Where the first brace of a line stands that opens or closes a block: outside quotes, and not of a ``${…}``."""
    position = 0
    while position < len(text):
        character = text[position]
        if character == '"':
            closing = text.find('"', position + 1)
            if closing < 0:
                return None
            position = closing
        elif text.startswith("${", position):
            closing = text.find("}", position)
            if closing < 0:
                return position + 1
            position = closing
        elif character in "{}":
            return position
        position += 1
    return None


def words(text: str) -> tuple[tuple[str, ...], bool]:
    """The words of a line, and whether its quotes are paired; only ``"`` quotes, and it also begins a new word."""
    found: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position] in _WHITE:
            position += 1
        if position == len(text):
            return tuple(found), True
        if text[position] == '"':
            closing = text.find('"', position + 1)
            if closing < 0:
                return tuple(found), False
            found.append(text[position + 1 : closing])
            position = closing + 1
            continue
        start = position
        while position < len(text) and text[position] not in _WHITE and text[position] != '"':
            position += 1
        found.append(text[start:position])


def escaped_words(text: str) -> tuple[str, ...] | None:
    r"""The words of a line as keepalived reads scripts: both quotes, ``\`` escapes as in a shell, nothing executed.

    ``None`` where a quote does not end or the last character is a lone ``\``.
    """
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position] in _WHITE:
            position += 1
            continue
        word: list[str] = []
        quote = ""
        while position < len(text) and (quote or text[position] not in _WHITE):
            character = text[position]
            position += 1
            if character == "\\":
                if position == len(text):
                    return None
                value, position = _escape(text, position)
                word.append(value)
            elif character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote = character
            else:
                word.append(character)
        if quote:
            return None
        found.append("".join(word))
    return tuple(found)


def _escape(text: str, position: int) -> tuple[str, int]:
    """The character that the escape after a ``\\`` at ``position`` stands for, and where it ends."""
    character = text[position]
    if character == "x" and text[position + 1 : position + 2] in tuple(_HEX):
        digits = _span(text, position + 1, _HEX, 2)
        return chr(int(digits, 16)), position + 1 + len(digits)
    if character == "c" and position + 1 < len(text):
        return chr(ord(text[position + 1]) & 0x1F), position + 2
    if character in _OCTAL:
        digits = _span(text, position, _OCTAL, 3)
        return chr(int(digits, 8) & 0xFF), position + len(digits)
    return _ESCAPES.get(character, character), position + 1


def _span(text: str, start: int, alphabet: str, most: int) -> str:
    end = start
    while end < len(text) and end - start < most and text[end] in alphabet:
        end += 1
    return text[start:end]


def cut(text: str) -> tuple[str, str]:
    """The first part of a line that is cut before and after each brace, and what comes after it."""
    at = brace(text)
    if at is None:
        return text, ""
    before = text[:at].strip(_BLANKS)
    return (before, text[at:]) if before else (text[at], text[at + 1 :].strip(_BLANKS))
