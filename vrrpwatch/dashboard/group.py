"""One group in full: speakers, mastership, successor, what hosts believe, events and packets."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo
from vrrpwatch.core.model import Event, GroupKey
from vrrpwatch.core.news import GroupRow, Neighbour, RecentPacket, View
from vrrpwatch.dashboard import dump, words
from vrrpwatch.dashboard.blocks import lanes, sparkline
from vrrpwatch.dashboard.columns import Scene
from vrrpwatch.dashboard.document import Document
from vrrpwatch.dashboard.page import Page
from vrrpwatch.dashboard.paint import Line, Span, fit, wrapped
from vrrpwatch.report.phrases import event_text, is_late
from vrrpwatch.report.units import clock, count, duration, rank, speaker_protocol
from vrrpwatch.wire.text import safe_text

# As many as help; the rest is counted.
MAX_SPEAKERS: Final = 30
MAX_NEIGHBOURS: Final = 30
MAX_EVENTS: Final = 50
# Below this many columns the two halves stand one below the other.
WIDE: Final = 150


class GroupPage(Page):
    """One group."""

    DEFAULT_CSS = "GroupPage { & Document { width: 1fr; height: 1fr; } & #packets { margin-left: 2; } }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "packet(-1)", show=False),
        Binding("right_square_bracket", "packet(1)", show=False),
    ]

    def __init__(self, reveal: bool, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._abridged = abridged
        self.key: GroupKey | None = None
        self._reveal = reveal
        self._row: GroupRow | None = None
        self._info: GroupInfo | None = None
        self._events: Sequence[Event] = ()
        self._packets: Sequence[RecentPacket] = ()
        self._neighbours: Sequence[Neighbour] = ()
        self._beats: Sequence[int] = ()
        self._scene: Scene | None = None
        # Which packet is shown: its number at its source, or the newest.
        self._chosen: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Document(id="facts")
            yield Document(id="packets")

    @property
    def holds(self) -> bool:
        """Whether the group that is open has been copied."""
        return self._info is not None

    def open(self, key: GroupKey) -> None:
        """Shows another group from its top."""
        if key != self.key:
            self.key, self._chosen, self._info = key, None, None
        for document in self.query(Document).results():
            document.action_top()

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        if self.key is None:
            return
        self._scene = scene
        self._row = view.row(self.key)
        if due or not self.holds:
            self._events = tuple(view.events(self.key)[-MAX_EVENTS:])
        self._info = view.group(self.key)
        self._packets = tuple(view.packets(self.key))
        self._neighbours = tuple(view.neighbours(self.key)[:MAX_NEIGHBOURS])
        self._beats = tuple(view.heartbeat(self.key))

    def present(self, scene: Scene) -> None:
        # A group that was opened on a frozen screen is as old as it was then.
        scene = self._scene or scene
        wide = self.size.width >= WIDE
        facts, packets = self.query_one("#facts", Document), self.query_one("#packets", Document)
        packets.display = wide
        if self.key is None:
            return
        width = (self.size.width - 2) // 2 - 1 if wide else self.size.width - 1
        left = [*self._head(self.key, scene, width), *self._speakers(scene, width), *self._timeline(scene, width)]
        left += self._hosts(scene)
        right = [*self._happened(scene, width), *self._dump(scene, width)]
        facts.show(left if wide else [*left, *right])
        packets.show(right[1:] if wide else [])

    def on_resize(self) -> None:
        if self._scene is not None:
            self.present(self._scene)

    def action_packet(self, by: int) -> None:
        """Shows an older or a newer packet; beyond the newest it follows the newest again."""
        at = self._packet() + by
        if self._packets and self._scene is not None:
            at = max(0, at)
            newest = at >= len(self._packets) - 1
            self._chosen = None if newest else (self._packets[at].source, self._packets[at].packet)
            self.present(self._scene)

    def _packet(self) -> int:
        numbers = [(packet.source, packet.packet) for packet in self._packets]
        return numbers.index(self._chosen) if self._chosen in numbers else len(numbers) - 1

    def _head(self, key: GroupKey, scene: Scene, width: int) -> list[Line]:
        row, info = self._row, self._info
        title: Line = [(words.group(key, scene.mask), "bold")]
        if row is None or info is None:
            return [title, [("this group is not known any more", "warning")]]
        heard = not scene.silences.cover(key)
        state: list[Span] = [(words.state(row.state), words.STATE_STYLES[row.state])]
        if not heard:
            state = [(words.NOT_HEARD, words.NOT_HEARD_STYLE), (f"  it was {row.state}", "dim")]
        if row.master is not None:
            state += [("  master ", "dim"), (scene.mask.ip(row.master), "bold")]
        if row.priority is not None:
            state += [("  priority ", "dim"), (str(row.priority), "")]
        if row.severity is not None:
            state.append(
                (f"  {words.severity(row.severity)} {row.severity.value}", words.SEVERITY_STYLES[row.severity])
            )
        jitter = "" if row.jitter is None else f", jitter {duration(row.jitter)}"
        if self._abridged:
            jitter = f" (jitter is {words.NOT_KEPT})"
        beat = sparkline(self._beats, min(60, max(8, width - 12)), top=2 / row.interval if row.interval > 0 else 0)
        addresses = ", ".join(scene.mask.ip(address) for address in info.addresses) or "not told"
        return [
            title,
            state,
            [("heard ", "dim"), (f"{words.age(row.last, scene.now)} ago, every {duration(row.interval)}{jitter}", "")],
            [("beat  ", "dim"), (beat.lstrip() or "nothing yet", "graph"), (" now", "dim")]
            if heard
            else [("beat  ", "dim"), ("nobody listens", words.NOT_HEARD_STYLE)],
            *wrapped(f"virtual addresses {addresses}", width),
            self._successor(info, scene),
        ]

    def _successor(self, info: GroupInfo, scene: Scene) -> Line:
        if info.successor is None:
            listeners = ", ".join(scene.mask.ip(listener.ip) for listener in info.listeners[:4])
            silent = f"; silent backups, perhaps: {listeners}" if listeners else ""
            return [("next  ", "dim"), (f"nobody known{silent}", "warning")]
        wait = info.successor.in_seconds
        when = "when cannot be known" if wait is None else f"{duration(wait)} after the master falls silent"
        return [("next  ", "dim"), (scene.mask.ip(info.successor.ip), "bold"), (f", {when}", "")]

    def _speakers(self, scene: Scene, width: int) -> list[Line]:
        if self._info is None:
            return []
        speakers = self._info.speakers
        lines: list[Line] = [[], [(f"Speakers ({len(speakers)})", "section")]]
        address = 16 if width < 100 else 26
        for speaker in speakers[:MAX_SPEAKERS]:
            lines.extend(self._speaker(self._info, speaker, scene, address, width))
        if len(speakers) > MAX_SPEAKERS:
            lines.append([(f"  and {len(speakers) - MAX_SPEAKERS:,} more", "dim")])
        return lines

    def _speaker(self, info: GroupInfo, speaker: SpeakerInfo, scene: Scene, address: int, width: int) -> list[Line]:
        is_master = info.master == speaker.key
        more = [f"every {duration(speaker.interval)}", count(speaker.adverts, "advert")]
        if speaker.auth not in (None, "none"):
            more.append(f"auth {safe_text(speaker.auth or '')}")
        if speaker.checksum == "bad":
            more.append("bad checksum")
        if speaker.authentic is not None:
            more.append("verified" if speaker.authentic else "NOT VERIFIED")
        if speaker.implementation:
            more.append(safe_text(speaker.implementation))
        first: list[Span] = [
            ("✔ " if is_master else "  ", "good"),
            (fit(scene.mask.ip(speaker.key.ip), address) + " ", "bold" if is_master else ""),
            (fit(scene.mask.mac(speaker.key.mac), 18), "dim"),
            (f"{rank(speaker)}, {speaker_protocol(info.key, speaker)}", ""),
            (f"  {words.age(speaker.last, scene.now)} ago", "dim"),
        ]
        return [first, *wrapped(", ".join(more), width, "dim", indent="    ")]

    def _timeline(self, scene: Scene, width: int) -> list[Line]:
        if self._info is None:
            return []
        holders = {holder for tenure in self._info.timeline for holder in tenure.holders}
        names = {holder: scene.mask.ip(holder) for holder in holders}
        legend: Line = [("Mastership ", "section"), (" █ master  ▓ contested", "dim")]
        return [[], legend, *lanes(self._info.timeline, scene.now, names, width)]

    def _hosts(self, scene: Scene) -> list[Line]:
        lines: list[Line] = [[], [("Virtual addresses and the MAC that hosts believe", "section")]]
        for one in self._neighbours:
            verdict = {
                True: ("✔ as it should be", "good"),
                False: ("✖ not the master's", "bad"),
                None: ("? unknown", "dim"),
            }
            lines.append(
                [
                    (f"  {fit(scene.mask.ip(one.ip), 16)} ", ""),
                    (f"{scene.mask.mac(one.mac):<18}", ""),
                    verdict[one.expected],
                    (f"  {words.age(one.at, scene.now)} ago", "dim"),
                ]
            )
        if not self._neighbours:
            why = words.NOT_KEPT if self._abridged else "no ARP or neighbour discovery for them heard"
            lines.append([(f"  {why}", "dim")])
        return lines

    def _happened(self, scene: Scene, width: int) -> list[Line]:
        lines: list[Line] = [[], [("Events, the newest first", "section")]]
        for event in reversed(self._events):
            style = words.EVENT_STYLES[event.kind]
            text = wrapped(scene.mask.text(event_text(event)), width - 17, "warning" if is_late(event) else "")
            lines.append(
                [(f"  {clock(event.at, 3)} ", "dim"), (words.EVENT_SYMBOLS[event.kind] + " ", style), *text[0]]
            )
            lines.extend([(" " * 17, ""), *rest] for rest in text[1:])
        return lines if self._events else [*lines, [("  none yet", "dim")]]

    def _dump(self, scene: Scene, width: int) -> list[Line]:
        lines: list[Line] = [[], [("Recent packets", "section")]]
        if not self._packets:
            return [*lines, [(f"  {words.NOT_KEPT if self._abridged else 'none kept'}", "dim")]]
        at = self._packet()
        packet = self._packets[at]
        mark = "the newest" if at == len(self._packets) - 1 else f"{len(self._packets) - 1 - at} before the newest"
        lines[-1] = [
            ("Recent packets ", "section"),
            (f" {at + 1} of {len(self._packets)}, {mark}; [ older, ] newer; packet {packet.packet:,}", "dim"),
        ]
        lines += wrapped(scene.mask.text(dump.in_words(packet, self._reveal)), width)
        if scene.mask.on:
            return [*lines, [("octets hidden by the privacy mask", "dim")]]
        return [*lines, *dump.hex_dump(packet, width, self._reveal)]
