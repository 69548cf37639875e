"""An analysis as one CSV table: a ``record`` column says what each row is, so that a spreadsheet can filter by it.

The dialect is RFC 4180's: comma, double quotes where needed, CRLF line ends.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from vrrpwatch.report.json import Object
from vrrpwatch.report.writer import TextSink
from vrrpwatch.wire.text import spreadsheet_text

COLUMNS: Final = (
    "record",
    "segment",
    "group",
    "name",
    "severity",
    "first",
    "last",
    "count",
    "bytes",
    "from",
    "to",
    "cause",
    "gap",
    "expected_gap",
    "interval",
    "priority",
    "mean_packets_per_second",
    "peak_packets_per_second",
    "mean_bits_per_second",
    "peak_bits_per_second",
    "addresses",
    "packets",
    "text",
)


def cell(value: Any) -> str:
    """One value as a cell: empty for unknown, lists separated by spaces, text that a spreadsheet will not evaluate."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        value = " ".join(str(item) for item in value)
    return spreadsheet_text(str(value))


def write_rows(file: TextSink, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a header and the rows; columns a row does not have stay empty."""
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])


def write_csv(document: Object, file: TextSink) -> None:
    """Writes a ``to_json`` document as one table of :data:`COLUMNS`."""
    write_rows(file, COLUMNS, _rows(document))


def _rows(document: Object) -> Iterable[Object]:
    for finding in document["findings"]:
        yield _finding(finding, document["sources"])
    for event in document["events"]:
        yield _event(event)
    for group in document["groups"]:
        yield _group(group)
        yield from (_speaker(group, speaker) for speaker in group["speakers"])
    for volume in document["multicast"]:
        yield _volume(volume)
    for source in document["sources"]:
        yield _source(source)
    yield {
        "record": "totals",
        "name": "packets",
        "count": document["totals"]["packets"],
        "bytes": document["totals"]["bytes"],
    }
    yield {
        "record": "totals",
        "name": "multicast",
        "count": document["totals"]["multicast_packets"],
        "bytes": document["totals"]["multicast_bytes"],
    }
    yield {"record": "totals", "name": "adverts", "count": document["totals"]["adverts"]}
    for name, number in document["skipped"].items():
        yield {"record": "skipped", "name": name, "count": number}
    for item in document.get("second_opinion", ()):
        yield {"record": "disagreement", "name": item["field"], "packets": item["packet"], "text": _disagreement(item)}


def _finding(finding: Object, sources: Sequence[Object]) -> Object:
    several = len(sources) > 1
    numbers = [f"{item['source']}:{item['packet']}" if several else item["packet"] for item in finding["evidence"]]
    return {
        "record": "finding",
        **{key: finding[key] for key in ("segment", "group", "severity", "first", "last", "count")},
        "name": finding["rule"],
        "packets": numbers,
        "text": finding["summary"],
    }


def _event(event: Object) -> Object:
    return {
        "record": "event",
        **{key: event[key] for key in ("group", "from", "to", "cause", "gap", "expected_gap")},
        "segment": event["group"].rsplit("|", 4)[0],
        "name": event["kind"],
        "first": event["at"],
        "last": event["at"],
        "packets": event["packet"],
    }


def _group(group: Object) -> Object:
    return {
        "record": "group",
        **{key: group[key] for key in ("segment", "first", "last", "interval", "addresses")},
        "group": group["key"],
        "name": group["state"],
        "count": group["adverts"],
        "to": (group["master"] or {}).get("ip"),
    }


def _speaker(group: Object, speaker: Object) -> Object:
    facts = ("mac", "advbase", "advskew", "demotion", "auth", "checksum", "implementation")
    return {
        "record": "speaker",
        **{key: speaker[key] for key in ("first", "last", "interval", "priority", "addresses")},
        "segment": group["segment"],
        "group": group["key"],
        "name": speaker["ip"],
        "count": speaker["adverts"],
        "text": "; ".join(f"{name} {speaker[name]}" for name in facts if speaker[name] is not None),
    }


def _volume(volume: Object) -> Object:
    return {
        "record": "multicast",
        **{key: volume[key] for key in ("segment", "first", "last", "bytes")},
        "name": volume["protocol"],
        "to": volume["destination"],
        "from": volume["sources"],
        "count": volume["packets"],
        "mean_packets_per_second": volume["packets_per_second"]["mean"],
        "peak_packets_per_second": volume["packets_per_second"]["peak"],
        "mean_bits_per_second": volume["bits_per_second"]["mean"],
        "peak_bits_per_second": volume["bits_per_second"]["peak"],
    }


def _source(source: Object) -> Object:
    return {
        "record": "source",
        **{key: source[key] for key in ("first", "last", "bytes")},
        "name": source["path"],
        "count": source["packets"],
        "text": source["damage"],
    }


def _disagreement(item: Object) -> str:
    reason = f"; {item['reason']}" if item.get("reason") else ""
    return f"ours {item['ours']}, theirs {item['theirs']}{reason}"
