"""How rows are taken in: whole, but few at a time in a flood in which no two frames are alike."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vrrpwatch.core.frames import FRAME, Kind
from vrrpwatch.core.intake import FLOOD, FLOOD_ADVERTS, Intake, distinct


def rows(kind: Kind, prints: NDArray[np.uint64]) -> NDArray[np.void]:
    made = np.zeros(len(prints), FRAME)
    made["kind"] = kind
    made["fingerprint"] = prints
    return made


@pytest.mark.parametrize(
    ("kind", "distinct", "portion"),
    [
        (Kind.ADVERT, 100, 20_000),
        (Kind.ADVERT, 20_000, FLOOD_ADVERTS),
        (Kind.IGMP, 20_000, FLOOD),
        (Kind.IGMP, 500, 20_000),
    ],
)
def test_a_flood_is_taken_in_few_at_a_time(kind: Kind, distinct: int, portion: int) -> None:
    heard = rows(kind, np.arange(20_000, dtype=np.uint64) % distinct)
    portions = list(Intake.portions(heard))
    assert max(map(len, portions)) == portion
    assert np.array_equal(np.concatenate(portions), heard)


def test_nothing_is_no_portion() -> None:
    assert list(Intake.portions(rows(Kind.ADVERT, np.empty(0, np.uint64)))) == []


def test_fingerprints_are_told_apart_whatever_they_have_in_common() -> None:
    # The first three have the same lowest 16 bits and come in turn.
    prints = np.array([9 << 16, 0, 5 << 60, 0, 9 << 16, 7, 5 << 60, 7], dtype=np.uint64)
    found, which = distinct(prints)
    assert found.tolist() == [0, 7, 9 << 16, 5 << 60]
    assert which.tolist() == [2, 0, 3, 0, 2, 1, 3, 1]
