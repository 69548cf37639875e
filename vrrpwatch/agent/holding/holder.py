"""Holds the addresses, routes and rules of all routers on this host, and leaves nothing of them behind.

Attaching and detaching take a while (they ask the kernel, and write the state file); acquiring and releasing are one
call into the kernel each.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Final

from vrrpwatch.agent.config.routers import Router, VirtualAddress, runs_on
from vrrpwatch.agent.holding import requests, sysctls
from vrrpwatch.agent.holding.attachments import attachment, fault, is_owner, macvlan_name, router_mac, source
from vrrpwatch.agent.holding.facts import Address, Link, addresses, link_named
from vrrpwatch.agent.holding.filtering import Filter, Refused
from vrrpwatch.agent.holding.janitor_start import Janitor, JanitorError
from vrrpwatch.agent.holding.ledger import Entry, HeldAddress, HeldMacvlan, Ledger, load, save
from vrrpwatch.agent.holding.leftovers import clear
from vrrpwatch.agent.holding.macvlans import make_macvlan
from vrrpwatch.agent.holding.monitor import AddressChange, Change, RouteChange, RuleGone
from vrrpwatch.agent.holding.netlink import Channel, NetlinkError, Refusal, numbered
from vrrpwatch.agent.holding.plan import ABSENT, Place, Plan, about, plan
from vrrpwatch.agent.ports import Attachment
from vrrpwatch.wire.values import IPAddress

# Seconds; the janitor of an agent that has just died needs milliseconds.
_PREDECESSOR: Final = 5.0
# A router has thousands of parts at most; what one of them says, the others mostly say too.
_MAX_TOLD: Final = 10


class HoldingError(Exception):
    """Nothing can be held here; the message is one line that says why."""


@dataclass(slots=True)
class _Kept:
    """A router that is attached: the numbers of its links by name, its plan, and the macvlan where it has one."""

    router: Router
    indices: Mapping[str, int]
    device: Link
    plan: Plan
    addresses: frozenset[tuple[int, IPAddress, int]]
    held: bool = False

    def has(self, change: Change) -> bool:
        """Whether the change is the deletion of something that it puts there."""
        match change:
            case AddressChange("deleted", address):
                return (address.index, address.ip, address.prefix) in self.addresses
            case RouteChange("deleted", route):
                gone = (route.to, route.prefix, route.table)
                return any((one.to.network_address, one.to.prefixlen, one.table) == gone for one in self.router.routes)
            case RuleGone():
                return any((one.priority, one.table) == change for one in self.router.rules)
        return False

    @property
    def refused(self) -> list[Refused]:
        """The addresses to which no packet is accepted."""
        accepts = self.router.accept or is_owner(self.router)
        return [] if accepts else [Refused(ip, index) for index, ip, _ in self.addresses]


@dataclass(slots=True)
class Holder:
    """Implements :class:`vrrpwatch.agent.ports.Holdings`; ``told`` gets a line for whatever goes wrong.

    ``errors`` counts what went wrong.  Making one takes the state file's lock, removes what a predecessor left, and
    starts the janitor; raises :class:`HoldingError` where that cannot be.
    """

    state: Path
    told: Callable[[str], None]
    errors: int = 0
    janitor: Janitor = field(init=False)
    _channel: Channel = field(init=False)
    _sysctls: sysctls.Sysctls = field(init=False)
    _filter: Filter | None = None
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _entries: dict[str, str] = field(default_factory=dict)
    _unwritten: bool = False
    _lacking: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._sysctls = sysctls.Sysctls(self._complain)
        lock = _locked(self.state)
        try:
            self._channel = Channel()
            before = load(self.state)
            if isinstance(before, Ledger):
                clear(self._channel, before, self.told)
            elif before is not None:
                self._complain(before)
            self.janitor = Janitor(lock)
            self.janitor.start()
        except (OSError, NetlinkError, JanitorError) as error:
            os.close(lock)
            raise HoldingError(str(error)) from None
        self._save()

    def attach(self, router: Router, known: Iterable[Address] | None = None) -> Attachment | str:
        """Where the router meets its network, everything made ready there; or why it cannot run as things are.

        Called again, it follows what has changed: what is held stays held where the links are the same.  ``known`` are
        the host's addresses; without them the kernel is asked, which takes milliseconds where it has hundreds.
        """
        try:
            return self._attach(router, known)
        except NetlinkError as error:
            self._complain(f"{router.name}: {error}")
            return str(error)

    def detach(self, name: str) -> None:
        """Takes everything of that router off this host."""
        kept = self._kept.get(name)
        if kept is None:
            return
        self.release(name)
        del self._kept[name]
        reason = self._filter_anew() if kept.refused else None
        if reason is not None:
            self._complain(f"{name}: {reason}")
        self._drop(kept.router, kept.device if kept.router.vmac else None)

    def acquire(self, router: str) -> None:
        """Puts all that is there for the master to have, and what is missing of it where it was acquired before."""
        kept = self._kept.get(router)
        if kept is None:
            self._complain(f"{router}: there is no interface to put its addresses on")
            return
        again, kept.held = kept.held, True
        refused = self._channel.do(kept.plan.put)
        if refused:
            self._not_put(kept, refused, again=again)
        else:
            self._lacking.discard(router)

    def release(self, router: str) -> None:
        """Takes it away again; what is not there any more is as good."""
        kept = self._kept.get(router)
        if kept is None:
            return
        kept.held = False
        self._lacking.discard(router)
        names = kept.plan.taken_names
        left = [one for one in self._channel.do(kept.plan.take) if one.error not in ABSENT]
        self._complain_of(f"{router}: {about(names, one)} cannot be removed: {one.reason}" for one in left)

    @property
    def lacks(self) -> bool:
        """Whether a router does not have all that it acquired: :meth:`mend` now and then."""
        return bool(self._lacking)

    def mend(self) -> None:
        """Tries to put what could not be put before: a route's gateway may be reachable by now."""
        for router in tuple(self._lacking):
            self.acquire(router)
            if router not in self._lacking:
                self.told(f"{router}: what was missing has been added")

    def lost(self, change: Change) -> str | None:
        """The router that holds, as far as it knows, that whose deletion this tells: it must acquire it again.

        Acquiring it once too often, where the deletion was its own release, does no harm.
        """
        return next((name for name, kept in self._kept.items() if kept.held and kept.has(change)), None)

    def revive_janitor(self) -> None:
        """To be called when ``janitor`` is readable: it has died, and gets a successor."""
        self._complain("the janitor has died: another is started")
        try:
            self.janitor.revive()
        except JanitorError as error:
            self._complain(f"{error}: if the agent is killed now, its addresses stay")

    def close(self) -> None:
        """Takes everything off this host and lets the next agent in."""
        for name in list(self._kept):
            self.detach(name)
        if self._filter is not None:
            self._filter.close()
        self.janitor.dismiss()
        self.state.unlink(missing_ok=True)
        self._channel.close()
        os.close(self.janitor.lock)

    def _attach(self, router: Router, known: Iterable[Address] | None) -> Attachment | str:
        link = link_named(self._channel, router.interface)
        indices, missing = self._indices(router)
        kept = self._kept.get(router.name)
        if kept is not None and (
            not runs_on(kept.router, router) or kept.indices != indices or missing or self._lost(kept)
        ):
            self.detach(router.name)
            kept = None
        reason = fault(router, link)
        if reason is not None or link is None:
            return reason or ""
        if missing:
            return f"there is no interface {missing[0]}"
        chosen = source(router, link.index, addresses(self._channel) if known is None else known)
        if isinstance(chosen, str):
            return chosen
        if kept is None:
            made = self._prepare(router, link, indices, addresses(self._channel))
            if isinstance(made, str):
                return made
            kept = made
        return attachment(router, link, kept.device if router.vmac else link, chosen)

    def _indices(self, router: Router) -> tuple[dict[str, int], list[str]]:
        """The numbers of all links that the settings of a router name, and those that are not there."""
        named = (*(one.interface for one in router.addresses), *(one.interface for one in router.routes))
        names = dict.fromkeys((router.interface, *(name for name in named if name is not None)))
        found = {name: link_named(self._channel, name) for name in names}
        indices = {name: link.index for name, link in found.items() if link is not None}
        return indices, [name for name, link in found.items() if link is None and name != router.interface]

    def _lost(self, kept: _Kept) -> bool:
        """Whether somebody has removed the macvlan, switched it off, or made another of its name."""
        if not kept.router.vmac:
            return False
        found = link_named(self._channel, kept.device.name)
        return found is None or not found.up or (found.index, found.mac) != (kept.device.index, kept.device.mac)

    def _prepare(self, router: Router, link: Link, indices: dict[str, int], there: list[Address]) -> _Kept | str:
        clash = self._clash(router, link, indices, there)
        if clash is not None:
            return clash
        device = macvlan_name(router) if router.vmac else router.interface
        changes = self._sysctls.plan(router.name, _needs(router, device))
        kept = frozenset(
            one.address for one in router.addresses if is_owner(router) and _present(one, link, indices, there)
        )
        self._entries[router.name] = _entry(router, device, kept).model_dump_json(by_alias=True)
        self._save()
        for one in changes:
            self._duty(self.janitor.setting, str(one.path), one.path, one.now, one.was)
        self._sysctls.make(changes)
        above = make_macvlan(self._channel, router, link, self._complain) if router.vmac else link
        if isinstance(above, str):
            self._drop(router, None)
            return above
        subnets = frozenset(
            ip_network((one.ip, one.prefix), strict=False) for one in there if router.vmac and one.index == link.index
        )
        made = plan(router, Place(device, {**indices, device: above.index}, subnets, kept))
        removal = made.take + (numbered([requests.remove_link(above.index)]) if router.vmac else b"")
        self._duty(self.janitor.requests, router.name, removal)
        wanted = frozenset(
            (
                above.index if one.interface is None else indices[one.interface],
                one.address.ip,
                one.address.network.prefixlen,
            )
            for one in router.addresses
        )
        ready = self._kept[router.name] = _Kept(router, indices, above, made, wanted)
        reason = self._filter_anew() if ready.refused else None
        if reason is not None:
            self.detach(router.name)
            return reason
        return ready

    def _clash(self, router: Router, link: Link, indices: dict[str, int], there: list[Address]) -> str | None:
        """Why the router would share an address with whoever is master, as long as it is not: it is there already."""
        for wanted in router.addresses:
            for one in _present(wanted, link, indices, there):
                address = ip_interface((one.ip, one.prefix))
                where = wanted.interface or router.interface
                if is_owner(router):
                    if router.vmac:
                        return f"{address} is on {where} itself, which answers with its own MAC: remove it, or vmac"
                elif one.ours:
                    self._channel.do(numbered([requests.remove_address(address, one.index)]))
                    self.told(f"{router.name}: {address} was left on {where} by an agent that died: removed")
                else:
                    return (
                        f"{address} is on {where} already, put there by somebody else: "
                        "remove it there, or give priority 255 if it is this host's own"
                    )
        return None

    def _drop(self, router: Router, macvlan: Link | None) -> None:
        """Undoes :meth:`_prepare`, and then what was recorded of it."""
        if macvlan is not None:
            for one in self._channel.do(numbered([requests.remove_link(macvlan.index)])):
                if one.error not in ABSENT:
                    self._complain(f"{router.name}: {macvlan.name} cannot be removed: {one.reason}")
        for changed in self._sysctls.drop(router.name):
            self._duty(self.janitor.forget, str(changed.path))
        self._duty(self.janitor.forget, router.name)
        self._entries.pop(router.name, None)
        self._save()

    def _filter_anew(self) -> str | None:
        """Has packets to the addresses of routers with accept = false refused; returns why that cannot be."""
        wanted = [one for kept in self._kept.values() for one in kept.refused]
        if self._filter is None:
            if not wanted:
                return None
            try:
                self._filter = Filter()
            except OSError as error:
                return f"accept = false needs nftables in the kernel ({error.strerror})"
        reason = self._filter.refuse(wanted)
        return None if reason is None else f"accept = false cannot be had: {reason}"

    def _not_put(self, kept: _Kept, refused: list[Refusal], *, again: bool) -> None:
        name, names = kept.router.name, kept.plan.put_names
        there = [one for one in refused if one.error == errno.EEXIST]
        if not again and not is_owner(kept.router):
            self._complain_of(f"{name}: {about(names, one)} was there already: taken over" for one in there)
        missing = [one for one in refused if one not in there]
        if not missing:
            self._lacking.discard(name)
        elif name not in self._lacking:
            self._lacking.add(name)
            self._complain_of(
                f"{name}: {about(names, one)} cannot be added: {one.reason}; it is tried again" for one in missing
            )

    def _complain_of(self, lines: Iterable[str]) -> None:
        for count, line in enumerate(lines):
            self.errors += 1
            if count < _MAX_TOLD:
                self.told(line)

    def _complain(self, line: str) -> None:
        self.errors += 1
        self.told(line)

    def _save(self) -> None:
        reason = save(self.state, self._sysctls.changes, self._entries)
        if reason is not None and not self._unwritten:
            self._complain(reason)
        self._unwritten = reason is not None

    def _duty(self, tell: Callable[..., None], *what: object) -> None:
        try:
            tell(*what)
        except JanitorError as error:
            # Its end makes it readable, and the one that is started in its place is told of everything.
            self._complain(str(error))
            self.janitor.kill()


