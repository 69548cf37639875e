"""What a master holds: virtual addresses, routes and rules of keepalived as tables of the agent's settings."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_interface
from typing import Any, Final

from vrrpwatch.agent.config.routers import MAX_ADDRESSES, VirtualRoute, VirtualRule
from vrrpwatch.agent.config.routers import VirtualAddress as AddressSettings
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.declared.keepalived_fields import whole
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Instance, VirtualAddress
from vrrpwatch.declared.notes import Place, quoted
from vrrpwatch.wire.values import IPAddress

Table = dict[str, Any]
# By interface and address, the instance that holds it.
Holders = Mapping[tuple[str, IPAddress], Place]

MAX_ROUTES: Final = 1_000
# linux/rtnetlink.h: enum rt_scope_t, and the tables that always have a name.
_SCOPES: Final = {"0": "global", "200": "site", "253": "link", "254": "host"}
_TABLES: Final = {"default": 253, "main": 254, "local": 255}
# vrrp_iprule.c: RULE_START_PRIORITY, from which keepalived counts down.
_FIRST_PRIORITY: Final = 16_384
_FAMILIES: Final = frozenset({"inet", "inet6"})
# Words without which a route leads where it led before, and which have a value.
_TUNING: Final = frozenset(
    (
        "protocol",
        "proto",
        "scope",
        "mtu",
        "hoplimit",
        "advmss",
        "rtt",
        "rttvar",
        "reordering",
        "window",
        "cwnd",
        "ssthresh",
        "rto_min",
        "initcwnd",
        "initrwnd",
        "features",
        "quickack",
        "congctl",
        "pref",
        "ttl-propagate",
        "fastopen_no_cookie",
        "track_group",
    )
)
# And those that have none.
_MANNERS: Final = frozenset({"no_track", "add", "append", "prepend"})


def addresses(instance: Instance, vmac: bool, others: Holders, gaps: Gaps) -> list[Table | str]:
    """The virtual addresses that no other instance holds, those in adverts first, in keepalived's order."""
    made: list[Table | str] = []
    seen: set[object] = set()
    for one, advertised in _listed(instance):
        what = str(one.address)
        if one.address in seen:
            gaps.add(
                one.place,
                what,
                "keepalived advertises it as often as it is listed, and the agent once: list it once on all hosts",
            )
            continue
        holder = others.get((one.device or instance.interface or "", one.address))
        if holder is not None:
            gaps.add(one.place, what, f"the instance of {holder} holds it on this interface already: {LEFT_OUT}")
            continue
        table = _address(one, instance, vmac, gaps)
        if not advertised:
            table["advertise"] = False
        if gaps.fits(AddressSettings, table, one.place, what):
            seen.add(one.address)
            made.append(table if len(table) > 1 else table["address"])
    return list(gaps.capped(made, MAX_ADDRESSES, instance.place, "virtual_ipaddress"))


def holders(instance: Instance, listed: Iterable[Table | str]) -> Holders:
    """What an instance holds with these addresses of its settings."""
    tables = [one if isinstance(one, dict) else {"address": one} for one in listed]
    return {
        (str(one.get("interface", instance.interface)), ip_interface(one["address"]).ip): instance.place
        for one in tables
    }


def _listed(instance: Instance) -> Iterator[tuple[VirtualAddress, bool]]:
    yield from ((one, True) for one in instance.addresses)
    yield from ((one, False) for one in instance.excluded)


def _address(one: VirtualAddress, instance: Instance, vmac: bool, gaps: Gaps) -> Table:
    what = str(one.address)
    table: Table = {"address": f"{one.address}/{one.address.max_prefixlen if one.prefix is None else one.prefix}"}
    if one.device is not None and (vmac or one.device != instance.interface):
        table["interface"] = one.device
    if one.label is not None:
        if one.address.version == 4:
            table["label"] = one.label
        else:
            gaps.add(one.place, what, "only IPv4 addresses have a label: it is left out")
    if one.scope is not None:
        scope = _SCOPES.get(one.scope, one.scope)
        if scope in _SCOPES.values():
            table["scope"] = scope
        else:
            gaps.add(one.place, what, f"there is no scope {quoted(one.scope)}: written as global")
    for word, value in (("brd", one.broadcast), ("peer", one.peer), ("preferred_lft", one.preferred_lft)):
        if value is not None:
            gaps.add(one.place, what, f"{word} is not set by the agent: leave it out, or set it by a hook")
    for word in one.options:
        gaps.add(one.place, what, f"there is no {quoted(word)}: the agent adds the address without it")
    return table


def routes(instance: Instance, gaps: Gaps) -> list[Table]:
    """The virtual routes that can be held; those that would lead elsewhere without what is missing are left out."""
    made: dict[str, Table] = {}
    for statement in instance.routes:
        what = statement.text
        try:
            table = _Route(statement, gaps).table()
        except ValueError as error:
            gaps.add(statement.place, what, f"{error}: {LEFT_OUT}, so have a hook add and remove it")
            continue
        if gaps.fits(VirtualRoute, table, statement.place, what):
            made.setdefault(repr(table), table)
    return list(gaps.capped(list(made.values()), MAX_ROUTES, instance.place, "virtual_routes"))


