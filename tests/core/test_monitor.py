"""What a monitor shows while traffic goes on: rows, beats, packets, news."""

import random
from pathlib import Path

import pytest

from tests.capture.files import kept
from tests.conformance.stage import START, Case, pcap, play
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.sources import read_here
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.model import NANOSECONDS, GroupKey, Severity
from vrrpwatch.core.monitor import MAX_RHYTHMS, Monitor

KEY = GroupKey("eth0", "vrrp", 4, 1, "224.0.0.18")
CHANGE: Case = {
    "hear": [
        {"who": "A", "from": 0.0, "count": 10, "priority": 200},
        {"who": "B", "from": 12.6, "count": 10, "priority": 100},
    ]
}
BRAIN: Case = {
    "hear": [
        {"who": "A", "from": 0.0, "count": 20, "priority": 200},
        {"who": "B", "from": 5.5, "count": 14, "priority": 100},
    ]
}


class Stage:
    """A script that is heard up to a moment, then further."""

    def __init__(self, case: Case, folder: Path) -> None:
        path = folder / "eth0.pcap"
        path.write_bytes(pcap(play(case)))
        (self.batch,) = kept(read_here(str(path), 0, WANTED, lambda _source, _facts: None))
        self.monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: "eth0"))
        self.done = 0

    def until(self, seconds: float) -> Monitor:
        end = START + int(seconds * NANOSECONDS)
        frames, times = self.batch.frames, self.batch.seconds
        upto = int((frames["at"] < end).sum())
        part = frames[self.done : upto]
        counted = times[(times["second"] * NANOSECONDS < end) & (times["second"] >= self.monitor.now // NANOSECONDS)]
        flows = self.batch.flows if self.done == 0 else self.batch.flows[:0]
        last = int(part["at"].max()) if len(part) else None
        self.monitor.feed(self.batch._replace(frames=part, seconds=counted, flows=flows, last=last))
        self.monitor.tick(end)
        self.done = upto
        return self.monitor


def test_a_takeover_shows_once_it_is_certain(tmp_path: Path) -> None:
    stage = Stage(CHANGE, tmp_path)
    shown = []
    for seconds in (1.0, 9.5, 12.7, 20.0):
        (row,) = stage.until(seconds).rows()
        shown.append((row.state, str(row.master), row.priority, row.adverts))
    assert shown == [
        ("held", "192.0.2.1", 200, 1),
        ("held", "192.0.2.1", 200, 10),
        ("held", "192.0.2.2", 100, 11),
        ("held", "192.0.2.2", 100, 18),
    ]
    assert stage.monitor.row(KEY) == row
    assert stage.monitor.row(KEY._replace(id=2)) is None
    assert [event.kind for event in stage.monitor.events(KEY)] == ["master-appeared", "master-changed"]


def test_silence_shows_without_a_packet(tmp_path: Path) -> None:
    stage = Stage({"hear": [{"who": "A", "from": 0.0, "count": 3, "priority": 200}]}, tmp_path)
    assert [row.state for row in stage.until(2.5).rows()] == ["held"]
    # Four intervals after the last: no backup could have waited longer.
    assert [row.state for row in stage.until(5.9).rows()] == ["held"]
    news = stage.until(6.1).news()
    assert [event.kind for event in news.events] == ["master-appeared", "master-lost"]
    assert [row.state for row in stage.monitor.rows()] == ["lost"]


def test_findings_colour_their_group_and_grow_old(tmp_path: Path) -> None:
    stage = Stage(BRAIN, tmp_path)
    assert [row.severity for row in stage.until(6.0).rows()] == [None]
    stage.until(6.0).news()
    assert [row.severity for row in stage.until(15.0).rows()] == [Severity.CRITICAL]
    news = stage.monitor.news()
    assert [(finding.rule, finding.subject) for finding in news.findings] == [("split-brain", "192.0.2.1, 192.0.2.2")]
    first = news.findings[0]
    # It goes on, and is told of again with the same id.
    stage.until(16.6)
    assert stage.monitor.news().findings == ()
    stage.until(17.1)
    again = stage.monitor.news().findings
    assert [finding.id for finding in again] == [first.id]
    assert again[0].last > first.last
    stage.until(18.2)
    assert stage.monitor.news().findings == ()
    assert [row.severity for row in stage.until(900.0).rows()] == [None]


def test_what_is_merely_worth_knowing_is_brought_up_to_date_seldom(tmp_path: Path) -> None:
    stage = Stage({"hear": [{"who": "A", "from": 0.0, "count": 30, "version": 2}]}, tmp_path)
    told = [
        (seconds, finding.count)
        for seconds in range(1, 26)
        for finding in stage.until(seconds + 0.5).news().findings
        if finding.rule == "unauthenticated"
    ]
    # Raised by the first advertisement; its growth is told every ten seconds of what was heard.
    assert told == [(1, 2), (11, 12), (21, 22)]
    assert [finding.count for finding in stage.monitor.findings()] == [26]
    _, analysis = stage.until(40.0).finish(())
    assert [finding.count for finding in analysis.findings] == [30]


def test_the_newest_packets_of_a_group_are_kept_whole(tmp_path: Path) -> None:
    stage = Stage({"hear": [*CHANGE["hear"], {"who": "C", "from": 0.5, "count": 5, "id": 9}]}, tmp_path)
    stage.until(3.0)
    packets = stage.until(30.0).packets(KEY)
    assert [packet.packet for packet in packets] == [1, 3, 5, 7, 9, 11, 12, 13, 14, 15, *range(16, 26)]
    assert all(packet.frame[23] == 112 and packet.frame[35] == 1 for packet in packets)
    assert [packet.frame[26:30] for packet in packets[-1:]] == [bytes([192, 0, 2, 2])]
    assert stage.monitor.packets(KEY._replace(segment="eth1")) == []


def test_beats_and_rates(tmp_path: Path) -> None:
    monitor = Stage(CHANGE, tmp_path).until(13.0)
    assert list(monitor.heartbeat(KEY))[-13:] == [1] * 10 + [0, 0, 1]
    assert list(monitor.rates("eth0"))[-3:] == [(0, 0), (0, 0), (1, 60)]
    assert list(monitor.rates("eth0", "224.0.0.18"))[-13:-10] == [(1, 60)] * 3
    assert monitor.budget("eth0") == 100.0


def test_jitter_is_how_far_gaps_stray(tmp_path: Path) -> None:
    steady = Stage({"hear": [{"who": "A", "from": 0.0, "count": 5}]}, tmp_path)
    (row,) = [row for seconds in (1.5, 2.5, 3.5) for row in steady.until(seconds).rows()][-1:]
    assert row.jitter == pytest.approx(0.0)
    uneven = Stage({"hear": [{"who": "A", "at": [0.0, 1.0, 2.4]}]}, tmp_path)
    for seconds in (0.5, 1.5, 2.5):
        (row,) = uneven.until(seconds).rows()
    # The gaps are 1.0 and 1.4 s; the first stray is 0, and the second counts for a sixteenth.
    assert row.jitter == pytest.approx(0.4 / 16)
    # Heard in one piece its greatest gap counts, once; and how often a group that is lost by now advertised is known.
    (row,) = Stage({"hear": [{"who": "A", "at": [0.0, 1.0, 2.4]}]}, tmp_path).until(2.5).rows()
    assert row.jitter == pytest.approx(0.4)
    (row,) = Stage({"hear": [{"who": "A", "at": [0.0, 1.0, 2.4]}]}, tmp_path).until(60.0).rows()
    assert (row.state, row.interval) == ("lost", 1.0)


def test_of_several_voices_the_masters_own_jitter_counts(tmp_path: Path) -> None:
    stage = Stage(
        {
            "hear": [
                {"who": "A", "from": 0.0, "count": 20, "priority": 200},
                {"who": "B", "at": [5.5 + 1.3 * number for number in range(8)], "priority": 100},
            ]
        },
        tmp_path,
    )
    rows = [row for tenths in range(0, 160, 5) for row in stage.until(tenths / 10).rows()]
    assert (rows[-1].state, str(rows[-1].master)) == ("contested", "192.0.2.1")
    assert rows[-1].jitter == pytest.approx(0.0)


def test_forged_speakers_do_not_pile_up(tmp_path: Path) -> None:
    hosts = [{"who": who, "at": [0.1 * number]} for number, who in enumerate("ABCDEF")]
    stage = Stage({"hear": [*hosts, {"who": "A", "at": [1.0, 2.5]}]}, tmp_path)
    for seconds in (0.9, 1.9, 2.9):
        (row,) = stage.until(seconds).rows()
        assert [len(known) for known in stage.monitor._rhythms.values()] == [MAX_RHYTHMS]
    # The first of A's gaps is not known, for four others were heard meanwhile; the second is half a second too long.
    assert str(row.master) == "192.0.2.1"
    assert row.jitter == pytest.approx(0.5)


def test_many_groups_are_told_anew_few_at_a_time_and_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.core.monitor.MAX_REFRESHED", 2)
    lines = [{"who": "A", "from": number * 0.1, "count": 30, "id": number} for number in range(1, 6)]
    stage = Stage({"hear": lines}, tmp_path)
    told = [[group.key.id for group in stage.until(second).news().groups] for second in (1.0, 5.0, 12.0, 13.0, 14.0)]
    # All are new at first, and refreshed when ten seconds have passed.
    assert told == [[1, 2, 3, 4, 5], [], [1, 2], [3, 4], [5]]


def test_forged_groups_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.core.census.MAX_GROUPS", 4)
    monkeypatch.setattr("vrrpwatch.core.mastership.MAX_GROUPS", 4)
    monkeypatch.setattr("vrrpwatch.core.monitor.MAX_GROUPS", 4)
    chance = random.Random(1)
    lines = [{"who": "A", "at": [number * 0.01], "id": chance.randint(1, 255)} for number in range(200)]
    monitor = Stage({"hear": lines}, tmp_path).until(3.0)
    assert len(monitor.rows()) <= 8
    monitor.tick(monitor.now + 11 * NANOSECONDS)
    assert len(monitor.rows()) == 4
    assert monitor.news().evicted["groups"] > 0


def test_losses_for_days_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vrrpwatch.core.losses.MAX_LOSSES", 10)
    stage = Stage(CHANGE, tmp_path)
    monitor = stage.until(1.0)
    for number in range(100):
        at = monitor.now + number
        monitor.feed(stage.batch._replace(frames=stage.batch.frames[:0], losses=(Loss(0, 0, at, at, 3),)))
    assert monitor.dropped == 300
    assert monitor.news().dropped == 300
