"""What every page shows, on a small and on a large terminal, and how one gets from one to another."""

from collections.abc import Sequence

import pytest

from tests.dashboard.driving import LARGE, SMALL, dashboard
from tests.dashboard.scripted import ScriptedView
from vrrpwatch.core.model import GroupKey
from vrrpwatch.core.news import GroupRow, Neighbour, RecentPacket

pytestmark = pytest.mark.asyncio


async def test_the_overview_tells_all_of_a_group_on_80_columns() -> None:
    async with dashboard(size=SMALL) as driver:
        lines = await driver.lines()
    assert lines[0].split() == ["vrrpwatch", "eth0", "drops", "0", "2026-01-31", "12:10:00Z"]
    assert lines[1].startswith(" 1 Groups 5  2 Findings ✖1 ▲2  3 Multicast  4 Membership  5 Events")
    assert lines[2].split() == ["Se▼", "Group", "sTate", "Master", "Prio", "Intv", "Jitter", "Age", "beat"]
    # The gravest is at the top; its heart beats twice as fast as a lone master's.
    assert " ".join(lines[3].split()) == "▶ ✖ VRRP 51 eth0/10 ✖ contested 10.0.10.2 200 1s 12ms 0.3s █████"
    assert " ".join(lines[4].split()) == "▲ CARP 7 eth0/20 ○ lost - - 1s - 3m00s ·····"
    assert " ".join(lines[5].split()) == "• VRRP 52 eth0/10 ✔ held 10.0.10.3 100 1s 3ms 0.3s ▅▅▅▅▅"
    # What is too wide is cut in its middle: both ends of a name tell something.
    assert lines[6].split()[1:5] == ["VRRP", "53", "(…h0/20", "✔"]
    assert "fe80::505…eaa:2" in lines[6]
    assert all(len(line) <= 80 for line in lines)


