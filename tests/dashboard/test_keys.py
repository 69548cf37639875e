"""Every key does what the help says."""

from pathlib import Path

import pytest

from tests.dashboard.driving import LARGE, dashboard
from tests.dashboard.players import ScriptedPlayer
from tests.dashboard.scripted import ScriptedView, at
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.dashboard.controls import MemoryKeeper
from vrrpwatch.dashboard.keys import SECTIONS, bound
from vrrpwatch.dashboard.themes import NAMES

pytestmark = pytest.mark.asyncio


def rows(screen: str, column: int = 2) -> list[str]:
    """One word of each row of the table that is up, the cursor's mark left out."""
    body = screen.split("\n")[3:-1]
    return [line[1:].split()[column] for line in body if line.strip()]


async def test_help_lists_every_key_and_the_columns_that_sort() -> None:
    async with dashboard(size=(200, 70), player=ScriptedPlayer(at(0), at(900), at(600))) as driver:
        screen = await driver.press("question_mark")
        for section in SECTIONS:
            assert section.title in screen
            for key in section.keys:
                if key.shown:
                    assert key.shown in screen
                    assert key.text.split(";")[0][:60] in screen
        assert "Sev  Group  sTate  Master  Prio  Intv  Jitter  Age  adVerts" in screen
        assert "Esc closes" not in await driver.press("escape")


async def test_every_key_of_the_table_is_bound_to_an_action_that_exists() -> None:
    async with dashboard() as driver:
        for key in bound():
            name = key.action.partition("(")[0]
            assert hasattr(driver.app, f"action_{name}"), key


async def test_a_filter_keeps_rows_with_every_word_and_drops_inverse_ones() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.press("slash", *"eth0/20")
        await driver.until("CARP 7")
        assert "VRRP 51" not in await driver.screen()
        kept = await driver.press("enter")
        assert "/eth0/20  2 of 5" in kept
        # Case does not matter, every word counts, the value of any column will do.
        await driver.press("slash", *" CONTESTED")
        assert "none of 5 rows fits the filter" in await driver.press("enter")
        await driver.press("escape")
        await driver.press("slash", *"!held", "enter")
        assert "2 of 5" in await driver.screen()
        assert [line for line in await driver.lines() if "✔ held" in line] == []
        assert "2 of 5" not in await driver.press("escape")
        assert len(rows(await driver.screen())) == 5


async def test_a_filter_follows_what_changes() -> None:
    view = ScriptedView(extra=30)
    async with dashboard(view, size=LARGE) as driver:
        await driver.press("slash", *"1,000,000", "enter")
        assert "0 of 35" in await driver.tick()
        view.extra[3] = view.extra[3]._replace(adverts=1_000_000)
        assert "1 of 35" in await driver.tick()


async def test_a_filter_takes_capitals_digits_spaces_and_question_marks_as_text() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.press("slash", "V", "R", "space", "5", "1", "question_mark")
        assert driver.app.focused is not None
        assert driver.app.focused.id == "filter"
        assert "none of 5 rows" in await driver.screen()
        assert "VRRP 51" in await driver.press("backspace")
        assert "FROZEN" not in await driver.screen()


async def test_capital_letters_sort_and_turn_the_order_round() -> None:
    async with dashboard(size=LARGE) as driver:
        assert rows(await driver.press("G"), 1) == ["VRRP", "VRRP", "CARP", "VRRP", "HSRP"]
        assert "Group▲" in await driver.screen()
        assert rows(await driver.press("G"), 1) == ["HSRP", "VRRP", "CARP", "VRRP", "VRRP"]
        priorities = {"51": 200, "7": 0, "52": 100, "53": 150, "1": 110}
        by_priority = [priorities[number] for number in rows(await driver.press("P"))]
        assert by_priority == [200, 150, 110, 100, 0]
        assert rows(await driver.press("A"))[0] == "7"
        assert rows(await driver.press("V")) == ["53", "51", "52", "7", "1"]
        assert rows(await driver.press("J"))[0] == "1"
        assert rows(await driver.press("I"))[0] == "53"
        assert rows(await driver.press("M"))[0] == "7"
        assert rows(await driver.press("T"))[:2] == ["51", "7"]
        assert rows(await driver.press("S"))[:3] == ["51", "7", "52"]
        # No column has this letter.
        assert rows(await driver.press("Q"))[:3] == ["51", "7", "52"]


async def test_the_cursor_stays_on_its_row_when_rows_are_sorted() -> None:
    view = ScriptedView(extra=200)
    async with dashboard(view) as driver:
        await driver.press("end")
        assert marked(await driver.screen()).startswith("▶  -  VRRP 200 ")
        assert marked(await driver.press("V")).startswith("▶  -  VRRP 200 ")
        view.extra[199] = view.extra[199]._replace(adverts=1)
        assert marked(await driver.tick()).startswith("▶  -  VRRP 200 ")
        # Home lets it stay at the top, whatever comes there.
        assert marked(await driver.press("home", "V")).startswith("▶  -  VRRP 200")
        view.extra[199] = view.extra[199]._replace(adverts=999_999)
        assert not marked(await driver.tick()).startswith("▶  -  VRRP 200")


