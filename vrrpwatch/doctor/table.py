"""The doctor's answer for a terminal: the gravest first, each with its evidence and remedy."""

from collections.abc import Iterator
from io import StringIO
from shutil import get_terminal_size
from typing import Final, Literal, Protocol

from rich.console import Console, ConsoleRenderable
from rich.table import Table
from rich.text import Text

from vrrpwatch.doctor.checks import Verdict
from vrrpwatch.doctor.document import Examination
from vrrpwatch.wire.text import safe_text

_STYLES: Final = {
    Verdict.PROBLEM: ("✖", "bold red"),
    Verdict.WARNING: ("▲", "yellow"),
    Verdict.UNKNOWN: ("?", "cyan"),
    Verdict.OK: ("✔", "green"),
    Verdict.NOT_APPLICABLE: ("·", "dim"),
}
# For terminals that cannot show them.
_ASCII: Final = str.maketrans("✖▲✔·…→", "X!+-~>")


class Sink(Protocol):
    """Where the text goes."""

    @property
    def encoding(self) -> str | None: ...

    def isatty(self) -> bool: ...

    def write(self, text: str, /) -> object: ...


def write_table(
    examinations: tuple[Examination, ...],
    file: Sink,
    *,
    color: Literal["auto", "always", "never"] = "auto",
    width: int | None = None,
) -> None:
    """Writes all examinations; ``width`` in columns (``None``: the terminal's, else 80)."""
    tty = file.isatty() if color == "auto" else color == "always"
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
    for number, examination in enumerate(examinations):
        if number:
            console.print()
        for part in _parts(examination):
            console.print(part)
    text = buffer.getvalue()
    if not (file.encoding or "utf-8").lower().replace("-", "").startswith("utf"):
        text = text.translate(_ASCII)
    file.write("\n".join(line.rstrip() for line in text.split("\n")))


def _parts(examination: Examination) -> Iterator[ConsoleRenderable]:
    with_peer = f" with {examination.peer}" if examination.peer else ""
    yield Text.assemble((f"{safe_text(examination.interface)}{with_peer}: ", "bold"), _verdict(examination))
    yield Text("")
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict, (symbol, style) in _STYLES.items():
        for check in examination.checks:
            if check.verdict is verdict:
                quiet = "dim" if verdict is Verdict.NOT_APPLICABLE else ""
                table.add_row(
                    Text(symbol, style=style), Text(check.name, style=quiet), Text(check.evidence, style=quiet)
                )
                if check.remedy is not None:
                    table.add_row("", "", Text(f"→ {check.remedy}", style="dim" if verdict is Verdict.OK else ""))
    yield table


def _verdict(examination: Examination) -> tuple[str, str]:
    """One sentence that answers the question."""
    count = {verdict: sum(c.verdict is verdict for c in examination.checks) for verdict in Verdict}
    rest = _counts(count)
    if count[Verdict.PROBLEM]:
        return f"cannot carry VRRP and CARP as it is ({rest})", "bold red"
    if count[Verdict.WARNING]:
        return f"can carry VRRP and CARP, with reservations ({rest})", "bold yellow"
    if count[Verdict.UNKNOWN]:
        return f"nothing speaks against VRRP and CARP, as far as can be seen ({rest})", "bold"
    return "can carry VRRP and CARP", "bold green"


def _counts(count: dict[Verdict, int]) -> str:
    parts = [
        f"{count[verdict]} {word}{'' if count[verdict] == 1 or verdict is Verdict.UNKNOWN else 's'}"
        for verdict, word in ((Verdict.PROBLEM, "problem"), (Verdict.WARNING, "warning"), (Verdict.UNKNOWN, "unknown"))
        if count[verdict]
    ]
    return ", ".join(parts)
