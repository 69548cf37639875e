"""The report as one self-contained HTML page: no script, nothing loaded from anywhere, readable without colours."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any
from xml.etree.ElementTree import Element

from vrrpwatch import __version__
from vrrpwatch.core.analysis import Analysis, GroupInfo, SourceInfo, VolumeInfo
from vrrpwatch.core.cures import Cure, Cures
from vrrpwatch.core.model import Event, Finding, GroupKey
from vrrpwatch.report import charts, phrases
from vrrpwatch.report.markup import Content, append, child, element, html_document
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

# A page must open in a browser; the other outputs list everything.
MAX_FINDINGS = 500
MAX_GROUPS = 200
MAX_EVENTS = 1_000
MAX_VOLUMES = 100
MAX_CHARTS = 20
MAX_DISAGREEMENTS = 500


def to_html(analysis: Analysis, disagreements: Sequence[dict[str, Any]] | None = None) -> str:
    """The whole page; ``disagreements`` are the second opinion's, where it was asked for."""
    style = files("vrrpwatch.report").joinpath("html.css").read_text(encoding="utf-8")
    # The page's only style is allowed by its hash; scripts, images, frames and requests are not allowed at all.
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"vrrpwatch {__version__}"),
        element("title", f"vrrpwatch: {phrases.verdict(analysis)}"),
    )
    child(head, "style").text = style
    body = element("body", charts.hatch(), _header(analysis))
    main = child(body, "main")
    scale = _scale(analysis)
    if analysis.findings:
        main.append(_findings(analysis))
    if analysis.groups:
        main.append(_groups(analysis, scale))
    if analysis.events:
        main.append(_events(analysis.events))
    if analysis.multicast:
        main.append(_multicast(analysis, scale))
    if disagreements is not None:
        main.append(_second_opinion(disagreements))
    main.append(_totals(analysis))
    return html_document(element("html", head, body, lang="en"))


def _scale(analysis: Analysis) -> charts.Scale:
    times = [at for source in analysis.sources for at in (source.first, source.last) if at is not None]
    times += [at for group in analysis.groups for at in (group.first, group.last)]
    return charts.Scale(min(times, default=0), max(times, default=0))


def _section(title: str, name: str, *content: Content) -> Element:
    return element("section", element("h2", title), *content, id=name)


def _more(number: int, noun: str) -> Element | None:
    if number <= 0:
        return None
    return element("p", f"… and {count(number, f'more {noun}')}: the JSON output lists all", class_="note")


def _header(analysis: Analysis) -> Element:
    symbol, gravest = phrases.verdict_mark(analysis)
    kind = "good" if gravest is None else gravest.value
    sentence = phrases.verdict(analysis)
    header = element(
        "header",
        element("h1", "vrrpwatch report"),
        element(
            "p",
            element("span", f"{symbol} ", class_=kind, aria_hidden="true"),
            sentence[0].upper() + sentence[1:],
            class_="verdict",
        ),
        element("p", ", ".join(source_name(source) for source in analysis.sources[:20]), class_="soft"),
    )
    for source in analysis.sources:
        append(header, *(element("p", f"▲ {text}", class_="warning") for text in _faults(source)))
    links = (
        ("findings", "Findings", analysis.findings),
        ("routers", "Virtual routers", analysis.groups),
        ("timeline", "Timeline", analysis.events),
        ("multicast", "Multicast", analysis.multicast),
        ("totals", "Totals", True),
    )
    child(header, "nav", *(element("a", title, href=f"#{name}") for name, title, shown in links if shown))
    return header


def _faults(source: SourceInfo) -> Iterable[str]:
    if source.damage is not None:
        yield f"{source_name(source)}: {source.damage}"
    for interface in source.interfaces:
        if interface.dropped:
            yield f"{source_name(source)}: the capture lost {count(interface.dropped, 'packet')} on {interface.name}"


def _findings(analysis: Analysis) -> Element:
    cures = Cures(analysis.groups, analysis.multicast)
    cards = [_finding(finding, analysis, cures.of(finding)) for finding in analysis.findings[:MAX_FINDINGS]]
    return _section("Findings", "findings", *cards, _more(len(analysis.findings) - MAX_FINDINGS, "finding"))


