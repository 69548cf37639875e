"""The child process that watches the running agent (``python -m vrrpwatch.agent.auditing.sniffer``).

A live run as that of ``vrrpwatch watch``, with a policy and keys that follow from the agent's settings.
"""

import sys
from typing import Final

from vrrpwatch.agent.auditing.stations import Station, interfaces, keys, policy
from vrrpwatch.agent.auditing.tasks import WatchingTask, received, say, until_the_agent_ends
from vrrpwatch.alerts.outbox import OutboxError
from vrrpwatch.alerts.sinks.base import SinkError
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.core.model import Finding, GroupKey, Severity
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
# Lines at each look, and findings that wait for theirs: the agent has better things to do than to read of a flood.
MAX_TOLD: Final = 16
MAX_WAITING: Final = 1_024


class Reporter:
    """A sink that tells the agent what is wrong with its routers."""

    def __init__(self, stations: tuple[Station, ...]) -> None:
        self._stations: dict[tuple[object, ...], list[Station]] = {}
        for station in stations:
            self._stations.setdefault((station.attachment.interface, station.config.id), []).append(station)
        self._waiting: dict[str, Finding] = {}
        self.run: LiveRun

    def tell(self, news: News) -> None:
        for finding in news.findings:
            if finding.severity is not Severity.INFO and finding.group is not None and self._routers(finding):
                self._waiting[finding.id] = finding
        ranked = sorted(self._waiting, key=lambda name: -self._waiting[name].severity.rank)
        for name in ranked[:MAX_TOLD]:
            self._say(self._waiting.pop(name))
        # What was left waiting and goes on is told again.
        for name in ranked[MAX_TOLD + MAX_WAITING :]:
            del self._waiting[name]

    def close(self) -> None:
        """There is nothing to put away."""

    def _say(self, finding: Finding) -> None:
        for router in self._routers(finding):
            say(
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
        if group is None:
            return []
        near = self._stations.get((group.segment, group.id), [])
        if finding.rule == "shared-virtual-mac":
            # Two groups are concerned, and it names one.
            return [one.name for one in near]
        return [one.name for one in near if self._is_of(one, group)]

    def _is_of(self, station: Station, group: GroupKey) -> bool:
        info = self.run.watching.monitor.group(group)
        # A group of which nothing valid was heard has no speakers, and no peers that would tell whose it is.
        return station.is_of(group, {station.attachment.source} if info is None else info.peers)


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
        reporter = Reporter(task.stations)
        run = reporter.run = LiveRun(options(task), told, (reporter,))
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
