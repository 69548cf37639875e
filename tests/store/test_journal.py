"""What is recorded is in the store once, however often it is told, and comes back as it was."""

from ipaddress import ip_address

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from tests.store.postgresql import Server
from tests.store.telling import KEY, START, A, clock, event, finding, group, instant, news, second, speaker
from tests.store.waiting import wait_until
from vrrpwatch.core.model import Finding, GroupKey
from vrrpwatch.core.news import News
from vrrpwatch.store.codec import clean, event_of, finding_of, group_of, key_of
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.places import place
from vrrpwatch.store.tables import Base, EventRow, FindingRow, FlowRow, GroupRecord, RunRow, SecondRow, SensorRow


def record(url: str, *told: News, sensor: str = "one", at: float = 86_400) -> None:
    journal = Journal(url, sensor, clock=lambda: instant(at))
    for item in told:
        journal.record(item)
        assert journal.flush(20), journal.state
    assert journal.acknowledged == len(told)
    assert journal.close()


def count(engine: Engine, table: type[Base]) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def findings(engine: Engine) -> list[Finding]:
    with Session(engine) as session:
        return [finding_of(row) for row in session.scalars(select(FindingRow).order_by(FindingRow.first))]


def test_all_that_was_told_comes_back_as_it_was(url: str, engine: Engine) -> None:
    told = news(9, events=(event(5),), findings=(finding(),), groups=(group(last=9),), seconds=(second(3),), dropped=2)
    record(url, told)
    with Session(engine) as session:
        sensor = session.scalars(select(SensorRow)).one()
        assert (sensor.name, sensor.first, sensor.last, sensor.dropped) == ("one", instant(9), instant(9), 2)
        assert (sensor.packets, sensor.bytes, sensor.adverts) == (10, 1000, 4)
        assert [event_of(row) for row in session.scalars(select(EventRow))] == [event(5)]
        row = session.scalars(select(GroupRecord)).one()
        assert group_of(key_of(row.key), row.info) == group(last=9)
        flow, volume = session.scalars(select(FlowRow)).one(), session.scalars(select(SecondRow)).one()
        assert (flow.segment, flow.destination) == ("eth0", "224.0.0.18")
        assert (volume.start, volume.packets, volume.bytes) == (START + 3, 1, 60)
    assert findings(engine) == [finding()]


def test_news_told_again_change_nothing(url: str, engine: Engine) -> None:
    told = [
        news(1, events=(event(0.5),), findings=(finding(count=3),), groups=(group(),), seconds=(second(0, 4, 400),)),
        news(2, events=(event(1.5),), findings=(finding(count=5, last=2),), groups=(group(last=2, adverts=3),)),
    ]
    record(url, *told, *told)
    record(url, *told, at=90_000)
    assert [count(engine, table) for table in (EventRow, FindingRow, GroupRecord, RunRow, SecondRow)] == [2, 1, 1, 1, 1]
    assert findings(engine) == [finding(count=5, last=2)]


def test_a_sensor_begins_with_its_first_packet(url: str, engine: Engine) -> None:
    record(url, news()._replace(now=0), news(5), news(7))
    with Session(engine) as session:
        assert session.execute(select(SensorRow.first, SensorRow.last)).one() == (instant(5), instant(7))


def test_a_finding_goes_on_counting_after_a_restart(url: str, engine: Engine) -> None:
    record(url, news(findings=(finding(count=3, last=4),)), at=0)
    # The engine counts from one again; 3 + 1, then 3 + 2.
    record(
        url,
        news(findings=(finding(count=1, first=10, last=10),)),
        news(findings=(finding(count=2, first=10, last=12, summary="again"),)),
        at=9,
    )
    assert findings(engine) == [finding(count=5, first=0, last=12, summary="again")]


def test_what_people_noted_stays_when_the_finding_goes_on(url: str, engine: Engine) -> None:
    journal = Journal(url, "one", clock=clock)
    journal.record(news(findings=(finding(),)))
    journal.acknowledge(finding().id, "Ann")
    journal.silence(finding().id, instant(99_999))
    journal.note(finding().id, "a cable")
    journal.record(news(findings=(finding(count=2),)))
    assert journal.close()
    with Session(engine) as session:
        row = session.scalars(select(FindingRow)).one()
        assert (row.count, row.acknowledged_by, row.acknowledged_at) == (2, "Ann", clock())
        assert (row.silenced_until, row.note) == (instant(99_999), "a cable")


def test_a_speaker_whose_settings_change_begins_a_run(url: str, engine: Engine) -> None:
    record(
        url,
        news(1, groups=(group(speaker(adverts=10, last=9)),)),
        news(2, groups=(group(speaker(adverts=15, last=14)),)),
        news(3, groups=(group(speaker(priority=90, adverts=18, last=17)),)),
        news(4, groups=(group(speaker(priority=90, adverts=20, last=19)),)),
    )
    with Session(engine) as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.first)).all()
        assert [(row.first, row.last, row.adverts, row.settings["priority"]) for row in rows] == [
            (instant(0), instant(14), 15, 200),
            (instant(17), instant(19), 5, 90),
        ]
        assert {(row.ip, row.mac) for row in rows} == {(str(A), "02:00:0a:00:00:01")}


