"""Every field of every VRRP and CARP packet of the corpus reads as in tcpdump and tshark, or the reason is listed."""

from collections import Counter
from pathlib import Path

import pytest

from tests.oracle import exceptions
from tests.oracle.agreement import Found, captures, compare, ours, verdicts


@pytest.fixture(scope="module")
def everything(corpus: Path) -> tuple[Counter[str], list[Found]]:
    """How many packets each oracle was compared on, and all disagreements."""
    compared: Counter[str] = Counter()
    found: list[Found] = []
    for capture in captures(corpus):
        said = verdicts(corpus, capture)
        mine = ours(corpus, capture)
        for oracle, differences in compare(capture, mine, said):
            compared[oracle] += 1
            found += differences
    return compared, found


def test_every_packet_is_compared(everything: tuple[Counter[str], list[Found]]) -> None:
    assert everything[0] == exceptions.load()[0]


def test_rules_predict_as_many_disagreements_as_are_listed(everything: tuple[Counter[str], list[Found]]) -> None:
    predicted = Counter((each.oracle, each.reason.name) for each in everything[1] if each.reason)
    assert predicted == exceptions.load()[1]


def test_every_other_disagreement_is_listed_and_every_listed_one_occurs(
    everything: tuple[Counter[str], list[Found]],
) -> None:
    left = {(each.capture, each.oracle, each.packet, each.field): each for each in everything[1] if not each.reason}
    listed = exceptions.load()[2]
    assert [left[key] for key in sorted(left.keys() - listed.keys())] == []
    assert sorted(listed.keys() - left.keys()) == []
