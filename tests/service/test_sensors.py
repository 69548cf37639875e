"""Who of a fleet is silent, by the clock of who looks, whatever the sensors' clocks say."""

from ipaddress import ip_address

import pytest

from vrrpwatch.core.model import NANOSECONDS, GroupKey, GroupState, Instant
from vrrpwatch.core.news import GroupRow
from vrrpwatch.service.sensors import Sensors, unheard
from vrrpwatch.service.silences import Silences, places_of
from vrrpwatch.store.status import SensorStatus

# 1970-01-12 13:46:40 UTC.
NOW = 1_000_000


def instant(seconds: float) -> Instant:
    return round(seconds * NANOSECONDS)


def sensor(name: str, last: float) -> SensorStatus:
    return SensorStatus(name, "1.0", 0, instant(last), 0)


def look(sensors: Sensors, now: float, *seen: SensorStatus) -> Silences:
    return sensors.silences(seen, frozenset(), instant(now))


def texts(silences: Silences) -> list[str]:
    return [line.text for line in silences.told]


def test_a_sensor_without_news_is_silent_and_the_newest_silence_comes_first() -> None:
    found = look(Sensors(), NOW, sensor("old", NOW - 200_000), sensor("alpha", NOW - 480), sensor("beta", NOW - 19))
    assert texts(found) == [
        "sensor alpha: nothing for 8 min, since 13:38:40Z",
        "sensor old: nothing for 2 d 7 h, since 1970-01-10 06:13:20Z",
    ]
    assert found.places == {"alpha", "old"}


def test_a_sensor_is_silent_once_its_news_are_the_same_for_twenty_seconds() -> None:
    sensors = Sensors()
    assert texts(look(sensors, NOW, sensor("alpha", NOW - 1))) == []
    assert texts(look(sensors, NOW + 18, sensor("alpha", NOW - 1))) == []
    found = look(sensors, NOW + 19, sensor("alpha", NOW - 1))
    assert texts(found) == ["sensor alpha: nothing for 20 s, since 13:46:39Z"]
    assert texts(look(sensors, NOW + 20, sensor("alpha", NOW + 20))) == []


def test_a_sensor_whose_clock_is_wrong_is_not_silent() -> None:
    sensors = Sensors()
    # Whether it lives shows with its next news.
    assert look(sensors, NOW, sensor("slow", NOW - 180)).places == {"slow"}
    found = look(sensors, NOW + 1, sensor("slow", NOW - 179))
    assert texts(found) == ["sensor slow: its news are 3 min old: its clock is behind, or its journal catches up"]
    assert not found.places
    sensors = Sensors()
    assert texts(look(sensors, NOW, sensor("fast", NOW + 180))) == ["sensor fast: its clock is 3 min ahead"]
    found = look(sensors, NOW + 20, sensor("fast", NOW + 180))
    assert texts(found) == ["sensor fast: nothing for 20 s, since 13:46:40Z"]


def test_a_sensor_that_never_heard_anything_has_no_time() -> None:
    found = look(Sensors(), NOW, sensor("new", 0))
    assert texts(found) == ["sensor new: has heard nothing yet"]
    assert not found.places


@pytest.mark.parametrize(
    ("state", "age", "expected"),
    [("held", 34, False), ("held", 34.5, True), ("contested", 34.5, True), ("lost", 3600, False)],
)
def test_what_a_living_sensor_tells_nothing_of_is_not_heard(state: GroupState, age: float, expected: bool) -> None:
    # Thirty seconds and four intervals.
    key = GroupKey("berlin:eth0/10", "vrrp", 4, 51, "224.0.0.18")
    row = GroupRow(key, state, ip_address("192.0.2.1"), 100, 1.0, None, instant(NOW - age), 5, None)
    assert unheard([row], [sensor("berlin", NOW)]) == ({key} if expected else set())


def test_a_segment_is_of_a_sensor_or_of_an_interface() -> None:
    assert places_of("eth0/10.20") == ("", "eth0")
    assert places_of("berlin:eth0/10")[0] == "berlin"
    assert places_of("host:1:eth0")[0] == "host:1"
