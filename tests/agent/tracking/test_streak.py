"""Rise and fall, as dialogues of results and verdicts."""

import pytest

from vrrpwatch.agent.tracking.streak import Streak


def verdicts(results: str, rise: int, fall: int) -> str:
    """Results and verdicts as + and -."""
    streak, said = Streak(), ""
    for result in results:
        streak = streak.after(result == "+", rise, fall)
        said += "+" if streak.good else "-"
    return said


@pytest.mark.parametrize(
    ("rise", "fall", "results", "expected"),
    [
        (1, 1, "+-+--+", "+-+--+"),
        (3, 2, "+-+--", "+++" + "+-"),
        (3, 2, "-++-+++", "-" * 6 + "+"),
        (3, 2, "+---++-+++", "++--" + "-----+"),
        (1, 3, "+--+---+", "++++++-+"),
        (5, 5, "-", "-"),
        (5, 5, "+", "+"),
    ],
)
def test_so_many_results_in_a_row_turn_a_verdict_and_the_first_makes_it(
    rise: int, fall: int, results: str, expected: str
) -> None:
    assert verdicts(results, rise, fall) == expected


def test_what_speaks_against_a_verdict_is_counted_anew_after_what_speaks_for_it() -> None:
    streak = Streak(True)
    for good, against in ((False, 1), (False, 2), (True, 0), (False, 1)):
        streak = streak.after(good, rise=1, fall=3)
        assert streak == Streak(True, against)
