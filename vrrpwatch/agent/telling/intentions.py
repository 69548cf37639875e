"""What an agent with given settings would do, in plain words: a line for each router, and for all else that it does."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.config.routers import Hooks, Router, Tracked, VrrpRouter
from vrrpwatch.agent.config.trackers import ScriptTracker
from vrrpwatch.agent.speaking.frames import Composer
from vrrpwatch.agent.speaking.sequences import Sequences
from vrrpwatch.report.units import count, duration

# Of a long list the first ones are named.
MAX_NAMED = 4
# Ethernet's MTU (RFC 894, RFC 2464 §2), for an interface that is not there yet.
_ETHERNET = 1_500


def intentions(settings: AgentSettings) -> Iterator[str]:
    """The lines, in the order of the settings file."""
    sync_of = {name: sync.name for sync in settings.sync for name in sync.routers}
    for router in settings.router:
        yield f"{router.name}: {'; '.join(_router(router, sync_of.get(router.name), settings.notify))}"
    for sync in settings.sync:
        yield f"{sync.name}: {_some(sync.routers)} are master together or not at all{_hooks(sync.notify)}"
    if settings.conntrackd is not None:
        yield f"conntrackd: hands connections over as {settings.conntrackd.follows} changes"
    if settings.ipvs is not None:
        follows = "" if settings.ipvs.follows is None else f", its sync daemon as {settings.ipvs.follows} is"
        yield f"ipvs: {count(len(settings.ipvs.virtual), 'virtual server')}{follows}"
    yield f"agent: {'; '.join(_agent(settings))}"


def doubts(settings: AgentSettings) -> Iterator[str]:
    """What is no fault of the settings, but of this host: programs that cannot be run, adverts that cannot be sent."""
    programs = dict.fromkeys(_programs(settings))
    for path in programs:
        if not Path(path).is_file():
            yield f"{path}: there is no such program on this host"
        elif not os.access(path, os.X_OK):
            yield f"{path}: cannot be run: make it executable"
    for router in settings.router:
        yield from _too_long(router)


def _too_long(router: Router) -> Iterator[str]:
    """Adverts are not fragmented: whoever has a longer one than its interface takes cannot become master."""
    source = router.advertised[0]
    size, most = Composer(router, source, Sequences(0)).size(router.settings(source).advert), _mtu(router.interface)
    if size > most:
        number = len(router.advertised)
        fit = number + (most - size) // len(source.packed)
        yield (
            f"{router.name}: an advertisement of {number} addresses has {size} octets, {router.interface} takes {most}"
            f": give {number - fit} of them advertise = false, or make more routers of it"
        )


def _mtu(interface: str) -> int:
    try:
        return int(Path("/sys/class/net", interface, "mtu").read_text())
    except OSError:
        return _ETHERNET


def _router(router: Router, sync: str | None, everybody: Hooks) -> Iterator[str]:
    if isinstance(router, VrrpRouter):
        rank = f"priority {router.priority}" + (", the owner" if router.priority == 255 else "")
        interval = router.interval
        yield f"VRRPv{router.version} {router.id} on {router.interface}, {rank}"
    else:
        interval = router.advbase + router.advskew / 256
        yield f"CARP {router.id} on {router.interface}, advbase {router.advbase}, advskew {router.advskew}"
    held = _some([str(one.address) for one in router.addresses])
    more = [count(len(what), noun) for what, noun in ((router.routes, "route"), (router.rules, "rule")) if what]
    yield f"as master it holds {', '.join([held, *more])}" + (" with the virtual MAC" if router.vmac else "")
    to = f"to {_some([str(peer) for peer in router.peers])}" if router.peers else "by multicast"
    secured = f", {router.auth.type} authentication" if isinstance(router, VrrpRouter) and router.auth else ""
    yield f"advertises every {duration(interval)} {to}{secured}"
    delay = f" after {duration(router.preempt_delay)}" if router.preempt_delay else ""
    yield f"preempts{delay}" if router.preempt else "does not preempt"
    if router.start_delay:
        yield f"waits {duration(router.start_delay)} at its start"
    if router.track:
        yield f"heeds {_some([_tracked(one) for one in router.track])}"
    if sync is not None:
        yield f"goes with {sync}"
    if hooks := _hooks(router.notify, everybody):
        yield hooks.removeprefix(", ")


def _tracked(one: Tracked) -> str:
    effect = f"{one.weight:+}" if one.weight else "a fault"
    return f"{one.name} ({'reversed, ' if one.reverse else ''}{effect})"


def _hooks(*tables: Hooks) -> str:
    number = sum(len(list(_commands(hooks))) for hooks in tables)
    return f", runs {count(number, 'hook')}" if number else ""


def _commands(hooks: Hooks) -> Iterator[str]:
    for command in (hooks.master, hooks.backup, hooks.fault, hooks.stop, hooks.any):
        if command is not None:
            yield command[0]


def _programs(settings: AgentSettings) -> Iterator[str]:
    for hooks in (*(one.notify for one in (*settings.router, *settings.sync)), settings.notify):
        yield from _commands(hooks)
    yield from (tracker.command[0] for tracker in settings.tracker if isinstance(tracker, ScriptTracker))
    if settings.conntrackd is not None:
        yield settings.conntrackd.command[0]


def _agent(settings: AgentSettings) -> Iterator[str]:
    running = settings.agent
    if running.listen == 0:
        yield "speaks without listening first"
    elif running.listen is None:
        yield "listens before it speaks"
    else:
        yield f"listens for {duration(running.listen)} before it speaks"
    yield "is watched by its own sniffer" if running.audit else "is not watched by its own sniffer"
    group = "root" if running.socket_group is None else f"root and {running.socket_group}"
    yield f"{group} may ask it on {running.socket}"
    if running.fifo is not None:
        yield f"writes changes to {running.fifo}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    if len(listed) <= MAX_NAMED + 1:
        return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))
    return f"{', '.join(listed[:MAX_NAMED])} and {len(listed) - MAX_NAMED} more"
