"""The JSON document: its schema, its key order, and values that JSON readers choke on."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.report import sample
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.model import GroupKey
from vrrpwatch.report.json import render, to_json

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "analysis.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("analysis", [sample.sample(), sample.empty()], ids=["sample", "empty"])
def test_document_fits_its_schema(analysis: Analysis) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(render(to_json(analysis)))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_schema_refuses_another_document() -> None:
    document = to_json(sample.sample())
    document["groups"][0]["state"] = "confused"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_keys_come_in_the_promised_order_and_additions_last() -> None:
    document = to_json(sample.sample())
    assert " ".join(document) == ("schema sources segments groups events findings multicast totals skipped evicted")
    assert " ".join(document["groups"][0]) == (
        "key segment protocol family id scope state master addresses interval adverts first last speakers successor "
        "listeners timeline"
    )
    assert " ".join(document["groups"][0]["speakers"][0]) == (
        "ip mac versions priority advbase advskew demotion interval adverts first last addresses auth checksum "
        "implementation authentic authentic_addresses"
    )
    assert " ".join(document["events"][0]) == "at kind group from to cause gap expected_gap packet source"
    assert " ".join(document["findings"][0]) == (
        "rule severity segment group subject first last count summary evidence id cure"
    )


def test_event() -> None:
    assert to_json(sample.sample())["events"][3] == {
        "at": "2026-03-01T10:01:03.609000Z",
        "kind": "master-changed",
        "group": "eth0/10|vrrp|4|51|224.0.0.18",
        "from": "10.0.0.2",
        "to": "10.0.0.3",
        "cause": "timed-out",
        "gap": 3.609,
        "expected_gap": 3.609375,
        "packet": 130,
        "source": 0,
    }


def test_finding_evidence_and_segment_vlans() -> None:
    document = to_json(sample.sample())
    assert document["findings"][0]["evidence"] == [
        {"source": 0, "packet": 912},
        {"source": 0, "packet": 913},
        {"source": 1, "packet": 57},
    ]
    assert document["segments"][0] == {"id": "eth0/10", "interface": "eth0", "vlans": [10]}


def test_damage_makes_a_source_truncated() -> None:
    whole, cut = to_json(sample.sample())["sources"]
    assert (whole["truncated"], whole["damage"]) == (False, None)
    assert cut["truncated"] is True
    assert cut["damage"].startswith("cut short at byte")
    assert cut["interfaces"] == [
        {"name": "eth0", "linktype": 1, "dropped": 12},
        {"name": "eth1", "linktype": 1, "dropped": None},
    ]


def test_unknown_is_null() -> None:
    group = to_json(sample.sample())["groups"][2]
    assert group["master"] is None
    assert group["successor"] is None
    assert group["speakers"][0]["advbase"] is None


def test_binary_noise_is_not_printed() -> None:
    event = sample.events()[3]._replace(gap=0.1 + 0.2)
    document = to_json(sample.sample()._replace(events=(event,)))
    assert document["events"][0]["gap"] == 0.3


def test_names_that_are_no_unicode_stay_readable_json() -> None:
    key = GroupKey("bad\udcff", "vrrp", 4, 1, "224.0.0.18")
    group = sample.vrrp_group()._replace(key=key)
    text = render(to_json(sample.sample()._replace(groups=(group,))))
    assert "\\udcff" not in text
    assert json.loads(text)["groups"][0]["segment"] == "bad?"


def test_render_is_ascii_with_a_line_per_item() -> None:
    text = render(to_json(sample.sample()))
    assert text.isascii()
    lines = text.splitlines()
    assert sum(line.startswith('    {"rule"') for line in lines) == 4
    assert json.loads(text) == to_json(sample.sample())
