"""What a dashboard knows besides its view: who keeps what was acknowledged, what plays a recording, and who listens."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, runtime_checkable

from vrrpwatch.core.model import Instant
from vrrpwatch.core.news import View
from vrrpwatch.service.silences import Silences


class Mark(NamedTuple):
    """What someone decided about a finding; both are ``None`` where nobody did."""

    acknowledged: Instant | None = None
    silenced_until: Instant | None = None

    def silent(self, now: Instant) -> bool:
        """Whether a silence lasts still."""
        return self.silenced_until is not None and now < self.silenced_until

    def settles(self, now: Instant) -> bool:
        """Whether the finding needs nobody's attention."""
        return self.acknowledged is not None or self.silent(now)


NO_MARK: Final = Mark()


class Keeper(Protocol):
    """Keeps decisions about findings, by :attr:`vrrpwatch.core.model.Finding.id`.

    It is asked by the screen's thread: whatever waits for a disk or a network does so elsewhere.
    """

    def marks(self) -> Mapping[str, Mark]:
        """Every decision that stands."""
        ...

    def acknowledge(self, finding: str, at: Instant) -> None: ...

    def withdraw(self, finding: str) -> None:
        """Takes an acknowledgement back."""
        ...

    def silence(self, finding: str, until: Instant) -> None:
        """Keeps quiet about a finding until an instant of the view's clock; one that is past ends the silence."""
        ...


class Player(Protocol):
    """Plays a recording into the view, in a thread of its own: nothing here waits.

    ``position`` lies between ``first`` and ``last``; ``speed`` is how many seconds of the recording pass in one.
    """

    @property
    def first(self) -> Instant: ...

    @property
    def last(self) -> Instant: ...

    @property
    def position(self) -> Instant: ...

    @property
    def playing(self) -> bool: ...

    @property
    def speed(self) -> float: ...

    def play(self) -> None: ...

    def pause(self) -> None: ...

    def seek(self, at: Instant) -> None: ...

    def set_speed(self, speed: float) -> None: ...


class Hearing(Protocol):
    """Knows what cannot be heard now; asked for every picture by the screen's thread, so nothing here waits."""

    def silences(self) -> Silences: ...


@runtime_checkable
class Abridged(Protocol):
    """A view over what was written down: without jitter, neighbours, queriers, packets and most members.

    Pages say so instead of looking as if there were none.
    """

    abridged: bool


def is_abridged(view: View) -> bool:
    """Whether a view lacks what a store does not keep."""
    return isinstance(view, Abridged) and view.abridged


class MemoryKeeper:
    """Keeps decisions for as long as the program runs; findings are capped, and so are these."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}

    def marks(self) -> Mapping[str, Mark]:
        return self._marks

    def acknowledge(self, finding: str, at: Instant) -> None:
        self._change(finding, self._of(finding)._replace(acknowledged=at))

    def withdraw(self, finding: str) -> None:
        self._change(finding, self._of(finding)._replace(acknowledged=None))

    def silence(self, finding: str, until: Instant) -> None:
        self._change(finding, self._of(finding)._replace(silenced_until=until))

    def _of(self, finding: str) -> Mark:
        return self._marks.get(finding, NO_MARK)

    def _change(self, finding: str, mark: Mark) -> None:
        if mark == NO_MARK:
            self._marks.pop(finding, None)
        else:
            self._marks[finding] = mark
