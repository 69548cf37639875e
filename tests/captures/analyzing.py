"""Runs ``vrrpwatch analyze`` as a user would and compares its JSON with what the packets were found to say."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.lab.frames import Heard, adverts, multicast, read_frames

_MAIN = "import sys; from vrrpwatch.cli.main import main; sys.exit(main())"

# Keys that a group's or an event's expectation may give and that the analysis gives in the same form.
_SAME_IN_GROUP = ("state", "addresses", "interval")
_SAME_IN_EVENT = ("kind", "from", "to", "cause")

Json = dict[str, Any]


def analyze(path: Path) -> Json:
    """The JSON of one capture's analysis; the captures are whole, so anything but exit code 0 is an error."""
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, "analyze", "--output", "json", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: Json = json.loads(done.stdout)
    return result


def key_of(item: Json, stem: str) -> str:
    """An expectation's full group key: those of a pcap are written without the segment, which is the file's stem."""
    return f"{item.get('segment', stem)}|{item['key']}"


def compare(expected: Json, found: Json, stem: str) -> None:
    """Asserts that an analysis says what is expected: groups, events and findings, each neither more nor less."""
    groups = {group["key"]: group for group in found["groups"]}
    assert set(groups) == {key_of(item, stem) for item in expected["groups"]}
    for item in expected["groups"]:
        _compare_group(item, groups[key_of(item, stem)])
    _compare_events(expected.get("events", []), found["events"], stem)
    _compare_findings(expected, found["findings"], stem)


def _compare_group(item: Json, group: Json) -> None:
    for name in _SAME_IN_GROUP:
        if name in item:
            assert group[name] == item[name], (group["key"], name)
    speakers = {(speaker["ip"], speaker["mac"]): speaker for speaker in group["speakers"]}
    assert set(speakers) == {(wanted["ip"], wanted["mac"]) for wanted in item["speakers"]}
    for wanted in item["speakers"]:
        speaker = speakers[wanted["ip"], wanted["mac"]]
        assert {name: speaker[name] for name in wanted} == wanted
    macs = dict(speakers.keys())
    assert group["master"] == {"ip": item["master"], "mac": macs[item["master"]]}
    if "successor" in item:
        assert group["successor"]["ip"] == item["successor"]["ip"]
        assert abs(group["successor"]["in_seconds"] - item["successor"]["in_seconds"]) < 1e-6


def _compare_events(expected: list[Json], found: list[Json], stem: str) -> None:
    told = [(event["group"], event["kind"]) for event in found]
    assert sorted(told) == sorted((key_of(item, stem), item["kind"]) for item in expected)
    # Each group's events come in their order; how those of two groups interleave is the packets' affair.
    for key in {event["group"] for event in found}:
        mine = [event for event in found if event["group"] == key]
        wanted = [item for item in expected if key_of(item, stem) == key]
        for item, event in zip(wanted, mine, strict=True):
            for name in _SAME_IN_EVENT:
                if name in item:
                    assert event[name] == (item[name] or None), (key, item["kind"], name)
            if "gap" in item:
                assert abs(event["gap"] - item["gap"]) <= item["tolerance"], (key, event["gap"])
            if "expected_gap" in item:
                assert abs(event["expected_gap"] - item["expected_gap"]) < 1e-6, (key, event["expected_gap"])
            elif item["kind"] == "master-changed":
                assert event["expected_gap"] is None


def _compare_findings(expected: Json, found: list[Json], stem: str) -> None:
    anywhere: dict[str, list[str]] = expected.get("anywhere", {})
    told = Counter((finding["group"], finding["rule"]) for finding in found if finding["rule"] not in anywhere)
    wanted = {(key_of(item, stem), rule) for item in expected["groups"] for rule in item["findings"]}
    assert set(told) == wanted
    for rule, subjects in anywhere.items():
        said = " ".join(f"{finding['subject']} {finding['summary']}" for finding in found if finding["rule"] == rule)
        assert all(subject in said for subject in subjects), (rule, said)


def compare_with_packets(path: Path, found: Json) -> None:
    """Asserts what an analysis says of packet numbers, counts and gaps against the lab's own reading of the capture."""
    frames = read_frames(path)
    heard = adverts(frames)
    assert found["totals"]["packets"] == len(frames)
    assert found["totals"]["adverts"] == len(heard)
    counts = Counter(one.group for one in heard)
    assert {group["key"]: group["adverts"] for group in found["groups"]} == counts
    volume = multicast(frames)
    told = {(row["segment"], row["destination"]): (row["packets"], row["bytes"]) for row in found["multicast"]}
    assert told == volume
    assert found["totals"]["multicast_packets"] == sum(packets for packets, _ in volume.values())
    assert found["totals"]["multicast_bytes"] == sum(size for _, size in volume.values())
    for event in found["events"]:
        _compare_event(event, [one for one in heard if one.group == event["group"]])


def _compare_event(event: Json, heard: list[Heard]) -> None:
    (shown,) = [one for one in heard if one.packet == event["packet"]]
    match event["kind"]:
        case "master-resigned":
            assert (shown.source, shown.priority) == (event["from"], 0)
        case "master-appeared":
            assert shown.source == event["to"]
        case "master-changed":
            assert shown.source == event["to"]
            before = max(one.at for one in heard if one.source == event["from"] and one.at <= shown.at)
            assert abs(event["gap"] - (shown.at - before) / 1e9) < 1e-6
        case other:
            raise AssertionError(f"no sample holds a {other}")
