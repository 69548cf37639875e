"""The rules that would end findings: what they say, where they are shown and copied, and that they cost no time."""

from collections.abc import Sequence

import pytest

from tests.dashboard.driving import LARGE, SMALL, Driver, dashboard
from tests.dashboard.scripted import CONTESTED, SEGMENT, A, B, ScriptedView, at
from vrrpwatch.core.analysis import GroupInfo, VolumeInfo
from vrrpwatch.core.model import Finding, GroupKey, Severity
from vrrpwatch.dashboard.remedies import MAX_WORKED
from vrrpwatch.dashboard.rules import MAX_RULES
from vrrpwatch.dashboard.stand_ins import stand_in

pytestmark = pytest.mark.asyncio

LEAK_RULE = 'oifname "eth0" vlan id 10 ip saddr 10.0.10.3 ip protocol 112 @th,8,8 51 drop'
BUDGET_RULE = 'oifname != { "PORT1", "PORT2" } ip daddr 225.0.0.50 udp dport 3780 drop'


def leak(subject: str = B, key: GroupKey = CONTESTED, count: int = 1) -> Finding:
    summary = f"{subject} advertises VRRP 51 on {key.segment} as well as on eth0/20: the segments are joined somewhere"
    return Finding("leak", Severity.WARNING, key.segment, key, subject, at(0), at(592), count, summary, ())


