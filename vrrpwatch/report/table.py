"""The report for a terminal: verdict, findings, virtual routers, timeline, multicast volume, totals.

Everything that came off the wire or out of a file name is made safe before rich sees it, and never parsed as markup.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import ConsoleRenderable
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from vrrpwatch.core.analysis import Analysis, GroupInfo, Tenure, VolumeInfo
from vrrpwatch.core.cures import Cures
from vrrpwatch.core.model import NANOSECONDS, Event, Severity
from vrrpwatch.report import phrases
from vrrpwatch.report.terminal import Color, print_parts
from vrrpwatch.report.units import (
    clock,
    count,
    date,
    duration,
    group_name,
    packet_list,
    rank,
    rate,
    scaled,
    share,
    source_name,
    span,
)
from vrrpwatch.report.writer import TextSink
from vrrpwatch.wire.text import safe_text

# Beyond these a screen is no place to read: the other outputs list everything.
MAX_FINDINGS = 100
MAX_BLOCKS = 20
MAX_GROUPS = 200
MAX_EVENTS = 200
MAX_VOLUMES = 30
MAX_ADDRESSES = 20
MAX_TEXT = 1_000

_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_STATE_STYLES = {"held": "green", "contested": "bold red", "lost": "yellow"}


def write_table(
    analysis: Analysis,
    file: TextSink,
    *,
    width: int | None = None,
    color: Color = "auto",
    disagreements: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Writes the report; ``width`` in columns (``None``: the terminal's, else 80).

    ``disagreements`` are the second opinion's, where it was asked for.
    """
    print_parts(lambda columns: _report(analysis, columns, disagreements), file, width=width, color=color)


def _report(
    analysis: Analysis, width: int, disagreements: Sequence[dict[str, Any]] | None
) -> Iterator[ConsoleRenderable]:
    yield _verdict(analysis)
    yield from _damage(analysis)
    if analysis.findings:
        yield from _findings(analysis)
    if analysis.groups:
        yield from _groups(analysis, width)
    if analysis.events:
        yield from _timeline(analysis)
    if analysis.multicast:
        yield from _multicast(analysis, width)
    yield from _totals(analysis)
    if disagreements is not None:
        yield from _second_opinion(disagreements)


def _heading(title: str, note: str = "") -> Iterator[ConsoleRenderable]:
    yield Text("")
    yield Rule(Text.assemble((title, "bold"), f", {note}" if note else ""), align="left", style="dim")


def _indent(text: Text, left: int = 2) -> Padding:
    return Padding(text, (0, 0, 0, left))


