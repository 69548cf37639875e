"""What comes up over a page: a text to read, such as the help, and the question how long to be silent."""

import re
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from vrrpwatch.core.model import Seconds
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.keys import SECTIONS
from vrrpwatch.dashboard.paint import Line, wrapped
from vrrpwatch.dashboard.themes import Palette

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
# Who wants longer than a year wants the rule off.
MAX_SILENCE: Final = 366 * 86_400
_KEY_COLUMN: Final = 11
# Cells from which on what a key does stands beside it.
_TWO_COLUMNS: Final = 36


def parse_silence(text: str) -> Seconds | None:
    """``30m``, ``1h``, ``2 d`` or ``1h30m`` as seconds; ``None``: not understood, or longer than a year."""
    compact = text.casefold().replace(" ", "")
    if not re.fullmatch(r"(?:\d{1,6}(?:s|min|m|h|d))+", compact):
        return None
    total = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(s|min|m|h|d)", compact))
    return float(total) if 0 < total <= MAX_SILENCE else None


def help_lines(width: int, columns: str, player: bool) -> list[Line]:
    """All keys, for a screen of ``width`` cells; ``columns`` are the titles of the table that is up."""
    lines: list[Line] = []
    for section in SECTIONS:
        if section.player and not player:
            continue
        lines.append([(section.title, "section")])
        for key in section.keys:
            if not key.shown:
                continue
            if width < _TWO_COLUMNS:
                lines += [[(f"  {key.shown}", "key")], *wrapped(key.text, width - 4, indent="    ")]
                continue
            text = wrapped(key.text, width - _KEY_COLUMN - 3)
            lines.append([(f"  {key.shown:<{_KEY_COLUMN}}", "key"), *text[0]])
            lines.extend([(" " * (_KEY_COLUMN + 2), ""), *rest] for rest in text[1:])
        lines.append([])
    if columns:
        lines.append([("Columns of this page, the capital letter sorts", "section")])
        lines += wrapped(columns, width - 4, indent="  ")
        lines.append([])
    lines.append([("Symbols", "section")])
    for symbols in (
        "✔ held   ✖ contested: several masters   ○ lost: nobody advertises",
        "✖ critical   ▲ warning   • for information",
        "beat: advertisements of each second, · is none, half a cell a lone master",
    ):
        lines += wrapped(symbols, width - 4, indent="  ")
    return lines


class Reading(ModalScreen[None]):
    """A text over the page, to scroll through and to close."""

    DEFAULT_CSS = """
    Reading { align: center middle; }
    Reading Vertical { width: 90%; max-width: 96; height: 90%; border: round $primary; border-title-color: $primary; }
    Reading.-low Vertical, Reading.-narrow Vertical { width: 100%; height: 100%; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,space", "dismiss", show=False)]

    def __init__(self, heading: str, palette: Palette) -> None:
        super().__init__()
        self._heading = heading
        self._palette = palette

    def lines(self, width: int) -> list[Line]:
        """The text for so many cells."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._heading
            yield Document()

    def on_mount(self) -> None:
        document = self.query_one(Document)
        document.set_palette(self._palette)
        document.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        document = self.query_one(Document)
        document.show(self.lines(max(12, document.size.width - 1)))


class Help(Reading):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1", "dismiss", show=False)]

    def __init__(self, palette: Palette, columns: str, player: bool) -> None:
        super().__init__("Help: ↑ ↓ scroll, Esc closes", palette)
        self._columns = columns
        self._player = player

    def lines(self, width: int) -> list[Line]:
        return help_lines(width, self._columns, self._player)


class Silence(ModalScreen[float | None]):
    """Asks for how long a finding shall be silent; gives seconds, or ``None``."""

    DEFAULT_CSS = """
    Silence { align: center middle; }
    Silence Vertical { width: 60; max-width: 95%; height: auto; border: round $primary; padding: 0 1; }
    Silence Label { width: 1fr; }
    Silence #wrong { color: $error; display: none; }
    Silence.-low, Silence.-narrow { align: center top; }
    Silence.-low Vertical, Silence.-narrow Vertical { width: 100%; max-width: 100%; border: none; padding: 0; }
    Silence.-low #question { height: 1; }
    Silence.-low #forms { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Silent for how long?", id="question", markup=False)
            yield Label("30m, 1h, 8h, 2d", id="forms", markup=False)
            yield Input("1h", compact=True)
            yield Label("", id="wrong", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        seconds = parse_silence(event.value)
        if seconds is None:
            wrong = self.query_one("#wrong", Label)
            wrong.update("a number with s, m, h or d, a year at most")
            wrong.display = True
        else:
            self.dismiss(seconds)
