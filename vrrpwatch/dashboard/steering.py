"""What keys change beyond the screen: decisions about findings, and the course of a recording."""

from collections.abc import Callable
from typing import Final

from textual.app import App
from textual.screen import Screen

from vrrpwatch.core.model import Instant, Seconds, nanoseconds
from vrrpwatch.dashboard.controls import Keeper, Player
from vrrpwatch.dashboard.dialogs import Silence
from vrrpwatch.dashboard.feed import Feed, sentence
from vrrpwatch.dashboard.findings import FindingsPage
from vrrpwatch.dashboard.marks import FindingRow
from vrrpwatch.dashboard.rules import RulesPage, copy_rule

SLOWEST: Final = 1 / 16
FASTEST: Final = 4096.0


class Steering(App[int]):
    """The actions of keys that act on a keeper or a player."""

    _feed: Feed
    _keeper: Keeper
    _player: Player | None

    @property
    def _base(self) -> Screen[object]:
        """The screen of the pages, whatever is over it."""
        return self.screen_stack[0]

    def action_acknowledge(self) -> None:
        row = self._finding()
        if row is None:
            return
        if row.mark.acknowledged is not None:
            self._decide(lambda: self._keeper.withdraw(row.id))
        else:
            self._decide(lambda: self._keeper.acknowledge(row.id, self._clock()))

    def action_silence(self) -> None:
        row = self._finding()
        if row is None:
            return
        if row.mark.silent(self._clock()):
            self._decide(lambda: self._keeper.silence(row.id, self._clock()))
            return

        def silence(seconds: Seconds | None) -> None:
            if seconds is not None:
                self._decide(lambda: self._keeper.silence(row.id, self._clock() + nanoseconds(seconds)))

        self.push_screen(Silence(), silence)

    def action_copy(self) -> None:
        page = self._base.query_one(RulesPage)
        if not page.display:
            self.notify("rules are copied on their page: key 6", timeout=3, markup=False)
        elif (rule := page.rule) is None:
            self.notify("no rule to copy", timeout=3, markup=False)
        else:
            copy_rule(self, rule, masked=page.masked)

    def _clock(self) -> Instant:
        raise NotImplementedError

    def _finding(self) -> FindingRow | None:
        page = self._base.query_one(FindingsPage)
        if not page.display or page.current is None:
            self.notify("findings are acknowledged and silenced on their page: key 2", timeout=3, markup=False)
            return None
        return page.current

    def _decide(self, decide: Callable[[], None]) -> None:
        try:
            decide()
            self._base.query_one(FindingsPage).mark()
        except self._feed.errors as error:
            self.notify(f"not kept: {sentence(error)}", severity="error", markup=False)

    def action_play(self) -> None:
        if self._player is not None:
            if self._player.playing:
                self._player.pause()
            else:
                self._player.play()

    def action_seek(self, seconds: float) -> None:
        if self._player is not None:
            self._seek(self._player.position + nanoseconds(seconds))

    def action_leap(self, twentieths: int) -> None:
        if self._player is not None:
            self._seek(self._player.position + twentieths * (self._player.last - self._player.first) // 20)

    def action_restart(self) -> None:
        if self._player is not None:
            self._seek(self._player.first)

    def action_speed(self, factor: float) -> None:
        if self._player is not None:
            self._player.set_speed(min(FASTEST, max(SLOWEST, self._player.speed * factor)))

    def _seek(self, at: Instant) -> None:
        if self._player is not None:
            self._player.seek(min(self._player.last, max(self._player.first, at)))
