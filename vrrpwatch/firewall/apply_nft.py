"""Takes a rules file for nft apart, as text or JSON: only what our own tables need is let in, the rest is refused.

What nft would be given is put together anew from what was understood here, so that the two cannot read it differently.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from vrrpwatch.firewall.nft_values import TABLE
from vrrpwatch.firewall.running import Load
from vrrpwatch.firewall.running_tools import FAMILIES, Place, RefusedError

Lines: TypeAlias = list[tuple[int, list[str]]]

# The words that rules of ours are made of.  Whatever could do more (include, define, nat, queue, redirect, dup, tproxy,
# flush, other tables) is none of them.
_MATCHES: Final = (
    "iifname oifname ip ip6 ether vlan ah udp th meta fib saddr daddr protocol nexthdr hdrlength ttl hoplimit "
    "version length frag-off frag exthdr exists missing pkttype unicast multicast broadcast "
    "l4proto nfproto sport dport type id local ipv4 ipv6 8021q 8021ad igmp icmpv6 ipv6-icmp vmap map limit name "
    "rate over burst packets counter log prefix accept drop return jump goto comment"
)
_SETS: Final = "type ipv4_addr ipv6_addr inet_proto inet_service ifname ether_addr ether_type limit elements comment"
_RULE_WORDS: Final = frozenset(_MATCHES.split())
_SET_WORDS: Final = frozenset(_SETS.split())
_BUCKET_WORDS: Final = frozenset(("rate", "over", "burst", "packets", "counter", "comment"))
_HOOKS: Final = frozenset(("input", "output", "forward", "ingress", "egress"))
_BLOCKS: Final = frozenset(("counter", "limit", "set", "map", "chain"))

_TOKEN: Final = re.compile(r'"[^"\n\\]*"|[{};,]|[^\s{};,"]+')
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SIGN: Final = re.compile(r"[.:=&|,{}]|==|!=")
# Numbers, rates, addresses and parts of packets.
_VALUE: Final = re.compile(
    r"\d+(/(second|minute))?|0x[0-9a-fA-F]+|[0-9a-fA-F]*:[0-9a-fA-F:.]+|\d+\.\d+\.\d+\.\d+|@(th|nh|ll)|@\w+"
)
_BASE: Final = re.compile(
    r"type filter hook (?P<hook>\w+) (devices = \{ (\"[^\"]+\" ,? ?)+\} )?priority filter - 10 ; policy accept ;"
)
_LOADED: Final = "only what vrrpwatch rules generate writes is loaded"


def read_text(name: str, text: str) -> Load:
    """The tables of a file in nft's own language; raises :class:`RefusedError` with the line that is not taken."""
    lines = list(_tokens(name, text))
    found: dict[Place, str] = {}
    at = 0
    while at < len(lines):
        number, words = lines[at]
        if len(words) >= 3 and words[0] in ("add", "delete", "destroy"):
            words = words[1:]
        if len(words) not in (3, 4) or words[0] != "table":
            raise _refused(name, number, words)
        family = _family(name, number, words[1], words[2])
        at += 1
        if len(words) == 3:
            continue
        if words[3] != "{" or family in found:
            raise _refused(name, number, words)
        end = _closing(name, lines, at)
        _table(name, lines[at:end])
        body = "\n".join(" ".join(line) for _, line in lines[at:end])
        found[family] = f"table {family} {TABLE} {{\n{body}\n}}\n"
        at = end + 1
    if not found:
        raise RefusedError(f"{name}: no rules in it")
    return Load(found)


