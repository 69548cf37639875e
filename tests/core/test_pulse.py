"""The last minutes by whole seconds, with figures worked out by hand."""

import pytest

from tests.core.builders import SEGMENT, instant, vrrp
from vrrpwatch.core import pulse
from vrrpwatch.core.news import Second
from vrrpwatch.core.pulse import SPAN, Pulse

GROUP = vrrp("10.0.0.1").group
TO = "224.0.0.18"


def test_a_group_beats_in_the_seconds_it_was_heard() -> None:
    tested = Pulse()
    tested.beat(GROUP, instant(10.2), instant(10.2), 1)
    tested.beat(GROUP, instant(11.2), instant(13.2), 3)
    tested.beat(GROUP, instant(11.9), instant(11.9), 1)
    assert list(tested.beats(GROUP, instant(14.0), 5)) == [0, 1, 2, 1, 1]
    # The second that is not over yet is not drawn.
    assert list(tested.beats(GROUP, instant(13.9), 2)) == [2, 1]
    assert list(tested.beats(vrrp("10.0.0.1", vrid=9).group, instant(14.0))) == []


def test_a_long_stretch_is_spread_over_as_much_as_is_drawn() -> None:
    tested = Pulse()
    # An hour at two a second.
    tested.beat(GROUP, instant(0), instant(3600), 7200)
    drawn = list(tested.beats(GROUP, instant(3601)))
    assert len(drawn) == SPAN
    assert set(drawn) == {2}


def test_what_is_older_than_the_span_is_not_kept() -> None:
    tested = Pulse()
    for second in range(1000):
        tested.add(iter([Second(SEGMENT, TO, second, 1, 60)]))
    assert tested.rates(SEGMENT, TO, instant(1000)) == [(1, 60)] * SPAN
    assert tested.rates(SEGMENT, TO, instant(5000)) == [(0, 0)] * SPAN


def test_destinations_add_up_to_their_segment() -> None:
    tested = Pulse()
    told = [(TO, 5, 2, 120), ("224.0.0.251", 5, 1, 90), (TO, 7, 4, 240), (TO, 6, 1, 60), (TO, 5, 1, 60)]
    tested.add(Second(SEGMENT, *rest) for rest in told)
    assert tested.rates(SEGMENT, TO, instant(8))[-3:] == [(3, 180), (1, 60), (4, 240)]
    assert tested.rates(SEGMENT, None, instant(8))[-3:] == [(4, 270), (1, 60), (4, 240)]
    assert tested.rates("eth9", None, instant(8)) == []


def test_a_second_is_told_once_it_is_over() -> None:
    tested = Pulse()
    tested.add(iter([Second(SEGMENT, TO, 5, 2, 120), Second(SEGMENT, TO, 6, 1, 60)]))
    assert tested.over(instant(6.9)) == ()
    tested.add(iter([Second(SEGMENT, TO, 5, 1, 60)]))
    assert tested.over(instant(7.0)) == (Second(SEGMENT, TO, 5, 3, 180),)
    assert tested.over(None) == (Second(SEGMENT, TO, 6, 1, 60),)
    assert tested.over(None) == ()


def test_floods_of_groups_and_destinations_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "MAX_BEATS", 2)
    monkeypatch.setattr(pulse, "MAX_DESTINATIONS", 2)
    monkeypatch.setattr(pulse, "MAX_PENDING", 3)
    tested = Pulse()
    groups = [vrrp("10.0.0.1", vrid=vrid).group for vrid in (1, 2, 3)]
    for group in groups:
        tested.beat(group, instant(1), instant(1), 1)
    assert [list(tested.beats(group, instant(2), 1)) for group in groups] == [[], [1], [1]]
    for number in range(4):
        tested.add(iter([Second(SEGMENT, f"239.0.0.{number}", 1 << 40, 1, 60)]))
    assert tested.evicted == 1 + 2
    # From a future that will not come soon: they are given up for over.
    assert len(tested.over(instant(2))) == 4
