"""What all pages have in common: they copy what they show while the source stands still, and paint it afterwards."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from textual import on
from textual.containers import Vertical
from textual.message import Message

from vrrpwatch.core.model import GroupKey
from vrrpwatch.core.news import View
from vrrpwatch.dashboard.columns import Scene
from vrrpwatch.dashboard.document import Bar, Document
from vrrpwatch.dashboard.paint import Line
from vrrpwatch.dashboard.table import Table
from vrrpwatch.dashboard.themes import Palette

Row = TypeVar("Row")


class OpenGroup(Message):
    """Someone wants to see a group in full."""

    def __init__(self, key: GroupKey) -> None:
        super().__init__()
        self.key = key


class OpenPage(Message):
    """Someone wants to see another page, its rows filtered by ``filter``."""

    def __init__(self, page: str, filter: str = "") -> None:  # noqa: A002
        super().__init__()
        self.page = page
        self.filter = filter


class Page(Vertical):
    """A page.  :meth:`collect` is called with the view's lock held and keeps no reference into the view."""

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        """Copies what the page shows; ``due`` once a second, for what need not be newer."""
        raise NotImplementedError

    def present(self, scene: Scene) -> None:  # noqa: ARG002  # for those that paint more than a table
        """Paints what was collected."""
        if self.table is not None:
            self.table.repaint()

    @property
    def table(self) -> Table[Any, Any] | None:
        """The page's table, if it has one: filter and sorting are for it."""
        return next(iter(self.query(Table)), None)

    def parts(self) -> Iterator[Table[Any, Any] | Document | Bar]:
        """All that paints by palette."""
        yield from self.query(Table).results()
        yield from self.query(Document).results()

    def set_palette(self, palette: Palette) -> None:
        for part in self.parts():
            part.set_palette(palette)

    def enter(self) -> None:
        """Takes the keys: the page has come up."""
        for part in self.parts():
            part.focus(scroll_visible=False)
            return


class DetailedPage(Page, Generic[Row]):
    """A page with one table, and below it what there is to say of the row under the cursor."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._scene: Scene | None = None

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.table.current if self.table is not None else None

    def below(self, row: Row | None, scene: Scene) -> list[Line]:
        """What stands below the table while the cursor is on ``row``."""
        raise NotImplementedError

    def present(self, scene: Scene) -> None:
        super().present(scene)
        self.query_one(Document).show(self.below(self.current, scene))

    @on(Table.Moved)
    def _moved(self) -> None:
        if self._scene is not None:
            self.present(self._scene)