def _finding(finding: Finding, analysis: Analysis, cure: Cure | None) -> Element:
    severity = finding.severity.value
    evidence = packet_list(finding.evidence, analysis.sources)
    extent = phrases.finding_extent(finding)
    return element(
        "article",
        element(
            "h3",
            element("span", f"{phrases.SYMBOLS[finding.severity]} {severity} ", class_=f"badge {severity}"),
            phrases.finding_title(finding),
        ),
        element("p", finding.summary),
        element("p", f"{evidence} · {extent}" if evidence else extent, class_="soft"),
        *([] if cure is None else [element("p", phrases.cure_text(cure), class_="soft")]),
        class_=f"card finding {severity}",
    )


def _groups(analysis: Analysis, scale: charts.Scale) -> Element:
    events: dict[GroupKey, list[Event]] = {}
    for event in analysis.events:
        events.setdefault(event.group, []).append(event)
    cards = [
        _group(group, events.get(group.key, []), scale, number)
        for number, group in enumerate(analysis.groups[:MAX_GROUPS])
    ]
    note = element("p", "State, master and successor are those when the capture ended. Times are UTC.", class_="note")
    more = _more(len(analysis.groups) - MAX_GROUPS, "virtual router")
    return _section("Virtual routers", "routers", note, *cards, more)


def _group(group: GroupInfo, events: Sequence[Event], scale: charts.Scale, number: int) -> Element:
    kind = {"held": "good", "contested": "critical", "lost": "warning"}[group.state]
    facts = element("dl")
    master = next((speaker for speaker in group.speakers if speaker.key == group.master), None)
    if group.master is not None:
        mac = f" ({group.master.mac})" if group.master.mac else ""
        _fact(facts, "master", f"{group.master.ip}{mac}" + (f", {rank(master)}" if master else ""))
    if group.addresses:
        _fact(facts, "addresses", ", ".join(map(str, group.addresses)))
    if successor := phrases.successor_text(group):
        _fact(facts, "next", successor)
    _fact(facts, "adverts", f"{group.adverts:,}, every {duration(group.interval)}, {span(group.first, group.last)}")
    for order, speaker in enumerate(group.speakers):
        swatch = element("span", class_=f"swatch {charts.holder_class(order)}", aria_hidden="true")
        text = f"{speaker.key.ip}: {phrases.speaker_text(group, speaker)}"
        append(facts, element("dt", "speaker"), element("dd", swatch, text))
    for listener in group.listeners:
        _fact(facts, "listener", f"{listener.ip} joined at {clock(listener.joined, 0)}, never advertised")
    return element(
        "article",
        element(
            "h3",
            group_name(group.key),
            " ",
            element("span", f"{phrases.STATE_SYMBOLS[group.state]} {group.state}", class_=f"state {kind}"),
        ),
        _scroll(charts.mastership(group, events, scale, number)) if group.timeline else None,
        facts,
        class_="card",
    )


def _scroll(content: Element) -> Element:
    """On a narrow screen what is wide scrolls by itself instead of shrinking beyond reading."""
    return element("div", content, class_="scroll", tabindex=0)


def _fact(facts: Element, name: str, text: str) -> None:
    append(facts, element("dt", name), element("dd", text))


def _table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Content]]) -> Element:
    """A table; a column is its title and its cells' class (``n``: numbers)."""
    head = element("tr", *(element("th", title, scope="col", class_=kind) for title, kind in columns))
    lines = []
    for row in rows:
        cells = zip(row, columns, strict=True)
        lines.append(element("tr", *(element("td", cell, class_=kind) for cell, (_, kind) in cells)))
    table = element("table", element("caption", caption), element("thead", head), element("tbody", *lines))
    return _scroll(table)


