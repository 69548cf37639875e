"""A screen over a store sees all sensors, what is new with every poll, and people's marks."""

import os
import re
import tempfile
from ipaddress import ip_address
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.store.telling import KEY, START, A, B, clock, event, finding, group, instant, news, second, speaker
from vrrpwatch.core.analysis import Rate, Totals
from vrrpwatch.core.model import Severity
from vrrpwatch.core.news import Member, News, View
from vrrpwatch.store.backlog import Mark
from vrrpwatch.store.fleet import Fleet
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.places import StoreError
from vrrpwatch.store.reading import open_findings

NOBODY = 65534
BERLIN = KEY._replace(segment="berlin:eth0")
PARIS = KEY._replace(segment="paris:eth0")


def tell(url: str, sensor: str, *told: News) -> None:
    journal = Journal(url, sensor, clock=clock)
    for item in told:
        journal.record(item)
    assert journal.close(20), journal.state


def test_all_sensors_are_one_fleet(url: str) -> None:
    tell(url, "paris", news(20, events=(event(7),), groups=(group(last=20),), dropped=3))
    tell(url, "berlin", news(30, events=(event(5),), findings=(finding(),), groups=(group(last=30, adverts=9),)))
    fleet = Fleet(url, clock=clock)
    view: View = fleet
    assert [(sensor.name, sensor.last) for sensor in fleet.sensors()] == [
        ("paris", instant(20)),
        ("berlin", instant(30)),
    ]
    assert [row.key for row in view.rows()] == [BERLIN, PARIS]
    row = view.row(BERLIN)
    assert row is not None
    assert (row.state, row.master, row.priority, row.adverts) == ("held", A, 200, 9)
    assert (row.last, row.severity) == (instant(30), Severity.CRITICAL)
    assert view.group(PARIS) == group(last=20, key=PARIS)
    assert view.group(KEY) is None
    # In order of time, whoever told them first.
    assert [(item.at, item.group) for item in view.events()] == [(instant(5), BERLIN), (instant(7), PARIS)]
    assert [item.group for item in view.events(PARIS)] == [PARIS]
    assert view.findings() == [finding(key=BERLIN, segment="berlin:eth0")]
    assert view.totals == Totals(20, 2000, 10, 600, 8)
    assert (view.now, view.dropped) == (instant(30), 3)
    assert (view.packets(PARIS), view.queriers(), view.neighbours(PARIS)) == ((), (), ())
    # Who joined a router's destination in silence is told with the router.
    assert view.members() == tuple(
        Member(key.segment, ip_address("224.0.0.18"), B, None, START * 10**9) for key in (PARIS, BERLIN)
    )
    assert (view.budget("berlin:eth0"), view.heartbeat(PARIS)) == (100.0, [])
    fleet.close()


def test_a_poll_finds_what_is_new(url: str) -> None:
    journal = Journal(url, "berlin", clock=clock)
    journal.record(news(1, groups=(group(),), findings=(finding(),)))
    assert journal.flush(20)
    fleet = Fleet(url, clock=clock)
    assert not fleet.poll()
    journal.record(news(2, events=(event(2),), groups=(group(adverts=5),), findings=(finding(count=4),)))
    assert journal.flush(20)
    assert fleet.poll()
    row = fleet.row(BERLIN)
    assert row is not None
    assert row.adverts == 5
    assert len(fleet.events()) == 1
    assert [item.count for item in fleet.findings()] == [4]
    assert not fleet.poll()
    assert journal.close()
    fleet.close()


def test_a_file_that_is_moved_away_is_told_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "journal.db", tmp_path / "elsewhere.db"
    tell(str(path), "berlin", news(1, groups=(group(),), findings=(finding(),)))
    fleet = Fleet(str(path), clock=clock)
    path.rename(elsewhere)
    said = f"{path}: the file was moved or deleted; what is shown is what it held"
    with pytest.raises(StoreError, match=re.escape(said)):
        fleet.poll()
    with pytest.raises(StoreError, match=re.escape(said)):
        fleet.acknowledge(fleet.findings()[0].id, "ann")
    assert [row.key for row in fleet.rows()] == [BERLIN]
    elsewhere.rename(path)
    assert not fleet.poll()
    tell(str(path), "paris", news(2, groups=(group(),)))
    assert fleet.poll()
    assert [row.key for row in fleet.rows()] == [BERLIN, PARIS]
    fleet.close()


