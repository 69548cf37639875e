"""Verdicts on the local packet filters: what they do with adverts, authentication headers, IGMP, ARP and state sync."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from shlex import quote
from typing import Final, NamedTuple

from vrrpwatch.doctor import iptables, nftables
from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Facts, Listing
from vrrpwatch.doctor.packet_filter import Outcome, Place, Sample, Span, Table, evaluate, mentions

_IP4: Final = frozenset({"ip", "inet"})
_IP6: Final = frozenset({"ip6", "inet"})
_BRIDGE: Final = frozenset({"bridge"})
_NETDEV: Final = frozenset({"netdev", "inet"})
GROUPS: Final = ("224.0.0.18", "ff02::12", "224.0.0.240")
PROTOCOLS: Final = frozenset({51, 112, 240})
# Rules named as evidence; the listing itself holds the others.
MAX_SHOWN = 4


class _Traffic(NamedTuple):
    """One kind of packet that must get through; ``essential``: without it there is no redundancy at all."""

    check: str
    what: str
    protocol: int
    destination: str
    ttl: int
    inbound: bool
    essential: bool = True
    # How a rule would name it.
    nft: str = "ip protocol 112"
    iptables: str = "-p 112"


TRAFFIC: Final = (
    _Traffic("filter-in-ipv4", "VRRP or CARP adverts to 224.0.0.18", 112, "224.0.0.18", 255, True),
    _Traffic("filter-out-ipv4", "VRRP or CARP adverts to 224.0.0.18", 112, "224.0.0.18", 255, False),
    _Traffic("filter-in-ipv6", "VRRP adverts to ff02::12", 112, "ff02::12", 255, True, nft="meta l4proto 112"),
    _Traffic("filter-out-ipv6", "VRRP adverts to ff02::12", 112, "ff02::12", 255, False, nft="meta l4proto 112"),
    _Traffic(
        "filter-in-ah", "adverts with AH (auth_type AH)", 51, "224.0.0.18", 255, True, False, "ip protocol 51", "-p 51"
    ),
    _Traffic("filter-in-igmp", "IGMP queries", 2, "224.0.0.1", 1, True, False, "ip protocol igmp", "-p igmp"),
    _Traffic("filter-out-igmp", "IGMP reports", 2, "224.0.0.22", 1, False, False, "ip protocol igmp", "-p igmp"),
)


def judge(facts: Facts) -> Iterator[Check]:
    """What becomes of each kind of packet, and which rules name the protocols or groups."""
    tables, unread = read(facts)
    if unread and not tables:
        yield from (_unread(unread[0], kind.check) for kind in TRAFFIC)
        yield _unread(unread[0], "filter-bridge")
        yield _unread(unread[0], "filter-arp")
        return
    for kind in TRAFFIC:
        if ":" in kind.destination and facts.sysctls.get("ipv6.if.disable_ipv6"):
            yield check(kind.check, Verdict.NOT_APPLICABLE, "disable_ipv6 = 1")
            continue
        yield _traffic(facts, kind, tables, unread)
    yield _bridged(facts, tables)
    yield _arp(facts, tables)
    yield _named(tables)


def read(facts: Facts) -> tuple[tuple[Table, ...], list[Listing]]:
    """Every table that could be read, and the listings that could not be.

    What iptables keeps in nftables is taken from its own listing, which alone tells the matches of its extensions.
    """
    tables: list[Table] = []
    unread = []
    if facts.nft.text is not None:
        try:
            tables.extend(nftables.parse(facts.nft.text))
        except nftables.RulesetError as error:
            unread.append(facts.nft._replace(text=None, error=str(error)))
    elif not facts.nft.absent:
        unread.append(facts.nft)
    for listing in facts.iptables:
        if listing.text is None:
            if not listing.absent:
                unread.append(listing)
            continue
        family: iptables.Family = "ip6" if listing.command.startswith("ip6") else "ip"
        listed = iptables.parse(listing.text, family, "ip6tables" if family == "ip6" else "iptables")
        if "(nf_tables)" in listing.text:
            names = {table.name for table in listed}
            tables = [t for t in tables if t.tool != "nft" or t.family != family or t.name not in names]
        tables.extend(listed)
    return tuple(tables), unread


def sample(facts: Facts, kind: _Traffic) -> Sample:
    """The packet as far as it is known before it is sent: its sender is some address of the interface's networks."""
    destination = ip_address(kind.destination)
    family = "ip" if destination.version == 4 else "ip6"
    other = "ip6" if destination.version == 4 else "ip"
    interface = frozenset({facts.link.name})
    ethernet = "01:00:5e:" if family == "ip" else "33:33:"
    low = int(destination) & (0x7FFFFF if family == "ip" else 0xFFFFFFFF)
    mac = (0x01005E000000 if ethernet == "01:00:5e:" else 0x333300000000) | low
    fields: dict[str, tuple[Span, ...] | frozenset[str]] = {
        "family": frozenset({"ipv4" if family == "ip" else "ipv6"}),
        "protocol": (Span(kind.protocol, kind.protocol),),
        f"{family}.destination": (Span(int(destination), int(destination)),),
        f"{other}.destination": (),
        f"{other}.source": (),
        "destination.type": frozenset({"multicast"}),
        "ttl": (Span(kind.ttl, kind.ttl),),
        "ct.state": frozenset({"new"}),
        "ether.type": (Span(0x0800, 0x0800) if family == "ip" else Span(0x86DD, 0x86DD),),
        "ether.destination": (Span(mac, mac),),
        "iif" if kind.inbound else "oif": interface,
        "oif" if kind.inbound else "iif": frozenset(),
    }
    if kind.inbound:
        fields["pkttype"] = frozenset({"multicast"})
    senders = _senders(facts, destination, kind.inbound)
    if senders:
        fields[f"{family}.source"] = senders
    families = _IP4 if family == "ip" else _IP6
    steps: tuple[tuple[frozenset[str], str], ...]
    if kind.inbound:
        steps = ((_NETDEV, "ingress"), (_BRIDGE, "prerouting"), (_BRIDGE, "input"))
        steps += ((families, "prerouting"), (families, "input"))
    else:
        steps = ((families, "output"), (families, "postrouting"))
        steps += ((_BRIDGE, "output"), (_BRIDGE, "postrouting"), (_NETDEV, "egress"))
    return Sample(kind.what, steps, facts.link.name, fields)


