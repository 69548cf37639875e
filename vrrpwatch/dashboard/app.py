"""The dashboard itself: pages around one view, refreshed four times a second, and what keys do to the screen."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from threading import current_thread, main_thread
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.theme import Theme
from textual.widgets import ContentSwitcher, Input, Label

from vrrpwatch.core.model import Instant, Severity
from vrrpwatch.core.news import View
from vrrpwatch.dashboard.bars import Status, hint_line, page_line, scrub_line, scrubbed, title_line
from vrrpwatch.dashboard.columns import Scene
from vrrpwatch.dashboard.controls import Hearing, Keeper, Player, is_abridged
from vrrpwatch.dashboard.dialogs import Help
from vrrpwatch.dashboard.document import Bar
from vrrpwatch.dashboard.events import EventsPage
from vrrpwatch.dashboard.feed import Feed, sentence
from vrrpwatch.dashboard.findings import FindingsPage
from vrrpwatch.dashboard.group import GroupPage
from vrrpwatch.dashboard.groups import GroupsPage
from vrrpwatch.dashboard.keys import SECTIONS, bound
from vrrpwatch.dashboard.marks import Marks, subject_of
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.members import MembersPage
from vrrpwatch.dashboard.multicast import MulticastPage
from vrrpwatch.dashboard.notices import Notices
from vrrpwatch.dashboard.page import Page
from vrrpwatch.dashboard.paint import width_of
from vrrpwatch.dashboard.pictures import write_picture
from vrrpwatch.dashboard.rules import RulesPage
from vrrpwatch.dashboard.themes import NAMES, NO_COLOUR, THEMES, Palette, suitable
from vrrpwatch.dashboard.turning import Turning
from vrrpwatch.service.silences import NONE
from vrrpwatch.wire.text import safe_text

INTERRUPTED: Final = 130


class Pages(Screen[None]):
    """The screen of the pages: Tab turns them instead of moving the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.turn(1)", show=False),
        Binding("shift+tab", "app.turn(-1)", show=False),
    ]