def test_a_file_that_is_replaced_is_told_and_read_instead(tmp_path: Path) -> None:
    path, other = tmp_path / "journal.db", tmp_path / "other.db"
    tell(str(path), "berlin", news(9, groups=(group(),), findings=(finding(),), events=(event(5),)))
    tell(str(other), "paris", news(2, groups=(group(),)))
    fleet = Fleet(str(path), clock=clock)
    other.rename(path)
    with pytest.raises(StoreError, match="the file was replaced by another one, which is read now"):
        fleet.poll()
    assert fleet.poll()
    assert [row.key for row in fleet.rows()] == [PARIS]
    assert (list(fleet.findings()), list(fleet.events()), fleet.now) == ([], [], instant(2))
    fleet.close()


def test_heartbeats_are_counted_from_poll_to_poll(url: str) -> None:
    journal = Journal(url, "berlin", clock=clock)
    journal.record(news(10, groups=(group(adverts=100, last=10),)))
    assert journal.flush(20)
    fleet = Fleet(url, clock=clock)
    for now, adverts in ((11, 101), (14, 105), (15, 105), (16, 103)):
        journal.record(news(now, groups=(group(adverts=adverts, last=now),)))
        assert journal.flush(20)
        assert fleet.poll()
    # One in the first second, four in the next three; none, and a count that began anew.
    assert list(fleet.heartbeat(BERLIN))[-7:] == [0, 1, 2, 1, 1, 0, 0]
    assert len(fleet.heartbeat(BERLIN)) == 60
    assert journal.close()
    fleet.close()


def test_marks_are_written_and_seen_by_others(url: str) -> None:
    tell(url, "berlin", news(1, findings=(finding(),)))
    tell(url, "paris", news(1, findings=(finding(),)))
    mine, other = Fleet(url, clock=clock), Fleet(url, clock=clock)
    chosen = finding(key=PARIS, segment="paris:eth0")
    assert mine.acknowledge(chosen.id, "Ann")
    assert mine.silence(chosen.id, instant(500))
    assert mine.note(chosen.id, "a cable")
    expected = Mark("Ann", clock(), instant(500), "a cable")
    assert mine.marks()[chosen.id] == expected
    assert other.poll()
    assert other.marks()[chosen.id] == expected
    assert other.marks()[finding(key=BERLIN, segment="berlin:eth0").id] == Mark()
    assert mine.acknowledge(chosen.id, "")
    assert mine.silence(chosen.id, None)
    assert other.poll()
    assert other.marks()[chosen.id] == Mark(note="a cable")
    assert not mine.acknowledge("0" * 16, "Ann")
    mine.close()
    other.close()


def test_rates_are_those_of_whole_seconds(url: str) -> None:
    tell(
        url,
        "berlin",
        news(9, seconds=(second(5, 2, 120), second(7, 3, 180), second(7, 10, 1000, to="239.1.1.1"))),
        news(9, seconds=(second(7, 50, 50, segment="eth1"),)),
    )
    fleet = Fleet(url, clock=clock)
    assert list(fleet.rates("berlin:eth0"))[-4:] == [(0, 0), (2, 120), (0, 0), (13, 1180)]
    assert list(fleet.rates("berlin:eth0", "224.0.0.18"))[-3:] == [(2, 120), (0, 0), (3, 180)]
    assert len(fleet.rates("berlin:eth0")) == 300
    assert set(fleet.rates("nowhere")) == {(0, 0)}
    tell(url, "berlin", news(12, seconds=(second(9, 4, 240),)))
    assert fleet.poll()
    assert list(fleet.rates("berlin:eth0"))[-5:] == [(2, 120), (0, 0), (13, 1180), (0, 0), (4, 240)]
    fleet.close()


def test_what_is_too_young_to_be_rolled_up_is_shown_by_its_seconds(url: str) -> None:
    tell(url, "berlin", news(9, seconds=(second(5, 2, 120), second(7, 3, 180), second(7, 10, 1000, to="239.1.1.1"))))
    fleet = Fleet(url, clock=clock)
    loud, quiet = fleet.multicast()
    assert (loud.destination, loud.packets, loud.bytes) == ("239.1.1.1", 10, 1000)
    assert (quiet.segment, quiet.packets, quiet.bytes) == ("berlin:eth0", 5, 300)
    # Three seconds from the first of them to the end of the last.
    assert quiet.packets_per_second == Rate(5 / 3, 3)
    assert quiet.bits_per_second == Rate(300 * 8 / 3, 180 * 8)
    fleet.close()


