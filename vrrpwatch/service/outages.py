"""The interfaces of a live run that cannot be heard now, and what people were told of late."""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

import numpy as np

from vrrpwatch.capture.naming import key_text
from vrrpwatch.core.frames import Batch
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.core.notice import Notice
from vrrpwatch.report.units import clock as time_of_day
from vrrpwatch.service.silences import Silences, Told

# Interfaces may come and go for years: so many lines are remembered, each about another one.
MAX_TOLD: Final = 64
# How long a line is shown that tells what happened, and not how things are.
SHOWN: Final = 60 * NANOSECONDS


class Outages:
    """Follows what is told and what the capture says; may be asked from any thread.

    ``interfaces`` are those that were named: a line about one of them holds until another tells that all is well.
    """

    def __init__(self, interfaces: Iterable[str], clock: Callable[[], Instant]) -> None:
        """``clock`` gives nanoseconds since the epoch."""
        self._named = frozenset(map(key_text, interfaces))
        self._clock = clock
        self._lock = Lock()
        # By what they are about, the newest last: lines, and when they were told.  One that tells of nothing wrong may
        # be why a name is heard no more: the interface has another.
        self._told: dict[str, tuple[str, Instant]] = {}
        # Since when interfaces cannot be heard; there are no more than the capture numbers.
        self._silent: dict[str, Instant] = {}

    def tell(self, line: str) -> None:
        """A line that people are told."""
        name = key_text(line.partition(": ")[0])
        with self._lock:
            self._told.pop(name, None)
            if isinstance(line, Notice):
                self._silent.pop(name, None)
            elif name in self._named:
                # What is wrong with an interface that was named keeps it from being heard.
                self._silent.setdefault(name, self._clock())
            self._told[name] = line, self._clock()
            if len(self._told) > MAX_TOLD:
                del self._told[next(iter(self._told))]

    def feed(self, batch: Batch, name: Callable[[int], str]) -> None:
        """The next stretch of the capture; ``name`` tells what an interface is called in segments."""
        with self._lock:
            for loss in batch.losses:
                if loss.goes_on:
                    self._silent.setdefault(name(loss.interface), loss.last)
                elif loss.unheard and self._silent.get(one := name(loss.interface), loss.last) <= loss.last:
                    # It was on its way while the interface fell silent again, if it tells of an earlier time.
                    self._is_over(one)
            if not self._silent:
                return
            # Of an interface that has gone nobody tells when it has come again; its frames do.
            rows = batch.frames
            for number in np.unique(rows["interface"]):
                since = self._silent.get(one := name(int(number)))
                if since is not None and rows["at"][rows["interface"] == number].max() > since:
                    self._is_over(one)

    def silences(self) -> Silences:
        """What cannot be heard now; answers at once."""
        now = self._clock()
        with self._lock:
            told = [(at, name, line) for name, (line, at) in self._told.items() if self._holds(name, line, now - at)]
            told += [
                (since, name, f"{name}: is not heard any more")
                for name, since in self._silent.items()
                if name not in self._told
            ]
            places = frozenset(self._silent)
        told.sort(reverse=True)
        return Silences(tuple(Told(name, f"{time_of_day(at, 0)}Z {line}") for at, name, line in told), places)

    def _holds(self, name: str, line: str, age: Instant) -> bool:
        if name in self._silent:
            return True
        return not isinstance(line, Notice) and (name in self._named or 0 <= age < SHOWN)

    def _is_over(self, name: str) -> None:
        if self._silent.pop(name, None) is not None:
            self._told.pop(name, None)
