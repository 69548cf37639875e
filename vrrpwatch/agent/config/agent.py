"""The whole settings file of the agent: reads it, with every fault reported at once and its place."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, WrapValidator, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import InitErrorDetails, PydanticCustomError

from vrrpwatch import settings
from vrrpwatch.agent import places
from vrrpwatch.agent.config.companions import Conntrackd, Ipvs
from vrrpwatch.agent.config.fields import AbsolutePath, Delay, Label, UserName
from vrrpwatch.agent.config.routers import AnyRouter, Hooks
from vrrpwatch.agent.config.trackers import AnyTracker
from vrrpwatch.core.faults import Place, with_repeats
from vrrpwatch.core.fields import Table, filled, unique
from vrrpwatch.wire.values import IPAddress

# The most that one VRID each on four segments and both families would be; each costs a timer and its adverts.
MAX_ROUTERS = 2_048
MAX_TRACKERS = 1_000


class SyncGroup(Table):
    """Routers that are master together or not at all."""

    name: Label
    routers: Annotated[tuple[Label, ...], filled, unique]
    notify: Hooks = Hooks()


class Running(Table):
    """How the agent itself runs.

    ``listen`` is how long it listens before it speaks, in seconds: unset, as long as its slowest router waits for a
    master; 0 does not listen.  ``audit`` has the program's own sniffer watch it.  ``alerts`` is an alert settings file
    for that, and ``policy`` a policy file, without which it knows who else may speak from ``peers`` only.
    ``drain_wait`` is how long a drained master waits to be relieved.  ``handover`` is when the connections of
    a relieved master are left to it for ``handover_time`` seconds: when it was drained, whenever one that lives is
    relieved (only where all hosts run this agent), or never.  ``state`` remembers what it has configured on this host,
    for the next start after a crash.
    """

    socket: AbsolutePath = places.SOCKET
    socket_group: UserName | None = None
    state: AbsolutePath = places.STATE
    listen: Delay | None = None
    audit: bool = True
    alerts: AbsolutePath | None = None
    policy: AbsolutePath | None = None
    realtime: bool = True
    lock_memory: bool = True
    drain_wait: Delay = 30.0
    handover: Literal["drained", "always", "never"] = "drained"
    handover_time: Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False)] = 3.0
    fifo: AbsolutePath | None = None


def _no_two_of_a_name(value: object, parse: ModelWrapValidatorHandler[Any]) -> Any:
    return with_repeats(value, parse, "name")


Routers = Annotated[tuple[AnyRouter, ...], Field(max_length=MAX_ROUTERS), filled, WrapValidator(_no_two_of_a_name)]
Trackers = Annotated[tuple[AnyTracker, ...], Field(max_length=MAX_TRACKERS), WrapValidator(_no_two_of_a_name)]
Syncs = Annotated[tuple[SyncGroup, ...], Field(max_length=MAX_ROUTERS), WrapValidator(_no_two_of_a_name)]


class AgentSettings(Table):
    """The agent's settings file; ``notify`` are hooks for every router, after its own."""

    version: Literal[1]
    agent: Running = Running()
    notify: Hooks = Hooks()
    router: Routers
    sync: Syncs = ()
    tracker: Trackers = ()
    conntrackd: Conntrackd | None = None
    ipvs: Ipvs | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _refers_to_what_there_is(cls, data: Any, parse: ModelWrapValidatorHandler[Any], _: ValidationInfo) -> Any:
        """Refuses references to nothing beside the faults of the fields, so that all are reported at once."""
        faults: list[InitErrorDetails] = []
        made = None
        try:
            made = parse(data)
        except ValidationError as error:
            faults.extend(
                InitErrorDetails(
                    type=PydanticCustomError(item["type"], "{message}", {"message": item["msg"]}),
                    loc=_as_written(item["loc"]),
                    input=None,
                )
                for item in error.errors(include_url=False, include_input=False)
            )
        if isinstance(data, dict):
            faults.extend(
                InitErrorDetails(
                    type=PydanticCustomError("fault", "{message}", {"message": text}), loc=place, input=None
                )
                for place, text in _references(data)
            )
        if faults:
            raise ValidationError.from_exception_data("agent", faults, hide_input=True)
        return made


def _as_written(place: Place) -> Place:
    """The place in the file: the library puts the kind of a router or tracker between it and its settings."""
    return (*place[:2], *place[3:]) if place[:1] in (("router",), ("tracker",)) else place