def _marked(symbol: str, style: str, text: Text | str) -> Table:
    """A text that hangs beside its symbol."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(symbol, style=style), text if isinstance(text, Text) else Text(text))
    return table


def _more(number: int, noun: str) -> Iterator[ConsoleRenderable]:
    if number > 0:
        yield _indent(Text(f"… and {count(number, f'more {noun}')}: --output json lists all", style="dim"))


def _verdict(analysis: Analysis) -> Table:
    symbol, gravest = phrases.verdict_mark(analysis)
    style = "bold green" if gravest is None else _STYLES[gravest]
    sentence = phrases.verdict(analysis)
    return _marked(symbol, style, Text(sentence[0].upper() + sentence[1:], style="bold"))


def _damage(analysis: Analysis) -> Iterator[ConsoleRenderable]:
    for source in analysis.sources:
        if source.damage is not None:
            yield _marked("▲", "yellow", f"{source_name(source)}: {safe_text(source.damage)}")
        for interface in source.interfaces:
            if interface.dropped:
                lost = count(interface.dropped, "packet")
                where = f" on {safe_text(interface.name)}" if interface.name else ""
                yield _marked("▲", "yellow", f"{source_name(source)}: the capture lost {lost}{where}")


def _findings(analysis: Analysis) -> Iterator[ConsoleRenderable]:
    yield from _heading("Findings")
    cures = Cures(analysis.groups, analysis.multicast)
    for finding in analysis.findings[:MAX_FINDINGS]:
        style = _STYLES[finding.severity]
        title = Text.assemble((f"{finding.severity.value:<8}  ", style), (phrases.finding_title(finding), "bold"))
        yield _marked(phrases.SYMBOLS[finding.severity], style, title)
        yield _indent(Text(safe_text(finding.summary, MAX_TEXT)))
        evidence = packet_list(finding.evidence, analysis.sources)
        extent = phrases.finding_extent(finding)
        yield _indent(Text(f"{evidence} · {extent}" if evidence else extent, style="dim"))
        if (cure := cures.of(finding)) is not None:
            yield _indent(Text(safe_text(phrases.cure_text(cure), MAX_TEXT), style="dim"))
    yield from _more(len(analysis.findings) - MAX_FINDINGS, "finding")


def _groups(analysis: Analysis, width: int) -> Iterator[ConsoleRenderable]:
    yield from _heading("Virtual routers", "when the capture ended")
    if len(analysis.groups) > MAX_BLOCKS:
        yield _group_rows(analysis.groups[:MAX_GROUPS], width)
        yield from _more(len(analysis.groups) - MAX_GROUPS, "virtual router")
        return
    for group in analysis.groups:
        yield from _group_block(group)


def _group_block(group: GroupInfo) -> Iterator[ConsoleRenderable]:
    yield Text.assemble(
        (f"{phrases.STATE_SYMBOLS[group.state]} {group.state}", _STATE_STYLES[group.state]),
        "  ",
        (group_name(group.key), "bold"),
    )
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    master = next((speaker for speaker in group.speakers if speaker.key == group.master), None)
    if group.master is not None:
        mac = f" ({group.master.mac})" if group.master.mac else ""
        facts.add_row("master", Text(f"{group.master.ip}{mac}" + (f", {rank(master)}" if master else "")))
    elif group.state == "lost":
        facts.add_row("master", Text("nobody", style="yellow"))
    if group.addresses:
        facts.add_row("addresses", Text(_addresses(group)))
    if successor := phrases.successor_text(group):
        facts.add_row("next", Text(successor))
    every = f"every {duration(group.interval)}, "
    facts.add_row("adverts", Text(f"{group.adverts:,}, {every}{span(group.first, group.last)}"))
    for position, speaker in enumerate(group.speakers):
        facts.add_row(
            "" if position else count(len(group.speakers), "speaker").split(" ", 1)[1],
            Text.assemble((str(speaker.key.ip), "bold"), f"  {phrases.speaker_text(group, speaker)}"),
        )
    for listener in group.listeners:
        facts.add_row("listener", Text(f"{listener.ip} joined at {clock(listener.joined, 0)}, never advertised"))
    yield Padding(facts, (0, 0, 0, 2))


def _addresses(group: GroupInfo) -> str:
    listed = ", ".join(map(str, group.addresses[:MAX_ADDRESSES]))
    more = len(group.addresses) - MAX_ADDRESSES
    return f"{listed} and {more} more" if more > 0 else listed


def _group_rows(groups: Sequence[GroupInfo], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("State", no_wrap=True)
    table.add_column("Virtual router", overflow="fold")
    table.add_column("Master", overflow="fold")
    table.add_column("Every", justify="right", no_wrap=True)
    table.add_column("Adverts", justify="right", no_wrap=True)
    if width >= 100:
        table.add_column("Speakers", justify="right")
        table.add_column("Next", overflow="fold")
        table.add_column("Addresses", overflow="fold")
    for group in groups:
        row = [
            Text(f"{phrases.STATE_SYMBOLS[group.state]} {group.state}", style=_STATE_STYLES[group.state]),
            Text(group_name(group.key)),
            Text(str(group.master.ip) if group.master else "nobody"),
            Text(duration(group.interval)),
            Text(f"{group.adverts:,}"),
        ]
        if width >= 100:
            row.append(Text(str(len(group.speakers))))
            row.append(Text(str(group.successor.ip) if group.successor else ""))
            row.append(Text(_addresses(group)))
        table.add_row(*row)
    return table


def _timeline(analysis: Analysis) -> Iterator[ConsoleRenderable]:
    yield from _heading("Timeline", "UTC")
    entries = [(event.at, event.group, _event_line(event)) for event in analysis.events]
    for group in analysis.groups:
        contests = (tenure for tenure in group.timeline if len(tenure.holders) > 1)
        entries.extend((contest.first, group.key, _contest_line(contest)) for contest in contests)
    entries.sort(key=lambda entry: entry[0])
    many = len({group for _, group, _ in entries}) > 1
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    day = None
    for at, key, line in entries[:MAX_EVENTS]:
        if date(at) != day:
            day = date(at)
            table.add_row(Text(day, style="bold"), "")
        table.add_row(clock(at), Text(f"{group_name(key)}: ").append(line) if many else line)
    yield table
    yield from _more(len(entries) - MAX_EVENTS, "event")


def _event_line(event: Event) -> Text:
    line = Text(phrases.event_text(event), style=_event_style(event.kind))
    if phrases.is_late(event) and event.gap is not None and event.expected_gap is not None:
        line.append(f" ({duration(event.gap - event.expected_gap)} late)", style="yellow")
    return line


def _contest_line(contest: Tenure) -> Text:
    lasted = duration((contest.last - contest.first) / NANOSECONDS)
    return Text(f"{' and '.join(map(str, contest.holders))} both act as master, for {lasted}", style="red")


def _event_style(kind: str) -> str:
    return "yellow" if kind == "master-lost" else ""


def _multicast(analysis: Analysis, width: int) -> Iterator[ConsoleRenderable]:
    yield from _heading("Multicast", "bytes as on the wire")
    volumes = sorted(analysis.multicast, key=lambda volume: -volume.bytes)
    if width < 60:
        for volume in volumes[:MAX_VOLUMES]:
            part = share(volume.bytes, analysis.totals.multicast_bytes)
            yield Text(f"{safe_text(volume.destination)} on {safe_text(volume.segment)}", style="bold")
            facts = (safe_text(volume.protocol), count(volume.packets, "packet"), scaled(volume.bytes, "B"), part)
            yield _indent(Text(", ".join(facts)))
    else:
        yield _volume_table(volumes[:MAX_VOLUMES], analysis.totals.multicast_bytes, width)
    yield from _more(len(volumes) - MAX_VOLUMES, "destination")


def _volume_table(volumes: Sequence[VolumeInfo], whole: int, width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    several = len({volume.segment for volume in volumes}) > 1
    if several:
        table.add_column("Segment", overflow="fold")
    table.add_column("Destination", overflow="fold")
    table.add_column("Protocol", overflow="fold")
    numbers = ["Packets", "Bytes"]
    numbers += ["Mean/s", "Peak/s"] if width >= 75 else []
    numbers += ["Peak bit/s", "Senders"] if width >= 100 else []
    for title in (*numbers, "Share"):
        table.add_column(title, justify="right", no_wrap=True)
    for volume in volumes:
        figures = _figures(volume)
        table.add_row(
            *([Text(safe_text(volume.segment))] if several else []),
            Text(safe_text(volume.destination)),
            Text(safe_text(volume.protocol)),
            *(Text(figures[title]) for title in numbers),
            Text(share(volume.bytes, whole)),
        )
    return table


def _figures(volume: VolumeInfo) -> dict[str, str]:
    return {
        "Packets": f"{volume.packets:,}",
        "Bytes": scaled(volume.bytes, "B"),
        "Mean/s": rate(volume.packets_per_second.mean),
        "Peak/s": rate(volume.packets_per_second.peak),
        "Peak bit/s": scaled(volume.bits_per_second.peak, "bit/s"),
        "Senders": f"{len(volume.sources):,}",
    }


def _totals(analysis: Analysis) -> Iterator[ConsoleRenderable]:
    yield from _heading("Totals")
    yield Text(phrases.totals_text(analysis))
    times = [at for source in analysis.sources for at in (source.first, source.last) if at is not None]
    if times:
        first, last = min(times), max(times)
        extent = f"{date(first)} {clock(first, 3)} to {date(last)} {clock(last, 3)} UTC"
        yield Text(f"{extent} ({duration((last - first) / 1e9)})")
    if skipped := phrases.not_understood(analysis):
        yield Text(f"Not looked into (frames): {skipped}")
    if evicted := phrases.evictions(analysis):
        yield _marked("▲", "yellow", f"More than the tables hold, counted only: {evicted}")


def _second_opinion(disagreements: Sequence[dict[str, Any]]) -> Iterator[ConsoleRenderable]:
    yield from _heading("Second opinion", "tshark")
    if not disagreements:
        yield Text.assemble(("✔ ", "green"), "tshark agrees on every field of every advertisement")
        return
    unexplained = sum(not item.get("reason") for item in disagreements)
    yield Text(f"{count(len(disagreements), 'disagreement')}, {unexplained:,} without a known reason")
    for item in disagreements[:MAX_FINDINGS]:
        known = item.get("reason")
        text = f"packet {item['packet']}  {item['field']}: ours {item['ours']}, tshark's {item['theirs']}"
        yield _marked(" " if known else "▲", "yellow", safe_text(text, MAX_TEXT))
        if known:
            yield _indent(Text(safe_text(str(known), MAX_TEXT), style="dim"), 4)
    yield from _more(len(disagreements) - MAX_FINDINGS, "disagreement")
