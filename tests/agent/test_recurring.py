"""Lines that come again: the first is told at once, and then one a minute says how many there were."""

from vrrpwatch.agent.recurring import Recurring
from vrrpwatch.core.model import NANOSECONDS


def test_a_line_is_told_once_a_minute_with_a_count() -> None:
    told: list[str] = []
    lines = Recurring(told.append)
    # Ten a second for 130 s: told at 0, 60 and 120 s, with the 599 in between.
    for tenth in range(1_300):
        lines.tell("it is put back", tenth * NANOSECONDS // 10)
    again = "it is put back (and 599 times more since this was last told)"
    assert told == ["it is put back", again, again]
    # The last 99 of those are not lost, however long it is quiet.
    lines.tell("it is put back", 9_000 * NANOSECONDS)
    assert told[3:] == ["it is put back (and 99 times more since this was last told)"]
    lines.tell("it is put back", 9_999 * NANOSECONDS)
    assert told[4:] == ["it is put back"]


def test_another_line_is_another_matter() -> None:
    told: list[str] = []
    lines = Recurring(told.append)
    for line in ("one", "two", "one", "two"):
        lines.tell(line, NANOSECONDS)
    assert told == ["one", "two"]
