"""Rise and fall: how many results in a row change a verdict."""

from typing import NamedTuple


class Streak(NamedTuple):
    """The verdict so far, ``None`` before the first result, and how many results in a row speak against it."""

    good: bool | None = None
    against: int = 0

    def after(self, good: bool, rise: int, fall: int) -> "Streak":
        """With one more result.  The first decides alone, as keepalived's first run of a script does."""
        if self.good is None:
            return Streak(good)
        if good is self.good:
            return Streak(good)
        against = self.against + 1
        return Streak(good) if against >= (rise if good else fall) else Streak(self.good, against)
