"""The drawings of the HTML report as inline SVG: who held a group when, and multicast volume over time.

Every drawing has a title and a description for those who cannot see it, and colour never stands alone.
"""

from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from vrrpwatch.core.analysis import GroupInfo, Tenure, VolumeInfo
from vrrpwatch.core.model import NANOSECONDS, Event, Instant
from vrrpwatch.report.markup import child, element
from vrrpwatch.report.phrases import event_text
from vrrpwatch.report.stretches import stretches
from vrrpwatch.report.units import clock, date, duration, rate, router_name
from vrrpwatch.wire.values import IPAddress

WIDTH = 960
BAR = 30
AXIS = 22
CHART = 70
COLORS = 8
# Tenures beyond these are too narrow to see, and a page of them too large to open.
MAX_TENURES = 2_000
MAX_EVENTS = 500
# About what one letter of the label takes, in drawing units.
LETTER = 7.2
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


class Scale:
    """Maps instants from ``first`` to ``last`` onto the width of a drawing."""

    def __init__(self, first: Instant, last: Instant) -> None:
        self.first = first
        self.last = max(last, first + 1)

    def x(self, at: Instant) -> float:
        """Where an instant lies, kept within the drawing."""
        return WIDTH * min(1.0, max(0.0, (at - self.first) / (self.last - self.first)))

    def ticks(self) -> list[Instant]:
        """Round instants, eight at most; only the ends for a stretch too short for whole seconds."""
        seconds = (self.last - self.first) / NANOSECONDS
        step = next((step for step in _STEPS if seconds / step <= 8), None)
        if step is None:
            step = -(-int(seconds) // (8 * 86_400)) * 86_400
        start = -(-self.first // (step * NANOSECONDS)) * step * NANOSECONDS
        found = list(range(start, self.last + 1, step * NANOSECONDS))
        return found if len(found) > 1 else [self.first, self.last]


def mastership(group: GroupInfo, events: Sequence[Event], scale: Scale, number: int) -> Element:
    """A bar of who held the group: one colour and name per holder, hatched where contested, empty where nobody was."""
    svg = _drawing(BAR + 14 + AXIS, f"Who held {router_name(group.key)}", timeline_text(group), f"mastership-{number}")
    order = {speaker.key.ip: index for index, speaker in enumerate(group.speakers)}
    child(svg, "rect", x=0, y=14, width=WIDTH, height=BAR, class_="nobody")
    for tenure in stretches(group.timeline)[:MAX_TENURES]:
        _tenure(svg, tenure, scale, order)
    for event in events[:MAX_EVENTS]:
        x = min(max(scale.x(event.at), 4), WIDTH - 4)
        mark = child(svg, "path", d=f"M{x - 4:.1f} 2 L{x + 4:.1f} 2 L{x:.1f} 12 Z", class_=f"event {event.kind}")
        child(mark, "title", f"{clock(event.at)} {event_text(event)}")
    _axis(svg, scale, BAR + 14)
    return svg


def holder_class(order: int) -> str:
    """The style class of a group's speaker by its place among the speakers: its colour, here and beside its name."""
    return f"c{order % COLORS}"


def _tenure(svg: Element, tenure: Tenure, scale: Scale, order: dict[IPAddress, int]) -> None:
    left, right = scale.x(tenure.first), scale.x(tenure.last)
    # A moment, however short, must not vanish.
    width = max(right - left, 1.5)
    match tenure.holders:
        case ():
            kind, label = "lost", "nobody"
        case (holder,):
            kind, label = f"holder {holder_class(order.get(holder, 0))}", str(holder)
        case holders:
            kind, label = "contested", " and ".join(map(str, holders))
    bar = child(svg, "rect", x=left, y=14, width=width, height=BAR, class_=kind)
    held = duration((tenure.last - tenure.first) / NANOSECONDS)
    child(bar, "title", f"{label}, {clock(tenure.first, 3)} to {clock(tenure.last, 3)} ({held})")
    if width > LETTER * len(label) + 10:
        style = "label dark" if kind in ("lost", "contested") else "label"
        if kind == "contested":
            box = LETTER * len(label) + 8
            child(svg, "rect", x=left + width / 2 - box / 2, y=19, width=box, height=BAR - 10, rx=4, class_="plate")
        child(svg, "text", label, x=left + width / 2, y=14 + BAR / 2 + 4.5, class_=style)


def timeline_text(group: GroupInfo) -> str:
    """The mastership bar in words."""
    if not group.timeline:
        return "No mastership is known."
    parts = []
    shown = stretches(group.timeline)
    for tenure in shown[:20]:
        who = " and ".join(map(str, tenure.holders)) or "nobody"
        contest = " (contested)" if len(tenure.holders) > 1 else ""
        parts.append(f"{clock(tenure.first, 0)} to {clock(tenure.last, 0)} {who}{contest}")
    more = len(shown) - 20
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def volume(info: VolumeInfo, scale: Scale, number: int) -> Element:
    """Packets per second over time as an area, in steps of the series' buckets."""
    rates = [packets / info.bucket for packets, _ in info.series]
    top = max(rates, default=0.0)
    text = (
        f"{rate(info.packets_per_second.mean)} packets per second on average, "
        f"{rate(info.packets_per_second.peak)} in the busiest second; a step is {duration(info.bucket)}"
    )
    svg = _drawing(CHART + 14 + AXIS, f"{info.destination}, {info.protocol}", text, f"volume-{number}")
    base = CHART + 14
    child(svg, "line", x1=0, x2=WIDTH, y1=14, y2=14, class_="grid")
    child(svg, "line", x1=0, x2=WIDTH, y1=base, y2=base, class_="grid")
    step = info.bucket * NANOSECONDS
    # Buckets begin at multiples of their width, so the first may begin before its first packet.
    start = info.first // step * step
    points = [f"M{scale.x(start):.1f} {base}"]
    for index, value in enumerate(rates):
        y = base - (CHART * value / top if top else 0)
        left, right = scale.x(start + index * step), scale.x(start + (index + 1) * step)
        points.append(f"L{left:.1f} {y:.1f} L{max(right, left + 1):.1f} {y:.1f}")
    end = scale.x(start + len(rates) * step)
    points.append(f"L{max(end, scale.x(start) + 1):.1f} {base} Z")
    child(svg, "path", d=" ".join(points), class_="area")
    child(svg, "text", f"{rate(top)} packets/s", x=4, y=11, class_="tick start")
    _axis(svg, scale, base)
    return svg


def _drawing(height: int, title: str, description: str, name: str) -> Element:
    svg = element(
        "svg",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-text",
    )
    child(svg, "title", title, id=f"{name}-title")
    child(svg, "desc", description, id=f"{name}-text")
    return svg


def _axis(svg: Element, scale: Scale, y: int) -> None:
    ticks = scale.ticks()
    step = min((after - before for before, after in pairwise(ticks)), default=NANOSECONDS)
    for at in ticks:
        x = scale.x(at)
        child(svg, "line", x1=x, x2=x, y1=y, y2=y + 4, class_="grid")
        label = date(at) if step >= 86_400 * NANOSECONDS else clock(at, 3 if step < NANOSECONDS else 0)
        side = "start" if x < 30 else "end" if x > WIDTH - 30 else "middle"
        child(svg, "text", label, x=x, y=y + 17, class_=f"tick {side}")


def hatch() -> Element:
    """The pattern of contested time, once per page: two colours in stripes."""
    svg = element("svg", width=0, height=0, aria_hidden="true", class_="defs")
    pattern = child(
        child(svg, "defs"),
        "pattern",
        id="hatch",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    child(pattern, "rect", width=8, height=8, class_="stripe-a")
    child(pattern, "rect", width=4, height=8, class_="stripe-b")
    return svg
