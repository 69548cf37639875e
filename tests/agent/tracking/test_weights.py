"""What verdicts do to a router's priority and demotion, in figures worked out by hand."""

import pytest

from vrrpwatch.agent.config.routers import Tracked
from vrrpwatch.agent.ports import Verdict
from vrrpwatch.agent.tracking.weights import demotion, faults, priority

GOOD = {"t": Verdict("t", True, "all is well")}
BAD = {"t": Verdict("t", False, "exit status 1")}
UNKNOWN: dict[str, Verdict] = {}


def track(weight: int, reverse: bool = False, name: str = "t") -> Tracked:
    return Tracked(name=name, weight=weight, reverse=reverse)


def number(value: int) -> dict[str, Verdict]:
    return {"t": Verdict("t", value >= 0, f"says {value}", value)}


@pytest.mark.parametrize(
    ("tracked", "good", "bad", "unknown"),
    [
        (track(0), 100, 100, 100),
        (track(20), 120, 100, 100),
        (track(-20), 100, 80, 80),
        (track(20, reverse=True), 100, 120, 100),
        (track(-20, reverse=True), 80, 100, 80),
        (track(253), 254, 100, 100),
        (track(-253), 100, 1, 1),
    ],
)
def test_a_positive_weight_is_added_while_good_and_a_negative_one_while_bad(
    tracked: Tracked, good: int, bad: int, unknown: int
) -> None:
    assert [priority(100, (tracked,), verdicts) for verdicts in (GOOD, BAD, UNKNOWN)] == [good, bad, unknown]


def test_keepaliveds_reverse_is_ours_with_the_weights_sign_changed() -> None:
    # keepalived 2.2 vrrp_track.c: "weight 10 reverse" is 10 below the base while good, and the base while bad.
    assert [priority(100, (track(-10, reverse=True),), verdicts) for verdicts in (GOOD, BAD)] == [90, 100]
    # "weight -10 reverse" is the base while good, and 10 above it while bad.
    assert [priority(100, (track(10, reverse=True),), verdicts) for verdicts in (GOOD, BAD)] == [100, 110]


def test_the_sum_of_all_is_cut_and_not_each_step() -> None:
    tracked = (track(100, name="a"), track(100, name="b"), track(-150, name="c"))
    verdicts = {
        "a": Verdict("a", True, ""),
        "b": Verdict("b", True, ""),
        "c": Verdict("c", False, ""),
    }
    # 200 + 100 + 100 - 150.
    assert priority(200, tracked, verdicts) == 250


@pytest.mark.parametrize(
    ("tracked", "value", "expected"),
    [
        (track(2), 10, 120),
        (track(2), 0, 100),
        (track(2), -10, 80),
        (track(-1), 30, 70),
        (track(2, reverse=True), 10, 80),
        (track(2, reverse=True), -10, 120),
        (track(1), 1_000, 254),
        (track(1), -253, 1),
    ],
)
def test_a_number_multiplies_the_weight_as_in_keepaliveds_track_file(
    tracked: Tracked, value: int, expected: int
) -> None:
    assert priority(100, (tracked,), number(value)) == expected


def test_a_file_without_a_number_is_bad_like_any_other_tracker() -> None:
    assert priority(100, (track(2),), BAD) == 100
    assert priority(100, (track(-20),), BAD) == 80


def test_an_owner_keeps_255_and_may_be_at_fault() -> None:
    assert priority(255, (track(-20), track(0)), BAD) == 255
    assert faults((track(-20), track(0)), BAD) == ("t: exit status 1",)


def test_weight_0_is_a_fault_while_bad_and_reversed_while_good() -> None:
    assert faults((track(0),), GOOD) == ()
    assert faults((track(0),), BAD) == ("t: exit status 1",)
    assert faults((track(0, reverse=True),), GOOD) == ("t: all is well",)
    assert faults((track(0, reverse=True),), BAD) == ()
    assert faults((track(20), track(-20)), BAD) == ()
    assert faults((track(0),), UNKNOWN) == ()


def test_a_number_is_a_fault_below_0_with_weight_0_and_below_minus_253_with_any() -> None:
    assert faults((track(0),), number(0)) == ()
    assert faults((track(0),), number(-1)) == ("t: says -1",)
    assert faults((track(11),), number(-23)) == ()  # -253
    assert faults((track(2),), number(-127)) == ("t: says -127, times 2 is more than a priority can lose",)  # -254
    assert faults((track(2, reverse=True),), number(127)) != ()


def test_demotion_is_the_sum_of_what_is_lost() -> None:
    tracked = (track(20, name="a"), track(-30, name="b"), track(5, reverse=True, name="c"), track(0, name="d"))
    well = {name: Verdict(name, name != "c", "") for name in "abcd"}
    ill = {name: Verdict(name, name == "c", "") for name in "abcd"}
    assert demotion(tracked, well) == 0
    assert demotion(tracked, ill) == 55
    assert demotion(tracked, {}) == 55
    assert demotion((track(2),), number(-10)) == 20
    assert demotion((track(2),), number(10)) == 0
    assert demotion((track(200, name="a"), track(200, name="b")), {}) == 255