def _senders(facts: Facts, destination: IPv4Address | IPv6Address, inbound: bool) -> tuple[Span, ...]:
    """The interface's networks for what arrives, its own addresses for what leaves."""
    return tuple(
        Span(int(address.interface.network[0]), int(address.interface.network[-1]))
        if inbound
        else Span(int(address.interface.ip), int(address.interface.ip))
        for address in facts.addresses
        if address.interface.version == destination.version and (address.link_local or destination.version == 4)
    )


def _unread(listing: Listing, name: str) -> Check:
    reason = listing.error or "no answer"
    return check(name, Verdict.UNKNOWN, f"{listing.command}: {reason}", f"sudo {listing.command}")


def _traffic(facts: Facts, kind: _Traffic, tables: Sequence[Table], unread: list[Listing]) -> Check:
    outcome = evaluate(tables, sample(facts, kind))
    way = "arriving" if kind.inbound else "leaving"
    if outcome.state == "dropped" and outcome.decisive is not None:
        verdict = Verdict.PROBLEM if kind.essential else Verdict.WARNING
        evidence = f"{kind.what}, {way}, are dropped by {outcome.decisive}"
        return check(kind.check, verdict, evidence, _accept(facts, kind, outcome.decisive))
    if unread:
        return _unread(unread[0], kind.check)
    if outcome.state == "accepted":
        count = sum(len(chain.rules) for table in tables for chain in table.chains.values())
        return check(kind.check, Verdict.OK, f"{kind.what}, {way}, pass ({count} rule{'' if count == 1 else 's'} read)")
    if outcome.state == "undecided":
        return check(kind.check, Verdict.UNKNOWN, "the rules jump too deep to be followed", "nft list ruleset")
    return _conditional(facts, kind, outcome, way)


def _conditional(facts: Facts, kind: _Traffic, outcome: Outcome, way: str) -> Check:
    rules = "; ".join(str(place) for place in outcome.conditions[:MAX_SHOWN])
    if outcome.state == "dropped-if":
        evidence = f"{kind.what}, {way}, may be dropped by {rules}"
        return check(kind.check, Verdict.WARNING, evidence, _accept(facts, kind, outcome.conditions[0]))
    evidence = f"{kind.what}, {way}, pass only where {rules} applies; else dropped by {outcome.decisive}"
    known = {field for place in outcome.conditions for field in place.unknown}
    if all(field.endswith(".source") for field in known):
        # A list of peers, as it should be; whether it is complete only its author knows.
        return check(kind.check, Verdict.OK, evidence, "every peer's address must be in that rule")
    return check(kind.check, Verdict.WARNING, evidence, _accept(facts, kind, outcome.conditions[0]))


def _accept(facts: Facts, kind: _Traffic, place: Place) -> str:
    """The command that lets the packet pass before anything in that base chain can drop it."""
    name, table = quote(facts.link.name), place.table
    if table.tool != "nft":
        side = "-i" if kind.inbound else "-o"
        where = "" if table.name == "filter" else f"-t {quote(table.name)} "
        return (
            f"{table.tool} {where}-I {quote(place.base)} {side} {name} {kind.iptables} -d {kind.destination} -j ACCEPT"
        )
    side = {"netdev": ""}.get(table.family, f"{'iifname' if kind.inbound else 'oifname'} {name} ")
    address = f"{'ip6' if ':' in kind.destination else 'ip'} daddr {kind.destination}"
    where = f"{table.family} {quote(table.name)} {quote(place.base)}"
    return f"nft insert rule {where} {side}{address} {kind.nft} accept"


