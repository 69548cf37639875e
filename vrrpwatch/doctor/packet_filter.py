"""A packet filter as a value, and what it does with a sample packet of which only some fields are known.

Follows the kernel's order (linux/netfilter.h): the base chains of a hook by priority, jumps with return, a drop is
final, an accept ends its base chain only.  What cannot be decided from what is known makes a result conditional.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

# nft refuses jumps deeper than 16, iptables loops; a listing may still claim more.
MAX_DEPTH = 32
# Rules looked at for one packet: jumps can multiply a listing that was written to do so.
MAX_STEPS = 200_000
# Conditions named beside a verdict; a person reads them.
MAX_PLACES = 4

Truth = Literal["yes", "no", "perhaps"]
State = Literal["accepted", "dropped", "accepted-if", "dropped-if", "undecided"]
_GRAVITY: tuple[State, ...] = ("accepted", "dropped-if", "accepted-if", "undecided", "dropped")


class Span(NamedTuple):
    """Numbers from ``first`` to ``last``, both included: protocols, ports, addresses."""

    first: int
    last: int


class Condition(NamedTuple):
    """That ``field`` is one of ``spans`` or ``names``; a name that ends in ``*`` stands for all that begin so.

    The field ``unknown`` is one that this module does not follow.
    """

    field: str
    spans: tuple[Span, ...] = ()
    names: tuple[str, ...] = ()
    negated: bool = False


class Rule(NamedTuple):
    """``action`` applies where all conditions hold; ``target`` is the chain of a jump or goto."""

    conditions: tuple[Condition, ...]
    action: Literal["accept", "drop", "jump", "goto", "return", "queue", "pass"]
    target: str
    text: str


class Chain(NamedTuple):
    """Rules in order; ``hook`` is ``None`` for chains that are only jumped to.  ``devices``: of netdev chains."""

    name: str
    rules: Sequence[Rule]
    hook: str | None = None
    priority: int = 0
    policy: Literal["accept", "drop"] = "accept"
    devices: tuple[str, ...] = ()


class Table(NamedTuple):
    """Chains by name; ``tool`` is what the rules are edited with: nft, iptables, ip6tables."""

    family: str
    name: str
    chains: Mapping[str, Chain]
    tool: str


class Sample(NamedTuple):
    """A packet: what each field may be.  A field that is not there is unknown; an empty one the packet does not have.

    ``path`` lists (table families, hook) in the order in which the kernel asks them.
    """

    title: str
    path: tuple[tuple[frozenset[str], str], ...]
    interface: str
    fields: Mapping[str, tuple[Span, ...] | frozenset[str]]


class Place(NamedTuple):
    """Where something is decided: a rule's text or ``policy drop``, and the fields that were not known."""

    table: Table
    base: str
    chain: str
    text: str
    unknown: frozenset[str] = frozenset()

    def __str__(self) -> str:
        via = "" if self.chain == self.base else f" (from {self.base})"
        return f"{self.table.tool} {self.table.family} {self.table.name} {self.chain}{via}: {self.text}"


class Outcome(NamedTuple):
    """What becomes of a packet; ``decisive`` is what drops it, ``conditions`` what may let it through or drop it."""

    state: State
    decisive: Place | None = None
    conditions: tuple[Place, ...] = ()


def evaluate(tables: Sequence[Table], sample: Sample) -> Outcome:
    """What the filter does with the packet; of several chains' results the gravest."""
    result = Outcome("accepted")
    budget = [MAX_STEPS]
    for families, hook in sample.path:
        bases = [
            (chain.priority, number, table, chain)
            for number, table in enumerate(tables)
            if table.family in families
            for chain in table.chains.values()
            if chain.hook == hook and (not chain.devices or sample.interface in chain.devices)
        ]
        for _, _, table, chain in sorted(bases, key=lambda base: base[:2]):
            outcome = _Walk(table, chain, sample, budget).outcome()
            if _GRAVITY.index(outcome.state) > _GRAVITY.index(result.state):
                result = outcome
            if outcome.state == "dropped":
                return outcome
    return result


