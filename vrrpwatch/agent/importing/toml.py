"""Writes settings as TOML that people read on: sections with comments, lists of tables one to a line, plain ASCII."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vrrpwatch.wire.text import safe_text

# Lists of tables that are too large for a line each.
_SECTIONS: Final = frozenset({"real"})
_WIDTH: Final = 100
_LONGEST_COMMENT: Final = 1_000


class Section(NamedTuple):
    """``[name]``, or ``[[name]]`` where it is one of several, with what is said before it."""

    name: str
    table: Mapping[str, Any]
    comments: Sequence[str] = ()
    listed: bool = False


def document(head: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole file; a section without a name is its beginning."""
    blocks = ["".join(f"{line}\n" for line in _comments(head))]
    blocks += ("".join(f"{line}\n" for line in _section(section)) for section in sections)
    return "\n".join(blocks)


def _comments(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"# {safe_text(line, _LONGEST_COMMENT)}"


def _section(section: Section) -> Iterator[str]:
    yield from _comments(section.comments)
    if section.name:
        yield f"[[{section.name}]]" if section.listed else f"[{section.name}]"
    inner: list[Section] = []
    for key, value in section.table.items():
        name = f"{section.name}.{key}"
        if isinstance(value, Mapping):
            inner.append(Section(name, value))
        elif key in _SECTIONS:
            inner += (Section(name, one, listed=True) for one in value)
        else:
            yield f"{key} = {_value(value, len(key) + 3)}"
    for one in inner:
        yield ""
        yield from _section(one)


def _value(value: object, indent: int = _WIDTH) -> str:
    """``indent`` is what stands before it in its line; a list that does not fit there has a line for each item."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case str():
            return quoted(value)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
        case list() | tuple():
            items = [_value(one) for one in value]
            line = f"[{', '.join(items)}]"
            several = len(items) > 1 and any(isinstance(one, Mapping) for one in value)
            if indent < _WIDTH and items and (several or indent + len(line) > _WIDTH):
                return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
            return line
    raise TypeError(f"no TOML: {type(value).__name__}")


def quoted(text: str) -> str:
    """A basic string (TOML v1.0.0, "String"), whatever the text holds but lone surrogates, which no string can."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