def _bridged(facts: Facts, tables: Sequence[Table]) -> Check:
    """Adverts that the bridge forwards between this port and others: of guests, not of this host."""
    if facts.port is None or facts.bridge is None:
        return check("filter-bridge", Verdict.NOT_APPLICABLE, f"{facts.link.name} is no port of a Linux bridge")
    whole = sample(facts, TRAFFIC[0])
    # Guests may be of any network, and go out by any port.
    known = {field: value for field, value in whole.fields.items() if field not in ("ip.source", "oif")}
    link_path = ((_NETDEV, "ingress"), (_BRIDGE, "prerouting"), (_BRIDGE, "forward"), (_BRIDGE, "postrouting"))
    outcomes = [evaluate(tables, whole._replace(path=link_path, fields=known))]
    handed_up = facts.sysctls.get("net.bridge.bridge-nf-call-iptables") == 1
    if handed_up:
        # br_netfilter shows the IP hooks the bridge as the interface.
        path = ((_IP4, "prerouting"), (_IP4, "forward"), (_IP4, "postrouting"))
        fields = {**known, "iif": frozenset({facts.bridge.name}), "oif": frozenset({facts.bridge.name})}
        outcomes.append(evaluate(tables, whole._replace(path=path, fields=fields)))
    what = f"VRRP or CARP adverts through bridge {facts.bridge.name}"
    places = [place for one in outcomes for place in (one.decisive, *one.conditions) if place is not None]
    where = "; ".join(map(str, places[:MAX_SHOWN]))
    if any(one.state == "dropped" for one in outcomes):
        return check("filter-bridge", Verdict.PROBLEM, f"{what} are dropped by {where}", _forward(places[0], handed_up))
    if places:
        return check(
            "filter-bridge", Verdict.WARNING, f"{what} pass on conditions: {where}", _forward(places[0], handed_up)
        )
    note = "bridge-nf-call-iptables 1" if handed_up else "bridge-nf-call-iptables 0"
    return check("filter-bridge", Verdict.OK, f"{what} pass ({note})")


def _forward(place: Place, handed_up: bool) -> str:
    table = place.table
    off = (
        "; or keep bridged frames from the IP rules: sysctl -w net.bridge.bridge-nf-call-iptables=0"
        if handed_up
        else ""
    )
    if table.tool != "nft":
        return f"{table.tool} -I {quote(place.base)} -p 112 -d 224.0.0.18 -j ACCEPT{off}"
    where = f"{table.family} {quote(table.name)} {quote(place.base)}"
    return (
        f"nft insert rule {where} ip daddr 224.0.0.18 ip protocol 112 accept{off if table.family != 'bridge' else ''}"
    )


def _arp(facts: Facts, tables: Sequence[Table]) -> Check:
    fields: Mapping[str, tuple[Span, ...] | frozenset[str]] = {
        "family": frozenset({"arp"}),
        "ether.type": (Span(0x0806, 0x0806),),
        "iif": frozenset({facts.link.name}),
        "protocol": (),
    }
    path = ((frozenset({"netdev"}), "ingress"), (frozenset({"arp"}), "input"))
    outcome = evaluate(tables, Sample("ARP", path, facts.link.name, fields))
    if outcome.state == "accepted":
        return check("filter-arp", Verdict.OK, "ARP passes")
    places = [place for place in (outcome.decisive, *outcome.conditions) if place is not None]
    verdict = Verdict.PROBLEM if outcome.state == "dropped" else Verdict.WARNING
    where = places[0] if places else None
    evidence = f"ARP, arriving, is dropped or restricted by {'; '.join(map(str, places[:MAX_SHOWN]))}"
    table = "" if where is None else f"{where.table.family} {quote(where.table.name)} {quote(where.base)}"
    return check("filter-arp", verdict, evidence, f"review: nft -a list chain {table}")


def _named(tables: Sequence[Table]) -> Check:
    numbers = {4: frozenset(_numbers(4)), 6: frozenset(_numbers(6))}
    found = mentions(tables, PROTOCOLS, {"ip.destination": numbers[4], "ip6.destination": numbers[6]})
    if not found:
        evidence = "no rule names protocol 112, 51 or 240, or one of their groups"
        return check("filter-rules", Verdict.NOT_APPLICABLE, evidence)
    more = f"; and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    return check("filter-rules", Verdict.OK, "; ".join(map(str, found[:MAX_SHOWN])) + more)


def _numbers(version: int) -> Iterator[int]:
    return (int(address) for group in GROUPS if (address := ip_address(group)).version == version)
