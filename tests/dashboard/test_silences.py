"""What cannot be heard now, on the screen: its lines, and groups of which nothing is known."""

import pytest

from tests.dashboard.driving import LARGE, dashboard
from tests.dashboard.scripted import HELD, HSRP, SEGMENT
from vrrpwatch.service.silences import NONE, Silences, Told

pytestmark = pytest.mark.asyncio

GONE = Silences((Told("eth0", "12:09:00Z eth0: has gone; it is waited for"),), frozenset({"eth0"}))


class Ear:
    """Cannot hear what a test says."""

    def __init__(self, silences: Silences = NONE) -> None:
        self.now = silences

    def silences(self) -> Silences:
        return self.now


def line_of(screen: str, text: str) -> str:
    return next(line for line in screen.split("\n") if text in line)


async def test_groups_that_cannot_be_heard_are_neither_held_nor_contested_while_it_lasts() -> None:
    ear = Ear()
    async with dashboard(hearing=ear) as driver:
        before = await driver.screen()
        assert "✔ held" in line_of(before, "VRRP 52 ")
        ear.now = GONE
        screen = await driver.tick()
        assert screen.split("\n")[2].rstrip() == " ▲ 12:09:00Z eth0: has gone; it is waited for"
        for name in ("VRRP 51 ", "VRRP 52 ", "CARP 7 ", "VRRP 53 "):
            assert "? not heard" in line_of(screen, name)
            # A dot would say that somebody listened.
            assert line_of(screen, name).endswith("s")
        assert "✔ held" in line_of(screen, "HSRP 1 ")
        assert "? not heard  it was held" in await driver.press("down", "down", "enter")
        assert "beat  nobody listens" in await driver.screen()
        ear.now = NONE
        assert "not heard" not in await driver.tick()
        assert await driver.press("escape", "home") == before


async def test_the_filter_and_the_order_follow_what_can_be_heard() -> None:
    ear = Ear()
    async with dashboard(hearing=ear) as driver:
        assert "VRRP 52" in await driver.press("slash", *"held", "enter")
        ear.now = GONE
        screen = await driver.tick()
        assert "HSRP 1 " in screen
        assert "VRRP 52" not in screen
        ear.now = Silences((), frozenset(), frozenset({HSRP}))
        screen = await driver.tick()
        assert "HSRP 1 " not in screen
        assert "VRRP 52" in screen
        screen = await driver.press("escape", "T")
        assert "not heard" in line_of(screen, "HSRP 1 ")
        rows = screen.split("\n")
        above = rows.index(line_of(screen, "HSRP 1 "))
        assert rows.index(line_of(screen, "CARP 7 ")) < above < rows.index(line_of(screen, "VRRP 52 "))


async def test_a_sensor_covers_its_segments_and_no_others() -> None:
    silences = Silences((Told("eth0", "x"),), frozenset({"berlin"}))
    assert silences.cover(HELD._replace(segment=f"berlin:{SEGMENT}"))
    assert not silences.cover(HELD._replace(segment=f"bonn:{SEGMENT}"))
    assert not silences.cover(HELD)


@pytest.mark.parametrize(
    ("size", "lines"),
    [
        ((80, 24), ["sensor s0: nothing", "sensor s1: nothing", "3 more: s2, s3, s4"]),
        ((80, 10), ["5 notices: s0, s1, s2, s3, s4"]),
    ],
)
async def test_a_fleet_that_is_silent_leaves_room_for_the_page(size: tuple[int, int], lines: list[str]) -> None:
    names = [f"s{number}" for number in range(5)]
    ear = Ear(Silences(tuple(Told(name, f"sensor {name}: nothing") for name in names), frozenset(names)))
    async with dashboard(size=size, hearing=ear) as driver:
        screen = (await driver.screen()).split("\n")
        assert [line.rstrip() for line in screen[2 : 2 + len(lines)]] == [f" ▲ {line}" for line in lines]
        assert "Group" in screen[2 + len(lines)]


async def test_the_mask_hides_who_is_silent_and_text_is_not_obeyed() -> None:
    told = Told("eth0", "eth0: has gone \x1b[31m[red]")
    async with dashboard(size=LARGE, hearing=Ear(Silences((told,), frozenset({"eth0"})))) as driver:
        screen = await driver.screen()
        assert "▲ eth0: has gone" in screen
        assert "[red]" in screen
        assert "\x1b" not in screen
        masked = await driver.press("m")
        assert "eth0" not in masked
        assert "has gone" in masked


async def test_a_frozen_screen_keeps_its_states_and_lines_go_on() -> None:
    ear = Ear()
    async with dashboard(hearing=ear) as driver:
        await driver.press("space")
        ear.now = GONE
        screen = await driver.tick()
        assert "eth0: has gone" in screen
        assert "not heard" not in screen
        assert "not heard" in await driver.press("space")
