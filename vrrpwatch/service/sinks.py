"""Those who want to know of a live run, each in the shape that the loop asks for."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from vrrpwatch.capture.evidence import MAX_FILES, MAX_WAITING, Evidence
from vrrpwatch.core.model import NANOSECONDS, Finding, Instant, Severity
from vrrpwatch.core.news import News
from vrrpwatch.core.notice import Notice

if TYPE_CHECKING:
    from vrrpwatch.alerts.alerts import Alerts
    from vrrpwatch.alerts.metrics import Metrics
    from vrrpwatch.alerts.settings import AlertSettings
    from vrrpwatch.store.journal import Journal

# What makes time pass for alerts that wait: resolved ones, digests.
TICK: Final = NANOSECONDS


class EvidenceKeeper:
    """Has the packets around each critical finding kept, and says where there are too many findings for that."""

    def __init__(self, evidence: Evidence, told: Callable[[str], None]) -> None:
        self._evidence = evidence
        self._told = told
        self._full = False

    def tell(self, news: News) -> None:
        for finding in news.findings:
            if finding.severity is Severity.CRITICAL:
                self._evidence.keep(finding.id, finding.first, finding.last)
        if self._evidence.left_out and not self._full:
            self._full = True
            self._told(
                f"too many critical findings to keep evidence of each: {MAX_FILES:,} files are made in a run, "
                f"and {MAX_WAITING} at a time wait for packets; how many have none is said at the end"
            )
        self._say(str(path) for path in self._evidence.settle(news.now))

    def close(self) -> None:
        self._say(str(path) for path in self._evidence.close())
        if left_out := self._evidence.left_out:
            self._told(f"critical findings without a file of evidence, since there were too many: {left_out:,}")

    def _say(self, paths: Iterator[str]) -> None:
        for path in paths:
            self._told(Notice(f"{path}: holds the packets around a critical finding"))


class _Tally:
    """How many events were in all that was told up to what is acknowledged by now."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int]] = deque()
        self._told = 0
        self.events = 0

    def told(self, number: int, events: int) -> None:
        if events:
            self._told += events
            self._waiting.append((number, self._told))

    def acknowledged(self, number: int) -> None:
        while self._waiting and self._waiting[0][0] <= number:
            _, self.events = self._waiting.popleft()


class Recorder:
    """Keeps everything in the journal; :attr:`complete` says after the end whether it did."""

    def __init__(self, journal: "Journal", told: Callable[[str], None]) -> None:
        self.complete = True
        self._journal = journal
        self._told = told
        self._tally = _Tally()

    @property
    def durable(self) -> int:
        """How many events of this run would survive if the program were killed now."""
        self._tally.acknowledged(self._journal.acknowledged)
        return self._tally.events

    def tell(self, news: News) -> None:
        self._tally.told(self._journal.record(news), len(news.events))

    def close(self) -> None:
        written = self._journal.close()
        state = self._journal.state
        self.complete = written and not state.lost
        if not written:
            self._told(f"the journal could not be written to its end: {state.reason}")
        if state.lost:
            lost = ", ".join(f"{count:,} {name}" for name, count in sorted(state.lost.items()))
            self._told(f"the journal lacks what there was no room for, or what the database refused: {lost}")


class Teller:
    """Has alerts decided and delivered; :attr:`complete` says after the end whether each is delivered or kept."""

    def __init__(self, alerts: "Alerts", told: Callable[[str], None]) -> None:
        self.complete = True
        self._alerts = alerts
        self._told = told
        self._tally = _Tally()
        self._ticked: Instant = 0

    @property
    def durable(self) -> int:
        """How many events of this run were taken note of for good, and delivered where they are to be."""
        self._tally.acknowledged(self._alerts.acknowledged)
        return self._tally.events

    def tell(self, news: News) -> None:
        if news.findings or news.events:
            self._alerts.tell(news)
            self._tally.told(self._alerts.told, len(news.events))
        if not 0 <= news.now - self._ticked < TICK:
            self._ticked = news.now
            self._alerts.tick()

    def reload(self, settings: "AlertSettings") -> None:
        self._alerts.reload(settings)

    def close(self) -> None:
        self.complete = self._alerts.close()
        if not self.complete:
            self._told("alerts that were not delivered could not be put on the disk")


class Gauge:
    """Keeps the metrics."""

    def __init__(self, metrics: "Metrics") -> None:
        self._metrics = metrics

    def tell(self, news: News) -> None:
        self._metrics.update(news)

    def close(self) -> None:
        """There is nothing to put away."""


class Lines:
    """Prints events, and each finding when it is first raised."""

    def __init__(self, write: Callable[[News, list[Finding]], None]) -> None:
        self._write = write
        self._known: set[str] = set()

    def expect(self, known: Iterable[str]) -> None:
        """These findings were printed before: what goes on since then is not new."""
        self._known.update(known)

    def tell(self, news: News) -> None:
        # The register that they come from is bounded, and so is this.
        fresh = [finding for finding in news.findings if finding.id not in self._known]
        self._known.update(finding.id for finding in fresh)
        if news.events or fresh:
            self._write(news, fresh)

    def close(self) -> None:
        """There is nothing to put away."""
