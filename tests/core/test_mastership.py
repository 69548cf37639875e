"""The table of groups: bounded, and it is the group silent for longest that goes."""

import pytest

from tests.core.builders import instant, vrrp
from vrrpwatch.core import mastership, quietest
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.model import Evidence
from vrrpwatch.core.neighbours import Neighbours


def test_the_group_silent_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastership, "MAX_GROUPS", 4)
    monkeypatch.setattr(quietest, "BATCH", 2)
    findings = Findings()
    tested = Mastership(findings, Neighbours(findings), lambda *_: False, lambda _: None)
    # 1 and 2 are heard again before room is needed, 4 after it was found to be among the quietest.
    for second, vrid in enumerate((1, 2, 3, 4, 1, 2, 5, 4, 6, 7)):
        at, where = instant(second / 100), Evidence(0, second + 1)
        tested.hear(vrrp("10.0.0.1", vrid=vrid), at, at, where, where)
    # Room for 5 was made of 3, for 6 of 1, for 7 of 2.
    assert {group.id for group in tested.trackers} == {4, 5, 6, 7}
    assert tested.evicted_groups == 3