class _Route:
    """One line of ``virtual_routes`` (vrrp_iproute.c, alloc_route)."""

    def __init__(self, statement: Statement, gaps: Gaps) -> None:
        self._statement = statement
        self._gaps = gaps
        self._words = iter(statement.words)
        self._table: Table = {}
        self._six = False

    def table(self) -> Table:
        """Raises :class:`ValueError` saying what makes it another route."""
        for word in self._words:
            self._take(word)
        if "to" not in self._table:
            raise ValueError("it has no destination")
        if self._table["to"] in ("default", "any", "all"):
            six = self._six or any(":" in str(self._table.get(key, "")) for key in ("via", "source"))
            self._table["to"] = "::/0" if six else "0.0.0.0/0"
        return {
            key: self._table[key]
            for key in ("to", "via", "interface", "source", "table", "metric")
            if key in self._table
        }

    def _take(self, word: str) -> None:
        table = self._table
        match word:
            case "to":
                table["to"] = self._next(word)
            case "inet" | "inet6":
                self._six = word == "inet6"
                table["to"] = self._next(word)
            case "via" | "gw":
                value = self._next(word)
                table["via"] = self._next(word) if value in _FAMILIES else value
            case "dev" | "oif":
                table["interface"] = self._next(word)
            case "src":
                table["source"] = self._next(word)
            case "table":
                table["table"] = table_number(self._next(word))
            case "metric" | "priority" | "preference":
                table["metric"] = _number(word, self._next(word))
            case _ if word in _TUNING:
                if self._next(word) == "lock":
                    self._next(word)
                self._lacks(word)
            case _ if word in _MANNERS:
                self._lacks(word)
            case _ if "to" not in table and (word in ("default", "any", "all") or word[:1].isdigit() or ":" in word):
                table["to"] = word
            case _:
                raise ValueError(f"there is no {quoted(word)}")

    def _next(self, word: str) -> str:
        value = next(self._words, None)
        if value is None:
            raise ValueError(f"{quoted(word)} misses its value")
        return value

    def _lacks(self, word: str) -> None:
        self._gaps.add(
            self._statement.place, self._statement.text, f"there is no {quoted(word)}: the route is held without it"
        )


class Priorities:
    """The priorities of rules that give none, as keepalived counts them: down from 16384, for each family."""

    def __init__(self) -> None:
        self._next = {4: _FIRST_PRIORITY, 6: _FIRST_PRIORITY}

    def take(self, family: int) -> int:
        self._next[family] -= 1
        return self._next[family] + 1


def rules(instance: Instance, priorities: Priorities, gaps: Gaps) -> list[Table]:
    """The virtual rules that can be held; one that would select more without what is missing is left out."""
    made: dict[str, Table] = {}
    for statement in instance.rules:
        what = statement.text
        try:
            table = _rule(statement, gaps)
        except ValueError as error:
            gaps.add(statement.place, what, f"{error}: {LEFT_OUT}, so have a hook add and remove it")
            continue
        given = "priority" in table
        if not gaps.fits(VirtualRule, {"priority": _FIRST_PRIORITY} | table, statement.place, what):
            continue
        if not given:
            family = 6 if any(":" in str(table.get(key, "")) for key in ("from", "to")) else 4
            table["priority"] = priorities.take(family)
            gaps.add(
                statement.place,
                what,
                f"keepalived counts priorities down from {_FIRST_PRIORITY}: written as {table['priority']}, so say "
                "which one is meant",
            )
        made.setdefault(repr(table), table)
    return list(gaps.capped(list(made.values()), MAX_ROUTES, instance.place, "virtual_rules"))


def _rule(statement: Statement, gaps: Gaps) -> Table:
    """One line of ``virtual_rules`` (vrrp_iprule.c, alloc_rule); raises :class:`ValueError` for one of another kind."""
    table: Table = {}
    words = iter(statement.words)
    for word in words:
        if word in _FAMILIES:
            continue
        if word == "no_track":
            gaps.add(statement.place, statement.text, "there is no 'no_track': the rule is held without it")
            continue
        if word not in ("from", "to", "table", "lookup", "priority", "preference", "order", "protocol"):
            raise ValueError(f"there is no {quoted(word)}")
        value = next(words, None)
        if value is None:
            raise ValueError(f"{quoted(word)} misses its value")
        if word in ("from", "to"):
            if value not in ("all", "any", "default"):
                table[word] = value
        elif word in ("table", "lookup"):
            table["table"] = table_number(value)
        elif word == "protocol":
            gaps.add(statement.place, statement.text, "there is no 'protocol': the rule is held without it")
        else:
            table["priority"] = _number(word, value)
    return {key: table[key] for key in ("from", "to", "table", "priority") if key in table}


def table_number(text: str) -> int:
    """A routing table by number or by a name that always is; raises :class:`ValueError` for other names."""
    value = _TABLES.get(text)
    if value is None:
        value = whole(text, 1, 2**32 - 1)
    if value is None:
        raise ValueError(f"what table {quoted(text)} is stands in /etc/iproute2/rt_tables, so write its number")
    return value


def _number(word: str, text: str) -> int:
    value = whole(text, 0, 2**32 - 1)
    if value is None:
        raise ValueError(f"{quoted(word)} takes a number, not {quoted(text)}")
    return value
