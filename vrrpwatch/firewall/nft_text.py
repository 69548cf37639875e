"""A table in nft's own language, for ``nft -f``: it takes the place of the old one in one transaction."""

from collections.abc import Iterator

from vrrpwatch.firewall.flows import Plan
from vrrpwatch.firewall.nft_values import TABLE, Chain, Rule, Set, Table, element_text
from vrrpwatch.firewall.words import comment


def to_text(table: Table, backend: str, plan: Plan) -> str:
    """The file; its head says what ``backend`` made it for which role."""
    own = f"table {table.family} {TABLE}"
    head = f"# vrrpwatch rules: {backend}, role {plan.role}, {len(plan.flows)} flows"
    lines = [head, own, f"delete {own}", "", f"{own} {{"]
    lines += [f"\tcounter {name} {{\n\t}}" for name in table.counters]
    lines += [
        f"\tlimit {bucket.name} {{\n\t\trate {bucket.rate}/second burst {bucket.burst} packets\n\t}}"
        for bucket in table.buckets
    ]
    for named in table.sets:
        lines += _set(named)
    for chain in table.chains:
        lines += _chain(chain)
    lines.append("}")
    return "\n".join(lines) + "\n"


def _set(named: Set) -> Iterator[str]:
    yield f"\t{'map' if named.is_map else 'set'} {named.name} {{"
    yield f"\t\ttype {' . '.join(named.types)}{' : limit' if named.is_map else ''}"
    if named.elements:
        yield "\t\telements = {"
        yield ",\n".join(f"\t\t\t{element_text(named.types, element)}" for element in named.elements)
        yield "\t\t}"
    yield "\t}"


def _chain(chain: Chain) -> Iterator[str]:
    yield f"\tchain {chain.name} {{"
    if chain.base is not None:
        quoted = ", ".join(f'"{device}"' for device in chain.base.devices)
        devices = f"devices = {{ {quoted} }} " if quoted else ""
        yield f"\t\ttype filter hook {chain.base.hook} {devices}priority filter - 10; policy accept;"
    for rule in chain.rules:
        yield f"\t\t{_rule(rule)}"
    yield "\t}"


def _rule(rule: Rule) -> str:
    words = " ".join(statement.text for statement in rule.statements)
    return words if rule.comment is None else f'{words} comment "{comment(rule.comment)}"'
