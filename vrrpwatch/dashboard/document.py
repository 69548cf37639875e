"""Lines of text that scroll: the group page, a finding in full, the help; and bars of one line."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from vrrpwatch.dashboard.paint import Line, bands, strip
from vrrpwatch.dashboard.themes import PLAIN, Palette


class Document(ScrollView, can_focus=True):
    """Shows lines and scrolls over them; only lines that changed are repainted."""

    DEFAULT_CSS = (
        "Document { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", show=False),
        Binding("down,j", "go(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "top", show=False),
        Binding("end", "bottom", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.palette = PLAIN
        self._text: list[tuple[tuple[str, str], ...]] = []
        self._strips: dict[tuple[tuple[str, str], ...], Strip] = {}

    def show(self, lines: Sequence[Line]) -> None:
        """Shows these lines instead of those before."""
        fresh = [tuple(line) for line in lines]
        top = self.scroll_offset.y
        before = self._text
        self._text = fresh
        if self.virtual_size.height != len(fresh):
            self.virtual_size = Size(self.size.width, len(fresh))
        lines_seen = range(top, top + self.size.height)
        changed = [at - top for at in lines_seen if before[at : at + 1] != fresh[at : at + 1]]
        if changed:
            self.refresh(*bands(changed, self.size.width))

    def set_palette(self, palette: Palette) -> None:
        self.palette = palette
        self._strips.clear()
        self.refresh()

    def on_resize(self) -> None:
        self._strips.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        at, width = self.scroll_offset.y + y, self.size.width
        if at >= len(self._text):
            return Strip.blank(width, self.palette.base)
        line = self._text[at]
        found = self._strips.get(line)
        if found is None:
            if len(self._strips) > 4 * len(self._text) + 100:
                self._strips.clear()
            found = self._strips[line] = strip(line, width, self.palette)
        return found

    def action_go(self, by: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def action_page(self, by: int) -> None:
        self.action_go(by * max(1, self.size.height - 1))

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_to(y=len(self._text), animate=False)


class Bar(Widget):
    """One line on the bars' ground."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    class Clicked(Message):
        """Someone clicked on a bar, at column ``x`` of it."""

        def __init__(self, bar: str, x: int) -> None:
            super().__init__()
            self.bar = bar
            self.x = x

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.palette = PLAIN
        self._spans: tuple[tuple[str, str], ...] = ()

    def show(self, line: Line) -> None:
        spans = tuple(line)
        if spans != self._spans:
            self._spans = spans
            self.refresh()

    def set_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Clicked(self.id or "", event.x))

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width)
        return strip(self._spans, self.size.width, self.palette, ground=self.palette["bar"])
