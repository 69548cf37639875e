"""What IPVS is to have, by the settings and the real servers' health, and what has to be done for it: no I/O.

A real server of which nothing is known yet gets no connections, unless it had some when the agent came: a restart
changes nothing until a check says otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from vrrpwatch.agent.balancing.values import (
    HASH_FLAGS,
    METHODS,
    PERSISTENT,
    Daemon,
    Operation,
    Real,
    RealKey,
    RemoveReal,
    RemoveService,
    Role,
    Service,
    ServiceKey,
    SetReal,
    SetService,
    StartDaemon,
    StopDaemon,
    Table,
)
from vrrpwatch.agent.config.companions import Ipvs, RealServer, SorryServer, VirtualServer

# The granularity of persistence is a client: a full netmask, and a full prefix.
_NETMASK, _PREFIX = 0xFFFFFFFF, 128


class Target(NamedTuple):
    """One real server of one virtual server."""

    of: ServiceKey
    real: RealKey


# What is known of real servers: good, bad, or absent where nothing is known yet.
Health = Mapping[Target, bool]


def key(virtual: VirtualServer) -> ServiceKey:
    """By what the kernel knows a virtual server."""
    return ServiceKey(virtual.protocol, virtual.address, virtual.port)


def real_key(one: RealServer | SorryServer, virtual: VirtualServer) -> RealKey:
    """By what it knows a real server, which has the virtual server's port unless it says another."""
    return RealKey(one.address, one.port or virtual.port)


def targets(settings: Ipvs) -> Iterator[tuple[Target, RealServer]]:
    """All real servers of the settings."""
    for virtual in settings.virtual:
        for real in virtual.real:
            yield Target(key(virtual), real_key(real, virtual)), real


def wanted(settings: Ipvs, health: Health, role: Role, found: Table) -> Table:
    """What IPVS is to have; ``found`` is what it has."""
    services = {key(virtual): _service(virtual) for virtual in settings.virtual}
    reals = {key(virtual): _reals(virtual, health, found) for virtual in settings.virtual}
    sync = settings.sync
    daemons = frozenset() if sync is None else frozenset({Daemon(role, sync.interface, sync.id)})
    return Table(services, reals, daemons)


def _service(virtual: VirtualServer) -> Service:
    return Service(
        virtual.scheduler,
        (PERSISTENT if virtual.persistence else 0) | sum(HASH_FLAGS[flag] for flag in virtual.hash),
        virtual.persistence,
        _NETMASK if virtual.address.version == 4 else _PREFIX,
    )


def _reals(virtual: VirtualServer, health: Health, found: Table) -> dict[RealKey, Real]:
    of = key(virtual)
    present = found.reals.get(of, {})
    made: dict[RealKey, Real] = {}
    lost = True
    for one in virtual.real:
        each = real_key(one, virtual)
        good = True if one.check is None else health.get(Target(of, each))
        lost &= good is False
        if good:
            made[each] = Real(METHODS[one.method], one.weight)
        elif good is None and each in present:
            made[each] = Real(METHODS[one.method], present[each].weight)
        elif good is False and one.failed == "quiesce":
            made[each] = Real(METHODS[one.method], 0)
    if lost and virtual.sorry is not None:
        made[real_key(virtual.sorry, virtual)] = Real(METHODS[virtual.sorry.method], 1)
    return made


def plan(want: Table, found: Table, ours: Iterable[ServiceKey], *, syncs: bool) -> list[Operation]:
    """What turns ``found`` into ``want``.

    Of what is not wanted only ``ours`` is removed, and the sync daemons only where they are ours too (``syncs``) or in
    the way of those that are wanted.  Where somebody takes another's place, he is there before that one goes.
    """
    made: list[Operation] = [RemoveService(key) for key in ours if key in found.services and key not in want.services]
    for of, service in want.services.items():
        present = found.services.get(of)
        if service != present:
            made.append(SetService(of, service, present is None))
        have, need = found.reals.get(of, {}), want.reals.get(of, {})
        made += (SetReal(of, each, real, each not in have) for each, real in need.items() if have.get(each) != real)
        made += (RemoveReal(of, each) for each in have if each not in need)
    if want.daemons or syncs:
        made += (StopDaemon(one) for one in sorted(found.daemons - want.daemons))
    made += (StartDaemon(one) for one in sorted(want.daemons - found.daemons))
    return made