def _tokens(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        words: list[str] = []
        at = 0
        while at < len(line):
            if line[at].isspace():
                at += 1
            elif line[at] == "#":
                break
            elif (token := _TOKEN.match(line, at)) is not None and "\\" not in token[0]:
                words.append(token[0])
                at = token.end()
            else:
                raise _refused(name, number, [line[at : at + 40]])
        if words:
            yield number, words


def _family(name: str, number: int, family: str, table: str) -> Place:
    for each in FAMILIES:
        if (each, TABLE) == (family, table):
            return each
    raise RefusedError(f"{name}: line {number}: table {family} {table} is not ours: {_LOADED}")


def _closing(name: str, lines: Lines, start: int) -> int:
    depth = 1
    for at in range(start, len(lines)):
        for word in lines[at][1]:
            depth += {"{": 1, "}": -1}.get(word, 0)
            if depth == 0:
                if lines[at][1] != ["}"]:
                    raise _refused(name, *lines[at])
                return at
    raise RefusedError(f"{name}: a table is not closed by a }}")


def _table(name: str, lines: Lines) -> None:
    """Checks the inside of a table: blocks, one after the other."""
    at = 0
    while at < len(lines):
        number, words = lines[at]
        if len(words) != 3 or words[0] not in _BLOCKS or not _NAME.fullmatch(words[1]) or words[2] != "{":
            raise _refused(name, number, words)
        end = _closing(name, lines, at + 1)
        inside = lines[at + 1 : end]
        match words[0]:
            case "chain":
                _chain(name, inside)
            case "set" | "map":
                _only(name, inside, _SET_WORDS)
            case _:
                _only(name, inside, _BUCKET_WORDS)
        at = end + 1


def _chain(name: str, lines: Lines) -> None:
    rules = lines
    if lines and lines[0][1][0] == "type":
        number, words = lines[0]
        base = _BASE.fullmatch(" ".join(words))
        if base is None or base["hook"] not in _HOOKS:
            raise RefusedError(f"{name}: line {number}: not a base chain of ours (filter, accept): {_LOADED}")
        rules = lines[1:]
    _only(name, rules, _RULE_WORDS)


def _only(name: str, lines: Lines, known: frozenset[str]) -> None:
    for number, words in lines:
        before = ""
        for word in words:
            plain = word in known or word[0] == '"' or _SIGN.fullmatch(word) or _VALUE.fullmatch(word)
            # A rule may lead to any chain of its own table: nft knows no others.
            if not plain and not (before in ("jump", "goto") and _NAME.fullmatch(word)):
                raise _refused(name, number, [word])
            before = word


def _refused(name: str, number: int, words: list[str]) -> RefusedError:
    said = " ".join(words)
    return RefusedError(f"{name}: line {number}: {said[:60]!r} is refused: {_LOADED}")


# What each kind of object may say, and the words that expressions and statements consist of.
_OBJECTS: Final[dict[str, frozenset[str]]] = {
    "table": frozenset(("family", "name")),
    "counter": frozenset(("family", "table", "name")),
    "limit": frozenset(("family", "table", "name", "rate", "per", "burst")),
    "set": frozenset(("family", "table", "name", "type", "elem")),
    "map": frozenset(("family", "table", "name", "type", "map", "elem")),
    "chain": frozenset(("family", "table", "name", "type", "hook", "prio", "policy", "dev")),
    "rule": frozenset(("family", "table", "chain", "expr", "comment")),
}
_STATEMENTS: Final = frozenset(("match", "limit", "log", "counter", "vmap", "accept", "drop", "return", "jump", "goto"))
_EXPRESSIONS: Final = (
    "op left right payload protocol field base offset len meta key concat set elem val comment map data rate per burst "
    "prefix target fib result flags & range exthdr name"
)
_KEYS: Final = _STATEMENTS | frozenset(_EXPRESSIONS.split())


def read_json(name: str, text: str) -> Load:
    """The same for the JSON of libnftables-json(5); raises :class:`RefusedError` with the command that is not taken."""
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise RefusedError(f"{name}: nested too deeply") from None
    except ValueError as error:
        raise RefusedError(f"{name}: no JSON that nft would read: {error}") from None
    commands = data.get("nftables") if isinstance(data, dict) and len(data) == 1 else None
    if not isinstance(commands, list):
        raise RefusedError(f'{name}: no rules in it: nft\'s JSON is {{"nftables": […]}}')
    families: dict[Place, str] = {}
    added: list[object] = []
    for number, command in enumerate(commands, 1):
        fault = _command(command, families, added)
        if fault is not None:
            raise RefusedError(f"{name}: command {number}: {fault}: {_LOADED}")
    if not added:
        raise RefusedError(f"{name}: no rules in it")
    return Load(families, tuple(added))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _command(command: Any, families: dict[Place, str], added: list[object]) -> str | None:
    """What is wrong with one command, which is put into ``added`` where nothing is."""
    match command:
        case {"metainfo": _} if len(command) == 1:
            return None
        case {"add": {**kinds}} | {"delete": {**kinds}} if len(command) == 1 and len(kinds) == 1:
            ((kind, said),) = kinds.items()
        case _:
            return "is no add"
    if kind not in _OBJECTS or not isinstance(said, dict) or not said.keys() <= _OBJECTS[kind]:
        return f"{str(kind)[:40]!r} is refused"
    family, table = said.get("family"), said.get("name" if kind == "table" else "table")
    place = next((each for each in FAMILIES if each == family), None)
    if place is None or table != TABLE:
        return f"table {str(family)[:40]} {str(table)[:40]} is not ours"
    if kind == "table":
        return None
    if "delete" in command:
        return "deletes something"
    if kind == "chain" and (said.get("type", "filter"), said.get("policy", "accept")) != ("filter", "accept"):
        return "is not a base chain of ours (filter, accept)"
    statements = said.get("expr", [])
    if not isinstance(statements, list) or not all(isinstance(each, dict) and len(each) == 1 for each in statements):
        return "its expr is no list of statements"
    strange = next((key for each in statements for key in each if key not in _STATEMENTS), None) or _strange(
        [statements, said.get("elem", [])]
    )
    if strange is not None:
        return f"{strange[:40]!r} is refused"
    families[place] = ""
    added.append(command)
    return None


def _strange(value: Any) -> str | None:
    """A key that expressions of ours do not have."""
    match value:
        case dict():
            for key, inner in value.items():
                if key not in _KEYS or (found := _strange(inner)) is not None:
                    return str(key) if key not in _KEYS else found
        case list():
            for inner in value:
                if (found := _strange(inner)) is not None:
                    return found
    return None
