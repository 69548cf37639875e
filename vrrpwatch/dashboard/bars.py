"""The lines around a page: title with clock and drops, the pages, the scrub bar of a recording, the hints."""

from typing import Final, NamedTuple

from vrrpwatch.core.model import Instant
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.controls import Player
from vrrpwatch.dashboard.keys import PAGES
from vrrpwatch.dashboard.paint import Line, Span, fit, width_of
from vrrpwatch.report.units import clock, date

HINTS: Final = (
    ("?", "help"),
    ("/", "filter"),
    ("Space", "freeze"),
    ("Enter", "open"),
    ("m", "mask"),
    ("s", "picture"),
    ("q", "quit"),
    ("Esc", "back"),
    ("t", "theme"),
)


class Status(NamedTuple):
    """What the lines around the page tell."""

    title: str
    now: Instant
    dropped: int
    adverts: int
    groups: int
    critical: int
    warnings: int
    frozen: Instant | None = None
    frozen_adverts: int = 0
    masked: bool = False
    ended: bool = False


def title_line(status: Status, width: int) -> Line:
    """Title at the left; at the right what fits of drops, clock and marks, the drops first of all."""
    marks: list[tuple[int, int, Span]] = []
    if status.frozen is not None:
        more = status.adverts - status.frozen_adverts
        # A recording may have been wound back since.
        since = f"{words.age(status.frozen, status.now)} +{more:,} adverts " if more >= 0 else ""
        marks.append((1, 0, (f" FROZEN {since}", "notice")))
    if status.masked:
        marks.append((2, 1, (" MASKED ", "notice")))
    if status.ended:
        marks.append((3, 2, (" ENDED ", "notice")))
    lost = status.dropped > 0
    marks.append((0, 3, (f" {'▲ ' if lost else ''}drops {status.dropped:,} ", "alarm" if lost else "")))
    shown = status.now if status.frozen is None else status.frozen
    if shown:
        # Until something is heard there is no time.
        marks.append((4, 4, (f"{date(shown)} " if width >= 72 else "", "")))
        marks.append((3, 5, (f"{clock(shown, 0)}Z ", "bold")))
    kept: list[tuple[int, int, Span]] = []
    for mark in sorted(marks, key=lambda mark: mark[0]):
        if sum(width_of(one[2][0]) for one in kept) + width_of(mark[2][0]) <= width:
            kept.append(mark)
    right = [span for _, _, span in sorted(kept, key=lambda mark: mark[1])]
    room = width - sum(width_of(text) for text, _ in right)
    return [(fit(f" {status.title}", room), "bold"), *right]


# How much of the names of pages that are not up is shown, in the order in which it is tried.
_NAMES: Final = (99, 3, 0)


def page_line(status: Status, current: str, width: int) -> list[tuple[str, Span]]:
    """The pages with their keys, each with its name; what a click on a span means is the name beside it."""
    spans: list[tuple[str, Span]] = []
    for shown in _NAMES:
        spans = _pages(status, current, shown)
        if sum(width_of(text) for _, (text, _) in spans) <= width:
            break
    return spans


def _pages(status: Status, current: str, shown: int) -> list[tuple[str, Span]]:
    """With ``shown`` characters of the names, but of the page that is up all, and with the number of groups if all."""
    spans: list[tuple[str, Span]] = []
    for number, (name, title) in enumerate(PAGES, 1):
        label = f" {number} {title if name == current else title[:shown]}".rstrip()
        if name == "groups" and shown == _NAMES[0]:
            label += f" {status.groups:,}"
        spans.append((name, (label, "tab" if name == current else "")))
        style = "tab" if name == current else ""
        if name == "findings" and status.critical:
            spans.append((name, (f" ✖{status.critical:,}", "tab" if style else "bad")))
        if name == "findings" and status.warnings:
            spans.append((name, (f" ▲{status.warnings:,}", "tab" if style else "warning")))
        spans.append((name, (" ", style)))
    return spans


def hint_line(width: int, filtered: str, player: bool) -> Line:
    """What the filter does, then the keys that there is room for."""
    spans: list[Span] = [(f" {filtered} ", "notice"), (" ", "")] if filtered else [(" ", "")]
    hints = (*HINTS[:4], ("p", "play"), *HINTS[4:]) if player else HINTS
    room = width - sum(width_of(text) for text, _ in spans)
    for key, text in hints:
        size = len(key) + len(text) + 3
        if size > room:
            break
        spans += [(key, "key"), (f" {text}  ", "")]
        room -= size
    return spans


# What stands before and after the track of the scrub bar.
_BEFORE: Final = 26
_AFTER: Final = 11


def scrub_line(player: Player, events: tuple[Instant, ...], width: int) -> Line:
    """Where a recording is: state, speed, position, the track with its changes of mastership, the end."""
    first, last = player.first, max(player.last, player.first + 1)
    columns = track(width)
    at = _place(player.position, first, last, columns)
    cells: list[Span] = [("━", "graph") if column < at else ("─", "dim") for column in range(columns)]
    for event in events:
        cells[_place(event, first, last, columns)] = ("◆", "warning")
    cells[at] = ("●", "key")
    state = "▶ playing" if player.playing else "‖ paused "
    head = f" {state} {player.speed:>4g}x {clock(player.position, 0)} "
    return [(fit(head, _BEFORE), "bold"), *cells, (fit(f" {clock(last, 0)}", _AFTER), "dim")]


def track(width: int) -> int:
    """How many cells the scrub bar's track has."""
    return max(4, width - _BEFORE - _AFTER)


def scrubbed(player: Player, x: int, width: int) -> Instant | None:
    """The instant that a click at column ``x`` of the scrub bar means; ``None`` beside the track."""
    columns = track(width)
    if not _BEFORE <= x < _BEFORE + columns:
        return None
    return player.first + (player.last - player.first) * (x - _BEFORE) // max(1, columns - 1)


def _place(at: Instant, first: Instant, last: Instant, columns: int) -> int:
    return min(columns - 1, max(0, (at - first) * (columns - 1) // (last - first)))