class Leaky(ScriptedView):
    """The scripted view with a leak besides; counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.shown_findings.append(leak())
        self.asked: list[str] = []

    def group(self, key: GroupKey) -> GroupInfo | None:
        self.asked.append("group")
        return super().group(key)

    def multicast(self) -> Sequence[VolumeInfo]:
        self.asked.append("multicast")
        return super().multicast()


def copied(driver: Driver) -> str:
    return driver.app.clipboard


async def test_the_page_tells_the_rule_its_place_and_what_it_saves() -> None:
    async with dashboard(Leaky(), size=SMALL) as driver:
        lines = (await driver.press("6")).split("\n")
        assert lines[1].rstrip().endswith("5 Events  6 Rules")
        assert lines[2].split() == ["Finding", "Group", "saved", "Pkt/s▼", "saved", "Bit/s", "rule"]
        # That which saves most is first.
        assert lines[3].split()[:8] == ["▶", "▲", "multicast-budget", "eth0/10", "62.0", "44.6", "kbit/s", "oifname"]
        # 593 advertisements in 592 s, of 90 octets as the volume has it.
        assert lines[4].split()[:9] == ["▲", "leak", "VRRP", "51", "eth0/10", "1.0", "720", "bit/s", "oifname"]
        page = "\n".join(lines)
        assert BUDGET_RULE in page
        assert "on the bridge of eth0/10 (forward), with the ports of those who need it; saved" in page
        assert "saves 62.0 packets/s, 44.6 kbit/s on average" in page
        page = await driver.press("down")
        assert f"{LEAK_RULE}\non the bridge or router that joins the segments (forward)\n" in page
        assert "saves 1.0 packets/s, 720 bit/s on average" in page
        assert all(len(line) <= 80 for line in page.split("\n"))


async def test_a_finding_in_full_tells_its_cure() -> None:
    async with dashboard(Leaky(), size=LARGE) as driver:
        await driver.press("2")
        await driver.press("slash", *"leak", "enter")
        page = await driver.tick()
        assert f"cure on the bridge or router that joins the segments (forward): {LEAK_RULE} · saves 1.0" in page
        await driver.press("escape", "home")
        assert "cure on" not in await driver.tick()


async def test_enter_shows_a_rule_whole_where_there_is_little_room() -> None:
    async with dashboard(Leaky(), size=(20, 5)) as driver:
        assert "▶ eth0/10" in await driver.press("6")
        assert "▶ VRRP 51 eth0/10" in await driver.press("down")
        seen = await driver.press("enter")
        for _ in range(12):
            seen += "\n" + await driver.press("down")
        words = " ".join(seen.split())
        for part in ('oifname "eth0"', "ip protocol 112", "@th,8,8 51 drop", "720 bit/s"):
            assert part in words
        await driver.press("c")
        assert copied(driver) == LEAK_RULE
        # The notice covers the rest of the line.
        assert "\n▶ VRRP 51" in await driver.press("escape")


async def test_c_copies_the_rule_under_the_cursor() -> None:
    async with dashboard(Leaky(), size=LARGE) as driver:
        await driver.press("c")
        await driver.until("rules are copied on their page")
        assert copied(driver) == ""
        await driver.press("6")
        await driver.press("c")
        await driver.until("rule copied")
        assert copied(driver) == BUDGET_RULE
        await driver.press("down", "c")
        assert copied(driver) == LEAK_RULE
        driver.view.shown_findings.clear()
        assert "no leak and no exceeded budget found" in await driver.tick()
        await driver.press("c", "enter")
        await driver.until("no rule to copy")


async def test_mask_hides_addresses_names_and_tags_in_rules_and_in_what_is_copied() -> None:
    async with dashboard(Leaky(), size=LARGE) as driver:
        await driver.press("m")
        masked = await driver.press("6")
        masked += await driver.press("down")
        masked += await driver.press("c") + copied(driver) + await driver.press("enter")
        await driver.press("escape", "2")
        await driver.press("slash", *"leak", "enter")
        masked += await driver.tick()
        assert "cure on" in masked
        assert "10.0." not in masked
        assert "eth0" not in masked
        assert "vlan id 10" not in masked
        assert copied(driver).startswith('oifname "seg-')
        assert "ip saddr IPv4-" in copied(driver)
        # The protocols' own destinations tell no secret.
        assert "ip daddr 225.0.0.50" in masked


async def test_without_utf_8_every_sign_of_the_page_has_a_stand_in() -> None:
    async with dashboard(Leaky()) as driver:
        await driver.press("6")
        page = await driver.press("down")
        shown = stand_in(page)
        assert shown.isascii()
        # That of the hint for the help.
        assert shown.count("?") == page.count("?") == 1


async def test_rules_are_worked_out_on_their_page_only_and_when_findings_change() -> None:
    view = Leaky()
    async with dashboard(view) as driver:
        await driver.tick()
        assert view.asked == []
        await driver.press("6")
        assert view.asked == ["group", "multicast"]
        view.advance(60)
        await driver.tick()
        assert view.asked == ["group", "multicast"]
        # A leak that goes on is looked at again after some seconds.
        view.shown_findings[-1] = leak(count=2)
        await driver.tick()
        assert view.asked == ["group", "multicast"] * 2
        view.shown_findings[-1] = leak(count=3)
        view.advance(4.9)
        await driver.tick()
        assert view.asked == ["group", "multicast"] * 2
        view.advance(0.1)
        await driver.tick()
        assert view.asked == ["group", "multicast"] * 3
        # A recording that is wound back has its own findings.
        view.advance(-300)
        view.shown_findings[-1] = leak(count=1)
        await driver.tick()
        assert view.asked == ["group", "multicast"] * 4


async def test_a_flood_of_leaks_is_worked_out_bit_by_bit() -> None:
    view = Leaky()
    view.shown_findings[2:] = [leak(f"10.9.{number >> 8}.{number & 255}", count=number) for number in range(10_000)]
    async with dashboard(view, size=LARGE) as driver:
        first = await driver.press("6")
        assert "9,001 more leaks with fewer packets are among the findings (key 2)" in first
        # All leaks are of one group, which is asked for once.
        assert view.asked.count("group") == 1
        assert "…" in await driver.press("end")
        for _ in range(MAX_RULES // MAX_WORKED):
            last = await driver.tick()
        assert "ip saddr 10.9.35." in last
        assert "▶ ▲ leak" in last
        asked = len(view.asked)
        await driver.tick()
        assert len(view.asked) == asked


async def test_a_leak_whose_group_is_forgotten_and_hostile_names_have_no_rule() -> None:
    view = Leaky()
    hostile = "10.0.0.1 accept; flush ruleset"
    view.shown_findings = [leak(key=CONTESTED._replace(segment="gone")), leak(hostile)]
    async with dashboard(view, size=LARGE) as driver:
        page = await driver.press("6")
        assert page.count("none: its virtual router is not known any more") >= 2
        assert "drop\n" not in page
        await driver.press("c")
        assert copied(driver) == ""


async def test_over_a_store_a_leak_has_its_rule_and_a_budget_has_none() -> None:
    class Written(Leaky):
        abridged = True

    async with dashboard(Written(), size=LARGE) as driver:
        page = await driver.press("6")
        assert LEAK_RULE in page
        assert "none: what exceeded it is not kept in a store" in page
        assert "225.0.0.50" not in page


async def test_a_frozen_screen_keeps_its_rules() -> None:
    view = Leaky()
    async with dashboard(view, size=LARGE) as driver:
        await driver.press("space")
        view.shown_findings = []
        page = await driver.press("6")
        assert LEAK_RULE in page
        assert A not in LEAK_RULE
        assert SEGMENT in page
        assert LEAK_RULE not in await driver.press("space")
