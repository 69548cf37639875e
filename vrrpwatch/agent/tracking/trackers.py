"""All trackers of the agent: who finds out, what is known, and who is told."""

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from types import MappingProxyType
from typing import get_args

from vrrpwatch.agent.config.trackers import Polled, Told, Tracker
from vrrpwatch.agent.ports import Change, Verdict
from vrrpwatch.agent.tracking.checking import Checking
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.told import Host, Kind, TellTale

_NOT_CHECKED = "nothing is known: the process that makes the checks does not run"


class Trackers:
    """Reports a verdict when it is first known and when it is another, or when the number in a file is.

    ``report`` is called in the event loop.  It may be called within :meth:`start` and :meth:`reload`, which is where
    the first verdicts of links, addresses, routes and routers come from, but not within :meth:`changed` or
    :meth:`heard`.  ``warn`` gets lines for people about trouble with the checks themselves.
    """

    def __init__(
        self,
        trackers: Iterable[Tracker],
        report: Callable[[Verdict], None],
        host: Host,
        warn: Callable[[str], None],
    ) -> None:
        self._wanted = tuple(trackers)
        self._report = report
        self._numbers = count(1)
        self._trackers: dict[int, Tracker] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._unknown: set[str] = set()
        self._checking = Checking(self._found, self._lost, warn)
        self._told = TellTale(self._found, host)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """What is known, by name; where a tracker's settings changed, the old verdict until there is a new one."""
        return MappingProxyType(self._verdicts)

    def unknown(self) -> frozenset[str]:
        """Those of which nothing is known yet: no verdict since the start, or since their settings changed.

        None stays unknown for ever: a check ends with its timeout, and after half a minute in which no checks could be
        made all of these are bad.
        """
        return frozenset(self._unknown)

    async def start(self) -> None:
        """Begins; the process that makes checks is started if there is something to check."""
        await self.reload(self._wanted)

    async def stop(self) -> None:
        """Ends all checks, and what they have started; takes a few seconds at most."""
        self._told.close()
        await self._checking.close()

    async def reload(self, new: Iterable[Tracker]) -> None:
        """Begins what is new or changed, ends what is gone, and leaves alone what is as it was."""
        running = {tracker.name: (number, tracker) for number, tracker in self._trackers.items()}
        wanted: dict[int, Tracker] = {}
        for tracker in new:
            number, old = running.get(tracker.name, (0, None))
            if old != tracker:
                number = next(self._numbers)
                self._unknown.add(tracker.name)
            wanted[number] = tracker
        self._trackers = wanted
        names = {tracker.name for tracker in wanted.values()}
        self._unknown &= names
        for name in self._verdicts.keys() - names:
            del self._verdicts[name]
        self._told.set({number: one for number, one in wanted.items() if isinstance(one, get_args(Told))})
        self._checking.set({number: one for number, one in wanted.items() if isinstance(one, get_args(Polled))})

    def changed(self, change: Change) -> None:
        """A router of the agent is in another state."""
        self._told.changed(change)

    def heard(self, kind: Kind) -> None:
        """Links, addresses or routes of the host are others than before."""
        self._told.heard(kind)

    def _found(self, number: int, result: Result) -> None:
        tracker = self._trackers.get(number)
        if tracker is None:
            return
        name = tracker.name
        verdict = Verdict(name, result.good, result.detail, result.number)
        before = self._verdicts.get(name)
        self._verdicts[name] = verdict
        same = before is not None and (before.good, before.number) == (verdict.good, verdict.number)
        if name in self._unknown or not same:
            self._unknown.discard(name)
            self._report(verdict)

    def _lost(self) -> None:
        for number, tracker in list(self._trackers.items()):
            if isinstance(tracker, get_args(Polled)):
                self._found(number, Result(False, _NOT_CHECKED))
