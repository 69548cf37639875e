"""What is said of the masters of before, on a virtual clock."""

from ipaddress import ip_address

import pytest

from vrrpwatch.core.analysis import GroupInfo, Totals
from vrrpwatch.core.model import NANOSECONDS, Event, GroupKey
from vrrpwatch.core.news import News
from vrrpwatch.service import comparer
from vrrpwatch.service.comparer import Comparer
from vrrpwatch.store.masters import LastMaster

A, B, C = (ip_address(f"10.0.0.{number}") for number in (1, 2, 3))
FIRST, SECOND, THIRD = (GroupKey("eth0", "vrrp", 4, number, "224.0.0.18") for number in (51, 52, 53))
# Saturday, 31 January 2026, 21:03:07.9 UTC.
LAST = 1_769_893_387_900_000_000
# The watch begins ten minutes later.
BEGINNING = LAST + 600 * NANOSECONDS
NEVER = "nobody was heard advertising it since the watch began"


class Play:
    """A watch whose clock is turned by hand; ``said`` is what it was told since this was asked last."""

    def __init__(self, masters: dict[GroupKey, LastMaster]) -> None:
        self.settled_until = 0
        self.interruptions = 0
        self.up = True
        self._lines: list[str] = []
        self._comparer = Comparer(masters, self, self._lines.append)

    def hears(self, interface: str) -> bool:
        return self.up and interface == "eth0"

    def at(self, second: float, *events: Event, groups: tuple[GroupInfo, ...] = ()) -> list[str]:
        self.settled_until = BEGINNING + round(second * NANOSECONDS)
        return self._tell(*events, groups=groups)

    def before(self) -> list[str]:
        """A look at what came in before all of it was read."""
        return self._tell()

    def _tell(self, *events: Event, groups: tuple[GroupInfo, ...] = ()) -> list[str]:
        self._comparer.tell(News(0, events, (), groups, (), Totals(0, 0, 0, 0, 0), 0, {}))
        lines, self._lines[:] = list(self._lines), []
        return lines


def appeared(key: GroupKey, who: object = A) -> Event:
    return Event(BEGINNING, "master-appeared", key, 0, 1, new=ip_address(str(who)))


def test_a_master_that_changed_while_nobody_watched_is_told_of_once() -> None:
    play = Play({FIRST: LastMaster(A, LAST, 1.0), SECOND: LastMaster(A, LAST, 1.0)})
    (line,) = play.at(0, appeared(FIRST, B))
    assert line == (
        "VRRP 51 on eth0: the master was 10.0.0.1 until 2026-01-31 21:03:07, and is 10.0.0.2 now: "
        "it changed while nobody watched"
    )
    assert play.at(1, appeared(SECOND, A), appeared(THIRD, B)) == []
    changed = (Event(BEGINNING + 2, "master-changed", key, 0, 4, old=B, new=C) for key in (FIRST, SECOND))
    assert play.at(2, *changed) == []
    assert play.at(60) == []


def test_a_master_that_never_comes_back_is_told_of_once() -> None:
    masters = {FIRST: LastMaster(A, LAST, 1.0), SECOND: LastMaster(B, LAST, 10.0), THIRD: LastMaster(C, LAST, None)}
    play = Play(masters)
    # As long as not all is read that came in, no instant is settled.
    assert play.before() == []
    assert play.at(0) == []
    # Four intervals and three seconds.
    assert play.at(6.9) == []
    assert play.at(7.0) == [f"VRRP 51 on eth0: 10.0.0.1 was master until 2026-01-31 21:03:07; {NEVER}"]
    # Nobody knows how often the third advertised, so it gets as long as one of HSRP's.
    assert play.at(14.9) == []
    assert play.at(15.0) == [f"VRRP 53 on eth0: 10.0.0.3 was master until 2026-01-31 21:03:07; {NEVER}"]
    assert play.at(42.9) == []
    assert play.at(43.0) == [f"VRRP 52 on eth0: 10.0.0.2 was master until 2026-01-31 21:03:07; {NEVER}"]
    # Whoever comes after that came while somebody watched.
    assert play.at(50, appeared(FIRST, B), appeared(SECOND, A)) == []
    assert play.at(5000) == []


def test_who_is_heard_at_all_is_not_missed() -> None:
    play = Play({FIRST: LastMaster(A, LAST, 1.0)})
    assert play.at(0) == []
    heard = GroupInfo(FIRST, "lost", None, (), 1.0, 1, BEGINNING, BEGINNING, (), None)
    assert play.at(1, groups=(heard,)) == []
    assert play.at(7) == []
    assert play.at(100) == []
    (line,) = play.at(101, appeared(FIRST, B))
    assert line.endswith(", and is 10.0.0.2 now: it changed while nobody watched")


def test_silence_counts_only_where_somebody_listens() -> None:
    play = Play({FIRST: LastMaster(A, LAST, 1.0), SECOND._replace(segment="eth1"): LastMaster(B, LAST, 1.0)})
    assert play.at(0) == []
    play.up = False
    assert play.at(7) == []
    play.up = True
    # It was down when it was looked at, so another seven seconds begin; at six of them it is down for a moment.
    assert play.at(13) == []
    play.interruptions += 1
    assert play.at(13.5) == []
    assert play.at(20.4) == []
    (line,) = play.at(20.5)
    assert line.startswith("VRRP 51 on eth0: 10.0.0.1 was master until ")
    # The other one's interface is not watched any more.
    assert play.at(10_000) == []


def test_a_segment_with_many_groups_that_is_gone_is_told_of_in_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparer, "MAX_LINES", 3)
    play = Play({FIRST._replace(id=number): LastMaster(A, LAST, 1.0) for number in range(1, 11)})
    assert play.at(0) == []
    lines = play.at(7)
    assert [line.split(":")[0] for line in lines[:-1]] == [f"VRRP {number} on eth0" for number in (1, 2, 3)]
    assert lines[-1] == "so it is with 7 more virtual routers"
    assert play.at(8) == []


@pytest.mark.parametrize("interval", [1e300, 257.0])
def test_nobody_is_waited_for_for_longer_than_anybody_could_wait(interval: float) -> None:
    play = Play({FIRST: LastMaster(A, LAST, interval)})
    assert play.at(0) == []
    # The longest interval of all is 256 s.
    assert play.at(4 * 256 + 2.9) == []
    assert len(play.at(4 * 256 + 3)) == 1