def marked(screen: str) -> str:
    """The line under the cursor."""
    return next(line for line in screen.split("\n") if line.startswith("▶"))


async def test_arrows_and_letters_move_the_cursor() -> None:
    async with dashboard(ScriptedView(extra=100)) as driver:
        top = marked(await driver.screen())
        assert marked(await driver.press("down")) != top
        assert marked(await driver.press("k")) == top
        assert marked(await driver.press("j")) == marked(await driver.press("up", "down"))
        await driver.press("pagedown", "pagedown")
        assert "VRRP 51" not in await driver.screen()
        assert marked(await driver.press("pageup", "pageup", "pageup")) == top


async def test_space_freezes_the_screen_while_counting_goes_on() -> None:
    view = ScriptedView(extra=3)
    async with dashboard(view, size=LARGE) as driver:
        before = (await driver.lines())[3:]
        await driver.press("space")
        view.advance(12, changes=96)
        view.dropped = 7
        frozen = await driver.tick()
        # What is frozen is the page and its clock; what was lost and heard since is told.
        assert "FROZEN 12s +100 adverts" in frozen
        assert "▲ drops 7" in frozen
        assert "12:10:00Z" in frozen
        assert frozen.split("\n")[3:] == before
        # One may look around, in what was.
        assert rows(await driver.press("G"), 1)[0] == "VRRP"
        # Neither the mask nor another page lets time pass.
        assert "0.3s" in (await driver.press("m", "m", "S")).split("\n")[3]
        assert "heard 0.3s ago" in await driver.press("enter")
        assert (await driver.press("escape")).split("\n")[3:] == before
        assert "12:10:00Z" in await driver.press("2", "1")
        after = await driver.press("space")
        assert "FROZEN" not in after
        assert "12:10:12Z" in after


async def test_mask_hides_addresses_and_names_everywhere_the_same_way() -> None:
    async with dashboard(size=LARGE, title="eth0 on 10.0.10.9") as driver:
        masked = await driver.press("m")
        assert "MASKED" in masked
        for key in ("2", "3", "4", "5", "6", "1", "enter"):
            masked += await driver.press(key)
        for secret in ("10.0.", "fe80", "52:54", "00:00:5e", "eth0", "eth1"):
            assert secret not in masked
        # The protocols' own groups tell no secret.
        assert "224.0.0.18" in masked
        assert "octets hidden by the privacy mask" in masked
        facts = masked[masked.index("✖ contested  master ") :].split()
        master = facts[3]
        assert master.startswith("IPv4-")
        assert f"{master} took over from" in masked
        assert "10.0.10.2" in await driver.press("m")


async def test_mask_hides_what_one_filters_for() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.press("slash", *"10.0.10.2", "enter")
        assert "/10.0.10.2" in await driver.screen()
        masked = await driver.press("m")
        assert "/•••" in masked
        assert "10.0.10.2" not in masked
        assert "10.0.10.2" not in await driver.press("slash")


async def test_a_picture_is_written_without_a_real_address_when_masked(tmp_path: Path) -> None:
    async with dashboard(size=LARGE, pictures=tmp_path, title="eth0") as driver:
        await driver.press("s")
        await driver.until("picture saved")
        await driver.press("m", "s")
        await driver.until("MASKED")
        await driver.until("picture saved")
        open_one, masked = sorted(tmp_path.iterdir())
        assert [open_one.name, masked.name] == ["vrrpwatch-20260131-121000-2.svg", "vrrpwatch-20260131-121000.svg"]
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert "10.0.10.2" in texts["vrrpwatch-20260131-121000.svg"]
    private = texts["vrrpwatch-20260131-121000-2.svg"]
    assert "MASKED" in private
    for secret in ("10.0.10.2", "eth0", "fe80", str(tmp_path)):
        assert secret not in private
    # It loads nothing from elsewhere.
    assert "url(" not in private.replace("url(#", "")


async def test_a_picture_that_cannot_be_written_is_a_notice(tmp_path: Path) -> None:
    async with dashboard(size=LARGE, pictures=tmp_path / "missing") as driver:
        await driver.press("s")
        await driver.until("no picture saved")


async def test_themes_go_round_and_all_of_them_show_the_same_text() -> None:
    async with dashboard() as driver:
        first = (await driver.lines())[2:8]
        seen = [driver.app.theme]
        for _ in NAMES:
            await driver.press("t")
            seen.append(driver.app.theme)
            assert [line[:40] for line in (await driver.lines())[2:8]] == [line[:40] for line in first]
        assert seen == [*NAMES, NAMES[0]]


async def test_the_palette_offers_what_keys_do() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.press("ctrl+p")
        await driver.until("Search for commands")
        await driver.press(*"freeze")
        await driver.until("key Space")
        await driver.press("enter")
        await driver.until("FROZEN")
        for command, shown in (
            ("Events", "what happened"),
            ("privacy mask", "MASKED"),
            ("filter", "words to find"),
        ):
            await driver.press("colon")
            await driver.until("Search for commands")
            await driver.press(*command)
            await driver.gone("Pages: Groups")
            await driver.press("enter")
            await driver.until(shown)


