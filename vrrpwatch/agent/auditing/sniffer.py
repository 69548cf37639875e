"""The child process that watches the running agent (``python -m vrrpwatch.agent.auditing.sniffer``).

A live run as that of ``vrrpwatch watch``, with a policy and keys that follow from the agent's settings.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

from vrrpwatch.agent.auditing.concerns import HEALED_BY_ANNOUNCING
from vrrpwatch.agent.auditing.stations import Station, interfaces, keys, policy
from vrrpwatch.agent.auditing.tasks import WatchingTask, received, say, until_the_agent_ends
from vrrpwatch.alerts.outbox import OutboxError
from vrrpwatch.alerts.sinks.base import SinkError
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.core.analysis import GroupInfo
from vrrpwatch.core.model import Finding, GroupKey, Instant, Severity, nanoseconds
from vrrpwatch.core.news import News
from vrrpwatch.core.notice import Notice
from vrrpwatch.core.policy import Policy
from vrrpwatch.service.live import LiveOptions, LiveRun
from vrrpwatch.settings import SettingsError, load

# Seconds between two looks at what came in: an alert is to be told within one, and every look costs.
INTERVAL: Final = 0.6
# Memory for frames that wait, of all interfaces and of each at least (MiB): adverts and ARP are little.
RING: Final = 16
LEAST_RING: Final = 2
# Nanoseconds between two lines of one finding that goes on, where the agent does nothing about it.
PAUSE: Final = nanoseconds(10.0)
# Lines at each look, and findings that wait for theirs: the agent has better things to do than to read of a flood.
MAX_TOLD: Final = 16
MAX_WAITING: Final = 1_024


class Reporter:
    """A sink that tells the agent what is wrong with its routers; ``group`` looks up what the engine knows of one."""

    def __init__(
        self,
        stations: tuple[Station, ...],
        group: Callable[[GroupKey], GroupInfo | None],
        say: Callable[[str, dict[str, Any]], None] = say,
    ) -> None:
        self._stations: dict[tuple[str, int], list[Station]] = {}
        for station in stations:
            self._stations.setdefault((station.attachment.interface, station.config.id), []).append(station)
        self._group = group
        self._say = say
        self._waiting: dict[str, Finding] = {}
        self._told: dict[str, Instant] = {}

    def tell(self, news: News) -> None:
        for finding in news.findings:
            if finding.severity is not Severity.INFO and self._routers(finding):
                self._waiting[finding.id] = finding
        due = [name for name, finding in self._waiting.items() if self._is_due(finding, news.now)]
        due.sort(key=lambda name: -self._waiting[name].severity.rank)
        for name in due[:MAX_TOLD]:
            # The register that they come from is bounded, and so is this.
            self._told[name] = news.now
            self._tell(self._waiting.pop(name))
        for name in due[MAX_TOLD + MAX_WAITING :]:
            # If it goes on, it comes again.
            del self._waiting[name]

    def close(self) -> None:
        """There is nothing to put away."""

    def _is_due(self, finding: Finding, now: Instant) -> bool:
        told = self._told.get(finding.id)
        return told is None or finding.rule in HEALED_BY_ANNOUNCING or not 0 <= now - told < PAUSE

    def _tell(self, finding: Finding) -> None:
        for router in self._routers(finding):
            self._say(
                "concern",
                {
                    "router": router,
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "subject": finding.subject,
                    "summary": finding.summary,
                    "first": finding.first,
                    "last": finding.last,
                    "count": finding.count,
                },
            )

    def _routers(self, finding: Finding) -> list[str]:
        """The routers that a finding is about."""
        group = finding.group
        near = [] if group is None else self._stations.get((group.segment, group.id), [])
        if group is None or not near:
            return []
        if finding.rule == "shared-virtual-mac":
            # Two groups are concerned, and it names one.
            return [one.name for one in near]
        info = self._group(group)
        # A group of which nothing valid was heard has no peers that would tell whose it is.
        peers = [one.attachment.source for one in near] if info is None else info.peers
        return [one.name for one in near if one.is_of(group, peers) and not _is_wanted(one, finding)]


def _is_wanted(station: Station, finding: Finding) -> bool:
    """Whether a finding says what the settings ask for."""
    config = station.config
    simple = config.protocol == "vrrp" and config.auth is not None and config.auth.type == "simple"
    return simple and finding.rule == "auth-cleartext"


def options(task: WatchingTask) -> LiveOptions:
    """How to watch; raises :class:`SettingsError` for a policy file that cannot be used."""
    places = interfaces(task.stations)
    return LiveOptions(
        places,
        promiscuous=False,
        ring_megabytes=max(RING // len(places), LEAST_RING),
        interval=INTERVAL,
        policy=policy(task.stations) if task.policy is None else load(task.policy, Policy),
        keys=keys(task.stations),
        alerts=task.alerts,
        outbox=task.outbox,
    )


def main() -> int:
    """Watches until the agent ends; returns the exit status."""
    task = received()
    if not isinstance(task, WatchingTask):
        return 2

    def told(line: str) -> None:
        say("told", {"line": line, "notice": isinstance(line, Notice)})

    try:
        reporter = Reporter(task.stations, lambda key: run.watching.monitor.group(key))
        run = LiveRun(options(task), told, (reporter,))
        try:
            run.open()
            until_the_agent_ends(run.stop)
            say("listening", {})
            run.run()
        finally:
            run.close()
    except (SettingsError, SinkError, OutboxError, CaptureError, OSError) as error:
        say("failed", {"line": "; ".join(error.lines) if isinstance(error, SettingsError) else str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
