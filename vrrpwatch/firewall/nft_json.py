"""A table as the JSON of libnftables-json(5), for ``nft -j -f``: the kernel is left as by the text."""

import json
from typing import Final

from vrrpwatch.firewall.nft_values import TABLE, Base, Chain, Family, Json, Rule, Set, Table, element_json
from vrrpwatch.firewall.words import comment

# `filter` of the families (linux/netfilter_bridge.h, nft(8)), less ten, as the text says: JSON takes numbers only.
PRIORITY: Final[dict[Family, int]] = {"inet": -10, "bridge": -210, "netdev": -10}


def to_json(table: Table) -> str:
    """The commands, one a line."""
    own: Json = {"table": {"family": table.family, "name": TABLE}}
    commands: list[Json] = [{"add": own}, {"delete": own}, {"add": own}]
    commands += [_add(table, "counter", name) for name in table.counters]
    commands += [
        _add(table, "limit", bucket.name, {"rate": bucket.rate, "per": "second", "burst": bucket.burst})
        for bucket in table.buckets
    ]
    commands += [_set(table, named) for named in table.sets]
    commands += [_add(table, "chain", chain.name, _base(table.family, chain.base)) for chain in table.chains]
    commands += [_rule(table, chain, rule) for chain in table.chains for rule in chain.rules]
    metainfo: Json = {"metainfo": {"json_schema_version": 1}}
    lines = ",\n".join(json.dumps(command) for command in (metainfo, *commands))
    return f'{{"nftables": [\n{lines}\n]}}\n'


def _add(table: Table, kind: str, name: str, more: dict[str, Json] | None = None) -> Json:
    return {"add": {kind: {"family": table.family, "table": TABLE, "name": name, **(more or {})}}}


def _set(table: Table, named: Set) -> Json:
    types: Json = named.types[0] if len(named.types) == 1 else named.types
    more: dict[str, Json] = {"type": types}
    if named.is_map:
        more["map"] = "limit"
    if named.elements:
        more["elem"] = [element_json(element) for element in named.elements]
    return _add(table, "map" if named.is_map else "set", named.name, more)


def _base(family: Family, base: Base | None) -> dict[str, Json]:
    if base is None:
        return {}
    hook: dict[str, Json] = {"type": "filter", "hook": base.hook, "prio": PRIORITY[family], "policy": "accept"}
    return {**hook, "dev": base.devices} if base.devices else hook


def _rule(table: Table, chain: Chain, rule: Rule) -> Json:
    where: dict[str, Json] = {"family": table.family, "table": TABLE, "chain": chain.name}
    words: dict[str, Json] = {} if rule.comment is None else {"comment": comment(rule.comment)}
    return {"add": {"rule": {**where, "expr": [statement.json for statement in rule.statements], **words}}}
