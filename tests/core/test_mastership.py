"""The table of groups: bounded, and it is the group silent for longest that goes."""

import pytest

from tests.core.builders import instant, unlossy, vrrp
from vrrpwatch.core import mastership, quietest
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.model import Evidence
from vrrpwatch.core.neighbours import Neighbours


def test_the_group_silent_for_longest_for_its_age_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastership, "MAX_GROUPS", 4)
    monkeypatch.setattr(quietest, "BATCH", 2)
    findings = Findings()
    tested = Mastership(findings, Neighbours(findings), unlossy(findings), lambda _: None)
    # 1 and 2 are heard again before room is needed, 4 after it was found to be among the quietest.
    for second, vrid in enumerate((1, 2, 3, 4, 1, 2, 5, 4, 6, 7)):
        at, where = instant(second / 100), Evidence(0, second + 1)
        tested.hear(vrrp("10.0.0.1", vrid=vrid), at, at, where, where)
    # Room for 5 was made of 3, for 6 of 5, which was heard but once, and for 7 of 1.
    assert {group.id for group in tested.trackers} == {2, 4, 6, 7}
    assert tested.evicted_groups == 3


def test_a_flood_of_new_groups_displaces_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastership, "MAX_GROUPS", 8)
    findings = Findings()
    tested = Mastership(findings, Neighbours(findings), unlossy(findings), lambda _: None)
    for number in range(600):
        at, where = instant(number / 100), Evidence(0, number + 1)
        # A real one every second, and from the third second on a forged one each hundredth between.
        vrid = 1 if number % 100 == 0 else 2 + number % 250
        if vrid == 1 or number > 300:
            tested.hear(vrrp("10.0.0.1", vrid=vrid), at, at, where, where)
    assert 1 in {group.id for group in tested.trackers}
    assert tested.trackers[vrrp("10.0.0.1", vrid=1).group].first_heard == instant(0)
