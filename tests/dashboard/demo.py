"""The dashboard over the scripted view, for looking at: ``python -m tests.dashboard.demo [--groups N] [--recording]``.

``--picture docs/dashboard.svg`` makes the documentation's picture instead, of the overview.
"""

import argparse
import asyncio
from pathlib import Path
from threading import Event as Flag
from threading import Lock

from tests.dashboard.players import ScriptedPlayer
from tests.dashboard.scripted import ScriptedView, at
from vrrpwatch.dashboard.app import Dashboard
from vrrpwatch.dashboard.controls import MemoryKeeper
from vrrpwatch.dashboard.feed import Feed
from vrrpwatch.dashboard.pictures import without_fonts
from vrrpwatch.dashboard.run import run

STEP = 0.1


async def picture(file: Path, keys: list[str], theme: str, size: tuple[int, int]) -> None:
    """Writes what a terminal shows after some keys."""
    app = Dashboard(
        Feed(ScriptedView(), None, None, ()),
        title="eth0",
        refresh=0.25,
        keeper=MemoryKeeper(),
        player=None,
        hearing=None,
        theme=theme,
        pictures=file.parent,
        reveal=False,
    )
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.tick()
        await pilot.press(*keys)
        await pilot.pause()
        file.write_text(without_fonts(app.export_screenshot(title="vrrpwatch live -i eth0")))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=0, help="how many ordinary groups there are besides")
    parser.add_argument("--recording", action="store_true", help="with a scrub bar; nothing is played")
    parser.add_argument("--theme")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    parser.add_argument("--size", default="110x20", metavar="COLUMNSxLINES", help="of the picture")
    parser.add_argument("keys", nargs="*", help="what is pressed before the picture is taken, by Textual's names")
    options = parser.parse_args()
    if options.picture:
        columns, _, lines = options.size.partition("x")
        asyncio.run(picture(options.picture, options.keys, options.theme or "dark", (int(columns), int(lines))))
        return 0
    view, lock = ScriptedView(options.groups), Lock()

    def pump(stop: Flag) -> None:
        while not stop.wait(STEP):
            with lock:
                view.advance(STEP, changes=min(200, options.groups))

    player = ScriptedPlayer(at(0), at(900), at(600)) if options.recording else None
    return run(view, title="eth0", pump=pump, lock=lock, player=player, theme=options.theme)


if __name__ == "__main__":
    raise SystemExit(main())
