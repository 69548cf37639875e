"""Flows as sets of whole keys, and the few rules that look a packet up in them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.flows import Family, Flow, together
from vrrpwatch.firewall.nft_book import Book
from vrrpwatch.firewall.nft_values import Element, Rule, Statement, Term, Value

Traffic = Literal["advertisement", "ah", "pfsync", "udp", "other"]
Key: TypeAlias = tuple[Value, ...]

# What tells flows of one source and destination apart.
NUMBERS: Final[dict[Traffic, tuple[Term, ...]]] = {"advertisement": (nft.ID,), "udp": (nft.UDP_PORT,)}


# IANA's number of the IPv6 fragment header.
FRAGMENT_HEADER: Final = 44


class Net(NamedTuple):
    """One IP version in nft's words; ``name`` is what ``meta nfproto`` says, ``ether`` what ``meta protocol`` does."""

    name: str
    ether: str
    source: Term
    destination: Term
    hops: Term
    # Only IPv6: the header that follows at once, so that extension headers are seen.
    following: Term | None
    # Whether a packet is a fragment other than the first, which has no header of a transport.
    later: tuple[Statement, ...]


NETS: Final[dict[Family, Net]] = {
    4: Net(
        "ipv4",
        "ip",
        nft.payload("ip", "saddr", "ipv4_addr"),
        nft.payload("ip", "daddr", "ipv4_addr"),
        nft.payload("ip", "ttl", "integer"),
        None,
        (nft.equals(nft.masked(nft.payload("ip", "frag-off", "integer"), 0x1FFF), 0, negated=True),),
    ),
    6: Net(
        "ipv6",
        "ip6",
        nft.payload("ip6", "saddr", "ipv6_addr"),
        nft.payload("ip6", "daddr", "ipv6_addr"),
        nft.payload("ip6", "hoplimit", "integer"),
        nft.payload("ip6", "nexthdr", "inet_proto"),
        # nft's own words for the fragment header look for it behind no VLAN tag.
        (
            nft.equals(nft.payload("ip6", "nexthdr", "inet_proto"), FRAGMENT_HEADER),
            nft.equals(nft.raw("nh", (40 + 2) * 8, 13), 0, negated=True),
        ),
    ),
}


class Admission(NamedTuple):
    """Flows let through under the condition ``when``, at their own devices where ``device`` says which end to look at.

    ``mac``: the packets have a source MAC by now.
    """

    flows: tuple[Flow, ...]
    device: Term | None
    mac: bool
    when: tuple[Statement, ...] = ()
    suffix: str = ""


class Admitting(NamedTuple):
    """Rules that let packets through, and those that drop what is above its limit: to be asked after all the former."""

    kept: list[Rule]
    over: list[Rule]


def carried(traffic: Traffic, family: Family, admission: Admission) -> Admission:
    """``admission`` with its flows of one kind of traffic only."""
    return admission._replace(
        flows=tuple(flow for flow in admission.flows if flow.family == family and _carries(traffic, flow))
    )


def _carries(traffic: Traffic, flow: Flow) -> bool:
    match flow.protocol:
        case "vrrp":
            # Only VRRPv2 over IPv4 is ever authenticated so.
            return traffic == "advertisement" or (traffic == "ah" and flow.family == 4)
        case "carp":
            return traffic == "advertisement"
        case "pfsync":
            return traffic == "pfsync"
        case _:
            return traffic == "udp"


def admit(book: Book, hook: str, traffic: Traffic, name: str, admissions: Sequence[Admission]) -> list[Rule]:
    """The rules for flows of one kind of traffic, whose sets are called after ``name``.

    Flows whose keys have the same parts share sets; those behind AH are told apart by their ids beforehand.
    """
    admitting = Admitting([], [])
    for admission in admissions:
        shapes: defaultdict[tuple[Family, bool, int], list[Flow]] = defaultdict(list)
        for flow in admission.flows:
            mac = admission.mac and flow.mac is not None
            shapes[flow.family, mac, -1 if flow.ttl is None else flow.ttl].append(flow)
        # The narrowest first.
        for (family, mac, hops), flows in sorted(shapes.items(), reverse=True, key=lambda item: item[0]):
            parts = (name, admission.suffix, "_mac" if mac else "", f"_ttl{hops}" if hops >= 0 else "")
            net = NETS[family]
            when = (*admission.when, *((nft.equals(net.hops, hops),) if hops >= 0 else ()))
            shape = _Shape(book, hook, traffic, "".join(parts), mac, admission.device, net, when)
            shape.write(shape.keys(flows), admitting)
    return [*admitting.kept, *admitting.over]


def _comment(flows: Sequence[Flow]) -> str:
    return ", ".join(dict.fromkeys(flow.serves for flow in flows))


class _Shape(NamedTuple):
    """Flows of one hook whose keys have the same parts: number, device, MAC, source, destination."""

    book: Book
    hook: str
    traffic: Traffic
    name: str
    mac: bool
    device: Term | None
    net: Net
    when: tuple[Statement, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        device = () if self.device is None else (self.device,)
        return (
            *NUMBERS.get(self.traffic, ()),
            *device,
            *((nft.SOURCE_MAC,) if self.mac else ()),
            self.net.source,
            self.net.destination,
        )

    def keys(self, flows: Sequence[Flow]) -> dict[Key, tuple[Flow, ...]]:
        """What is looked up, and the flows that it belongs to."""
        found: defaultdict[Key, list[Flow]] = defaultdict(list)
        for flow in flows:
            mac = (flow.mac,) if self.mac and flow.mac is not None else ()
            ends = (*mac, str(flow.source), str(flow.destination))
            devices: Sequence[Key] = [()] if self.device is None else [(device,) for device in flow.place.devices]
            for number in self._numbers(flow):
                for device in devices:
                    found[*number, *device, *ends].append(flow)
        return {key: tuple(flows) for key, flows in found.items()}

    def _numbers(self, flow: Flow) -> Sequence[Key]:
        match self.traffic:
            case "advertisement":
                return [] if flow.id is None else [(flow.id,)]
            case "udp":
                return [(port,) for port in flow.ports]
            case _:
                return [()]

    def write(self, keys: Mapping[Key, tuple[Flow, ...]], admitting: Admitting) -> None:
        limits = {
            key: limit for key, flows in keys.items() if (limit := together(flow.limit for flow in flows)) is not None
        }
        if limits:
            limited = [
                Element(key, _comment(keys[key]), self.book.bucket(self.hook, keys[key], limit))
                for key, limit in limits.items()
            ]
            rates = self.book.add_set(f"{self.name}_rates", self.terms, limited)
            admitting.kept.append(self._rule(nft.under_limit(self.terms, rates), "kept", nft.ACCEPT))
            # A second set: the map cannot say whether a packet is above its limit or has none.
            keyed = [Element(key, comment) for key, comment, _ in limited]
            above = self.book.add_set(f"{self.name}_limited", self.terms, keyed)
            admitting.over.append(self._rule(nft.within(self.terms, above), "over", nft.DROP))
        if free := [Element(key, _comment(flows)) for key, flows in keys.items() if key not in limits]:
            listed = self.book.add_set(self.name, self.terms, free)
            admitting.kept.append(self._rule(nft.within(self.terms, listed), "kept", nft.ACCEPT))

    def _rule(self, condition: Statement, what: str, verdict: Statement) -> Rule:
        return Rule((*self.when, condition, self.book.count(f"{self.hook}_{self.traffic}_{what}"), verdict))
