"""Text for a terminal, laid out by rich and written at once: its width, its colours, and what it cannot show."""

from collections.abc import Callable, Iterable
from io import StringIO
from shutil import get_terminal_size
from typing import Final, Literal

from rich.console import Console, ConsoleRenderable

from vrrpwatch.report.writer import TextSink

Color = Literal["auto", "always", "never"]

# For terminals that cannot show them.
_ASCII: Final = str.maketrans("✖▲•✔○●·…─", "X!*+o*-~-")


def print_parts(
    parts: Callable[[int], Iterable[ConsoleRenderable]], file: TextSink, *, width: int | None = None, color: Color
) -> None:
    """Writes what ``parts`` returns for so many columns; ``width`` ``None`` is the terminal's, else 80."""
    tty = file.isatty() if color == "auto" else color == "always"
    # Rendered apart and written at once, so that an encoding without the symbols can be served.
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=width or (get_terminal_size().columns if file.isatty() else 80),
        force_terminal=tty,
        color_system="standard" if tty else None,
        no_color=not tty,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    for part in parts(console.width):
        console.print(part)
    text = buffer.getvalue()
    if not (file.encoding or "utf-8").lower().replace("-", "").startswith("utf"):
        text = text.translate(_ASCII)
    # Padding would only show as odd selections and diffs.
    file.write("\n".join(line.rstrip() for line in text.split("\n")))
