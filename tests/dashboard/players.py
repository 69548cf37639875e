"""A recording's player on a virtual clock, which remembers what it was told."""

from vrrpwatch.core.model import Instant


class ScriptedPlayer:
    """Plays nothing: the position moves only when it is told to."""

    def __init__(self, first: Instant, last: Instant, position: Instant) -> None:
        self.first = first
        self.last = last
        self.position = position
        self.playing = True
        self.speed = 1.0

    def play(self) -> None:
        self.playing = True

    def pause(self) -> None:
        self.playing = False

    def seek(self, at: Instant) -> None:
        self.position = at

    def set_speed(self, speed: float) -> None:
        self.speed = speed