async def test_a_large_terminal_has_room_for_more_columns() -> None:
    async with dashboard(size=LARGE) as driver:
        lines = await driver.lines()
    assert lines[2].split()[-2:] == ["adVerts", "beat"]
    assert "1,193" in lines[3]
    assert "▅" * 30 + "█" * 30 in lines[3]
    assert "fe80::5054:ff:feaa:2" in "\n".join(lines)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_enter_opens_a_group_and_escape_leads_back(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as driver:
        overview = await driver.screen()
        page = await driver.press("enter")
        assert "✖ contested  master 10.0.10.2  priority 200  ✖ critical" in page
        assert "heard 0.3s ago, every 1 s, jitter 12 ms" in page
        assert "virtual addresses 10.0.10.1, 10.0.10.254" in page
        assert "next  10.0.10.3, 3.61 s after the master falls silent" in page
        assert "✔ 10.0.10.2        52:54:00:aa:00:02" in page
        # A holds it for 200 s, B for the next 200, A again; both do for the last minute.
        assert "10.0.10.2 ▕█████" in page
        assert "▓▓▓▓" in page
        page += await driver.press("end")
        assert "10.0.10.1        00:00:5e:00:01:33 ✔ as it should be" in page
        assert "10.0.10.254      52:54:00:aa:00:03 ✖ not the master's" in page
        assert "12:06:40.000 → 10.0.10.2 took over from 10.0.10.3 by preemption" in page
        assert "0000  01 00 5e 00 00 12 52 54  00 aa 00 02 08 00 45 c0  ..^...RT......E." in page
        assert await driver.press("escape") == overview


async def test_brackets_step_through_packets_and_follow_the_newest_again() -> None:
    async with dashboard(size=LARGE) as driver:
        assert "3 of 3, the newest" in await driver.press("enter")
        older = await driver.press("left_square_bracket")
        assert "2 of 3, 1 before the newest" in older
        assert "packet 1,192" in older
        assert "10.0.10.3 > 224.0.0.18" in older
        assert "1 of 3" in await driver.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert "3 of 3, the newest" in await driver.press("right_square_bracket", "right_square_bracket")


async def test_a_password_on_the_wire_is_none_on_the_screen_unless_asked_for() -> None:
    async with dashboard(size=LARGE) as driver:
        page = await driver.press("enter")
        # The eight octets of authentication data end the frame.
        assert "0a 00 0a 01 ·· ··" in page
        assert "73 33" not in page
        assert "s3cret" not in page
    async with dashboard(size=LARGE, reveal=True) as driver:
        page = await driver.press("enter")
        assert "0a 00 0a 01 73 33" in page
        assert 'auth "s3cretpw"' in page


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_multicast_shows_volume_graphs_and_the_budget(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as driver:
        page = await driver.press("3")
    assert page.split("\n")[3].split()[:5] == ["▶", "eth0/10", "225.0.0.50", "conntrackd", "124"]
    # 12:10:00 is second 1769861400: 62 + 62*0//20 and 62 of a burst, 3 of VRRP.
    assert "▲ over the budget: 127 of 100/s" in page
    assert "eth0/10 redundancy and sync, packets/s" in page
    assert "   100 ┤" in page
    assert "2 sources: 10.0.10.2, 10.0.10.3" in page


async def test_membership_lists_queriers_before_members() -> None:
    async with dashboard() as driver:
        lines = (await driver.press("4")).split("\n")
    assert lines[3].split() == ["▶", "eth0/10", "◆", "querier", "all", "10.0.10.250", "-"]
    assert lines[4].split() == ["eth0/10", "·", "member", "225.0.0.50", "10.0.10.2", "52:54:00:aa:00:02"]


async def test_events_are_newest_first_and_lead_to_their_group() -> None:
    async with dashboard(size=LARGE) as driver:
        lines = (await driver.press("5")).split("\n")
        assert "12:07:04.000 ○ lost" in lines[3]
        assert "10.0.20.2 fell silent; nobody has advertised for 4 s" in lines[3]
        assert "CARP 7 eth0/20" in await driver.press("enter")
        assert "○ lost" in await driver.press("escape")


async def test_a_finding_leads_to_where_it_can_be_seen() -> None:
    async with dashboard(size=LARGE) as driver:
        page = await driver.press("2")
        assert "✖ critical split-brain  VRRP 51 eth0/10" in page
        assert "packets 1080, 1081" in page
        assert "master 10.0.10.2  priority 200" in await driver.press("enter")
        await driver.press("escape", "down", "down")
        assert "▲ warning multicast-budget" in await driver.screen()
        there = await driver.press("enter")
        assert "over the budget" in there
        assert "/eth0/10  3 of 4" in there
        assert "multicast-budget" in await driver.press("escape", "escape")


async def test_numbers_and_tab_turn_the_pages() -> None:
    async with dashboard() as driver:
        heads = [(await driver.press("tab")).split("\n")[2].split()[0] for _ in range(7)]
        assert heads == ["Sev▼", "Segment", "Segment", "Time▼", "Finding", "Se▼", "Sev▼"]
        assert (await driver.press("shift+tab")).split("\n")[2].split()[0] == "Se▼"


async def test_a_group_that_is_forgotten_is_said_to_be() -> None:
    view = ScriptedView(extra=1)
    async with dashboard(view) as driver:
        await driver.press("end", "enter")
        assert "VRRP 1 eth2/100" in await driver.screen()
        view.extra.clear()
        assert "this group is not known any more" in await driver.tick()


async def test_no_group_no_finding_nothing_to_open() -> None:
    view = ScriptedView()
    view.quiet = True
    view.shown_findings = []
    async with dashboard(view) as driver:
        assert "no VRRP, CARP, HSRP or GLBP advertisement heard yet" in await driver.press("enter")
        assert "nothing wrong found" in await driver.press("2", "enter", "a")


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (400, 100)])
async def test_no_terminal_is_too_small_or_too_large(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as driver:
        for key in (
            "enter",
            "end",
            "escape",
            "2",
            "3",
            "4",
            "5",
            "6",
            "question_mark",
            "escape",
            "slash",
            "x",
            "escape",
        ):
            await driver.press(key)
        lines = await driver.lines()
        assert all(len(line) <= size[0] for line in lines)


async def test_resizing_fits_the_columns_again() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.pilot.resize_terminal(60, 20)
        lines = (await driver.tick()).split("\n")
        # State and master stay while interval, priority and beat are dropped.
        assert lines[2].split()[:4] == ["Se▼", "Group", "sTate", "Master"]
        assert "beat" not in lines[2]
        assert all(len(line) <= 60 for line in lines)
        assert "drops 0" in lines[0]


class _Written(ScriptedView):
    """A view over what was written down."""

    abridged = True

    def rows(self) -> Sequence[GroupRow]:
        return [row._replace(jitter=None) for row in super().rows()]

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]:  # noqa: ARG002
        return ()

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:  # noqa: ARG002
        return ()


async def test_over_a_store_pages_tell_what_is_not_kept() -> None:
    async with dashboard(size=LARGE) as driver:
        overview = await driver.screen()
        pages = [await driver.press(*keys) for keys in ("enter", "3", "4")]
        assert "Jitter" in overview
        assert "sOurces" in pages[1]
        assert "not kept in a store" not in "".join([overview, *pages])
    async with dashboard(_Written(), size=LARGE) as driver:
        overview = await driver.screen()
        assert "Jitter" not in overview
        page = await driver.press("enter")
        assert "every 1 s (jitter is not kept in a store)" in page
        assert page.count("not kept in a store") == 3
        page = await driver.press("3")
        assert "sOurces" not in page
        assert "budget" not in page
        assert "state sync is not kept in a store" in page
        assert "sources are not kept in a store" in page
        page = await driver.press("4")
        assert "silent backups only: other members and queriers are not kept in a store" in page
