"""The lines below the pages that tell what cannot be heard now: a few of them, the newest first."""

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical

from vrrpwatch.dashboard.document import Bar
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.service.silences import Told

# A fleet may be silent as a whole; the page below needs its room.
MAX_LINES: Final = 3
# Terminals with fewer lines than this have room for one.
LOW: Final = 16


class Notices(Vertical):
    """As many lines as there is something to tell; what there is no room for is named in the last."""

    DEFAULT_CSS = "Notices { height: auto; & Bar { display: none; } }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        for number in range(MAX_LINES):
            yield Bar(id=f"notice-{number}")

    def show(self, told: Sequence[Told], mask: Mask, height: int) -> None:
        """Shows what is ``told`` on a terminal with ``height`` lines."""
        state = (told, mask.on, height < LOW)
        if state == self._shown:
            return
        self._shown = state
        if mask.on:
            mask.learn(line.name for line in told)
        lines = _lines(told, 1 if height < LOW else MAX_LINES)
        for number, bar in enumerate(self.query(Bar).results()):
            bar.display = number < len(lines)
            if number < len(lines):
                bar.show([(f" ▲ {mask.text(lines[number])} ", "notice")])


def _lines(told: Sequence[Told], room: int) -> list[str]:
    if len(told) <= room:
        return [line.text for line in told]
    rest = told[room - 1 :]
    names = ", ".join(line.name or line.text for line in rest)
    return [*(line.text for line in told[: room - 1]), f"{len(rest)} {'more' if room > 1 else 'notices'}: {names}"]
