"""What ``nft -j list ruleset`` prints, as packet filter tables (libnftables-json(5)); what is unfamiliar stays open."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from vrrpwatch.doctor import filter_fields as fields
from vrrpwatch.doctor.filter_fields import unknown
from vrrpwatch.doctor.nft_text import rule_text
from vrrpwatch.doctor.packet_filter import Chain, Condition, Rule, Span, Table

Action = Literal["accept", "drop", "jump", "goto", "return", "queue", "pass"]
_ACTIONS: Final[dict[str, Action]] = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "queue": "queue",
    "continue": "pass",
}
# Matches by another header than IP imply that header: "tcp dport 22" never holds for an advertisement.
_UPPER: Final = {"tcp", "udp", "icmp", "icmpv6", "igmp", "esp", "ah", "sctp", "dccp", "udplite", "comp"}
# Statements that decide nothing about the rest of the rule.
_WITHOUT_EFFECT: Final = frozenset(
    {"counter", "log", "mangle", "notrack", "ct helper", "set", "tproxy", "dup", "meter", "last", "synproxy"}
)
_ADDRESS_FIELDS: Final = {"saddr": "source", "daddr": "destination"}
Sets = Mapping[tuple[str, str, str], list[Any]]
Key = tuple[str, Callable[[Any], Span | None] | None]


class RulesetError(Exception):
    """The listing is not what nft prints; the message says what is wrong with it."""


def parse(text: str) -> tuple[Table, ...]:
    """Every table of the listing, in its order; raises :class:`RulesetError` for what is no listing at all."""
    try:
        items = json.loads(text)["nftables"]
        entries = [(kind, body) for item in items for kind, body in item.items() if isinstance(body, dict)]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RulesetError(f"not the JSON that nft prints: {type(error).__name__}") from None
    sets = {
        (_word(body, "family"), _word(body, "table"), _word(body, "name")): body.get("elem") or []
        for kind, body in entries
        if kind in ("set", "map") and isinstance(body.get("elem") or [], list)
    }
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for kind, body in entries:
        if kind == "rule" and isinstance(body.get("expr"), list):
            place = (_word(body, "family"), _word(body, "table"), _word(body, "chain"))
            rules.setdefault(place, []).extend(_rules(body["expr"], place[:2], sets))
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    for kind, body in entries:
        if kind == "table":
            tables.setdefault((_word(body, "family"), _word(body, "name")), {})
        elif kind == "chain":
            family, table, name = (_word(body, key) for key in ("family", "table", "name"))
            made = _chain(body, rules.get((family, table, name), []))
            tables.setdefault((family, table), {})[name] = made
    return tuple(Table(family, name, chains, "nft") for (family, name), chains in tables.items())


def _word(body: Mapping[str, Any], key: str) -> str:
    return str(body.get(key, ""))


def _chain(body: Mapping[str, Any], rules: list[Rule]) -> Chain:
    priority = body.get("prio", 0)
    device = body.get("dev", ())
    return Chain(
        _word(body, "name"),
        tuple(rules),
        str(body["hook"]) if "hook" in body else None,
        priority if isinstance(priority, int) else 0,
        "drop" if body.get("policy") == "drop" else "accept",
        (device,) if isinstance(device, str) else tuple(map(str, device)) if isinstance(device, list) else (),
    )


def _rules(expressions: list[Any], table: tuple[str, str], sets: Sets) -> list[Rule]:
    """One rule; a verdict map in it makes one for each of its entries, of which at most one applies."""
    conditions: list[Condition] = []
    text = rule_text(expressions)
    made = []
    for expression in expressions:
        if not isinstance(expression, dict) or len(expression) != 1:
            conditions.append(unknown("expression"))
            continue
        ((kind, body),) = expression.items()
        if kind == "match":
            conditions.extend(_match(body, table, sets))
        elif kind in _ACTIONS:
            made.append(Rule(tuple(conditions), _ACTIONS[kind], "", text))
        elif kind in ("jump", "goto") and isinstance(body, dict):
            made.append(Rule(tuple(conditions), "jump" if kind == "jump" else "goto", _word(body, "target"), text))
        elif kind == "vmap" and isinstance(body, dict):
            made.extend(_verdicts(body, conditions, table, sets, text))
        elif kind not in _WITHOUT_EFFECT:
            conditions.append(unknown(kind))
    return made or [Rule(tuple(conditions), "pass", "", text)]


def _verdicts(
    body: Mapping[str, Any], conditions: list[Condition], table: tuple[str, str], sets: Sets, text: str
) -> Iterable[Rule]:
    data = body.get("data")
    pairs = (
        sets.get((*table, data[1:])) if isinstance(data, str) else data.get("set") if isinstance(data, dict) else None
    )
    for pair in pairs if isinstance(pairs, list) else []:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], dict) or len(pair[1]) != 1:
            continue
        ((kind, verdict),) = pair[1].items()
        action: Action = "jump" if kind == "jump" else "goto" if kind == "goto" else _ACTIONS.get(kind, "pass")
        target = _word(verdict, "target") if isinstance(verdict, dict) else ""
        key = _match({"left": body.get("key"), "op": "==", "right": pair[0]}, table, sets)
        yield Rule((*conditions, *key), action, target, text)


def _match(body: Any, table: tuple[str, str], sets: Sets) -> list[Condition]:
    if not isinstance(body, dict):
        return [unknown("match")]
    left, right, operator = body.get("left"), body.get("right"), body.get("op")
    implied, key = _key(left)
    if key is None:
        return [*implied, unknown("match")]
    field, convert = key
    values = _values(right, table, sets)
    if values is None or operator not in ("==", "!=", "in", "<", ">", "<=", ">="):
        return [*implied, unknown(field)]
    if convert is None:
        if operator not in ("==", "!=", "in"):
            return [*implied, unknown(field)]
        return [*implied, Condition(field, names=tuple(map(str, values)), negated=operator == "!=")]
    spans = [_span(value, convert) for value in values]
    known = tuple(span for span in spans if span is not None)
    if len(known) < len(spans):
        return [*implied, unknown(field)]
    if operator in ("<", "<=", ">", ">=") and len(known) == 1:
        known = (_side(operator, known[0].first),)
    return [*implied, Condition(field, known, negated=operator == "!=")]


def _side(operator: str, limit: int) -> Span:
    # No field is wider than an IPv6 address.
    return {
        "<": Span(0, limit - 1),
        "<=": Span(0, limit),
        ">": Span(limit + 1, (1 << 128) - 1),
        ">=": Span(limit, (1 << 128) - 1),
    }[operator]


def _key(left: Any) -> tuple[list[Condition], Key | None]:
    """What the left side of a match implies by itself, and the field it reads with the way to read its values."""
    if not isinstance(left, dict) or len(left) != 1:
        return [], None
    ((kind, body),) = left.items()
    if not isinstance(body, dict):
        return [], None
    if kind == "payload":
        return _payload(_word(body, "protocol"), _word(body, "field"))
    if kind == "meta":
        return [], _META.get(_word(body, "key"))
    if kind == "ct":
        return [], ("ct.state", None) if body.get("key") == "state" else None
    if kind == "fib":
        return [], ("destination.type", None) if (body.get("result"), body.get("flags")) in _FIB else None
    return [], None


_META: Final[dict[str, Key]] = {
    "l4proto": ("protocol", fields.protocol),
    "iifname": ("iif", None),
    "iif": ("iif", None),
    "oifname": ("oif", None),
    "oif": ("oif", None),
    "nfproto": ("family", None),
    "pkttype": ("pkttype", None),
    "protocol": ("ether.type", fields.ethertype),
}
_FIB: Final = (("type", "daddr"), ("type", ["daddr"]))


def _payload(header: str, field: str) -> tuple[list[Condition], Key | None]:
    if header in ("ip", "ip6"):
        family = [Condition("family", names=("ipv4" if header == "ip" else "ipv6",))]
        if field in _ADDRESS_FIELDS:
            return family, (f"{header}.{_ADDRESS_FIELDS[field]}", fields.address)
        if field in ("protocol", "nexthdr"):
            return family, ("protocol", fields.protocol)
        return family, ("ttl", fields.number) if field in ("ttl", "hoplimit") else None
    if header == "ether":
        if field == "type":
            return [], _META["protocol"]
        return [], (f"ether.{_ADDRESS_FIELDS[field]}", fields.mac) if field in _ADDRESS_FIELDS else None
    if header == "arp":
        return [Condition("family", names=("arp",))], None
    upper = fields.protocol(header) if header in _UPPER else None
    return ([Condition("protocol", (upper,))] if upper else []), None


def _values(right: Any, table: tuple[str, str], sets: Sets) -> list[Any] | None:
    """The alternatives on the right side; ``None`` where they cannot be listed (an unknown set, a concatenation)."""
    if isinstance(right, str) and right.startswith("@"):
        elements = sets.get((*table, right[1:]))
    elif isinstance(right, dict) and isinstance(right.get("set"), list | str | int):
        inner = right["set"]
        elements = inner if isinstance(inner, list) else [inner]
    else:
        elements = right if isinstance(right, list) else [right]
    if elements is None:
        return None
    plain = [_element(element) for element in elements]
    return None if None in plain else plain


def _element(element: Any) -> Any:
    """A set's element without its timeout or counter."""
    if isinstance(element, dict) and isinstance(element.get("elem"), dict):
        element = element["elem"].get("val")
    if isinstance(element, dict) and "prefix" not in element and "range" not in element:
        return None
    return None if isinstance(element, list) else element


def _span(value: Any, convert: Callable[[Any], Span | None]) -> Span | None:
    try:
        if isinstance(value, dict) and "prefix" in value:
            return convert(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        if isinstance(value, dict):
            first, last = map(convert, value["range"])
            return None if first is None or last is None else Span(first.first, last.last)
        return convert(value) if isinstance(value, str | int) else None
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
