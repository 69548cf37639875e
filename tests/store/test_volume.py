"""Seconds add up to minutes and hours, late ones too, and what is old goes."""

from typing import Any

from sqlalchemy import Engine, select

from tests.store.telling import START, clock, instant, news, second
from vrrpwatch.core.news import Second
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.tables import Base, FlowRow, HourRow, MinuteRow, SecondRow
from vrrpwatch.store.volume import OTHERS, Flows, Retention, write_seconds

FOREVER = Retention(1e9, 1e9)


def record(url: str, *told: tuple[Second, ...], keep: Retention = FOREVER, now: float = 0, sensor: str = "one") -> None:
    journal = Journal(url, sensor, clock=clock, keep=keep)
    for seconds in told:
        journal.record(news(now, seconds=seconds))
        assert journal.flush(20), journal.state
    journal.close()


def rows(engine: Engine, table: type[Base]) -> list[tuple[Any, ...]]:
    """All rows with starts counted from the test's, in order of time and flow."""
    with engine.connect() as connection:
        found = connection.execute(select(table.__table__)).all()
    return sorted((start - START, *rest) for start, *rest in found)


def test_minutes_and_hours_are_sums_with_the_busiest_second(url: str, engine: Engine) -> None:
    record(
        url,
        # The first minute: 10 + 4 + 1 = 15 packets, 600 + 1000 + 60 = 1,660 bytes; the busiest second of each differs.
        (second(0, 10, 600), second(30, 4, 1000), second(59, 1, 60)),
        # The second: 7 packets.
        (second(60, 7, 420),),
        # The last of the hour: 2 packets; then the next hour begins.
        (second(3599, 2, 120),),
        (second(3600, 5, 300),),
    )
    assert rows(engine, MinuteRow) == [
        (0, 1, 15, 1660, 10, 1000),
        (60, 1, 7, 420, 7, 420),
        (3540, 1, 2, 120, 2, 120),
    ]
    assert rows(engine, HourRow) == [(0, 1, 24, 2200, 10, 1000)]


def test_flows_are_added_up_each_for_itself(url: str, engine: Engine) -> None:
    told = (second(0, 1, 60), second(0, 2, 120, to="ff02::12"), second(1, 3, 180, segment="eth1"), second(60))
    record(url, told)
    assert [row[2] for row in rows(engine, MinuteRow)] == [1, 2, 3]
    record(url, told, sensor="two")
    assert [row[2] for row in rows(engine, MinuteRow)] == [1, 2, 3, 1, 2, 3]


def test_a_minute_is_over_when_nothing_more_of_it_can_be_told(url: str, engine: Engine) -> None:
    record(url, (second(5, 3, 180),), now=179.9)
    assert rows(engine, MinuteRow) == []
    record(url, (), now=180)
    assert rows(engine, MinuteRow) == [(0, 1, 3, 180, 3, 180)]


def test_late_seconds_are_added_to_minutes_and_hours_that_were_done(url: str, engine: Engine) -> None:
    record(url, (second(0, 1, 60),), (second(7200, 1, 60),), (second(1, 5, 300), second(3600, 2, 120)))
    assert rows(engine, MinuteRow) == [(0, 1, 6, 360, 5, 300), (3600, 1, 2, 120, 2, 120)]
    assert rows(engine, HourRow) == [(0, 1, 6, 360, 5, 300), (3600, 1, 2, 120, 2, 120)]


def test_very_many_late_minutes_are_added_up_together(url: str, engine: Engine) -> None:
    record(url, (second(0, 1, 60),), (second(7200, 1, 60),), tuple(second(60 * minute) for minute in range(1, 120)))
    assert len(rows(engine, MinuteRow)) == 120
    assert rows(engine, HourRow) == [(0, 1, 60, 3600, 1, 60), (3600, 1, 60, 3600, 1, 60)]


def test_seconds_and_minutes_are_kept_for_their_time_and_hours_for_ever(url: str, engine: Engine) -> None:
    keep = Retention(seconds=3600, minutes=7200)
    record(url, tuple(second(60 * minute) for minute in range(5 * 60)), keep=keep, now=4 * 3600)
    record(url, (), keep=keep, now=5 * 3600 + 120)
    # The sixth hour began 120 s ago: seconds of the last hour and what came after, minutes of the last two.
    assert [row[0] for row in rows(engine, SecondRow)][:1] == [4 * 3600 + 120]
    assert [row[0] for row in rows(engine, MinuteRow)][:1] == [3 * 3600]
    assert [row[:3] for row in rows(engine, HourRow)] == [(3600 * hour, 1, 60) for hour in range(5)]


def test_what_is_told_again_after_pruning_takes_nothing_away(url: str, engine: Engine) -> None:
    keep = Retention(seconds=60, minutes=1e9)
    record(url, (second(0, 8, 480), second(1, 2, 120)), (second(3700),), keep=keep, now=3700)
    assert [row[0] for row in rows(engine, SecondRow)] == [3700]
    record(url, (second(1, 2, 120),), keep=keep, now=3701)
    assert rows(engine, MinuteRow)[0] == (0, 1, 10, 600, 8, 480)


def test_destinations_beyond_the_cap_count_together(engine: Engine, url: str) -> None:
    record(url, (second(0),))
    flows = Flows(limit=3)
    with engine.begin() as connection:
        told = {("eth0", f"239.0.0.{number}", START): (1, 60) for number in range(10)}
        write_seconds(connection, 1, flows, told)
    with engine.connect() as connection:
        names = connection.execute(select(FlowRow.destination).order_by(FlowRow.id)).scalars().all()
    assert names == ["224.0.0.18", "239.0.0.0", "239.0.0.1", OTHERS]
    # Eight of the ten came too late for a row of their own.
    assert [row[2] for row in rows(engine, SecondRow)] == [1, 1, 1, 8]


def test_the_clock_may_step_far(url: str, engine: Engine) -> None:
    record(url, (second(0),), now=1e8)
    record(url, (second(61),), now=62)
    assert [row[0] for row in rows(engine, MinuteRow)] == [0, 60]
    assert instant(0) == START * 10**9
