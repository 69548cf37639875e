"""What all chains of one table share: its counters, one named limit for each flow, and what becomes of the unlisted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.flows import Flow, Limit, Plan
from vrrpwatch.firewall.nft_values import Bucket, Chain, Element, Rule, Set, Statement, Table, Term

# Log lines of unlisted packets: enough to notice, too few to fill a disk.
LOG_RATE: Final = (10, "minute", 5)
LOG_PREFIX: Final = "vrrpwatch "


@dataclass(slots=True)
class Book:
    """``table`` as it is written for ``plan``."""

    plan: Plan
    table: Table
    _counters: dict[str, Statement] = field(default_factory=dict)
    _buckets: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    _taken: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _chains: set[str] = field(default_factory=set)

    def add_chain(self, name: str, rules: Iterable[Rule]) -> None:
        self._chains.add(name)
        self.table.chains.append(Chain(name, tuple(rules)))

    def has_chain(self, name: str) -> bool:
        return name in self._chains

    def add_set(self, name: str, terms: Iterable[Term], elements: Iterable[Element]) -> str:
        """A named set, or a map to named limits where the elements have targets."""
        self.table.sets.append(Set(name, tuple(term.type for term in terms), tuple(elements)))
        return name

    def count(self, name: str) -> Statement:
        """Counts in a named counter, which is made where it is missing."""
        if name not in self._counters:
            self.table.counters.append(name)
            self._counters[name] = nft.counted(name)
        return self._counters[name]

    def bucket(self, hook: str, flows: tuple[Flow, ...], limit: Limit) -> str:
        """The named limit of ``flows`` at one hook: however many devices they come by, they have one."""
        # The plan's own objects, told apart by identity: to hash their addresses again and again takes long.
        key = hook, tuple(map(id, flows))
        if key not in self._buckets:
            first = flows[0]
            stem = f"{hook}_{first.protocol}{first.family}{'' if first.id is None else f'_{first.id}'}"
            self._taken[stem] += 1
            name = self._buckets[key] = f"{stem}_{self._taken[stem]}"
            # A bridge sends a frame out by every other port, and each copy takes its own from the bucket.
            copies = max(1, len(first.place.devices) - 1) if self.plan.role == "bridge" else 1
            self.table.buckets.append(Bucket(name, limit.rate * copies, limit.burst * copies))
        return self._buckets[key]

    @property
    def unlisted(self) -> Statement:
        """The verdict on unlisted packets; none of them overrides what other tables drop."""
        match self.plan.unlisted:
            case "report":
                return nft.ACCEPT
            case "drop":
                return nft.DROP
            case "log":
                return nft.goto("unlisted_log")
            case "limit":
                return nft.goto("unlisted_limit")

    def add_unlisted(self) -> None:
        """The chain that :attr:`unlisted` goes to, where one word does not say the verdict."""
        bucket = self.plan.unlisted_limit
        if self.plan.unlisted == "log":
            now_and_then = Rule((nft.at_most(*LOG_RATE), nft.logged(LOG_PREFIX)))
            self.add_chain("unlisted_log", (now_and_then, Rule((nft.ACCEPT,))))
        elif bucket is not None:
            self.table.buckets.append(Bucket("unlisted", bucket.rate, bucket.burst))
            below = Rule((nft.under_bucket("unlisted"), nft.ACCEPT))
            self.add_chain("unlisted_limit", (below, Rule((self.count("unlisted_dropped"), nft.DROP))))
