"""Listening first: what is heard of the routers' groups before the agent says a word, and what speaks against it.

A child process does it, so that neither numpy nor the engine's tables stay in the agent.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.auditing.children import Child
from vrrpwatch.agent.auditing.objections import Objection
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.auditing.tasks import ListeningTask, packed
from vrrpwatch.core.machine.settings import CarpSettings
from vrrpwatch.core.model import Seconds, Severity
from vrrpwatch.core.notice import Notice
from vrrpwatch.wire.values import IPAddress, Mac

# A router of 10 cs is content with a third of a second of silence, but then a neighbour that is configured with the
# usual second would never be heard: three of its adverts are waited for.
LEAST: Final[Seconds] = 3.0
# What a busy host may take to start Python, and to read what came in.
PATIENCE: Final[Seconds] = 30.0
_MODULE: Final = "vrrpwatch.agent.auditing.listener"


class Master(NamedTuple):
    """Who was master of a router's group at the end; ``priority`` is VRRP's, ``advbase`` and ``advskew`` CARP's."""

    router: str
    ip: IPAddress
    mac: Mac | None
    priority: int | None
    advbase: int | None
    advskew: int | None
    interval: Seconds
    implementation: str | None


class Listened(NamedTuple):
    """What came of it; ``troubles`` are lines about what could not be listened to, which is no objection."""

    objections: tuple[Objection, ...] = ()
    masters: tuple[Master, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def stopped(self) -> frozenset[str]:
        """The routers that must not run like that."""
        return frozenset(one.router for one in self.objections if one.stops)


def patience(stations: Iterable[Station]) -> Seconds:
    """How long to listen where the settings do not say: as long as the slowest router waits for a master."""
    waits = [LEAST]
    for station in stations:
        settings = station.config.settings(station.attachment.source)
        interval = settings.advert.interval if isinstance(settings, CarpSettings) else settings.interval
        waits.append(settings.down(interval))
    return max(waits)


async def listen(stations: Iterable[Station], seconds: Seconds | None, told: Callable[[str], None]) -> Listened:
    """Listens for ``seconds`` (``None``: as long as it takes) on the stations' interfaces; ``told`` hears a line each.

    Ends early, but not before :data:`LEAST`, when each group has a master.  Never raises for what is heard or not:
    where the child fails, that is a trouble.  When cancelled, nothing of it is left.
    """
    listeners = tuple(stations)
    if not listeners or seconds == 0:
        return Listened()
    wait = patience(listeners) if seconds is None else seconds
    try:
        child = await Child.start(_MODULE, packed(ListeningTask(listeners, wait)))
    except OSError as error:
        return Listened(troubles=(f"nothing was listened to: no process can be started ({error.strerror})",))
    said: list[Mapping[str, Any]] = []
    in_time = True
    try:
        async with asyncio.timeout(wait + PATIENCE), aclosing(child.lines()) as lines:
            async for line in lines:
                if line.get("type") == "told":
                    text = str(line.get("line"))
                    told(Notice(text) if line.get("notice") else text)
                else:
                    said.append(line)
    except TimeoutError:
        in_time = False
    finally:
        status = await child.end(PATIENCE if in_time else 0)
    if not in_time:
        why = f"there was more than could be read in {wait + PATIENCE:g} s"
        return Listened(troubles=(f"what was listened to is not known: {why}",))
    return _understood(said, status)


def _understood(said: Iterable[Mapping[str, Any]], status: int) -> Listened:
    objections, masters, troubles = [], [], []
    done = False
    for line in said:
        fields = {name: value for name, value in line.items() if name != "type"}
        match line["type"]:
            case "objection":
                objections.append(Objection(**{**fields, "severity": Severity(fields["severity"])}))
            case "master":
                masters.append(Master(**{**fields, "ip": ip_address(fields["ip"])}))
            case "deaf":
                troubles.append(str(fields["line"]))
            case "failed":
                done = True
                troubles.append(f"nothing was listened to: {fields['line']}")
            case "done":
                done = True
    if not done:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        troubles.append(f"what was listened to is not known: the process that did has ended early ({how})")
    return Listened(tuple(objections), tuple(masters), tuple(troubles))
