"""The chains of nftables that judge packets at one hook, for every family of tables.

An ordinary packet leaves after a few comparisons.  A confined one is looked up in sets whose keys are whole flows, so
that the number of groups costs nothing; what is in none of them is unlisted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.expectation import ICMPV6, IGMP
from vrrpwatch.firewall.flows import ADVERTISEMENT, AH, FAMILIES, PFSYNC, UDP, Family, Flow, Guard, Plan
from vrrpwatch.firewall.nft_book import Book
from vrrpwatch.firewall.nft_keys import NETS, Admission, Traffic, admit, carried
from vrrpwatch.firewall.nft_values import Base, Chain, Element, Rule, Statement, Table, Term, Value
from vrrpwatch.wire.values import IPAddress

# The length of an AH header of 24 octets, in 32-bit words less two (RFC 4302 §2.2): HMAC-MD5-96.
AH_WORDS: Final = 4
# Names the set of ways that end where they began.
BRIDGED: Final = "bridged"
TAGS: Final = ("8021q", "8021ad")


class Lane(NamedTuple):
    """The frames with one VLAN tag, or without: the devices that carry them, and what is let through.

    ``pairs``, where there are any, are the ways (in, out) that stay within one segment.
    """

    tag: int | None
    devices: tuple[str, ...]
    admissions: tuple[Admission, ...]
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def suffix(self) -> str:
        return "" if self.tag is None else f"_vlan{self.tag}"


class Station(NamedTuple):
    """A hook: its name, the ends of a packet's way that it knows, and its lanes.

    ``sees_tags``: frames come with their VLAN tags, so that those of other lanes must be told apart.
    ``whole``: IPv4 fragments come put together.  ``bridges``: what a bridge forwards may come by too (br_netfilter),
    with the bridge as both ends of its way.
    """

    name: str
    base: Base
    ends: tuple[Term, ...]
    lanes: tuple[Lane, ...]
    sees_tags: bool
    whole: bool
    bridges: bool = False


class Confined(NamedTuple):
    """The guards of a plan, by their shape."""

    protocols: frozenset[tuple[Family, int]]
    ports: dict[Family, tuple[tuple[IPAddress, int], ...]]
    groups: dict[Family, tuple[IPAddress, ...]]


def confined(guards: Sequence[Guard]) -> Confined:
    """Sorts ``guards``; raises :class:`ValueError` for one of a shape that no plan has."""
    protocols: set[tuple[Family, int]] = set()
    ports: dict[Family, set[tuple[IPAddress, int]]] = {4: set(), 6: set()}
    groups: dict[Family, set[IPAddress]] = {4: set(), 6: set()}
    for guard in guards:
        if guard.protocol in (ADVERTISEMENT, AH, PFSYNC) and not guard.destinations and not guard.ports:
            protocols.add((guard.family, guard.protocol))
        elif guard.protocol == UDP and guard.destinations and guard.ports:
            ports[guard.family] |= {(to, port) for to in guard.destinations for port in guard.ports}
        elif guard.protocol is None and guard.destinations:
            groups[guard.family] |= set(guard.destinations)
        else:
            raise ValueError(f"{guard}: no rules are known for such a guard")
    return Confined(
        frozenset(protocols),
        {family: tuple(sorted(ports[family], key=lambda pair: (int(pair[0]), pair[1]))) for family in FAMILIES},
        {family: tuple(sorted(groups[family], key=int)) for family in FAMILIES},
    )


def build(plan: Plan, table: Table, stations: Sequence[Station]) -> Table:
    """Fills ``table`` with the chains of all ``stations``."""
    book = Book(plan, table)
    for lane in {lane.tag: lane for station in stations for lane in station.lanes}.values():
        book.add_set(f"judged{lane.suffix}", (nft.IN_DEVICE,), [Element((device,), "") for device in lane.devices])
        if lane.pairs:
            pairs = [Element(pair, "") for pair in lane.pairs]
            book.add_set(f"pairs{lane.suffix}", (nft.IN_DEVICE, nft.OUT_DEVICE), pairs)
    if any(station.bridges for station in stations):
        same = [Element((device, device), "") for device in plan.devices]
        book.add_set(BRIDGED, (nft.IN_DEVICE, nft.OUT_DEVICE), same)
    guards = confined(plan.guards)
    for station in stations:
        _Hook(book, guards, station).write()
    book.add_unlisted()
    return table


def _each(values: Iterable[Value]) -> list[tuple[Value, ...]]:
    return [(value,) for value in values]


class _Hook(NamedTuple):
    """The chains of one station."""

    book: Book
    guards: Confined
    station: Station

    def write(self) -> None:
        name, guards = self.station.name, self.guards
        first = len(self.book.table.chains)
        base: list[Rule] = []
        if verdicts := list(self._by_protocol()):
            base.append(Rule((nft.dispatch((self._version, nft.PROTOCOL), verdicts),)))
        for family in FAMILIES:
            net = NETS[family]
            reached = sorted({*guards.groups[family], *(to for to, _ in guards.ports[family])}, key=int)
            if reached:
                chain = f"{name}_destination{family}"
                base.append(Rule((nft.among((net.destination,), _each(map(str, reached))), nft.goto(chain))))
                self.book.add_chain(chain, list(self._by_destination(family)))
        self.book.table.chains.insert(first, Chain(name, tuple(base), self.station.base))

    @property
    def _version(self) -> Term:
        if self.book.table.family == "inet":
            return nft.meta("nfproto", "nf_proto")
        return nft.meta("protocol", "ether_type")

    def _sees_fragments(self, family: Family) -> bool:
        return family == 6 or not self.station.whole

    def _by_protocol(self) -> Iterator[tuple[tuple[Value, ...], Statement]]:
        inet = self.book.table.family == "inet"
        kinds: tuple[tuple[int, Traffic], ...] = ((ADVERTISEMENT, "advertisement"), (PFSYNC, "pfsync"))
        for family in FAMILIES:
            version = NETS[family].name if inet else NETS[family].ether
            for protocol, traffic in kinds:
                if (family, protocol) in self.guards.protocols:
                    yield (version, protocol), nft.goto(self._judged(traffic, family))
            # In IPv6 AH is one more extension header before protocol 112; in IPv4 it is guarded by itself.
            if (family, AH if family == 4 else ADVERTISEMENT) in self.guards.protocols:
                chain = f"{self.station.name}_authenticated{family}"
                judged = self._judged("ah", family)
                rules = [Rule((nft.equals(nft.AH_NEXT, ADVERTISEMENT), nft.goto(judged)))]
                if self._sees_fragments(family):
                    rules.insert(0, Rule((*NETS[family].later, nft.RETURN), "no first fragment, so no AH"))
                self.book.add_chain(chain, rules)
                yield (version, AH), nft.jump(chain)

    def _by_destination(self, family: Family) -> Iterator[Rule]:
        net, guards = NETS[family], self.guards
        groups = guards.groups[family]
        if ports := guards.ports[family]:
            chain = f"{self.station.name}_group{family}"
            if self._sees_fragments(family):
                yield Rule((*net.later, nft.goto(chain) if groups else nft.RETURN), "no first fragment, so no port")
            named = [(str(to), port) for to, port in ports]
            judged = self._judged("udp", family)
            yield Rule((nft.among((net.destination, nft.UDP_PORT), named), nft.goto(judged)))
            if groups:
                self.book.add_chain(chain, list(self._by_group(family)))
                yield Rule((nft.goto(chain),))
        elif groups:
            yield from self._by_group(family)

    def _by_group(self, family: Family) -> Iterator[Rule]:
        members = _each((IGMP, ICMPV6))
        # Membership reports go to the groups that they join, and must flow.
        yield Rule((nft.among((nft.PROTOCOL,), members), nft.RETURN))
        yield Rule((nft.among((nft.AH_NEXT,), members), nft.RETURN))
        judged = self._judged("other", family)
        groups = _each(map(str, self.guards.groups[family]))
        yield Rule((nft.among((NETS[family].destination,), groups), nft.goto(judged)))

    def _judged(self, traffic: Traffic, family: Family) -> str:
        """The chain that judges one kind of confined packets."""
        name = f"{self.station.name}_{traffic}{family}"
        rules: list[Rule] = []
        if self.station.sees_tags:
            ways = [
                ((lane.tag,), nft.goto(self._lane(traffic, family, lane)))
                for lane in self.station.lanes
                if lane.tag is not None
            ]
            if ways:
                by_tag = nft.dispatch((nft.VLAN_ID,), ways)
                rules += [Rule((nft.equals(nft.ETHER_TYPE, kind), by_tag)) for kind in TAGS]
            # Tag 0 only says how urgent a frame is (IEEE 802.1Q): whoever takes untagged frames takes it too.
            other = nft.equals(nft.VLAN_ID, 0, negated=True)
            rules += [Rule((nft.equals(nft.ETHER_TYPE, kind), other, nft.RETURN)) for kind in TAGS]
        for lane in self.station.lanes:
            if lane.tag is None:
                rules += self._verdicts(traffic, family, lane)
        if len(rules) == 1 and not self.station.sees_tags:
            return self._unlisted(traffic, self.station.lanes[0])
        self.book.add_chain(name, rules)
        return name

    def _lane(self, traffic: Traffic, family: Family, lane: Lane) -> str:
        rules = self._verdicts(traffic, family, lane)
        if len(rules) == 1:
            return self._unlisted(traffic, lane)
        name = f"{self.station.name}_{traffic}{family}{lane.suffix}"
        self.book.add_chain(name, rules)
        return name

    def _verdicts(self, traffic: Traffic, family: Family, lane: Lane) -> list[Rule]:
        unlisted = nft.goto(self._unlisted(traffic, lane))
        listed = self._listed(traffic, family, lane)
        if not listed:
            return [Rule((unlisted,))]
        rules: list[Rule] = []
        if lane.pairs:
            across = nft.within((nft.IN_DEVICE, nft.OUT_DEVICE), f"pairs{lane.suffix}", negated=True)
            rules.append(Rule((across, unlisted), "not within one segment"))
        if traffic == "ah":
            rules.append(Rule((nft.equals(nft.AH_LENGTH, AH_WORDS, negated=True), unlisted)))
        if traffic == "advertisement" and family == 4 and self._sees_fragments(family):
            # The kernel's quick way to a field takes no heed of fragments.
            rules.append(Rule((*NETS[family].later, unlisted), "no first fragment, so no id"))
        following = NETS[family].following
        if following is not None:
            # A rule of its own: nft 1.0.6 loses one of two comparisons of neighbouring octets when it lists them.
            protocol = ADVERTISEMENT if traffic == "advertisement" else UDP
            rules.append(Rule((nft.equals(following, protocol, negated=True), unlisted), "behind extension headers"))
        return [*rules, *listed, Rule((unlisted,))]

    def _listed(self, traffic: Traffic, family: Family, lane: Lane) -> list[Rule]:
        """The rules that let flows through, without a last word on what they leave."""
        hook = self.station.name
        admissions = [carried(traffic, family, admission) for admission in lane.admissions]
        name = f"{hook}_{traffic}{family}{lane.suffix}"
        if traffic != "ah":
            return admit(self.book, hook, traffic, name, admissions)
        # An id behind AH fits no named set, so each has a chain of its own.
        by_id: defaultdict[int, list[list[Flow]]] = defaultdict(lambda: [[] for _ in admissions])
        for index, admission in enumerate(admissions):
            for flow in admission.flows:
                if flow.id is not None:
                    by_id[flow.id][index].append(flow)
        ways: list[tuple[tuple[Value, ...], Statement]] = []
        for number in sorted(by_id):
            chain = f"{name}_id{number}"
            own = [one._replace(flows=tuple(flows)) for one, flows in zip(admissions, by_id[number], strict=True)]
            self.book.add_chain(chain, admit(self.book, hook, traffic, chain, own))
            ways.append(((number,), nft.jump(chain)))
        return [Rule((nft.dispatch((nft.AH_ID,), ways),))] if ways else []

    def _unlisted(self, traffic: Traffic, lane: Lane) -> str:
        name = f"{self.station.name}_{traffic}_unlisted{lane.suffix}"
        if not self.book.has_chain(name):
            counted = self.book.count(f"{self.station.name}_{traffic}_unlisted")
            judged = f"judged{lane.suffix}"
            verdict = self.book.unlisted
            rules = [Rule((nft.within((end,), judged), counted, verdict)) for end in self.station.ends]
            if self.station.bridges:
                rules.insert(0, Rule((nft.within((nft.IN_DEVICE, nft.OUT_DEVICE), BRIDGED), nft.RETURN), "not routed"))
            self.book.add_chain(name, rules)
        return name
