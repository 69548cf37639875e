"""Drives a dashboard over the scripted view as a person does: keys in, the text on the screen out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.dashboard.scripted import ScriptedView
from vrrpwatch.dashboard.app import Dashboard
from vrrpwatch.dashboard.controls import Hearing, Keeper, MemoryKeeper, Player
from vrrpwatch.dashboard.feed import Feed, Lock, Pump

# No timer fires during a test: pictures are taken when the test says so.
NEVER = 3600.0
# Looks at the screen before one gives up.
MANY = 1_000
SMALL, LARGE = (80, 24), (200, 50)


class Driver:
    """A running dashboard."""

    def __init__(self, app: Dashboard, pilot: Pilot[Any], view: ScriptedView) -> None:
        self.app = app
        self.pilot = pilot
        self.view = view

    async def press(self, *keys: str) -> str:
        """Presses keys, and gives the screen after them."""
        for key in keys:
            # One by one: each goes to what the one before has brought up, which Textual waits for after a press only.
            await self.pilot.press(key)
        return await self.screen()

    async def tick(self) -> str:
        """Lets the next picture be taken, and gives the screen."""
        self.app.tick()
        return await self.screen()

    async def screen(self) -> str:
        """The text on the screen, lines ending without spaces."""
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, text: str) -> str:
        """The screen as soon as it shows ``text``: what Textual does in tasks of its own takes a moment."""
        for _ in range(MANY):
            screen = await self.screen()
            if text in screen:
                return screen
            await self.pilot.pause(0.01)
        raise AssertionError(f"{text!r} is not on the screen:\n{screen}")

    async def ticks_until(self, text: str) -> str:
        """The first of the next pictures that shows ``text``."""
        for _ in range(MANY):
            screen = await self.tick()
            if text in screen:
                return screen
            await self.pilot.pause(0.01)
        raise AssertionError(f"{text!r} is on none of the pictures:\n{screen}")

    async def gone(self, text: str) -> None:
        """Waits until the screen does not show ``text`` any more."""
        for _ in range(MANY):
            if text not in await self.screen():
                return
            await self.pilot.pause(0.01)
        raise AssertionError(f"{text!r} is still on the screen")

    async def lines(self) -> list[str]:
        return (await self.screen()).split("\n")


@asynccontextmanager
async def dashboard(
    view: ScriptedView | None = None,
    size: tuple[int, int] = SMALL,
    *,
    keeper: Keeper | None = None,
    player: Player | None = None,
    hearing: Hearing | None = None,
    pump: Pump | None = None,
    lock: Lock | None = None,
    theme: str | None = "dark",
    pictures: Path = Path("nowhere"),
    reveal: bool = False,
    title: str = "eth0",
) -> AsyncIterator[Driver]:
    """A dashboard with its first picture painted."""
    view = view if view is not None else ScriptedView()
    feed = Feed(view, lock, pump, (OSError,))
    app = Dashboard(
        feed,
        title=title,
        refresh=NEVER,
        keeper=keeper if keeper is not None else MemoryKeeper(),
        player=player,
        hearing=hearing,
        theme=theme,
        pictures=pictures,
        reveal=reveal,
    )
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, pilot, view)
            await driver.tick()
            yield driver
    finally:
        feed.stop()