def test_several_sensors_write_to_one_store(url: str, engine: Engine) -> None:
    journals = [Journal(url, f"sensor{number}", clock=clock, first_delay=0.01) for number in range(4)]
    for step in range(20):
        for journal in journals:
            journal.record(news(step, events=(event(step),), findings=(finding(count=step + 1),)))
    assert all(journal.close(20) for journal in journals)
    assert [count(engine, table) for table in (SensorRow, EventRow, FindingRow)] == [4, 80, 4]
    assert [item.count for item in findings(engine)] == [20] * 4


HOSTILE = ["a\0b", "'; DROP TABLE events; --", '"', "\\", "%s %(x)s :x", "\x1b[2J", "é" * 5000, "\U0001f600"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_kept_or_cleaned(url: str, engine: Engine, text: str) -> None:
    key = GroupKey(text, "vrrp", 4, 1, "224.0.0.18")
    told = news(
        events=(event(1, key=key),),
        findings=(finding(key=key, segment=text, subject=text, summary=text),),
        groups=(group(key=key),),
        seconds=(second(1, segment=text, to=text),),
    )
    record(url, told, told, sensor=text)
    assert [count(engine, table) for table in (SensorRow, EventRow, FindingRow, GroupRecord, FlowRow)] == [1] * 5
    with Session(engine) as session:
        assert session.scalars(select(SensorRow.name)).one() == clean(text, 400)
    kept = findings(engine)[0]
    if len(text) < 400:
        shown = text.replace("\0", "\\x00")
        assert (kept.segment, kept.subject, kept.summary) == (shown, shown, shown)
        assert kept.group == key._replace(segment=shown)
    else:
        assert (len(kept.segment), len(kept.summary)) == (400, 4096)


def test_bytes_that_are_no_text_are_escaped(url: str, engine: Engine) -> None:
    key = KEY._replace(segment="\udc80")
    record(url, news(events=(event(1, key=key),), seconds=(second(1, segment="\udc80"),)))
    with Session(engine) as session:
        assert session.scalars(select(EventRow.group)).one() == "\\udc80|vrrp|4|51|224.0.0.18"
        assert session.scalars(select(FlowRow.segment)).one() == "\\udc80"


def test_numbers_beyond_64_bits_and_beyond_json_are_cut(url: str, engine: Engine) -> None:
    far = 2**70
    told = news(
        events=(event(0)._replace(at=far, gap=float("inf")),),
        groups=(group()._replace(last=far, interval=float("nan"), adverts=far),),
        seconds=(second(0, far, far), second(-far, 1, 1)),
    )
    record(url, told._replace(now=far, dropped=far))
    with Session(engine) as session:
        row = session.scalars(select(EventRow)).one()
        assert (row.at, row.gap) == (2**63 - 1, None)
        assert session.scalars(select(GroupRecord)).one().info["interval"] is None


def test_addresses_of_both_families_come_back(url: str, engine: Engine) -> None:
    record(url, news(events=(event(0)._replace(old=ip_address("fe80::1"), new=None),)))
    with Session(engine) as session:
        back = event_of(session.scalars(select(EventRow)).one(), "berlin")
    assert (back.old, back.new) == (ip_address("fe80::1"), None)
    assert back.group == KEY._replace(segment="berlin:eth0")


def test_volume_waits_for_company_and_events_do_not(url: str, engine: Engine) -> None:
    journal = Journal(url, "one", clock=clock, pace=3_600)
    journal.record(news(1, seconds=(second(1),)))
    # The first is written as soon as the store is open.
    assert journal.flush(20)
    journal.record(news(2, seconds=(second(2),)))
    journal.record(news(3, events=(event(3),)))
    wait_until(lambda: journal.acknowledged == 3)
    journal.record(news(4, seconds=(second(4),)))
    assert journal.flush(20)
    assert count(engine, SecondRow) == 3
    assert journal.close()


def test_a_value_that_the_database_refuses_holds_up_no_others(server: Server) -> None:
    url = server.database()
    journal = Journal(url, "one", clock=clock)
    odd = event(3)._replace(kind="\0")  # type: ignore[arg-type]  # no engine makes it, and PostgreSQL refuses it
    journal.record(news(9, events=(event(1), event(2), odd, event(4)), findings=(finding(),)))
    assert journal.flush(20), journal.state
    assert journal.state.lost == {"refused": 1}
    assert journal.close()
    engine = connect(place(url))
    assert (count(engine, EventRow), count(engine, FindingRow)) == (3, 1)
    engine.dispose()


def test_rows_that_another_program_deleted_are_made_again(url: str, engine: Engine) -> None:
    journal = Journal(url, "one", clock=clock)
    journal.record(news(1, seconds=(second(1),)))
    assert journal.flush(20), journal.state
    with engine.begin() as connection:
        for table in ("volume_seconds", "flows", "rollups", "sensors"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    journal.record(news(2, seconds=(second(2),)))
    assert journal.flush(20), journal.state
    assert journal.close()
    assert [count(engine, table) for table in (SensorRow, FlowRow, SecondRow)] == [1, 1, 1]