def test_multicast_is_that_of_the_last_day(url: str) -> None:
    tell(
        url,
        "berlin",
        # Two days before, then 10 packets in the first minute and 20 in the seventh.
        news(seconds=(second(-2 * 86_400, 99, 9900),)),
        news(seconds=(second(0, 4, 400), second(1, 6, 600), second(360, 20, 2000))),
        news(900, seconds=()),
    )
    fleet = Fleet(url, clock=clock)
    (volume,) = fleet.multicast()
    assert (volume.segment, volume.destination) == ("berlin:eth0", "224.0.0.18")
    assert (volume.packets, volume.bytes) == (30, 3000)
    assert (volume.first, volume.last) == (instant(0), instant(420))
    # 30 packets in 420 s; the busiest second had 20 packets and 2,000 bytes.
    assert volume.packets_per_second == Rate(30 / 420, 20)
    assert volume.bits_per_second == Rate(24_000 / 420, 16_000)
    assert (volume.bucket, volume.series) == (300, ((10, 1000), (20, 2000)))
    fleet.close()


def test_a_row_that_cannot_be_understood_hides_no_others(url: str, engine: Engine) -> None:
    other = KEY._replace(id=52)
    tell(url, "berlin", news(groups=(group(), group(key=other))))
    with engine.begin() as connection:
        connection.execute(text("UPDATE groups SET info = '{}' WHERE key LIKE '%|52|%'"))
    fleet = Fleet(url, clock=clock)
    assert [row.key for row in fleet.rows()] == [BERLIN]
    assert fleet.skipped == 1
    fleet.close()


def test_the_newest_findings_are_shown_where_there_are_too_many(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.store.fleet.MAX_FINDINGS", 2)
    tell(url, "berlin", news(findings=tuple(finding(subject=str(n), first=n, last=n) for n in range(4))))
    fleet = Fleet(url, clock=clock)
    assert [item.subject for item in fleet.findings()] == ["2", "3"]
    tell(url, "berlin", news(findings=(finding(subject="4", first=4, last=4),)))
    assert fleet.poll()
    assert [item.subject for item in fleet.findings()] == ["3", "4"]
    assert len(fleet.marks()) == 2
    fleet.close()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(StoreError, match="there is no store"):
        Fleet(str(path), clock=clock)
    assert not path.exists()


def test_who_may_not_write_can_watch_while_the_sensor_runs() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        journal = Journal(f"{folder}/journal.db", "berlin", clock=clock)
        journal.record(news(findings=(finding(),)))
        assert journal.flush(20)
        os.seteuid(NOBODY)
        try:
            fleet = Fleet(f"{folder}/journal.db", clock=clock)
            (found,) = fleet.findings()
            with pytest.raises(StoreError, match="readonly database; check the permissions"):
                fleet.acknowledge(found.id, "Ann")
            fleet.close()
        finally:
            os.seteuid(0)
        assert journal.close()


def test_a_store_that_goes_away_is_told_and_asked_again(url: str, engine: Engine) -> None:
    tell(url, "berlin", news(groups=(group(),)))
    fleet = Fleet(url, clock=clock)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE sensors RENAME TO elsewhere"))
    with pytest.raises(StoreError, match="sensors"):
        fleet.poll()
    # What was known is still shown.
    assert [row.key for row in fleet.rows()] == [BERLIN]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO sensors"))
    assert not fleet.poll()
    fleet.close()


def test_findings_that_were_open_when_the_sensor_stopped(url: str) -> None:
    assert open_findings(url, "berlin") == {}
    tell(
        url,
        "berlin",
        news(
            8000,
            findings=(
                finding(last=5000),
                finding(rule="flapping", subject="old", last=4399),
                finding(rule="flapping", subject="new", last=4400),
            ),
        ),
    )
    tell(url, "paris", news(8000, findings=(finding(subject="theirs", last=8000),)))
    found = open_findings(url, "berlin")
    # The sensor's end is at 8,000 s, an hour before it is 4,400 s.
    assert {item.finding.subject for item in found.values()} == {finding().subject, "new"}
    assert found[finding().id].finding == finding(last=5000)
    assert open_findings(url, "nobody") == {}


def test_the_priority_of_a_group_is_its_masters(url: str) -> None:
    backup = speaker(priority=90)._replace(key=speaker().key._replace(mac="02:00:00:00:00:99"))
    tell(url, "berlin", news(groups=(group(backup, speaker(priority=150)),)))
    fleet = Fleet(url, clock=clock)
    row = fleet.row(BERLIN)
    assert row is not None
    assert row.priority == 150
    assert instant(0) == START * 10**9
    fleet.close()


def test_a_destination_has_the_protocol_of_the_virtual_routers_that_advertise_to_it(url: str) -> None:
    carp = KEY._replace(protocol="carp")
    told = (second(1), second(1, to="225.0.0.50"))
    tell(url, "berlin", news(2, groups=(group(), group(key=carp)), seconds=told))
    fleet = Fleet(url, clock=clock)
    assert {flow.destination: flow.protocol for flow in fleet.multicast()} == {
        "224.0.0.18": "carp,vrrp",
        "225.0.0.50": "",
    }
    fleet.close()