def load(path: str | Path) -> AgentSettings:
    """Reads a settings file; raises :class:`vrrpwatch.settings.SettingsError` with everything that is wrong with it."""
    return settings.load(path, AgentSettings)


def _tables(data: dict[Any, Any], key: str) -> list[tuple[int, dict[Any, Any]]]:
    listed = data.get(key)
    if not isinstance(listed, list | tuple):
        return []
    return [(index, table) for index, table in enumerate(listed) if isinstance(table, dict)]


def _references(data: dict[Any, Any]) -> Iterator[tuple[Place, str]]:
    routers = {str(table.get("name")) for _, table in _tables(data, "router")}
    syncs = {str(table.get("name")) for _, table in _tables(data, "sync")}
    trackers = {str(table.get("name")) for _, table in _tables(data, "tracker")}
    for index, table in _tables(data, "router"):
        tracked = table.get("track")
        for number, one in enumerate(tracked if isinstance(tracked, list | tuple) else ()):
            name = one.get("name") if isinstance(one, dict) else one
            if isinstance(name, str) and name not in trackers:
                yield ("router", index, "track", number), f"there is no tracker {name[:64]!a}: correct the name"
    yield from _identities(data)
    yield from _shared(data)
    member_of: dict[str, int] = {}
    for index, table in _tables(data, "sync"):
        members = table.get("routers")
        for number, name in enumerate(members if isinstance(members, list | tuple) else ()):
            place: Place = ("sync", index, "routers", number)
            if not isinstance(name, str):
                continue
            if name not in routers:
                yield place, f"there is no router {name[:64]!a}: correct the name"
            elif name in member_of and member_of[name] != index:
                yield place, f"{name[:64]!a} is in group {member_of[name] + 1} already: keep it in one"
            member_of.setdefault(name, index)
    for index, table in _tables(data, "tracker"):
        name = table.get("router")
        if table.get("type") == "router" and isinstance(name, str) and name not in routers:
            yield ("tracker", index, "router"), f"there is no router {name[:64]!a}: correct the name"
    for key in ("conntrackd", "ipvs"):
        companion = data.get(key)
        name = companion.get("follows") if isinstance(companion, dict) else None
        if isinstance(name, str) and name not in routers | syncs:
            yield (key, "follows"), f"there is no router or sync group {name[:64]!a}: correct the name"
    for name in sorted(routers & syncs):
        yield ("sync",), f"{name[:64]!a} is a router's name too: rename one of them"


def _identities(data: dict[Any, Any]) -> Iterator[tuple[Place, str]]:
    """Routers that would be one and the same to everybody else."""
    seen: dict[tuple[object, ...], int] = {}
    for index, table in _tables(data, "router"):
        first = (table.get("addresses") or [None])[0] if isinstance(table.get("addresses"), list) else None
        text = first.get("address") if isinstance(first, dict) else first
        family = 6 if ":" in str(text) else 4
        peers = table.get("peers")
        # CARP and VRRP of one id share the virtual MAC and silence each other, whatever the protocol.
        key = (repr(table.get("interface")), family, repr(table.get("id")), repr(peers) if peers else None)
        if table.get("id") is not None and key in seen:
            yield ("router", index, "id"), f"is router {seen[key] + 1}'s on this interface already: take another"
        seen.setdefault(key, index)


def _shared(data: dict[Any, Any]) -> Iterator[tuple[Place, str]]:
    """Addresses that two routers would hold on one interface: the first to let go would take the other's away."""
    holders: dict[tuple[str, IPAddress], int] = {}
    for index, table in _tables(data, "router"):
        listed = table.get("addresses")
        for number, one in enumerate(listed if isinstance(listed, list | tuple) else ()):
            address = _host(one.get("address") if isinstance(one, dict) else one)
            device = (one.get("interface") if isinstance(one, dict) else None) or table.get("interface")
            # What is no address or no interface is a fault of its own.
            if address is None or not isinstance(device, str) or not (device.isascii() and device.isprintable()):
                continue
            holder = holders.setdefault((device, address), index)
            if holder != index:
                place: Place = ("router", index, "addresses", number)
                yield place, f"{address} on {device[:15]} is router {holder + 1}'s already: take another"


def _host(value: object) -> IPAddress | None:
    """The address of ``ADDRESS/PREFIX``, however it is written."""
    try:
        return ip_address(value.partition("/")[0]) if isinstance(value, str) and "%" not in value else None
    except ValueError:
        return None
