"""A keepalived configuration as a settings file: its routers, groups, trackers and virtual servers in their order."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.config.agent import MAX_ROUTERS, Running, SyncGroup
from vrrpwatch.agent.importing.absent import GLOBAL, ROOT, SYNC_GROUP
from vrrpwatch.agent.importing.balanced import Balanced, balanced
from vrrpwatch.agent.importing.checks import Checks
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps, Names
from vrrpwatch.agent.importing.hooks import hooks
from vrrpwatch.agent.importing.programs import Programs
from vrrpwatch.agent.importing.routers import Routers
from vrrpwatch.agent.importing.secrets import Secret, Secrets
from vrrpwatch.agent.importing.toml import Section, document
from vrrpwatch.agent.importing.tracked import Trackers
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Keepalived
from vrrpwatch.declared.notes import Note, Notes, Place

_FIFOS: Final = ("vrrp_notify_fifo", "notify_fifo")
# Of many files the head names these.
_NAMED: Final = 10


class Imported(NamedTuple):
    """The settings file's text, the secret files that it names, and a line for each thing that is not as it was.

    ``routers`` is how many there are; without any there is nothing that an agent could run.
    """

    text: str
    secrets: tuple[Secret, ...]
    gaps: tuple[Note, ...]
    routers: int


def imported(declared: Keepalived, where: Callable[[str], str] = str) -> Imported:
    """The settings that do what ``declared`` does; ``where`` gives the path that they name a secret file by."""
    maker = _Maker(declared, where)
    sections = list(maker.sections())
    return Imported(
        document(maker.head(), sections),
        tuple(maker.secrets.files),
        maker.gaps(),
        sum(section.name == "router" for section in sections),
    )


class _Maker:
    def __init__(self, declared: Keepalived, where: Callable[[str], str]) -> None:
        self._declared = declared
        self._gaps = Gaps()
        self._notes = Notes()
        self._programs = Programs(declared, self._gaps)
        self._trackers = Trackers(declared, self._programs, self._gaps)
        self.secrets = Secrets(where, self._gaps)
        self._routers = Routers(declared, self._programs, self._trackers, self.secrets, self._gaps)
        self._names = Names(self._gaps)
        # The routers' names by those of their instances.
        self._known: dict[str, str] = {}

    def head(self) -> list[str]:
        """What stands at the top of the file."""
        files = self._declared.files
        more = [f"and {len(files) - _NAMED} more"] if len(files) > _NAMED else []
        lines = ["Settings of vrrpwatch agent, made from the keepalived configuration in", *files[:_NAMED], *more]
        if self._declared.config_id is not None:
            lines.append(f"for the configuration id {self._declared.config_id}")
        return lines

    def gaps(self) -> tuple[Note, ...]:
        """All lines, in the order of the configuration."""
        order = {file: index for index, file in enumerate(self._declared.files)}
        lines = dict.fromkeys((*self._declared.notes, *self._notes.all(), *self._gaps.all()))
        return tuple(sorted(lines, key=lambda note: (order.get(note.file, len(order)), note.line)))

    def sections(self) -> Iterator[Section]:
        """The sections of the file."""
        self._absent()
        yield Section("", {"version": 1})
        agent = self._agent()
        if agent:
            yield Section("agent", agent)
        routers = list(self._router_sections())
        yield from routers
        yield from self._sync_sections()
        for made in self._trackers.all():
            yield Section("tracker", made.table, (str(made.place),), listed=True)
        self._trackers.unused()
        checks = Checks(self._programs, self._notes, self._gaps)
        ipvs = balanced(self._declared, self._known, checks, self._gaps)
        if ipvs is not None:
            yield from _ipvs_sections(ipvs)

    def _absent(self) -> None:
        self._gaps.absent(self._declared.tree, ROOT)
        for statement in self._declared.tree:
            if statement.keyword == "global_defs":
                self._gaps.absent(statement.inner, GLOBAL)

    def _agent(self) -> Mapping[str, Any]:
        """The FIFO: the one for VRRP where there are two."""
        found: dict[str, Statement] = {}
        for statement in self._declared.tree:
            if statement.keyword == "global_defs":
                for inner in statement.inner:
                    if inner.keyword in _FIFOS and inner.arguments:
                        found.setdefault(inner.keyword, inner)
        made: dict[str, Any] = {}
        for keyword in _FIFOS:
            if keyword not in found:
                continue
            place, (path, *user) = found[keyword].place, found[keyword].arguments
            if made:
                self._gaps.add(
                    place, keyword, f"the agent writes to one FIFO: {LEFT_OUT}, so let its readers share one"
                )
            elif self._gaps.fits(Running, {"fifo": path}, place, keyword):
                made["fifo"] = path
                if user:
                    self._gaps.add(
                        place, keyword, "the FIFO is the agent's own: make it before the agent starts, and it is kept"
                    )
        return made

    def _router_sections(self) -> Iterator[Section]:
        seen: dict[tuple[object, ...], Place] = {}
        for number, instance in enumerate(self._declared.instances):
            if len(self._known) >= MAX_ROUTERS:
                rest = len(self._declared.instances) - number
                self._gaps.add(instance.place, instance.name, f"{rest} more than the agent takes: {LEFT_OUT}")
                return
            family = 6 if instance.addresses and instance.addresses[0].address.version == 6 else 4
            peers = tuple(dict.fromkeys(peer.address for peer in instance.unicast_peers))
            key = (instance.interface, family, instance.virtual_router_id, peers)
            if instance.virtual_router_id is not None and key in seen:
                why = f"its virtual_router_id is that of {seen[key]} on this interface: {LEFT_OUT}"
                self._gaps.add(instance.place, instance.name, why)
                continue
            name = self._names.take(instance.name, instance.place)
            table = self._routers.router(instance, name)
            if table is not None:
                seen[key] = instance.place
                self._known[instance.name] = name
                yield Section("router", table, (str(instance.place),), listed=True)

    def _sync_sections(self) -> Iterator[Section]:
        taken: set[str] = set()
        for number, group in enumerate(self._declared.sync_groups):
            if number >= MAX_ROUTERS:
                self._gaps.add(group.place, group.name, f"more groups than the agent takes: the rest is {LEFT_OUT}")
                return
            self._gaps.absent(group.statement.inner, SYNC_GROUP)
            members: dict[str, None] = {}
            for member in group.members:
                router = self._known.get(member)
                if router is None or router in taken:
                    why = "it is no router here" if router is None else "it is in a group already"
                    self._gaps.add(group.place, member, f"{why}: {LEFT_OUT} of this group")
                else:
                    members[router] = None
            taken |= members.keys()
            if not members:
                self._gaps.add(group.place, group.name, f"the group has no routers: {LEFT_OUT}")
                continue
            table: dict[str, Any] = {"name": self._names.take(group.name, group.place), "routers": list(members)}
            if notify := hooks(group.notify, self._programs, self._gaps):
                table["notify"] = notify
            if self._gaps.fits(SyncGroup, table, group.place, group.name):
                yield Section("sync", table, (str(group.place),), listed=True)


def _ipvs_sections(ipvs: Balanced) -> Iterator[Section]:
    yield Section("ipvs", ipvs.table)
    for place, table in ipvs.virtual:
        yield Section("ipvs.virtual", table, (str(place),), listed=True)
