"""What the agent says of itself and its routers: the values, and their one encoding, schema ``vrrpwatch/agent/1``.

docs/agent-status.md tells of every key.  The encoder reads no clock: instants are the agent's, and come with both of
its clocks' readings of one moment.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from vrrpwatch.agent.ports import Change, RouterState, Verdict
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.wire.values import IPAddress

SCHEMA: Final = "vrrpwatch/agent/1"


class AgentStatus(NamedTuple):
    """The agent itself; ``settings`` is the path of its file.

    ``realtime`` and ``audited`` are whether it runs before all other programs and whether its own sniffer watches it,
    whatever the settings ask for.
    """

    pid: int
    version: str
    started: Instant
    settings: str
    draining: bool
    realtime: bool
    audited: bool


class AdvertCounts(NamedTuple):
    """Since the router runs; ``discarded`` by reason."""

    sent: int
    received: int
    discarded: Mapping[str, int]


class RouterStatus(NamedTuple):
    """One router; what does not exist in its protocol, and what is not known, is ``None``.

    ``priority`` is the one that trackers and draining leave it, ``base_priority`` the one of the settings; CARP has
    ``advbase``, ``advskew`` and ``demotion`` in their place.  ``master`` is whom it holds for the master, itself
    included.  ``held`` is whether its addresses are configured here.  ``deadline`` is when it acts next: sends, or
    takes over.  ``verdicts`` are those of its trackers, ``None`` where one has not been given yet.
    """

    name: str
    interface: str
    protocol: Literal["vrrp", "carp"]
    version: int | None
    family: int
    id: int
    state: RouterState
    since: Instant
    priority: int | None
    base_priority: int | None
    advbase: int | None
    advskew: int | None
    demotion: int | None
    master: IPAddress | None
    addresses: tuple[IPAddress, ...]
    held: bool
    draining: bool
    faults: tuple[str, ...]
    sync: str | None
    deadline: Instant | None
    adverts: AdvertCounts
    changes: int
    last_change: Change | None
    verdicts: Mapping[str, Verdict | None]


class SyncStatus(NamedTuple):
    """One sync group, and its routers' names."""

    name: str
    state: RouterState
    since: Instant
    routers: tuple[str, ...]


class CompanionStatus(NamedTuple):
    """What moves with the master role; ``good`` is whether it did what it was last told, ``None`` before that."""

    name: Literal["conntrackd", "ipvs"]
    follows: str | None
    good: bool | None
    detail: str


class Status(NamedTuple):
    """All of it.  ``now`` is the agent's clock (CLOCK_BOOTTIME) and ``wall`` the time since 1970, in nanoseconds.

    ``routers`` are asked for one by one, with the event loop running in between.
    """

    now: Instant
    wall: Instant
    agent: AgentStatus
    routers: Iterable[RouterStatus]
    syncs: tuple[SyncStatus, ...] = ()
    companions: tuple[CompanionStatus, ...] = ()


def encode(status: Status) -> Iterator[str]:
    """One line of JSON, in pieces of which none takes long to make."""
    to_wall = status.wall - status.now

    def moment(at: Instant) -> str:
        return rfc3339(at + to_wall)

    agent = {**status.agent._asdict(), "started": moment(status.agent.started)}
    yield f'{{"schema":"{SCHEMA}","at":"{rfc3339(status.wall)}","agent":{_text(agent)},"routers":['
    for number, router in enumerate(status.routers):
        yield ("," if number else "") + _text(_router(router, status.now, to_wall))
    syncs = [{**sync._asdict(), "since": moment(sync.since)} for sync in status.syncs]
    companions = [companion._asdict() for companion in status.companions]
    yield f'],"syncs":{_text(syncs)},"companions":{_text(companions)}}}\n'


def _router(router: RouterStatus, now: Instant, to_wall: Instant) -> dict[str, Any]:
    made = router._asdict()
    made["since"] = rfc3339(router.since + to_wall)
    made["master"] = None if router.master is None else str(router.master)
    made["addresses"] = [str(address) for address in router.addresses]
    deadline = made.pop("deadline")
    made["deadline_in"] = None if deadline is None else round((deadline - now) / NANOSECONDS, 6)
    made["adverts"] = {**router.adverts._asdict(), "discarded": dict(router.adverts.discarded)}
    made["last_change"] = None if router.last_change is None else _change(router.last_change, to_wall)
    made["trackers"] = [
        {"name": name, "good": None, "detail": None}
        if verdict is None
        else {"name": name, "good": verdict.good, "detail": verdict.detail}
        for name, verdict in made.pop("verdicts").items()
    ]
    return made


def _change(change: Change, to_wall: Instant) -> dict[str, Any]:
    return {"at": rfc3339(change.at + to_wall), "from": change.was, "to": change.state, "why": change.why}


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
