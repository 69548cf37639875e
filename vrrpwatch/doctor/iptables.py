"""What ``iptables-save`` and ``ip6tables-save`` list, as packet filter tables (iptables-extensions(8))."""

import shlex
from collections.abc import Iterator
from typing import Final, Literal

from vrrpwatch.doctor.filter_fields import address, number, protocol, unknown
from vrrpwatch.doctor.packet_filter import Chain, Condition, Rule, Span, Table

Family = Literal["ip", "ip6"]

# linux/netfilter_ipv4.h, enum nf_ip_hook_priorities.
_PRIORITIES: Final = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_HOOKS: Final = frozenset({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})
_TARGETS: Final[dict[str, Literal["accept", "drop", "return", "queue"]]] = {
    "ACCEPT": "accept",
    "DROP": "drop",
    "REJECT": "drop",
    "RETURN": "return",
    "QUEUE": "queue",
    "NFQUEUE": "queue",
}
# Options of targets and remarks, which decide nothing about whether a rule applies.
_NEUTRAL: Final = frozenset(
    {"-m", "--comment", "--reject-with", "--log-prefix", "--log-level", "--queue-num", "--set-mark", "--set-xmark"}
)
_ADDRESSES: Final = {"-s": "source", "-d": "destination", "--src-range": "source", "--dst-range": "destination"}
_NAMES: Final = {
    "-i": "iif",
    "-o": "oif",
    "--pkt-type": "pkttype",
    "--dst-type": "destination.type",
    "--ctstate": "ct.state",
    "--state": "ct.state",
}


def parse(text: str, family: Family, tool: str) -> tuple[Table, ...]:
    """Tables in the order listed; lines that are none of a listing's are passed over, they are remarks."""
    tables = []
    name, chains = "", dict[str, tuple[str, list[Rule]]]()
    for line in text.splitlines():
        if line.startswith("*"):
            name, chains = line[1:].strip(), {}
        elif line.startswith(":"):
            chain, _, rest = line[1:].partition(" ")
            chains[chain] = (rest.split(" ")[0], [])
        elif line.startswith("-A ") and name:
            _add(line, chains, family)
        elif line.startswith("COMMIT") and name:
            tables.append(Table(family, name, _chains(name, chains), tool))
            name = ""
    return tuple(tables)


def _chains(table: str, chains: dict[str, tuple[str, list[Rule]]]) -> dict[str, Chain]:
    return {
        name: Chain(
            name,
            tuple(rules),
            name.lower() if name in _HOOKS else None,
            _PRIORITIES.get(table, 0),
            "drop" if policy == "DROP" else "accept",
        )
        for name, (policy, rules) in chains.items()
    }


def _add(line: str, chains: dict[str, tuple[str, list[Rule]]], family: str) -> None:
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        # A quote that nobody closed: what the rule does cannot be told, so it may do anything.
        words = [*line.split()[1:2], "--unreadable", "-j", "QUEUE"]
    if words and words[0] in chains:
        chains[words[0]][1].append(_rule(words[1:], line, family))


def _rule(words: list[str], line: str, family: str) -> Rule:
    conditions = []
    action: Literal["accept", "drop", "jump", "goto", "return", "queue", "pass"] = "pass"
    target = ""
    for negated, option, values in _options(words):
        value = values[0] if values else ""
        if option in ("-j", "-g"):
            action, target = _TARGETS.get(value, "jump" if option == "-j" else "goto"), value
        elif option not in _NEUTRAL:
            conditions.append(_condition(option, value, negated, family))
    return Rule(tuple(conditions), action, target, line)


def _options(words: list[str]) -> Iterator[tuple[bool, str, list[str]]]:
    negated = False
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "!":
            negated = True
            continue
        values = []
        while position < len(words) and words[position] != "!" and not _is_option(words[position]):
            values.append(words[position])
            position += 1
        # A remark may begin with a dash, and is always one word.
        if not values and word in ("--comment", "--log-prefix") and position < len(words):
            values.append(words[position])
            position += 1
        yield negated, word, values
        negated = False


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit()


def _condition(option: str, value: str, negated: bool, family: str) -> Condition:
    span: Span | None
    if option == "-p":
        span, field = protocol(value), "protocol"
        if span is not None and span.first == 0:
            # "all", which is not listed unless negated, and then never holds.
            span = Span(0, 255)
    elif option in _ADDRESSES:
        span, field = address(value), f"{family}.{_ADDRESSES[option]}"
    elif option in ("--ttl-eq", "--hl-eq"):
        span, field = number(value), "ttl"
    elif option in ("--ttl-lt", "--hl-lt"):
        limit, field = number(value), "ttl"
        span = None if limit is None else Span(0, limit.first - 1)
    elif option in ("--ttl-gt", "--hl-gt"):
        limit, field = number(value), "ttl"
        span = None if limit is None else Span(limit.first + 1, 255)
    elif option in _NAMES:
        # A trailing + stands for every name that begins so.
        names = tuple(f"{name[:-1]}*" if name.endswith("+") else name for name in value.split(","))
        if option not in ("-i", "-o"):
            names = tuple(name.lower() for name in names)
        return Condition(_NAMES[option], names=names, negated=negated)
    else:
        return unknown(option)
    return unknown(f"{option} {value}") if span is None else Condition(field, (span,), negated=negated)
