"""Agents whose time of day is set, and on a network that loses, doubles and reorders, in a second kernel."""

from typing import Any

import pytest

from tests.lab.faults_guest import INTERVAL
from tests.lab.guest import PROGRAMS
from tests.lab.guest_module import observe
from tests.lab.network import missing

Seen = dict[str, Any]
# RFC 9568 §6.1 at priority 100 and 0.25 s: 3 x 0.25 s + 156/256 x 0.25 s.
DOWN = 0.90234375


@pytest.fixture(scope="module")
def seen() -> Seen:
    why = missing("tc", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    return observe("tests.lab.faults_guest", ("bridge", "veth", "sch_netem"))


def test_a_time_of_day_that_is_set_changes_nobody(seen: Seen) -> None:
    assert [told["hours"] for told in seen["clock"]] == [1, -2, 1]
    for told in seen["clock"]:
        assert told["before"] == told["after"], told["hours"]
        assert {state for state, _ in told["after"]["best"].values()} == {"master"}
        assert {state for state, _ in told["after"]["other"].values()} == {"backup"}


def test_a_network_that_loses_a_third_has_one_master_but_for_moments_and_one_when_it_is_well(seen: Seen) -> None:
    impaired = seen["impaired"]
    assert impaired["masters"] == ["best"]
    # Each second one of a pair's adverts that is lost makes it longer by one interval: ten in a row are none in a year.
    assert max(impaired["doubles"], default=0.0) < DOWN + 10 * INTERVAL
    assert max(impaired["afterwards"], default=0.0) < DOWN


def test_agents_end_in_good_order_and_have_not_tripped(seen: Seen) -> None:
    assert seen["ends"] == {"best": 0, "other": 0}
    assert "Traceback" not in "".join(seen["logs"].values())
