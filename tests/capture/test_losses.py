"""Losses taken together: nothing uncounted, nothing uncovered, and never more than so many of them."""

from vrrpwatch.capture.losses import MAX_STRETCHES, condensed
from vrrpwatch.core.frames import Loss


def test_losses_that_touch_are_one() -> None:
    told = [Loss(0, 0, 0, 10, 1), Loss(0, 1, 5, 6, 7), Loss(0, 0, 10, 20, 2), Loss(0, 0, 21, 30, 4)]
    assert condensed(told) == (Loss(0, 0, 0, 20, 3), Loss(0, 0, 21, 30, 4), Loss(0, 1, 5, 6, 7))


def test_an_outage_is_no_loss_of_packets() -> None:
    told = [Loss(0, 0, 0, 10, 1), Loss(0, 0, 10, 20, 0, True), Loss(0, 0, 20, 30, 0, True), Loss(0, 0, 30, 40, 2)]
    assert condensed(told) == (
        Loss(0, 0, 0, 10, 1),
        Loss(0, 0, 30, 40, 2),
        Loss(0, 0, 10, 30, 0, True),
    )


def test_a_clock_that_was_stepped_back_begins_another() -> None:
    told = (Loss(0, 0, 100, 110, 1), Loss(0, 0, 50, 60, 1))
    assert condensed(told) == told


def test_however_many_there_are_few_remain_and_cover_all() -> None:
    told = [Loss(0, 0, 10 * n, 10 * n + 1, 1) for n in range(100 * MAX_STRETCHES + 1)]
    few = condensed(told)
    assert len(few) <= MAX_STRETCHES
    assert sum(loss.count for loss in few) == len(told)
    assert all(any(loss.first <= one.first and one.last <= loss.last for loss in few) for one in told[::97])
