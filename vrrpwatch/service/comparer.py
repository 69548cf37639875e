"""What became of the masters of before, since a sensor stopped last: who else took over, and who never came back."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from vrrpwatch.core.model import GroupKey, Instant, Seconds, nanoseconds
from vrrpwatch.core.news import News
from vrrpwatch.report.units import clock, date, group_name

if TYPE_CHECKING:
    from vrrpwatch.store.masters import LastMaster

# A speaker's interval where it was not recorded: HSRP's, which is three times as long as that of VRRP and CARP.
USUAL_INTERVAL: Final[Seconds] = 3.0
# The longest that an advertisement can announce (CARP: 255 s and 255/256 s).
MAX_INTERVAL: Final[Seconds] = 256.0
# A segment that is not there any more may have had thousands of groups: beyond so many at once they are only counted.
MAX_LINES: Final = 20


class Hearing(Protocol):
    """What can be heard, for who makes something of silence."""

    @property
    def settled_until(self) -> Instant:
        """All that passed before this instant has been told; 0 before the watch began."""
        ...

    @property
    def interruptions(self) -> int:
        """How often an interface could not be heard for a while so far."""
        ...

    def hears(self, interface: str) -> bool:
        """Whether that interface is watched, and up."""
        ...


class Comparer:
    """Says of each group that had a master when this sensor stopped last whether that changed: once, and in a line.

    The engine knows nothing of what was before, as a recording does not: to it every master has just appeared, and
    whom it never heard does not exist.
    """

    def __init__(self, masters: "Mapping[GroupKey, LastMaster]", hearing: Hearing, told: Callable[[str], None]) -> None:
        self._masters = dict(masters)
        self._hearing = hearing
        self._told = told
        # Groups that nothing was heard of since the watch began, and until when they are waited for.
        self._due: dict[GroupKey, Instant] = dict.fromkeys(masters, 0)
        self._next: Instant = 0
        # Which of the times without interruption this is; none before the first.
        self._stretch: int | None = None

    def tell(self, news: News) -> None:
        for event in news.events:
            was = self._masters.pop(event.group, None)
            if was is not None and event.new is not None and event.new != was.address:
                self._told(
                    f"{group_name(event.group)}: the master was {was.address} until {_heard(was)}, and is {event.new} "
                    "now: it changed while nobody watched"
                )
            self._due.pop(event.group, None)
        for group in news.groups:
            self._due.pop(group.key, None)
        now = self._hearing.settled_until
        if self._due and now:
            self._look(now)

    def close(self) -> None:
        """There is nothing to put away."""

    def _look(self, now: Instant) -> None:
        """Says whose time is over; silence proves nothing while nobody listens, so that it is waited for anew."""
        due, stretch = self._due, self._hearing.interruptions
        if stretch != self._stretch:
            self._stretch = stretch
            due.update({key: now + _patience(self._masters[key]) for key in due})
        elif now < self._next:
            return
        gone = []
        for key in [key for key, at in due.items() if at <= now]:
            was = self._masters[key]
            if self._hearing.hears(key.segment.partition("/")[0]):
                gone.append(f"{group_name(key)}: {was.address} was master until {_heard(was)}")
                del due[key], self._masters[key]
            else:
                due[key] = now + _patience(was)
        self._next = min(due.values(), default=0)
        for line in gone[:MAX_LINES]:
            self._told(f"{line}; nobody was heard advertising it since the watch began")
        if len(gone) > MAX_LINES:
            self._told(f"so it is with {len(gone) - MAX_LINES:,} more virtual routers")


def _heard(was: "LastMaster") -> str:
    return f"{date(was.last)} {clock(was.last, 0)}"


def _patience(was: "LastMaster") -> Instant:
    """Longer than any backup would wait, in nanoseconds: three intervals and a second or three, or four intervals."""
    interval = USUAL_INTERVAL if was.interval is None else min(max(was.interval, 0.0), MAX_INTERVAL)
    return nanoseconds(4 * interval + 3)