def _events(events: Sequence[Event]) -> Element:
    rows = [
        (
            f"{date(event.at)} {clock(event.at)}",
            group_name(event.group),
            phrases.event_text(event),
            "" if event.gap is None else duration(event.gap),
            "" if event.expected_gap is None else duration(event.expected_gap),
            str(event.packet),
        )
        for event in events[:MAX_EVENTS]
    ]
    columns = (
        ("Time (UTC)", "t"),
        ("Virtual router", ""),
        ("What happened", ""),
        ("Gap", "n"),
        ("Prescribed", "n"),
        ("Packet", "n"),
    )
    caption = "Every change of mastership, with how long nobody advertised and how long the protocol prescribes."
    return _section("Timeline", "timeline", _table(caption, columns, rows), _more(len(events) - MAX_EVENTS, "event"))


def _multicast(analysis: Analysis, scale: charts.Scale) -> Element:
    volumes = sorted(analysis.multicast, key=lambda volume: -volume.bytes)
    columns = (
        ("Segment", ""),
        ("Destination", ""),
        ("Protocol", ""),
        ("Packets", "n"),
        ("Bytes", "n"),
        ("Mean/s", "n"),
        ("Peak/s", "n"),
        ("Peak bit/s", "n"),
        ("Senders", "n"),
        ("Share", "n"),
    )
    rows = [_volume_row(volume, analysis.totals.multicast_bytes) for volume in volumes[:MAX_VOLUMES]]
    caption = "Bytes as on the wire; a peak is the busiest whole second; the share is of all multicast bytes."
    section = _section(
        "Multicast", "multicast", _table(caption, columns, rows), _more(len(volumes) - MAX_VOLUMES, "destination")
    )
    for number, volume in enumerate(volume for volume in volumes[:MAX_CHARTS] if volume.series):
        title = f"{volume.destination} ({volume.protocol}) on {volume.segment}"
        child(section, "figure", element("h3", title), _scroll(charts.volume(volume, scale, number)), class_="card")
    return section


def _volume_row(volume: VolumeInfo, whole: int) -> Sequence[str]:
    return (
        volume.segment,
        volume.destination,
        volume.protocol,
        f"{volume.packets:,}",
        scaled(volume.bytes, "B"),
        rate(volume.packets_per_second.mean),
        rate(volume.packets_per_second.peak),
        scaled(volume.bits_per_second.peak, "bit/s"),
        f"{len(volume.sources):,}",
        share(volume.bytes, whole),
    )


def _second_opinion(disagreements: Sequence[dict[str, Any]]) -> Element:
    if not disagreements:
        return _section(
            "Second opinion", "opinion", element("p", "tshark agrees on every field of every advertisement.")
        )
    columns = (("Packet", "n"), ("Field", ""), ("Ours", ""), ("tshark's", ""), ("Known reason", ""))
    rows = [
        (
            str(item["packet"]),
            str(item["field"]),
            str(item["ours"] or ""),
            str(item["theirs"] or ""),
            str(item["reason"] or "none"),
        )
        for item in disagreements[:MAX_DISAGREEMENTS]
    ]
    table = _table("Every field that tshark reads differently.", columns, rows)
    return _section("Second opinion", "opinion", table, _more(len(disagreements) - MAX_DISAGREEMENTS, "disagreement"))


def _totals(analysis: Analysis) -> Element:
    columns = (
        ("Capture", ""),
        ("Format", ""),
        ("Packets", "n"),
        ("Bytes", "n"),
        ("First (UTC)", "t"),
        ("Last (UTC)", "t"),
    )
    rows = [
        (
            source_name(source),
            source.format,
            f"{source.packets:,}",
            scaled(source.bytes, "B"),
            "" if source.first is None else f"{date(source.first)} {clock(source.first, 3)}",
            "" if source.last is None else f"{date(source.last)} {clock(source.last, 3)}",
        )
        for source in analysis.sources
    ]
    skipped, evicted = phrases.not_understood(analysis), phrases.evictions(analysis)
    return _section(
        "Totals",
        "totals",
        element("p", phrases.totals_text(analysis)),
        element("p", f"Not looked into (frames): {skipped}") if skipped else None,
        element("p", f"More than the tables hold, counted only: {evicted}", class_="warning") if evicted else None,
        _table("What was read.", columns, rows),
    )
