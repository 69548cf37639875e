"""The loop of a live run: what a source hears goes to the monitor, and its news to all who want to know."""

from collections.abc import Callable, Iterator, Sequence
from threading import RLock
from typing import Protocol

from vrrpwatch.capture.naming import Names
from vrrpwatch.core.analysis import Analysis, InterfaceInfo, SourceInfo
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Batch, Interface
from vrrpwatch.core.model import Instant
from vrrpwatch.core.monitor import Monitor
from vrrpwatch.core.news import News
from vrrpwatch.service.outages import Outages


class Ears(Protocol):
    """Where a live run hears from."""

    @property
    def settled_until(self) -> Instant:
        """Everything before this instant has been given."""
        ...

    @property
    def drops(self) -> int:
        """How many packets the kernel had no room for so far."""
        ...

    def batches(self) -> Iterator[Batch | None]:
        """What is heard, in order of time; ``None`` now and then where nothing is.  Ends when the run is to end."""
        ...


class Sink(Protocol):
    """Somebody who wants to know; nothing here may wait for a network or a disk, nor raise for their trouble."""

    def tell(self, news: News) -> None: ...

    def close(self) -> None: ...


class Watching:
    """One live run.  ``lock`` is held while the monitor changes, so that others may look at it in between."""

    def __init__(
        self, ears: Ears, options: Callable[[Names], EngineOptions], sinks: Sequence[Sink], outages: Outages
    ) -> None:
        self._ears = ears
        self._outages = outages
        self._names = Names(["live"], None)
        self._sinks = list(sinks)
        self._interfaces: tuple[Interface, ...] = ()
        self._first: Instant | None = None
        self.lock = RLock()
        self.monitor = Monitor(options(self._names))

    def run(self) -> Analysis:
        """Goes on until the source ends; returns the analysis of what was not told before."""
        for batch in self._ears.batches():
            with self.lock:
                if batch is not None:
                    self._feed(batch)
                self.monitor.tick(self._ears.settled_until)
                news = self.monitor.news()
            self._tell(news)
        with self.lock:
            news, analysis = self.monitor.finish((self._source(),))
        self._tell(news)
        return analysis

    def close(self) -> None:
        """Lets every sink put away what it has."""
        for sink in self._sinks:
            sink.close()

    def _feed(self, batch: Batch) -> None:
        if len(batch.interfaces) != len(self._interfaces):
            self._interfaces = batch.interfaces
            self._names.describe(0, "pcapng", batch.interfaces)
        if self._first is None:
            self._first = batch.first
        self._outages.feed(batch, lambda number: self._names.interface(0, number, 0))
        self.monitor.feed(batch)

    def _tell(self, news: News) -> None:
        # The stream has each interface on a ring lose a packet where any of them may have.
        news = news._replace(dropped=self._ears.drops)
        for sink in self._sinks:
            sink.tell(news)

    def _source(self) -> SourceInfo:
        totals = self.monitor.totals
        interfaces = tuple(
            InterfaceInfo(self._names.interface(0, number, 0), interface.linktype, None)
            for number, interface in enumerate(self._interfaces)
        )
        return SourceInfo(
            "live", "pcapng", totals.packets, totals.bytes, self._first, self.monitor.now or None, None, interfaces
        )
