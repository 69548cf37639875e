"""What happened, in all groups: every change of mastership, the newest first."""

from operator import itemgetter
from typing import Final

from textual.app import ComposeResult

from vrrpwatch.core.model import Event
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.page import OpenGroup, Page
from vrrpwatch.dashboard.table import Table
from vrrpwatch.report.phrases import event_text, is_late
from vrrpwatch.report.units import clock

# More than anyone scrolls through; the oldest are in the store.
MAX_EVENTS: Final = 20_000


class EventsPage(Page):
    """All events."""

    def compose(self) -> ComposeResult:
        table: Table[Event, Event] = Table(COLUMNS, lambda event: event, nothing="no change of mastership yet")
        table.sort_by("T")
        yield table

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        if due and self.table is not None:
            self.table.load(tuple(view.events()[-MAX_EVENTS:]), scene)

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self.post_message(OpenGroup(message.row.group))


COLUMNS: Final[tuple[Column[Event], ...]] = (
    Column("Time", 12, lambda event, _: clock(event.at, 3), itemgetter(0), down=True),
    Column(
        "Kind",
        17,
        lambda event, _: f"{words.EVENT_SYMBOLS[event.kind]} {event.kind.removeprefix('master-')}",
        lambda event: event.kind,
        style=lambda event, _: words.EVENT_STYLES[event.kind],
        rank=1,
    ),
    Column(
        "Group",
        15,
        lambda event, scene: words.group(event.group, scene.mask),
        lambda event: event.group,
        share=1,
        most=40,
        middle=True,
    ),
    Column(
        "what happened",
        20,
        lambda event, scene: scene.mask.text(event_text(event)),
        share=4,
        style=lambda event, _: "warning" if is_late(event) else "",
    ),
)
