"""A table of nftables as values, each with its two spellings: nft's language and the JSON of libnftables-json(5).

What a table is to say is decided elsewhere; here is only how nft wants it written, and what its 1.0.6 trips over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from vrrpwatch.firewall.words import comment

Json: TypeAlias = str | int | Sequence["Json"] | dict[str, "Json"] | None
Value: TypeAlias = str | int

TABLE: Final = "vrrpwatch"


class Term(NamedTuple):
    """Something of a packet that rules look at; ``type`` is nft's data type of it, as a named set declares it."""

    text: str
    json: Json
    type: str


class Statement(NamedTuple):
    """A part of a rule: a condition, an action or a verdict."""

    text: str
    json: Json


class Element(NamedTuple):
    """One element of a set, or of a map to the named limit ``target``."""

    values: tuple[Value, ...]
    comment: str
    target: str | None = None


class Set(NamedTuple):
    """A named set, or where its elements have targets a map to named limits."""

    name: str
    types: tuple[str, ...]
    elements: tuple[Element, ...]

    @property
    def is_map(self) -> bool:
        return any(element.target is not None for element in self.elements)


class Bucket(NamedTuple):
    """A named limit: ``rate`` packets/s after the first ``burst`` packets."""

    name: str
    rate: int
    burst: int


class Rule(NamedTuple):
    """Statements from left to right: the first that does not hold ends the rule."""

    statements: tuple[Statement, ...]
    comment: str | None = None


class Base(NamedTuple):
    """Where a chain is hooked in; ``devices`` are for the netdev family only."""

    hook: str
    devices: tuple[str, ...] = ()


class Chain(NamedTuple):
    """Rules from top to bottom; without ``base`` other chains jump to it."""

    name: str
    rules: tuple[Rule, ...]
    base: Base | None = None


Family = Literal["inet", "bridge", "netdev"]


@dataclass(slots=True)
class Table:
    """A whole table; every list is written in its order."""

    family: Family
    counters: list[str] = field(default_factory=list)
    buckets: list[Bucket] = field(default_factory=list)
    sets: list[Set] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)


def payload(protocol: str, name: str, kind: str) -> Term:
    """A header's field of the data type ``kind``."""
    return Term(f"{protocol} {name}", {"payload": {"protocol": protocol, "field": name}}, kind)


def meta(key: str, kind: str, text: str | None = None) -> Term:
    """What the kernel knows of a packet; ``text`` where nft has a shorter word for it."""
    return Term(text or f"meta {key}", {"meta": {"key": key}}, kind)


def raw(base: str, offset: int, length: int) -> Term:
    """Bits that have no name in nft: integers, which its JSON puts in no named set, and 1.0.6 in no long key."""
    return Term(f"@{base},{offset},{length}", {"payload": {"base": base, "offset": offset, "len": length}}, "integer")


def masked(term: Term, bits: int) -> Term:
    """Only ``bits`` of a field, of the same type."""
    return Term(f"{term.text} & {bits}", {"&": [term.json, bits]}, term.type)


IN_DEVICE: Final = meta("iifname", "ifname", "iifname")
OUT_DEVICE: Final = meta("oifname", "ifname", "oifname")
PROTOCOL: Final = meta("l4proto", "inet_proto")
SOURCE_MAC: Final = payload("ether", "saddr", "ether_addr")
ETHER_TYPE: Final = payload("ether", "type", "ether_type")
VLAN_ID: Final = payload("vlan", "id", "integer")
UDP_PORT: Final = payload("udp", "dport", "inet_service")
AH_NEXT: Final = payload("ah", "nexthdr", "inet_proto")
AH_LENGTH: Final = payload("ah", "hdrlength", "integer")
# VRRP's and CARP's VRID or vhid, the second octet of a message: what is under a mask has a type that a named set can
# hold, and nft 1.0.6 reads a mask in a map's key only where it comes first.
ID: Final = masked(payload("th", "sport", "inet_service"), 255)
# The same octet behind an AH header of 24 octets.
AH_ID: Final = raw("th", 200, 8)


def equals(term: Term, value: Value, *, negated: bool = False) -> Statement:
    """Whether the packet has ``value`` there."""
    sign = "!=" if negated else "=="
    text = f"{term.text} {'!= ' if negated else ''}{value}"
    return Statement(text, {"match": {"op": sign, "left": term.json, "right": value}})


