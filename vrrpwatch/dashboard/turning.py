"""Which page is up: how keys and rows lead from one to another and back, and the line that filters its rows."""

from textual import on
from textual.widgets import ContentSwitcher, Input

from vrrpwatch.dashboard.document import Bar
from vrrpwatch.dashboard.group import GroupPage
from vrrpwatch.dashboard.keys import PAGES
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.page import OpenGroup, OpenPage, Page
from vrrpwatch.dashboard.steering import Steering
from vrrpwatch.wire.text import safe_text


class Turning(Steering):
    """The actions of keys that bring pages up and filter their rows."""

    _mask: Mask
    # The pages that :meth:`action_back` leads to, the last one first.
    _came_from: list[str]

    def _fill(self) -> None:
        """Fills the page that is up."""
        raise NotImplementedError

    def _frame(self) -> None:
        """Paints the lines around the page."""
        raise NotImplementedError

    @property
    def _current(self) -> str:
        return self._base.query_one(ContentSwitcher).current or "groups"

    @property
    def _page(self) -> Page:
        return self._base.query_one(f"#{self._current}", Page)

    def _bar(self, name: str) -> Bar:
        return self._base.query_one(f"#{name}", Bar)

    def _open(self, name: str) -> None:
        """Brings a page up and fills it, with what is now even if the screen is frozen."""
        self._close_filter()
        self._base.query_one(ContentSwitcher).current = name
        self._page.enter()
        self.call_after_refresh(self._fill)

    @on(OpenGroup)
    def _open_group(self, message: OpenGroup) -> None:
        self._came_from.append(self._current)
        self._base.query_one(GroupPage).open(message.key)
        self._open("group")

    @on(OpenPage)
    def _open_page(self, message: OpenPage) -> None:
        self._came_from.append(self._current)
        self._open(message.page)
        table = self._page.table
        if message.filter and table is not None:
            table.set_filter(self._mask.name(message.filter))

    def action_page(self, name: str) -> None:
        self._came_from.clear()
        self._open(name)

    def action_turn(self, by: int) -> None:
        names = [name for name, _ in PAGES]
        current = self._current if self._current in names else "groups"
        self.action_page(names[(names.index(current) + by) % len(names)])

    async def action_back(self) -> None:
        table = self._page.table
        if self._base.query_one("#filtering").display or (
            table is not None and table.listing.filter and not self._came_from
        ):
            if table is not None:
                table.set_filter("")
            self._close_filter()
        elif self._came_from:
            if table is not None:
                table.set_filter("")
            self._open(self._came_from.pop())
        self._frame()

    def action_filter(self) -> None:
        table = self._page.table
        if table is None:
            self.notify("this page has no rows to filter", markup=False)
            return
        line = self._base.query_one("#filter", Input)
        line.password = self._mask.on
        line.value = table.listing.filter
        self._bar("hints").display = False
        self._base.query_one("#filtering").display = True
        line.focus()

    def _close_filter(self) -> None:
        line = self._base.query_one("#filtering")
        if line.display:
            line.display = False
            self._bar("hints").display = True
            self._page.enter()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        table = self._page.table
        if table is not None and self._base.query_one("#filtering").display:
            table.set_filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        self._close_filter()
        self._frame()

    def _filtered(self) -> str:
        table = self._page.table
        if table is None or not table.listing.filter:
            return ""
        # What someone looks for is as private as what is found.
        text = "•••" if self._mask.on else safe_text(table.listing.filter, limit=30)
        left = " …" if table.listing.unread else ""
        return f"/{text}  {len(table.listing):,} of {table.listing.total:,}{left}"
