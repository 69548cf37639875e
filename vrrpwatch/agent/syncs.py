"""Sync groups: which routers go together, and what state they are in as one."""

from collections.abc import Iterable, Mapping

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.member import Member
from vrrpwatch.agent.ports import Change, RouterState
from vrrpwatch.core.machine.values import Backup, Master
from vrrpwatch.core.model import Instant


class Syncs:
    """The sync groups of ``settings`` among ``members``, which are looked at whenever something is asked."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = members
        self._names: dict[str, tuple[str, ...]] = {}
        self._of: dict[str, str] = {}
        self._was: dict[str, RouterState] = {}

    def adopt(self, settings: AgentSettings) -> None:
        """Takes new groups on; those that are still there remember what they were."""
        self._names = {sync.name: sync.routers for sync in settings.sync}
        self._of = {name: sync for sync, names in self._names.items() for name in names}
        self._was = {sync: self._was.get(sync, "stop") for sync in self._names}

    def others(self, member: Member) -> list[Member]:
        """The rest of its group."""
        names = self._names.get(self._of.get(member.name, ""), ())
        return [self._members[name] for name in names if name != member.name]

    def whole(self, routers: Iterable[str]) -> list[Member]:
        """The routers, and those that go with them."""
        wanted = dict.fromkeys(routers)
        for name in list(wanted):
            wanted.update(dict.fromkeys(self._names.get(self._of.get(name, ""), ())))
        return [self._members[name] for name in wanted]

    def state(self, sync: str) -> RouterState:
        """That of all its routers, or backup while they differ."""
        roles = {self._members[name].role for name in self._names[sync]}
        for state in ("fault", "stop"):
            if state in roles:
                return state
        return "master" if roles == {"master"} else "backup"

    def split(self, member: Member) -> bool:
        """Whether it is a backup while the rest of its group is master: an owner was, before this one had begun."""
        others = self.others(member)
        return (
            isinstance(member.state, Backup)
            and any(isinstance(one.state, Master) for one in others)
            and all(isinstance(one.state, Master | Backup) for one in others)
        )

    def changes(self, routers: Iterable[str], now: Instant) -> list[Change]:
        """What is new of the groups of these routers."""
        found = []
        for sync in dict.fromkeys(self._of[name] for name in routers if name in self._of):
            state, was = self.state(sync), self._was[sync]
            if state != was:
                self._was[sync] = state
                members = [self._members[name] for name in self._names[sync]]
                whys = dict.fromkeys(one.why for one in members if one.role == state)
                found.append(Change("GROUP", sync, was, state, 0, now, "; ".join(whys)))
        return found
