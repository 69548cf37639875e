"""Numbers against replays: what is sent grows, across restarts and clocks that are set; what is heard must grow."""

from vrrpwatch.agent.speaking.sequences import MAX_SOURCES, Replays, Sequences, freshness_window
from vrrpwatch.core.model import NANOSECONDS

# 2020-01-01, when AH's numbers begin.
BEGIN = 1_577_836_800
SECOND = NANOSECONDS


def test_an_identification_is_never_0() -> None:
    sequences = Sequences(1, identification=0xFFFE)
    assert [sequences.next_identification() for _ in range(3)] == [0xFFFF, 1, 2]


def test_ah_numbers_are_quarters_of_a_second_and_grow_when_no_time_passes() -> None:
    sequences = Sequences(1)
    wall = (BEGIN + 100) * SECOND
    assert [sequences.next_ah(wall) for _ in range(3)] == [400, 401, 402]
    assert sequences.next_ah(wall + 10 * SECOND) == 440


def test_a_router_that_is_started_again_is_ahead_of_what_it_sent_before() -> None:
    before = Sequences(1)
    sent = [before.next_ah((BEGIN + second) * SECOND) for second in range(1000, 1100)]
    assert Sequences(1).next_ah((BEGIN + 1100) * SECOND) > max(sent)


def test_ah_numbers_follow_what_was_heard() -> None:
    sequences = Sequences(1)
    sequences.heard_ah(10_000)
    assert sequences.next_ah((BEGIN + 1) * SECOND) == 10_001
    sequences.heard_ah(5)
    assert sequences.next_ah((BEGIN + 1) * SECOND) == 10_002


def test_ah_numbers_survive_a_clock_of_1970_and_a_host_at_the_end_of_all_numbers() -> None:
    sequences = Sequences(1)
    assert sequences.next_ah(0) == 1
    sequences.heard_ah(2**32 - 1)
    assert sequences.next_ah(0) == 2**32 - 1


def test_a_trailer_has_the_time_of_day() -> None:
    sequences = Sequences(1)
    assert sequences.next_trailer(7 * SECOND + SECOND // 4, 5) == 0x7_4000_0000
    assert sequences.next_trailer(7 * SECOND + SECOND // 4, 5) == 0x7_4000_0001
    assert sequences.next_trailer(7 * SECOND + SECOND // 2, 5) == 0x7_8000_0000


def test_the_counter_of_a_trailer_carries() -> None:
    sequences = Sequences(1, trailer=7 << 32 | 0xFFFF_FFFF)
    assert sequences.next_trailer(7 * SECOND, 5) == 8 << 32


def test_a_trailer_grows_on_while_the_clock_is_a_little_behind_and_begins_anew_beyond_the_window() -> None:
    sequences = Sequences(1)
    sequences.next_trailer(100 * SECOND, 5)
    assert sequences.next_trailer(95 * SECOND, 5) == 100 << 32 | 1
    assert sequences.next_trailer(94 * SECOND, 5) == 94 << 32


def test_the_window_is_keepaliveds() -> None:
    assert [freshness_window(interval) for interval in (0.01, 1, 2.5, 10, 255)] == [5, 5, 6, 30, 300]


def test_a_number_is_fresh_once_for_each_source() -> None:
    replays = Replays()
    assert [replays.fresh(b"a", number) for number in (5, 5, 4, 6)] == [True, False, False, True]
    assert replays.fresh(b"b", 1)


def test_a_mark_from_before_the_clock_was_set_back_holds_nothing_up() -> None:
    replays = Replays()
    assert replays.fresh(b"a", 100)
    assert not replays.fresh(b"a", 50, ceiling=101)
    assert replays.fresh(b"a", 50, ceiling=100)
    assert not replays.fresh(b"a", 50, ceiling=100)


def test_sources_are_bounded() -> None:
    replays = Replays()
    for number in range(MAX_SOURCES + 1):
        assert replays.fresh(bytes((number,)), 7)
    assert not replays.fresh(bytes((MAX_SOURCES,)), 7)
    assert replays.fresh(bytes((0,)), 7)
