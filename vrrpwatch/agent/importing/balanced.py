"""keepalived's virtual servers and its sync daemon as ``[ipvs]`` of the settings."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.config.companions import MAX_REAL, IpvsSync, RealServer, SorryServer, VirtualServer
from vrrpwatch.agent.importing.absent import REAL_SERVER, VIRTUAL_SERVER
from vrrpwatch.agent.importing.checks import Checks
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.declared.keepalived_fields import parsed_address, whole
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Keepalived
from vrrpwatch.declared.notes import Place, quoted
from vrrpwatch.wire.values import IPAddress

Table = dict[str, Any]

MAX_VIRTUAL: Final = 1_000
_METHODS: Final = {"NAT": "nat", "DR": "direct", "TUN": "tunnel"}
# ip_vs.h: IPVS_SVC_PERSISTENT_TIMEOUT, in seconds.
_PERSISTENCE: Final = 360
_MOST_PERSISTENCE: Final = 86_400
_MOST_WEIGHT: Final = 65_535
# Flag 1 and 2 of both schedulers that have any (ip_vs.h, IP_VS_SVC_F_SCHED_SH_FALLBACK and _PORT, and those of MH).
_HASH: Final = {
    "sh-port": "port",
    "mh-port": "port",
    "flag-2": "port",
    "sh-fallback": "fallback",
    "mh-fallback": "fallback",
    "flag-1": "fallback",
}


class Target(NamedTuple):
    """An address and port that is balanced, and where it is declared."""

    place: Place
    address: IPAddress
    port: int


class Balanced(NamedTuple):
    """The ``[ipvs]`` table, and the tables of its virtual servers with where they are declared."""

    table: Table
    virtual: list[tuple[Place, Table]]


class VirtualServers:
    """Makes a table of each address and port that keepalived balances."""

    def __init__(self, declared: Keepalived, checks: Checks, gaps: Gaps) -> None:
        self._declared = declared
        self._checks = checks
        self._gaps = gaps
        self._groups: dict[str, Statement] = {}
        for one in declared.virtual_servers:
            if one.keyword == "virtual_server_group" and one.arguments:
                self._groups.setdefault(one.arguments[0], one)

    def all(self) -> list[tuple[Place, Table]]:
        """The tables in keepalived's order, each address, port and protocol once."""
        made: dict[tuple[str, int, str], tuple[Place, Table]] = {}
        reals = 0
        for one in self._declared.virtual_servers:
            if one.keyword != "virtual_server":
                continue
            common = self._common(one)
            if common is None:
                continue
            for place in self._places(one):
                what = f"{place.address} {place.port}"
                key = (str(place.address), place.port, common.get("protocol", "tcp"))
                if key in made:
                    self._gaps.add(place.place, what, f"it is balanced already: {LEFT_OUT}")
                    continue
                table = self._table(one, place, common)
                if table is None or not self._gaps.fits(VirtualServer, table, place.place, what):
                    continue
                if len(made) >= MAX_VIRTUAL or reals + len(table["real"]) > MAX_REAL:
                    self._gaps.add(
                        place.place, what, f"more than {MAX_VIRTUAL} virtual or {MAX_REAL} real servers: {LEFT_OUT}"
                    )
                    return list(made.values())
                reals += len(table["real"])
                made[key] = (place.place, table)
        return list(made.values())

    def _places(self, one: Statement) -> Iterator[Target]:
        first, second = (*one.arguments[:2], "", "")[:2]
        if first == "fwmark":
            self._gaps.add(one.place, "fwmark", f"only addresses can be balanced, no firewall marks: {LEFT_OUT}")
        elif first == "group":
            group = self._groups.get(second)
            if group is None:
                self._gaps.add(one.place, second, f"there is no such virtual_server_group: {LEFT_OUT}")
                return
            for line in group.inner:
                if line.keyword == "fwmark":
                    self._gaps.add(
                        line.place, "fwmark", f"only addresses can be balanced, no firewall marks: {LEFT_OUT}"
                    )
                else:
                    yield from self._listed(line.place, line.keyword, (*line.arguments, "")[0])
        else:
            yield from self._listed(one.place, first, second)

    def _listed(self, place: Place, text: str, port_text: str) -> Iterator[Target]:
        port = whole(port_text, 1, 65_535)
        addresses = _range(text)
        if addresses is None:
            self._gaps.add(place, text, f"it is no address and no range of up to {MAX_VIRTUAL}: {LEFT_OUT}")
        elif port is None:
            self._gaps.add(place, text, f"the agent balances single ports, so say which: {LEFT_OUT}")
        else:
            yield from (Target(place, address, port) for address in addresses)

    def _common(self, one: Statement) -> Table | None:
        """What the virtual server says of itself."""
        gaps = self._gaps
        gaps.absent(one.inner, VIRTUAL_SERVER)
        if not any(inner.keyword == "alpha" for inner in one.inner):
            gaps.once(
                one.place,
                "virtual_server",
                "a real server gets connections once a check has found it good, as with keepalived's alpha",
            )
        table: Table = {}
        hashes: list[str] = []
        for inner in one.inner:
            value = inner.arguments[0] if inner.arguments else ""
            match inner.keyword:
                case "protocol":
                    if value not in ("TCP", "UDP"):
                        gaps.add(inner.place, "protocol", f"{quoted(value)} is not balanced by the agent: {LEFT_OUT}")
                        return None
                    table["protocol"] = value.lower()
                case "lb_algo" | "lvs_sched":
                    table["scheduler"] = value
                case "persistence_timeout":
                    seconds = whole(value, 1, 2**31) if value else _PERSISTENCE
                    if seconds is not None:
                        table["persistence"] = gaps.bounded(seconds, 1, _MOST_PERSISTENCE, inner.place, inner.keyword)
                case keyword if keyword in _HASH:
                    hashes.append(_HASH[keyword])
        if hashes:
            table["hash"] = list(dict.fromkeys(hashes))
        return table

    def _table(self, one: Statement, place: Target, common: Mapping[str, Any]) -> Table | None:
        reals: dict[tuple[str, int], Table] = {}
        sorry: Table | None = None
        for inner in one.inner:
            if inner.keyword == "sorry_server" and sorry is None:
                sorry = self._sorry(inner, one, place)
            elif inner.keyword == "real_server":
                table = self._real(inner, one, place, common.get("protocol", "tcp"))
                if table is None:
                    continue
                if reals.setdefault((table["address"], table.get("port", place.port)), table) is not table:
                    self._gaps.add(inner.place, "real_server", f"it is listed already: {LEFT_OUT}")
        if sorry is not None and (sorry["address"], sorry.get("port", place.port)) in reals:
            self._gaps.add(one.place, "sorry_server", f"it is one of the real servers: {LEFT_OUT}")
            sorry = None
        if not reals:
            self._gaps.add(one.place, "virtual_server", f"it has no real server: {LEFT_OUT}")
            return None
        kept = list(self._gaps.capped(list(reals.values()), MAX_VIRTUAL, one.place, "real_server"))
        made: Table = {"address": str(place.address), "port": place.port, **common}
        if sorry is not None:
            made["sorry"] = sorry
        return {**made, "real": kept}

    def _reached(self, one: Statement, place: Target, method: str | None) -> Table | None:
        """Address, port and method of a real or sorry server."""
        text, port_text = (*one.arguments[:2], "", "")[:2]
        address = parsed_address(text)
        if address is None:
            self._gaps.add(one.place, one.keyword, f"{quoted(text)} is no address: {LEFT_OUT}")
            return None
        if method is None:
            self._gaps.add(one.place, one.keyword, f"its lvs_method is none of NAT, DR and TUN: {LEFT_OUT}")
            return None
        table: Table = {"address": str(address), "method": method}
        port = whole(port_text, 1, 65_535)
        if port not in (None, place.port):
            if method == "nat":
                table["port"] = port
            else:
                self._gaps.add(one.place, one.keyword, f"{method} keeps the port {place.port}, and not {port} is used")
        return table

    def _sorry(self, inner: Statement, one: Statement, place: Target) -> Table | None:
        method = self._method(one, "sorry_server_lvs_method") or self._method(one, "lb_kind", "lvs_method") or "NAT"
        table = self._reached(inner, place, _METHODS.get(method))
        if table is None or not self._gaps.fits(SorryServer, table, inner.place, "sorry_server"):
            return None
        return table if self._same_family(table, place, inner) else None

    def _real(self, inner: Statement, one: Statement, place: Target, protocol: str) -> Table | None:
        gaps = self._gaps
        gaps.absent(inner.inner, REAL_SERVER)
        method = self._method(inner, "lvs_method") or self._method(one, "lb_kind", "lvs_method") or "NAT"
        table = self._reached(inner, place, _METHODS.get(method))
        if table is None or not self._same_family(table, place, inner):
            return None
        said = next((said for said in (*inner.inner, *one.inner) if said.keyword == "weight" and said.arguments), None)
        if said is not None:
            weight = whole(said.arguments[0], 0, 2**31)
            if weight is None:
                gaps.add(said.place, "weight", f"{quoted(said.arguments[0])} is no weight: written as 1")
            elif weight != 1:
                table["weight"] = gaps.bounded(weight, 0, _MOST_WEIGHT, said.place, "weight")
        if any(said.keyword == "inhibit_on_failure" for said in (*inner.inner, *one.inner)):
            table["failed"] = "quiesce"
        port = whole((*inner.arguments[1:2], "")[0], 1, 65_535)
        table["check"] = self._checks.check(inner, one, port if port != place.port or protocol == "udp" else None)
        return table if gaps.fits(RealServer, table, inner.place, "real_server") else None

    def _same_family(self, table: Table, place: Target, one: Statement) -> bool:
        same = table["method"] == "tunnel" or (":" in table["address"]) == (place.address.version == 6)
        if not same:
            self._gaps.add(one.place, one.keyword, f"it is of another family than {place.address}: {LEFT_OUT}")
        return same

    def _method(self, block: Statement, *keywords: str) -> str | None:
        said = next((inner for inner in block.inner if inner.keyword in keywords and inner.arguments), None)
        if said is None:
            return None
        if said.arguments[1:3] not in ((), ("type", "ipip")):
            self._gaps.add(said.place, said.keyword, "tunnels are IP in IP here: have the real servers take that")
        return said.arguments[0]


