"""What a terminal whose locale is not UTF-8 shows instead of symbols: characters of ASCII that take as many cells."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final, TextIO

from rich.cells import cell_len

_HANDLER: Final = "vrrpwatch.stand-ins"
_STAND_INS: Final = str.maketrans(
    {
        **dict.fromkeys("✔", "+"),
        **dict.fromkeys("✖", "x"),
        "\N{MULTIPLICATION SIGN}": "x",
        **dict.fromkeys("○", "o"),
        **dict.fromkeys("▲↑", "^"),
        **dict.fromkeys("↓", "v"),
        # After a column's title no letter.
        **dict.fromkeys("▼", "\\"),
        **dict.fromkeys("•", "*"),
        **dict.fromkeys("▶→", ">"),
        **dict.fromkeys("◀←", "<"),
        **dict.fromkeys("·", "."),
        **dict.fromkeys("…", "~"),
        **dict.fromkeys("◆", "#"),
        **dict.fromkeys("●", "O"),
        **dict.fromkeys("━═", "="),
        **dict.fromkeys("─▔▁", "-"),
        **dict.fromkeys("│┃▌▐▎▊▏▕", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘┤├┼┬┴", "+"),
        # Levels of graphs, and the grounds of timelines.
        **dict.fromkeys("▂▃", "."),
        **dict.fromkeys("▄▅", ":"),
        **dict.fromkeys("▆▇▀", "+"),
        **dict.fromkeys("█", "#"),
        **dict.fromkeys("▓▒░", "%"),
        **dict.fromkeys("µ", "u"),
    }
)


def stand_in(text: str) -> str:
    """``text`` in ASCII, as many cells wide."""
    return "".join(
        one if one.isascii() else "?" * cell_len(one) for character in text for one in character.translate(_STAND_INS)
    )


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return stand_in(error.object[error.start : error.end]), error.end


@contextmanager
def readable(terminal: TextIO | None) -> Iterator[None]:
    """Lets ``terminal`` take any text for as long as the block lasts: Python's escapes would push lines apart."""
    if not isinstance(terminal, TextIOWrapper):
        yield
        return
    codecs.register_error(_HANDLER, _handle)
    before = terminal.errors
    terminal.reconfigure(errors=_HANDLER)
    try:
        yield
    finally:
        terminal.reconfigure(errors=before)
