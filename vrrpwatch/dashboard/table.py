"""A table that draws the rows one can see and nothing else, and repaints only the lines that changed."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vrrpwatch.dashboard.columns import Column, Placed, Scene, arrange
from vrrpwatch.dashboard.listing import Listing
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.paint import Span, bands, elide, fit, strip
from vrrpwatch.dashboard.themes import PLAIN, Palette

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)

MARKER: Final = "▶"


class Table(ScrollView, Generic[Row, Key], can_focus=True):
    """Rows under a head; the cursor stays on its row however the rows are sorted.

    Until the cursor is moved it stays at the top, whatever comes there.
    """

    DEFAULT_CSS = (
        "Table { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """A row was entered."""

        def __init__(self, row: Any) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor is on another row."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        identity: Callable[[Row], Key],
        *,
        nothing: str,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.listing: Listing[Row, Key] = Listing(columns, identity)
        self.nothing = nothing
        self.palette = PLAIN
        self._scene = Scene(0, Mask())
        self._selected: Key | None = None
        self._placed: list[Placed[Row]] = []
        self._width = 0
        self._lines: list[Strip] = []
        # The lines of this picture and of the one before: what looks the same is the same object.
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._before: dict[tuple[object, ...], Strip] = {}

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        at = self._cursor()
        return self.listing[at] if at is not None else None

    def around(self, margin: int) -> list[Row]:
        """The rows that are on the screen, and ``margin`` before and after them."""
        top = self.scroll_offset.y
        start, end = max(0, top - margin), min(len(self.listing), top + self._height + margin)
        return [self.listing[at] for at in range(start, end)]

    def load(self, rows: Sequence[Row], scene: Scene, *, due: bool = True) -> None:
        """Takes ``rows`` as they are now, sorted again if ``due``; :meth:`repaint` shows them."""
        self._scene = scene
        before = self._cursor()
        self.listing.load(rows)
        self.listing.arrange(scene, due)
        self._follow(before)

    def rearrange(self) -> None:
        """Shows the same rows after the filter, the order or the mask changed."""
        before = self._cursor()
        self.listing.arrange(self._scene)
        self._follow(before)
        self.repaint()

    def set_filter(self, text: str) -> None:
        self.listing.set_filter(text)
        self.rearrange()

    def sort_by(self, letter: str) -> bool:
        if not self.listing.sort_by(letter):
            return False
        self.rearrange()
        return True

    def set_palette(self, palette: Palette) -> None:
        self.palette = palette
        self._strips.clear()
        self._lines = []
        self.repaint()

    def repaint(self) -> None:
        """Draws what is visible, and asks for a repaint of the lines that differ from what is there."""
        if not self._width:
            return
        self._before, self._strips = self._strips, {}
        cursor = self._cursor()
        drawn = [self._draw(y, cursor) for y in range(self.size.height)]
        # Strips of rows that look alike are the same object.
        changed = [y for y, line in enumerate(drawn) if y >= len(self._lines) or self._lines[y] is not line]
        self._lines = drawn
        if changed:
            self.refresh(*bands(changed, self._width))

    def render_line(self, y: int) -> Strip:
        if y < len(self._lines) and self._lines[y].cell_length == self._width:
            return self._lines[y]
        return Strip.blank(self._width, self.palette.base)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.repaint()

    def on_resize(self) -> None:
        self._width = self.scrollable_content_region.width
        self._placed = arrange(self.listing.columns, self._width - 2)
        self._strips.clear()
        self._lines = []
        self._keep_visible()
        self.repaint()

    def on_key(self, event: events.Key) -> None:
        if event.character is not None and event.character.isupper() and self.sort_by(event.character):
            event.stop()

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            self._click_head(event.x - 2)
            return
        at = self.scroll_offset.y + event.y - 1
        if at >= len(self.listing):
            return
        again = at == self._cursor() and event.chain > 1
        self._select(at)
        if again:
            self.action_choose()

    def action_move(self, by: int) -> None:
        at = self._cursor()
        if at is not None:
            self._select(min(len(self.listing) - 1, max(0, at + by)))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self._height - 1))

    def action_first(self) -> None:
        self._selected = None
        self.scroll_to(y=0, animate=False)
        self.repaint()
        self.post_message(self.Moved())

    def action_last(self) -> None:
        if len(self.listing):
            self._select(len(self.listing) - 1)

    def action_choose(self) -> None:
        if (row := self.current) is not None:
            self.post_message(self.Chosen(row))

    @property
    def _height(self) -> int:
        return max(1, self.size.height - 1)

    def _cursor(self) -> int | None:
        if not len(self.listing):
            return None
        found = self.listing.position(self._selected) if self._selected is not None else None
        return found if found is not None else 0

    def _select(self, at: int) -> None:
        self._selected = self.listing.key(at)
        self._keep_visible()
        self.repaint()
        self.post_message(self.Moved())

    def _follow(self, before: int | None) -> None:
        """Lets the selected row stay in its line of the screen where its place among the rows has changed."""
        height = len(self.listing) + 1
        if self.virtual_size.height != height:
            self.virtual_size = Size(self._width, height)
        after = self._cursor()
        if self._selected is None or before is None or after is None or after == before:
            return
        line = before - self.scroll_offset.y
        if 0 <= line < self._height:
            self.scroll_to(y=max(0, after - line), animate=False)

    def _keep_visible(self) -> None:
        at, top = self._cursor(), self.scroll_offset.y
        if self._selected is None or at is None:
            return
        if at < top:
            self.scroll_to(y=at, animate=False)
        elif at >= top + self._height:
            self.scroll_to(y=at - self._height + 1, animate=False)

    def _click_head(self, x: int) -> None:
        start = 0
        for placed in self._placed:
            if start <= x < start + placed.width:
                self.sort_by(placed.column.key)
                return
            start += placed.width + 1

    def _draw(self, y: int, cursor: int | None) -> Strip:
        if y == 0:
            return self._head()
        at = self.scroll_offset.y + y - 1
        if at >= len(self.listing):
            text = self._empty() if y == 2 and not len(self.listing) else ""
            return self._strip(((text, "dim"),), None)
        row, selected = self.listing[at], at == cursor
        spans: list[Span] = [(MARKER + " " if selected else "  ", "key" if selected else "")]
        last = self._placed[-1]
        for placed in self._placed:
            column = placed.column
            text = column.text(row, self._scene)
            if column.middle:
                text = elide(text, placed.width)
            text = text[-placed.width :] if column.tail else fit(text, placed.width, column.right)
            spans.append(
                (text if placed is last else text + " ", column.style(row, self._scene) if column.style else "")
            )
        return self._strip(tuple(spans), self.palette.cursor if selected else None)

    def _empty(self) -> str:
        if self.listing.unread:
            return "  reading rows …"
        return f"  none of {self.listing.total:,} rows fits the filter" if self.listing.total else f"  {self.nothing}"

    def _head(self) -> Strip:
        spans: list[Span] = [("  ", "head")]
        for placed in self._placed:
            column, title = placed.column, placed.column.title
            if column is self.listing.sorting:
                arrow = "▼" if self.listing.reverse else "▲"
                title = title[: placed.width - 1] + arrow
            spans.append((fit(title, placed.width, column.right) + " ", "head"))
        return self._strip(((fit("".join(text for text, _ in spans)[:-1], self._width), "head"),), None)

    def _strip(self, spans: tuple[Span, ...], over: Style | None) -> Strip:
        look = spans, over is None
        found = self._strips.get(look) or self._before.get(look)
        if found is None:
            found = strip(spans, self._width, self.palette, over=over)
        self._strips[look] = found
        return found
