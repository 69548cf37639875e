"""What a hostile segment, a failing source or ten thousand groups do to the dashboard: nothing."""

import threading
from ipaddress import ip_address

import pytest

from tests.dashboard.driving import LARGE, MANY, SMALL, dashboard
from tests.dashboard.scripted import CONTESTED, ScriptedView, at
from vrrpwatch.core.model import Finding, GroupKey, Severity
from vrrpwatch.core.news import GroupRow, RecentPacket, View
from vrrpwatch.dashboard.controls import MemoryKeeper
from vrrpwatch.dashboard.feed import MISSES

pytestmark = pytest.mark.asyncio

HOSTILE = "[red]x[/red][@click=app.quit]\x1b]0;owned\x07\x1b[31m\r\n\u202e${x}$error"


def hostile_view() -> ScriptedView:
    """Names and sentences that try to steer the terminal and Textual's markup."""
    view = ScriptedView()
    key = GroupKey(HOSTILE, "vrrp", 4, 66, HOSTILE)
    view.extra = [GroupRow(key, "held", ip_address("10.6.6.6"), 1, 1.0, 0.0, at(600), 1, Severity.CRITICAL)]
    view.shown_findings = [
        Finding("malformed", Severity.WARNING, HOSTILE, key, HOSTILE, at(0), at(1), 1, HOSTILE, ()),
        Finding("malformed", Severity.WARNING, HOSTILE, None, HOSTILE, at(0), at(1), 1, "[/]" * 500, ()),
    ]
    view.newest = [RecentPacket(at(1), 0, 1, 1, HOSTILE.encode() * 40)]
    return view


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_hostile_text_is_shown_and_not_obeyed(size: tuple[int, int]) -> None:
    async with dashboard(hostile_view(), size=size, title=HOSTILE) as driver:
        screens = await driver.screen()
        for key in ("end", "up", "down", "enter", "end", "escape", "2", "down", "enter", "escape", "3", "4", "5", "6"):
            screens += await driver.press(key)
        await driver.press("1", "slash", *"[red]x", "enter")
        screens += await driver.screen()
        await driver.press("m")
        screens += await driver.press("question_mark", "escape", "s")
        assert driver.app.is_running
    assert "[red]x[/red][@cl" in screens
    controls = [character for character in screens if not character.isprintable() and character != "\n"]
    assert controls == []


async def test_a_source_that_fails_is_a_banner_and_the_screen_stays() -> None:
    async with dashboard(size=LARGE) as driver:
        view = driver.view
        view.broken = OSError("eth0: no such device;\nwaiting for it")
        failed = await driver.tick()
        assert "▲ eth0: no such device; waiting for it" in failed
        assert "✖ contested" in failed
        assert "no such device" in await driver.press("2", "enter")
        view.broken = None
        assert "no such device" not in await driver.press("1")
        assert "no such device" not in await driver.tick()


async def test_a_pump_that_fails_is_a_banner_and_one_that_ends_is_a_mark() -> None:
    def failing(_: threading.Event) -> None:
        raise OSError("capture of eth0 failed: it was renamed")

    async with dashboard(size=LARGE, pump=failing) as driver:
        screen = await driver.ticks_until("renamed")
        assert "▲ capture of eth0 failed: it was renamed" in screen
        assert "ENDED" in screen

    async with dashboard(size=LARGE, pump=lambda _: None) as driver:
        screen = await driver.ticks_until("ENDED")
        assert "▲ " not in screen.split("\n")[0]


async def test_an_error_of_the_program_in_the_pump_ends_it_and_is_not_hidden() -> None:
    def broken(_: threading.Event) -> None:
        raise ZeroDivisionError("a bug")

    async with dashboard(pump=broken) as driver:
        for _ in range(MANY):
            if driver.app.fault is not None:
                break
            await driver.tick()
    assert isinstance(driver.app.fault, ZeroDivisionError)
    assert driver.app.return_value == 1


async def test_the_pump_is_asked_to_stop_when_the_dashboard_ends() -> None:
    stopped = []

    def pump(stop: threading.Event) -> None:
        stopped.append(stop.wait(30))

    async with dashboard(pump=pump):
        pass
    assert stopped == [True]


async def test_a_view_that_is_not_to_be_had_leaves_the_picture_and_says_so_in_the_end() -> None:
    lock = threading.Lock()
    view = ScriptedView()
    async with dashboard(view, lock=lock, size=LARGE) as driver:
        before = await driver.lines()
        with lock:
            view.advance(5)
            assert await driver.tick() == "\n".join(before)
            for _ in range(MISSES):
                late = await driver.tick()
            assert "the source is busy; the screen lags behind" in late
        after = await driver.tick()
        assert "busy" not in after
        assert "12:10:05Z" in after