class Dashboard(Turning):
    """Shows a view; everything it can do to the outside goes through ``keeper`` and ``player``."""

    CSS = """
    Pages { layout: vertical; overflow: hidden; }
    ContentSwitcher { height: 1fr; }
    Page { height: 1fr; }
    #banner, #scrub { display: none; }
    #filtering { display: none; height: 1; }
    #filter { width: 1fr; }
    CommandPalette.-low CommandInput { height: 1; border: none; }
    CommandPalette.-low > Vertical { margin-top: 0; }
    CommandPalette.-low #--input { height: 1; border: none; }
    CommandPalette.-low #--input SearchIcon { display: none; }
    CommandPalette.-low CommandList { border: none; }
    """
    # What comes up over a page does without frames and room around it where there is little.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (40, "-wide")]  # noqa: RUF012 - Textual's names, which are no ClassVar there
    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.keys, key.action, key.text, show=False) for key in bound() if "tab" not in key.keys),
        Binding("ctrl+p,colon", "command_palette", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        feed: Feed,
        *,
        title: str,
        refresh: float,
        keeper: Keeper,
        player: Player | None,
        hearing: Hearing | None,
        theme: str | None,
        pictures: Path,
        reveal: bool,
    ) -> None:
        no_colour = suitable("truecolor") == NO_COLOUR
        super().__init__(ansi_color=True if no_colour else None)
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme or suitable(self.console.color_system)
        self.title = "vrrpwatch"
        self._name = safe_text(title)
        self._feed = feed
        self._interval = refresh
        self._keeper = keeper
        self._player = player
        self._hearing = hearing
        self._silences = NONE
        self._pictures = pictures
        self._reveal = reveal
        self._mask = Mask()
        self._marks = Marks(keeper)
        self._palette = Palette(self.current_theme)
        self._frozen: Scene | None = None
        self._status = Status(self._name, 0, 0, 0, 0, 0, 0)
        self._events: tuple[Instant, ...] = ()
        self._came_from: list[str] = []
        self._ticks = 0
        self.fault: BaseException | None = None

    def get_default_screen(self) -> Screen[None]:
        return Pages()

    def compose(self) -> ComposeResult:
        yield Bar(id="title")
        yield Bar(id="pages")
        yield Bar(id="banner")
        yield Notices()
        abridged = is_abridged(self._feed.view)
        with ContentSwitcher(initial="groups"):
            yield GroupsPage(abridged, id="groups")
            yield FindingsPage(self._marks, abridged, id="findings")
            yield MulticastPage(abridged, id="multicast")
            yield MembersPage(abridged, id="members")
            yield EventsPage(id="events")
            yield RulesPage(abridged, id="rules")
            yield GroupPage(self._reveal, abridged, id="group")
        yield Bar(id="scrub")
        with Horizontal(id="filtering"):
            yield Label(" /", markup=False)
            yield Input(
                id="filter",
                placeholder="words to find, !word for words that must not be there",
                compact=True,
                select_on_focus=False,
            )
        yield Bar(id="hints")

    def on_mount(self) -> None:
        self._bar("scrub").display = self._player is not None
        self.theme_changed_signal.subscribe(self, self._repaint)
        self._repaint(self.current_theme)
        self._page.enter()
        self._leave_on_signals()
        self._feed.start()
        self.call_after_refresh(self.tick)
        self.set_interval(self._interval, self.tick)

    def on_resize(self) -> None:
        """Paints everything anew: a terminal that was resized several times in a row, or was stopped, shows anything.

        Textual paints what its layout changed, which is nothing where the last size is the one it knows.
        """
        if self.screen_stack:
            self.screen.refresh()

    def _leave_on_signals(self) -> None:
        """Gives the terminal back when it is hung up or the program is asked to end."""
        if current_thread() is main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, 128 + number)

    def _clock(self) -> Instant:
        return self._status.now

    def tick(self) -> None:
        """Takes a picture of the view and paints it; while frozen only the bars go on."""
        self._ticks += 1
        due = self._ticks % max(1, round(1 / self._interval)) == 1 or self._interval >= 1
        self.fault = self._feed.fault()
        if self.fault is not None:
            self.exit(1)
            return
        if self._hearing is not None:
            self._silences = self._hearing.silences()
        if self._frozen is None:
            self._take(due)
        else:
            with self._feed.picture() as view:
                if view is not None:
                    self._count(view)
        self._frame()

    def _take(self, due: bool) -> None:
        """Fills the page that is up with what is now, whatever the screen's state."""
        page = self._page
        scene: Scene | None = None
        with self._feed.picture() as view:
            if view is not None:
                self._count(view)
                scene = Scene(view.now, self._mask, self._silences)
                if due:
                    self._weigh(view)
                page.collect(view, scene, due=due)
        # An error on the way leaves the picture before as it was.
        if scene is not None and self._feed.trouble is None:
            page.present(scene)

    def _count(self, view: View) -> None:
        self._status = self._status._replace(
            now=view.now, dropped=view.dropped, adverts=view.totals.adverts, ended=self._feed.ended
        )

    def _weigh(self, view: View) -> None:
        """What need not be newer than a second: how many findings are open, where a recording changes, names."""
        mark, now = self._marks.lookup(), view.now
        open_ones = [finding.severity for finding in view.findings() if not mark(subject_of(finding)).settles(now)]
        rows = view.rows()
        self._status = self._status._replace(
            groups=len(rows),
            critical=open_ones.count(Severity.CRITICAL),
            warnings=open_ones.count(Severity.WARNING),
        )
        if self._player is not None:
            self._events = tuple(event.at for event in view.events()[-1000:])
        if self._mask.on:
            self._mask.learn({row.key.segment for row in rows} | {row.segment for row in view.multicast()})

    def _frame(self) -> None:
        """Paints the lines around the page."""
        width = self.size.width
        title = "vrrpwatch" if self._mask.on else f"vrrpwatch {self._name}"
        frozen = self._frozen.now if self._frozen is not None else None
        status = self._status._replace(title=title, masked=self._mask.on, frozen=frozen)
        self._bar("title").show(title_line(status, width))
        self._bar("pages").show([span for _, span in page_line(status, self._current, width)])
        banner = self._bar("banner")
        banner.display = self._feed.trouble is not None
        if self._feed.trouble is not None:
            banner.show([(f" ▲ {self._mask.text(self._feed.trouble)} ", "alarm")])
        self._base.query_one(Notices).show(self._silences.told, self._mask, self.size.height)
        if self._player is not None:
            self._bar("scrub").show(scrub_line(self._player, self._events, width))
        self._bar("hints").show(hint_line(width, self._filtered(), self._player is not None))

    def _repaint(self, theme: Theme) -> None:
        self._palette = Palette(theme)
        for bar in self._base.query(Bar).results():
            bar.set_palette(self._palette)
        for page in self._base.query(Page).results():
            page.set_palette(self._palette)

    def _fill(self) -> None:
        """Fills the page that is up; what was frozen stays as it was, and only a group that was not is looked up."""
        page = self._page
        if self._frozen is None or (isinstance(page, GroupPage) and not page.holds):
            self._take(due=True)
        else:
            page.present(self._frozen)
        self._frame()

    def action_freeze(self) -> None:
        if self._frozen is not None:
            self._frozen = None
            self._fill()
            return
        with self._feed.picture() as view:
            if view is not None:
                self._frozen = Scene(self._status.now, self._mask, self._silences)
                self._status = self._status._replace(frozen_adverts=self._status.adverts)
                for page in self._base.query(Page).results():
                    page.collect(view, self._frozen, due=True)
                self._base.query_one(GroupsPage).freeze(view)
        self._frame()

    def action_mask(self) -> None:
        self._mask.on = not self._mask.on
        self._base.query_one("#filter", Input).password = self._mask.on
        for page in self._base.query(Page).results():
            if page.table is not None:
                page.table.listing.forget()
                page.table.rearrange()
        self._fill()

    def action_picture(self) -> None:
        # A notice of an earlier picture would be in this one, with the path that it names.
        self.clear_notifications()
        self.call_after_refresh(self._save_picture)

    def _save_picture(self) -> None:
        try:
            path = write_picture(self.export_screenshot(title="vrrpwatch"), self._pictures, self._status.now)
        except OSError as error:
            self.notify(f"no picture saved: {sentence(error)}", severity="error", markup=False)
            return
        self.notify(f"picture saved: {safe_text(str(path))}", markup=False)

    def action_next_theme(self) -> None:
        at = NAMES.index(self.theme) if self.theme in NAMES else -1
        self.theme = NAMES[(at + 1) % len(NAMES)]
        self.clear_notifications()
        self.notify(f"theme {self.theme}", timeout=2, markup=False)

    def action_help(self) -> None:
        table = self._page.table
        titles = [column.title for column in table.listing.columns if column.key] if table is not None else []
        self.push_screen(Help(self._palette, "  ".join(titles), self._player is not None))

    def action_interrupt(self) -> None:
        self.exit(INTERRUPTED)

    async def action_quit(self) -> None:
        self.exit(0)

    @on(Bar.Clicked)
    def _bar_clicked(self, message: Bar.Clicked) -> None:
        if message.bar == "pages":
            at = 0
            for name, (text, _) in page_line(self._status, self._current, self.size.width):
                at += width_of(text)
                if message.x < at:
                    self.action_page(name)
                    return
        elif message.bar == "scrub" and self._player is not None:
            instant = scrubbed(self._player, message.x, self.size.width)
            if instant is not None:
                self._player.seek(instant)
                self._frame()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """What the palette offers: the themes, and whatever a key does."""
        for section in SECTIONS:
            if section.player and self._player is None:
                continue
            for key in section.keys:
                if key.action and key.action not in ("command_palette", "back"):
                    title = f"{section.title}: {re.split('[;:.(]', key.text)[0].strip()}"
                    yield SystemCommand(title, f"key {key.shown or key.keys}", self._command(key.action))
        yield SystemCommand("Theme", "choose a theme", self.action_change_theme)

    def _command(self, action: str) -> Callable[[], Awaitable[bool]]:
        return lambda: self.run_action(action)
