"""What ``agent status`` tells, gathered from where it is known."""

import os
import time
from collections.abc import Iterator, Mapping

from vrrpwatch import __version__
from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.member import Member
from vrrpwatch.agent.ports import Change, Verdict
from vrrpwatch.agent.routers import Routers
from vrrpwatch.agent.telling.status import (
    AdvertCounts,
    AgentStatus,
    CompanionStatus,
    RouterStatus,
    Status,
    SyncStatus,
)
from vrrpwatch.agent.timer import now
from vrrpwatch.agent.urgency import is_realtime
from vrrpwatch.core.machine.settings import CarpSettings
from vrrpwatch.core.machine.values import Master
from vrrpwatch.core.model import Instant

_NOTHING = AdvertCounts(0, 0, {})


class Reporting:
    """Remembers what the parts forget: the last change of each router and sync group."""

    def __init__(self, path: str, routers: Routers) -> None:
        self._path, self._routers = path, routers
        self._started = now()
        self._last: dict[str, Change] = {}

    def heed(self, change: Change) -> None:
        """A router or a sync group is in another state."""
        self._last[change.name] = change

    def status(
        self,
        settings: AgentSettings,
        verdicts: Mapping[str, Verdict],
        companions: tuple[CompanionStatus, ...],
        *,
        audited: bool,
    ) -> Status:
        """As of now."""
        members = self._routers.node.members
        return Status(
            now(),
            time.time_ns(),
            AgentStatus(
                os.getpid(),
                __version__,
                self._started,
                self._path,
                any(member.drained for member in members.values()),
                is_realtime(),
                audited,
            ),
            self._each(settings, verdicts),
            tuple(
                SyncStatus(sync.name, self._routers.node.sync_state(sync.name), self._since(sync.name), sync.routers)
                for sync in settings.sync
            ),
            companions,
        )

    def _each(self, settings: AgentSettings, verdicts: Mapping[str, Verdict]) -> Iterator[RouterStatus]:
        sync_of = {name: sync.name for sync in settings.sync for name in sync.routers}
        for member in list(self._routers.node.members.values()):
            yield self._router(member, sync_of.get(member.name), verdicts)

    def _router(self, member: Member, sync: str | None, verdicts: Mapping[str, Verdict]) -> RouterStatus:
        config = member.config
        carp = member.state.settings if member.state and isinstance(member.state.settings, CarpSettings) else None
        is_carp = config.protocol == "carp"
        return RouterStatus(
            name=member.name,
            interface=config.interface,
            protocol=config.protocol,
            version=None if config.protocol == "carp" else config.version,
            family=config.family,
            id=config.id,
            state=member.role,
            since=member.since,
            priority=None if is_carp else member.rank,
            base_priority=None if config.protocol == "carp" else config.priority,
            advbase=config.advbase if config.protocol == "carp" else None,
            advskew=member.rank if is_carp else None,
            demotion=None if carp is None else carp.demotion,
            master=member.master,
            addresses=tuple(one.address.ip for one in config.addresses),
            held=isinstance(member.state, Master),
            draining=member.drained,
            faults=member.faults() if member.started else (),
            sync=sync,
            deadline=member.due,
            adverts=self._counts(member.name),
            changes=member.changes,
            last_change=self._last.get(member.name),
            verdicts={one.name: verdicts.get(one.name) for one in config.track},
        )

    def _counts(self, name: str) -> AdvertCounts:
        try:
            counters = self._routers.sockets.counters(name)
        except KeyError:
            # Its interface has not been there so far.
            return _NOTHING
        return AdvertCounts(
            counters.sent, counters.received, {str(reason): number for reason, number in counters.discarded.items()}
        )

    def _since(self, sync: str) -> Instant:
        change = self._last.get(sync)
        return self._started if change is None else change.at
