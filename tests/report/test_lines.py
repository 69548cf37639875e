"""NDJSON and CSV: the same facts as the document, one per line or row, and nothing a spreadsheet would evaluate."""

import csv
import io
import json
from dataclasses import replace

import pytest

from tests.report import sample
from vrrpwatch.report.csv import COLUMNS, cell, write_csv
from vrrpwatch.report.json import to_json
from vrrpwatch.report.ndjson import to_ndjson


def table(document: dict[str, object]) -> list[dict[str, str]]:
    file = io.StringIO(newline="")
    write_csv(document, file)
    file.seek(0)
    return list(csv.DictReader(file))


def test_ndjson_has_every_item_with_its_type() -> None:
    document = to_json(sample.sample())
    items = [json.loads(line) for line in to_ndjson(document)]
    kinds = [item["type"] for item in items]
    assert kinds == (
        ["source"] * 2
        + ["segment"] * 2
        + ["group"] * 3
        + ["event"] * 8
        + ["finding"] * 4
        + ["multicast"] * 3
        + ["totals"]
    )
    first = items[4]
    assert first.pop("type") == "group"
    assert first == document["groups"][0]
    assert items[-1]["packets"] == 15_000
    assert items[-1]["skipped"] == {"vxlan": 31, "truncated-header": 2}


def test_ndjson_second_opinion() -> None:
    document = to_json(sample.empty())
    document["second_opinion"] = [{"source": 0, "packet": 3, "field": "id", "ours": "1", "theirs": "2", "reason": None}]
    assert [json.loads(line)["type"] for line in to_ndjson(document)] == ["source", "disagreement", "totals"]


def test_csv_rows() -> None:
    rows = table(to_json(sample.sample()))
    assert tuple(rows[0]) == COLUMNS
    split = rows[0]
    assert (split["record"], split["name"], split["severity"]) == ("finding", "split-brain", "critical")
    assert split["packets"] == "0:912 0:913 1:57"
    took = next(row for row in rows if row["record"] == "event" and row["cause"] == "timed-out")
    assert (took["segment"], took["from"], took["to"]) == ("eth0/10", "10.0.0.2", "10.0.0.3")
    assert (took["gap"], took["expected_gap"], took["packets"]) == ("3.609", "3.609375", "130")
    group = next(row for row in rows if row["record"] == "group")
    assert (group["name"], group["addresses"]) == ("contested", "10.0.0.100 10.0.0.101")
    volume = next(row for row in rows if row["record"] == "multicast" and row["to"] == "225.0.0.50")
    assert (volume["count"], volume["bytes"], volume["peak_packets_per_second"]) == ("9000", "5400000", "900.0")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "|cmd", "%x"])
def test_formulas_become_text(text: str) -> None:
    assert cell(text) == "'" + text


def test_control_characters_never_reach_a_cell() -> None:
    assert cell("\t=1") == "\\x09=1"
    assert cell("a\r\nb") == "a\\x0d\\x0ab"
    assert cell("\x1b[31mred") == "\\x1b[31mred"


def test_plain_cells() -> None:
    assert [cell(value) for value in (None, True, -1.5, 7, ["a", "b"], "x")] == ["", "true", "-1.5", "7", "a b", "x"]


def test_hostile_summary_in_csv_is_one_cell() -> None:
    finding = replace(sample.findings()[0], summary='=HYPERLINK("http://x","y"),\n"z"')
    rows = table(to_json(sample.sample()._replace(findings=(finding,))))
    assert rows[0]["text"] == '\'=HYPERLINK("http://x","y"),\\x0a"z"'