def _locked(state: Path) -> int:
    """A lock that an agent and its janitor hold together; raises :class:`HoldingError` where another agent runs."""
    path = state.with_name(f"{state.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise HoldingError(f"{path}: {error.strerror}") from None
    deadline = time.monotonic() + _PREDECESSOR
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise HoldingError(f"{path} is locked: another agent runs with this state file") from None
            time.sleep(0.02)
        else:
            return lock


def _entry(router: Router, device: str, kept: frozenset[object]) -> Entry:
    return Entry.model_construct(
        addresses=tuple(
            HeldAddress.model_construct(device=one.interface or device, address=one.address)
            for one in router.addresses
            if one.address not in kept
        ),
        routes=router.routes,
        rules=router.rules,
        macvlan=HeldMacvlan.model_construct(name=device, mac=router_mac(router), parent=router.interface)
        if router.vmac
        else None,
    )


def _needs(router: Router, device: str) -> list[sysctls.Need]:
    ipv4 = [one for one in router.addresses if one.address.version == 4]
    needs = list(sysctls.under_virtual_mac(router.interface)) if router.vmac and ipv4 else []
    shared = {one.interface or device for one in ipv4 if one.address.network.prefixlen < 32}
    for name in sorted(shared - ({device} if router.vmac else set())):
        needs.extend(sysctls.under_addresses(name))
    return needs


def _present(wanted: VirtualAddress, link: Link, indices: Mapping[str, int], there: Iterable[Address]) -> list[Address]:
    """The address as it is on its interface now, with whatever prefix."""
    index = link.index if wanted.interface is None else indices[wanted.interface]
    return [one for one in there if (one.index, one.ip) == (index, wanted.address.ip)]