async def test_views_are_asked_with_the_lock_held() -> None:
    lock = threading.Lock()
    unlocked: list[str] = []

    class Watched(ScriptedView):
        def __getattribute__(self, name: str) -> object:
            if name in VIEW and not lock.locked():
                unlocked.append(name)
            return super().__getattribute__(name)

    async with dashboard(Watched(), lock=lock) as driver:
        unlocked.clear()
        for key in (
            "down",
            "enter",
            "space",
            "space",
            "escape",
            "2",
            "a",
            "3",
            "down",
            "4",
            "5",
            "6",
            "m",
            "1",
            "G",
            "s",
        ):
            await driver.press(key)
        await driver.tick()
    assert unlocked == []


VIEW = frozenset(name for name in vars(View) if not name.startswith("_"))


async def test_a_keeper_that_fails_is_a_notice() -> None:
    class Full(MemoryKeeper):
        def acknowledge(self, finding: str, at: int) -> None:
            raise OSError(f"{finding} at {at}: disk full")

    async with dashboard(keeper=Full(), size=LARGE) as driver:
        await driver.press("2", "a")
        await driver.until("not kept")
        assert "acked" not in await driver.screen()


async def test_ten_thousand_groups_are_scrolled_filtered_and_sorted() -> None:
    async with dashboard(ScriptedView(extra=10_000), size=LARGE) as driver:
        assert "1 Groups 10,005" in await driver.screen()
        last = await driver.press("end")
        assert "VRRP 250 eth2/139" in last
        assert "10.100.39.15" in last
        await driver.press("home", "slash", *"10.100.39.15", "enter")
        # Reading ten thousand rows is spread over pictures; 10.100.39.15 is also the beginning of no other's address.
        for _ in range(10_005 // 400 + 1):
            screen = await driver.tick()
        assert "/10.100.39.15  1 of 10,005" in screen
        assert "VRRP 250 eth2/139" in screen
        await driver.press("escape", "P", "P", "end")
        assert driver.app.is_running


async def test_a_flood_of_findings_and_silent_groups_is_shown() -> None:
    view = ScriptedView()
    view.shown_findings = [
        Finding("malformed", Severity.WARNING, "eth0", CONTESTED, str(number), at(0), at(1), 1, "cut", ())
        for number in range(10_000)
    ]
    async with dashboard(view, size=LARGE) as driver:
        assert "▲10,000" in await driver.press("2", "a", "a")
        assert "▲9,998" in await driver.tick()


@pytest.mark.parametrize("value", ["1", ""])
async def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    async with dashboard(theme=None) as driver:
        strips = driver.app.screen._compositor.render_strips()
        colours = {segment.style.color for strip in strips for segment in strip if segment.style is not None}
        coloured = any(colour is not None and not colour.is_default for colour in colours)
        assert coloured == (value == "")
        assert (driver.app.theme == "no-colour") == (value == "1")


@pytest.mark.parametrize("size", [(20, 5), (40, 8), (30, 24), SMALL])
async def test_what_comes_up_over_a_page_can_be_used_at_any_size(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as driver:
        await driver.press("2", "z")
        await driver.until("Silent for how long?")
        lines = (await driver.press(*"soon")).split("\n")
        question = next(at for at, line in enumerate(lines) if "Silent for how long?" in line)
        assert any("soon" in line for line in lines[question + 1 : question + 3])
        assert "a number with s, m," in await driver.press("enter")
        await driver.press(*["backspace"] * 4, *"30m")
        assert "30m" in await driver.screen()
        await driver.press("enter")
        assert "Silent" not in await driver.screen()
        helped = await driver.press("question_mark")
        assert "Pages" in helped
        assert "Groups" in helped
        assert "lone" in await driver.press("end")
        await driver.press("escape", "ctrl+p", *"mask")
        await driver.until("privacy")
        await driver.press("enter")
        await driver.gone("privacy")
        assert "eth0/10" not in await driver.press("escape")


async def test_dialogs_follow_the_size_of_the_terminal() -> None:
    async with dashboard(size=SMALL) as driver:
        assert "╭" in await driver.press("2", "z")
        await driver.pilot.resize_terminal(20, 5)
        await driver.gone("╭")
        assert (await driver.lines())[:2] == ["Silent for how long?", "1h"]
        await driver.pilot.resize_terminal(*SMALL)
        await driver.until("╭")