def mentions(tables: Iterable[Table], protocols: frozenset[int], fields: Mapping[str, frozenset[int]]) -> list[Place]:
    """Rules that name one of the protocols, or one of the numbers in a field, outright."""

    def named(rule: Rule) -> bool:
        return any(
            _names(condition, protocols if condition.field == "protocol" else fields.get(condition.field))
            for condition in rule.conditions
        )

    return [
        Place(table, chain.name, chain.name, rule.text)
        for table in tables
        for chain in table.chains.values()
        for rule in chain.rules
        if named(rule)
    ]


def _names(condition: Condition, numbers: frozenset[int] | None) -> bool:
    return numbers is not None and any(span.first == span.last and span.first in numbers for span in condition.spans)


def truth(condition: Condition, sample: Sample) -> Truth:
    """Whether the packet meets the condition, as far as its fields are known."""
    possible = sample.fields.get(condition.field)
    if possible is None:
        return "perhaps"
    if not possible:
        return "no"
    if isinstance(possible, frozenset):
        hits = [any(_matches(name, pattern) for pattern in condition.names) for name in possible]
        every, some = all(hits), any(hits)
    else:
        every = all(any(c.first <= p.first and p.last <= c.last for c in condition.spans) for p in possible)
        some = any(p.first <= c.last and c.first <= p.last for p in possible for c in condition.spans)
    if condition.negated:
        every, some = not some, not every
    return "yes" if every else "perhaps" if some else "no"


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


class _Walk:
    """One base chain and one packet."""

    def __init__(self, table: Table, base: Chain, sample: Sample, budget: list[int]) -> None:
        self._table, self._base, self._sample, self._budget = table, base, sample, budget
        self._accepts: list[Place] = []
        self._drops: list[Place] = []
        self._decisive: Place | None = None

    def outcome(self) -> Outcome:
        end = self._walk(self._base, frozenset(), 0)
        accepts, drops = tuple(self._accepts[:MAX_PLACES]), tuple(self._drops[:MAX_PLACES])
        if end is None and self._base.policy == "drop":
            end, self._decisive = "drop", self._place(self._base, "policy drop", frozenset())
        if self._budget[0] <= 0:
            return Outcome("undecided")
        if end == "drop":
            return Outcome("accepted-if" if accepts else "dropped", self._decisive, accepts)
        return Outcome("dropped-if", None, drops) if drops else Outcome("accepted")

    def _place(self, chain: Chain, text: str, unknown: frozenset[str]) -> Place:
        return Place(self._table, self._base.name, chain.name, text, unknown)

    def _walk(self, chain: Chain, unknown: frozenset[str], depth: int) -> Literal["accept", "drop"] | None:
        """``unknown``: the fields on which it depends that this chain is reached at all."""
        for rule in chain.rules:
            self._budget[0] -= 1
            if self._budget[0] <= 0 or depth > MAX_DEPTH:
                self._budget[0] = 0
                return None
            missing = self._missing(rule)
            if missing is None:
                continue
            open_fields = unknown | missing
            if rule.action in ("accept", "drop", "queue"):
                # Who reads a queue decides: to the filter's reader that is a drop on a condition.
                if rule.action != "queue" and not open_fields:
                    self._decisive = self._place(chain, rule.text, frozenset())
                    return "accept" if rule.action == "accept" else "drop"
                seen = self._accepts if rule.action == "accept" else self._drops
                seen.append(self._place(chain, rule.text, open_fields))
            elif rule.action == "return":
                if not missing:
                    return None
                unknown = open_fields
            elif rule.action in ("jump", "goto") and rule.target in self._table.chains:
                end = self._walk(self._table.chains[rule.target], open_fields, depth + 1)
                if end is not None:
                    return end
                if rule.action == "goto" and not missing:
                    return None
        return None

    def _missing(self, rule: Rule) -> frozenset[str] | None:
        """The fields on which the rule depends that are not known; ``None`` where it does not apply."""
        missing = set()
        for condition in rule.conditions:
            answer = truth(condition, self._sample)
            if answer == "no":
                return None
            if answer == "perhaps":
                missing.add(condition.field)
        return frozenset(missing)