def within(terms: Sequence[Term], name: str, *, negated: bool = False) -> Statement:
    """Whether the packet is in the named set."""
    sign = "!=" if negated else "=="
    text = f"{key_text(terms)} {'!= ' if negated else ''}@{name}"
    return Statement(text, {"match": {"op": sign, "left": key_json(terms), "right": f"@{name}"}})


def among(terms: Sequence[Term], values: Iterable[tuple[Value, ...]]) -> Statement:
    """Whether the packet has one of ``values``, which the rule itself holds."""
    listed = tuple(values)
    types = tuple(term.type for term in terms)
    inner = ", ".join(values_text(types, value) for value in listed)
    json: Json = {"set": [values_json(value) for value in listed]}
    return Statement(
        f"{key_text(terms)} {{ {inner} }}", {"match": {"op": "==", "left": key_json(terms), "right": json}}
    )


def under_limit(terms: Sequence[Term], name: str) -> Statement:
    """Whether the packet has a limit in the named map, and is below it."""
    return Statement(
        f"limit name {key_text(terms)} map @{name}", {"limit": {"map": {"key": key_json(terms), "data": f"@{name}"}}}
    )


def under_bucket(name: str) -> Statement:
    """Whether the named limit has room."""
    return Statement(f'limit name "{name}"', {"limit": name})


def at_most(rate: int, per: str, burst: int) -> Statement:
    """Whether fewer packets came than ``rate`` per ``per``, after the first ``burst``."""
    text = f"limit rate {rate}/{per} burst {burst} packets"
    return Statement(text, {"limit": {"rate": rate, "per": per, "burst": burst}})


def logged(prefix: str) -> Statement:
    """Writes the packet to the kernel's log."""
    return Statement(f'log prefix "{prefix}"', {"log": {"prefix": prefix}})


def counted(name: str) -> Statement:
    """Counts packet and octets in a named counter."""
    return Statement(f'counter name "{name}"', {"counter": name})


ACCEPT: Final = Statement("accept", {"accept": None})
DROP: Final = Statement("drop", {"drop": None})
RETURN: Final = Statement("return", {"return": None})


def jump(chain: str) -> Statement:
    """Goes on in ``chain``, and then behind this rule."""
    return Statement(f"jump {chain}", {"jump": {"target": chain}})


def goto(chain: str) -> Statement:
    """Goes on in ``chain``, and does not come back."""
    return Statement(f"goto {chain}", {"goto": {"target": chain}})


def dispatch(terms: Sequence[Term], verdicts: Sequence[tuple[tuple[Value, ...], Statement]]) -> Statement:
    """The verdict that belongs to the packet, where there is one."""
    types = tuple(term.type for term in terms)
    inner = ", ".join(f"{values_text(types, values)} : {verdict.text}" for values, verdict in verdicts)
    data: list[Json] = [[values_json(values), verdict.json] for values, verdict in verdicts]
    return Statement(f"{key_text(terms)} vmap {{ {inner} }}", {"vmap": {"key": key_json(terms), "data": {"set": data}}})


def key_text(terms: Sequence[Term]) -> str:
    """Terms as one key."""
    return " . ".join(term.text for term in terms)


def key_json(terms: Sequence[Term]) -> Json:
    """Terms as one key."""
    return terms[0].json if len(terms) == 1 else {"concat": [term.json for term in terms]}


def values_text(types: Sequence[str], values: Sequence[Value]) -> str:
    """The values of one key; devices in quotes, since their names may be words of nft."""
    return " . ".join(
        f'"{value}"' if kind == "ifname" else str(value) for kind, value in zip(types, values, strict=True)
    )


def values_json(values: Sequence[Value]) -> Json:
    """The values of one key."""
    return values[0] if len(values) == 1 else {"concat": list(values)}


def element_text(types: Sequence[str], element: Element) -> str:
    """One element with its comment and target."""
    words = f' comment "{comment(element.comment)}"' if element.comment else ""
    target = f' : "{element.target}"' if element.target is not None else ""
    return f"{values_text(types, element.values)}{words}{target}"


def element_json(element: Element) -> Json:
    """One element with its comment and target."""
    value = values_json(element.values)
    if element.comment:
        value = {"elem": {"val": value, "comment": comment(element.comment)}}
    return value if element.target is None else [value, element.target]
