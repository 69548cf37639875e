"""Who was master when a sensor stopped: from states and newer events, by sensor, bounded, whatever rows hold."""

from pathlib import Path

import pytest
from sqlalchemy import update

from tests.store.telling import KEY, A, B, clock, event, group, instant, news
from vrrpwatch.core.news import News
from vrrpwatch.store import masters
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.masters import LastMaster, last_masters
from vrrpwatch.store.places import StoreError, place
from vrrpwatch.store.tables import GroupRecord


def keep(url: str, *told: News, sensor: str = "north") -> None:
    journal = Journal(url, sensor, clock=clock)
    for one in told:
        journal.record(one)
    assert journal.close(30)


def test_the_masters_of_a_sensor_and_when_they_were_heard(url: str) -> None:
    other = KEY._replace(id=52)
    lost = group(key=KEY._replace(id=53), last=3)._replace(state="lost", master=None)
    keep(url, news(5, groups=(group(last=4), group(key=other, last=5), lost)))
    keep(url, news(7, groups=(group(last=7),)), sensor="south")
    assert last_masters(url, "north") == {KEY: LastMaster(A, instant(4), 1.0), other: LastMaster(A, instant(5), 1.0)}
    assert last_masters(url, "south") == {KEY: LastMaster(A, instant(7), 1.0)}
    assert last_masters(url, "west") == {}


def test_an_event_that_is_newer_than_the_state_counts(url: str) -> None:
    """As after a crash: events are on the disk at once."""
    other, third = KEY._replace(id=52), KEY._replace(id=53)
    fourth = KEY._replace(id=54)
    states = (group(last=4)._replace(interval=3.0), group(key=other, last=6), group(key=third, last=4))
    gone = event(5, key=third)._replace(kind="master-lost", new=None)
    keep(url, news(6, groups=states, events=(event(5), event(5, key=other), event(5, key=fourth), gone)))
    assert last_masters(url, "north") == {
        KEY: LastMaster(B, instant(5), 3.0),
        other: LastMaster(A, instant(6), 1.0),
        # Of which no state was written.
        fourth: LastMaster(B, instant(5), None),
    }


def test_only_the_newest_are_looked_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masters, "MAX_GROUPS", 2)
    keys = [KEY._replace(id=number) for number in (1, 2, 3)]
    keep(url, news(5, groups=tuple(group(key=key, last=key.id) for key in keys)))
    assert set(last_masters(url, "north")) == set(keys[1:])


def test_as_many_are_looked_up_as_an_engine_follows(url: str) -> None:
    """On 65 VLANs with 64 virtual routers each, for instance."""
    keys = [KEY._replace(segment=f"eth0/{vlan}", id=number) for vlan in range(1, 66) for number in range(1, 65)]
    keep(url, news(5, groups=tuple(group(key=key, last=4) for key in keys)))
    assert last_masters(url, "north") == dict.fromkeys(keys, LastMaster(A, instant(4), 1.0))


def test_rows_that_cannot_be_understood_hide_no_others(url: str) -> None:
    other, third = KEY._replace(id=52), KEY._replace(id=53)
    keep(url, news(5, groups=(group(last=4), group(key=other, last=4), group(key=third, last=4))))
    engine = connect(place(url))
    with engine.begin() as connection:
        odd = GroupRecord.key == "eth0|vrrp|4|52|224.0.0.18"
        connection.execute(update(GroupRecord).where(odd).values(master="nobody"))
        vague = GroupRecord.key == "eth0|vrrp|4|53|224.0.0.18"
        connection.execute(update(GroupRecord).where(vague).values(info={"interval": {"often": True}}))
    engine.dispose()
    found = {KEY: LastMaster(A, instant(4), 1.0), third: LastMaster(A, instant(4), None)}
    assert last_masters(url, "north") == found


def test_no_store_and_no_database(tmp_path: Path) -> None:
    assert last_masters(str(tmp_path / "none.db"), "north") == {}
    (tmp_path / "none.db").write_text("no database")
    with pytest.raises(StoreError, match=r"none\.db"):
        last_masters(str(tmp_path / "none.db"), "north")
