"""What a capture says that it missed, packets or stretches of time: findings, and where silence proves nothing."""

from collections.abc import Callable, Sequence
from typing import Final

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.model import Instant

# Losses that a live engine remembers: silence is judged by the newest, and a busy segment may lose packets for days.
MAX_LOSSES: Final = 4096
# Later than any packet.
ENDLESS: Final[Instant] = 1 << 63


class Losses:
    """``interface`` names that of a loss; ``former`` are those that a former pass told of, all that there are.

    ``told`` are those of this pass, the newest of a ``live`` one, and ``dropped`` counts all packets that they lost.
    """

    def __init__(
        self, findings: Findings, interface: Callable[[Loss], str], former: Sequence[Loss], *, live: bool
    ) -> None:
        self.told: list[Loss] = []
        self.dropped = 0
        self._findings = findings
        self._interface = interface
        self._former = former
        self._live = live

    def add(self, loss: Loss) -> None:
        self.told.append(loss)
        self.dropped += loss.count
        if self._live and len(self.told) > MAX_LOSSES:
            del self.told[: MAX_LOSSES // 2]
        name = self._interface(loss)
        if loss.count:
            self._raise(loss, name, name, loss.count, "the capture itself lost packets")
        if loss.unheard:
            subject = f"{name}, unheard"
            known = self._findings.get("capture-loss", name, None, subject)
            # Its end is told apart from its beginning.
            goes_on = known is not None and known.first <= loss.first <= known.last
            what = "the interface could not be heard for a while, be it down or gone or the machine asleep"
            self._raise(loss, name, subject, 0 if goes_on else 1, what)

    def touch(self, segment: str, first: Instant, last: Instant) -> bool:
        """Whether anything was missed on that segment between two instants."""
        return any(
            loss.first <= last and first <= loss.last and self.concerns(loss, segment)
            for loss in self._former or self.told
        )

    def missed_until(self, segment: str, heard: Instant, first: Instant, last: Instant) -> Instant | None:
        """Until when, of what was missed on that segment between two instants, silence proves nothing; or ``None``.

        ``ENDLESS`` where that is not over.  Somebody was ``heard`` there last, and no outage before that goes on.
        """
        until: Instant | None = None
        open_since: Instant | None = None
        for loss in self._former or self.told:
            if not self.concerns(loss, segment):
                continue
            if loss.unheard:
                open_since = loss.last if loss.goes_on else None
            if loss.first <= last and first <= loss.last:
                until = loss.last if until is None else max(until, loss.last)
        if open_since is not None and heard <= open_since <= last:
            return ENDLESS
        return until

    def concerns(self, loss: Loss, segment: str) -> bool:
        """Whether it is one of that segment's interface."""
        # A cooked v2 interface loses for all the interfaces that its frames crossed, which are named after it.
        return f"{segment.partition('/')[0]}#".startswith(f"{self._interface(loss)}#")

    def _raise(self, loss: Loss, name: str, subject: str, count: int, what: str) -> None:
        self._findings.add(
            "capture-loss",
            segment=name,
            group=None,
            subject=subject,
            first=loss.first,
            last=loss.last,
            count=count,
            summary=f"{what}: silence in that time proves nothing",
        )
