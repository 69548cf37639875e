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
        self.told: list[str] = []

    def play(self) -> None:
        self.playing = True
        self.told.append("play")

    def pause(self) -> None:
        self.playing = False
        self.told.append("pause")

    def seek(self, at: Instant) -> None:
        self.position = at

    def set_speed(self, speed: float) -> None:
        self.speed = speed