def balanced(declared: Keepalived, names: Mapping[str, str], checks: Checks, gaps: Gaps) -> Balanced | None:
    """What IPVS is to have; ``names`` are the routers by the name of their instance.  ``None`` where it is nothing."""
    virtual = VirtualServers(declared, checks, gaps).all()
    table: Table = {}
    daemon = declared.globals.sync_daemon
    if daemon is not None:
        what = "lvs_sync_daemon"
        follows = names.get(daemon.instance or "")
        identity = daemon.id
        if identity is None:
            ids = {one.name: one.virtual_router_id for one in declared.instances}
            identity = ids.get(daemon.instance or "")
        sync = {"interface": daemon.interface, "id": identity}
        if follows is None:
            gaps.add(daemon.place, what, f"it follows no router that there is here: {LEFT_OUT}, so name one as follows")
        elif gaps.fits(IpvsSync, sync, daemon.place, what):
            table = {"follows": follows, "sync": sync}
        for word in ("maxlen", "port", "ttl", "group"):
            if getattr(daemon, word) is not None:
                gaps.add(daemon.place, what, f"{word} is the kernel's own here: have the other hosts use that too")
    return Balanced(table, virtual) if table or virtual else None


def _range(text: str) -> list[IPAddress] | None:
    """The addresses of ``A``, ``A-LAST`` (LAST an address, or its last part) or ``A/PREFIX``; ``None`` for others."""
    start_text, dash, end_text = text.partition("-")
    if not dash:
        start_text, slash, prefix_text = text.partition("/")
        start = parsed_address(start_text)
        prefix = whole(prefix_text, 0, 128) if slash else None
        if start is None or (slash and (prefix is None or prefix > start.max_prefixlen)):
            return None
        count = 1 if prefix is None else 1 << (start.max_prefixlen - prefix)
        return _counted(start, count)
    start = parsed_address(start_text)
    if start is None:
        return None
    end = parsed_address(end_text)
    if end is None:
        separator = "." if start.version == 4 else ":"
        end = parsed_address(start_text.rpartition(separator)[0] + separator + end_text)
    if end is None or end.version != start.version or end < start:  # type: ignore[operator]  # of one version by then
        return None
    return _counted(start, int(end) - int(start) + 1)


def _counted(start: IPAddress, count: int) -> list[IPAddress] | None:
    if count > MAX_VIRTUAL or int(start) + count > 1 << start.max_prefixlen:
        return None
    return [type(start)(int(start) + offset) for offset in range(count)]