async def test_acknowledging_a_finding_and_taking_it_back() -> None:
    keeper = MemoryKeeper()
    async with dashboard(keeper=keeper, size=LARGE) as driver:
        await driver.press("2", "a")
        assert marked(await driver.tick()).split()[:6] == ["▶", "✖", "split-brain", "VRRP", "51", "eth0/10"]
        assert "✔ acked" in marked(await driver.screen())
        split_brain = driver.view.shown_findings[0]
        assert keeper.marks()[split_brain.id].acknowledged == at(600)
        # What is acknowledged asks for nobody any more.
        assert "Findings ▲2" in await driver.screen()
        await driver.press("a")
        assert keeper.marks() == {}
        assert "Findings ✖1 ▲2" in await driver.tick()


async def test_silencing_a_finding_for_a_time_and_ending_it() -> None:
    keeper = MemoryKeeper()
    async with dashboard(keeper=keeper, size=LARGE) as driver:
        await driver.press("2", "z")
        await driver.until("Silent for how long?")
        await driver.press("home", *(["delete"] * 4), *"sometime", "enter")
        await driver.until("a number with s, m, h or d")
        await driver.press(*(["backspace"] * 8), *"30m", "enter")
        await driver.until("♪ silent 30m")
        assert keeper.marks()[driver.view.shown_findings[0].id].silenced_until == at(600 + 1800)
        assert "♪ silent 30m" in marked(await driver.screen())
        driver.view.advance(1801)
        assert "♪" not in await driver.tick()
        await driver.press("z")
        await driver.until("Silent for how long?")
        await driver.press("enter")
        await driver.until("♪ silent 1h00m")
        await driver.press("z")
        await driver.gone("♪")
        await driver.press("z")
        await driver.until("Silent for how long?")
        await driver.press("escape")
        await driver.gone("Silent for how long?")
        assert "♪" not in await driver.screen()


async def test_findings_are_decided_about_on_their_page_only() -> None:
    keeper = MemoryKeeper()
    async with dashboard(keeper=keeper, size=LARGE) as driver:
        await driver.press("a", "z")
        await driver.until("findings are acknowledged")
    assert keeper.marks() == {}


async def test_a_recording_is_played_paused_sought_and_sped_up() -> None:
    player = ScriptedPlayer(at(0), at(900), at(600))
    async with dashboard(player=player) as driver:
        bar = (await driver.lines())[-2]
        assert bar.startswith(" ▶ playing    1x 12:10:00 ◆━")
        assert bar.rstrip().endswith("12:15:00")
        # The changes of mastership of the script, and where it is.
        assert bar.count("◆") == 4
        assert "●" in bar
        await driver.press("p")
        assert "‖ paused" in await driver.tick()
        await driver.press("p")
        assert "▶ playing" in await driver.tick()
        assert player.told == ["pause", "play"]
        await driver.press("right")
        assert player.position == at(610)
        await driver.press("left", "left")
        assert player.position == at(590)
        await driver.press("greater_than_sign")
        assert player.position == at(635)
        await driver.press("less_than_sign", "less_than_sign")
        assert player.position == at(545)
        await driver.press("plus", "plus", "minus")
        assert player.speed == 2
        for _ in range(20):
            await driver.press("plus")
        assert player.speed == 4096
        await driver.press("0")
        assert player.position == at(0)
        await driver.press("left")
        assert player.position == at(0)
        # A click on the track: 26 cells stand before it, 11 after it.
        await driver.pilot.click("#scrub", offset=(26 + 21, 0))
        assert player.position == at(0) + 900 * NANOSECONDS * 21 // 42
        # Space only freezes the screen: the recording plays on.
        await driver.press("space")
        assert player.told == ["pause", "play"]


async def test_without_a_recording_its_keys_do_nothing_and_help_is_silent() -> None:
    async with dashboard(size=(200, 70)) as driver:
        before = await driver.screen()
        assert await driver.press("p", "left", "right", "plus", "minus", "0", "less_than_sign") == before
        assert "Recording" not in await driver.press("question_mark")


async def test_the_mouse_selects_opens_sorts_and_turns_pages() -> None:
    async with dashboard(size=LARGE) as driver:
        await driver.pilot.click("#groups Table", offset=(10, 2))
        assert marked(await driver.screen()).split()[2] == "CARP"
        await driver.pilot.click("#groups Table", offset=(8, 0))
        assert "Group▲" in await driver.screen()
        await driver.pilot.click("#groups Table", offset=(10, 1), times=2)
        assert "next  10.0.10.3" in await driver.screen()
        await driver.pilot.click("#pages", offset=(20, 0))
        assert "split-brain" in await driver.screen()
        await driver.pilot.click("#findings Table", offset=(10, 20))
        assert "split-brain" in await driver.screen()


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130), ("ctrl+q", 0)])
async def test_quitting(key: str, code: int) -> None:
    async with dashboard() as driver:
        await driver.pilot.press(key)
    assert driver.app.return_value == code
