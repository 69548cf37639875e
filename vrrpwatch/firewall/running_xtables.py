"""Our own chains in a filter table of iptables, ip6tables or ebtables, the jumps to them, and how to change them.

All else in the table belongs to others: keepalived, the distribution, the administrator.  It is read past and never
written.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from vrrpwatch.firewall.running_tools import XTool

_OWN: Final = re.compile(r"VRRPWATCH(-[A-Z0-9]+)*")
BUILTIN: Final = frozenset({"INPUT", "OUTPUT", "FORWARD"})
TABLE_LINE: Final = "*filter"
_TARGETS: Final = ("-j", "--jump", "-g", "--goto")


class Jump(NamedTuple):
    """A rule of somebody's ``chain`` that leads to one of ours: the ``position``-th of it, counted from 1."""

    chain: str
    position: int
    rule: str
    target: str

    @property
    def ends(self) -> tuple[str, str]:
        """What makes two jumps one and the same, wherever they stand and whatever else they ask."""
        return self.chain, self.target


class Own(NamedTuple):
    """What of a filter table is ours: chains with their rules, sorted by name, and the jumps to them."""

    jumps: tuple[Jump, ...]
    chains: Mapping[str, tuple[str, ...]]
    # Whether there is a filter table at all: nftables has none until somebody uses it.
    table: bool = True

    @property
    def stored(self) -> str:
        """:attr:`text`, and whether there is a table."""
        return f"{TABLE_LINE}\n{self.text}" if self.table else self.text

    @property
    def text(self) -> str:
        """All of it as lines for people and for :func:`read`; empty where nothing is ours."""
        lines = [f"-I {jump.chain} {jump.position} {jump.rule}" for jump in self.jumps]
        for name, rules in self.chains.items():
            lines += [f":{name}", *(f"-A {name} {rule}" for rule in rules)]
        return "".join(f"{line}\n" for line in lines)


class Saved(NamedTuple):
    """A filter table as a tool saved it: what is ours, and how many rules each chain of others has."""

    own: Own
    lengths: Mapping[str, int]

    @property
    def bare(self) -> bool:
        """Whether nobody has anything in it: the tool's own chains, and these empty."""
        return (
            self.own.table and not self.own.chains and not any(self.lengths.values()) and set(self.lengths) <= BUILTIN
        )


EMPTY: Final = Saved(Own((), {}, table=False), {})


def is_own(chain: str) -> bool:
    """Whether a chain of this name is one of ours."""
    return _OWN.fullmatch(chain) is not None


def read_saved(text: str) -> Saved:
    """The filter table of what iptables-save or ebtables-save wrote."""
    jumps: list[Jump] = []
    chains: dict[str, list[str]] = {}
    lengths: Counter[str] = Counter()
    for line in _filter_table(text):
        if line.startswith(":"):
            name = line[1:].split(maxsplit=1)[0]
            if is_own(name):
                chains.setdefault(name, [])
            else:
                lengths[name] += 0
        elif line.startswith("-A "):
            chain, _, rule = line[3:].partition(" ")
            if is_own(chain):
                chains.setdefault(chain, []).append(rule)
                continue
            lengths[chain] += 1
            if (target := target_of(rule)) is not None and is_own(target):
                jumps.append(Jump(chain, lengths[chain], rule, target))
    table = TABLE_LINE in text.splitlines()
    return Saved(Own(tuple(jumps), {name: tuple(chains[name]) for name in sorted(chains)}, table), lengths)


def _filter_table(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if line.startswith("*"):
            inside = line.strip() == TABLE_LINE
        elif inside:
            yield line.strip()


def target_of(rule: str) -> str | None:
    """The chain or target that ``rule`` leads to; quoted words, as in comments, are none."""
    try:
        words = shlex.split(rule)
    except ValueError:
        return None
    found = [target for word, target in pairwise(words) if word in _TARGETS]
    return found[-1] if found else None


def read(text: str) -> Own:
    """The opposite of :attr:`Own.stored`."""
    jumps: list[Jump] = []
    chains: dict[str, list[str]] = {}
    lines = text.splitlines()
    table = TABLE_LINE in lines[:1]
    for line in lines[table:]:
        if line.startswith(":"):
            chains[line[1:]] = []
        elif line.startswith("-A "):
            name, _, rule = line[3:].partition(" ")
            chains[name].append(rule)
        else:
            _, chain, position, rule = line.split(" ", 3)
            jumps.append(Jump(chain, int(position), rule, target_of(rule) or ""))
    return Own(tuple(jumps), {name: tuple(chains[name]) for name in sorted(chains)}, table)


def settled(running: Own, wanted: Own) -> Own:
    """What will run once ``wanted`` is loaded: a jump that is there already stays where somebody put it."""
    kept = tuple(jump for jump in running.jumps if jump.ends in _ends(wanted))
    new = tuple(jump for jump in wanted.jumps if jump.ends not in _ends(running))
    return Own((*kept, *new), wanted.chains)


def change(now: Saved, then: Own, tool: XTool) -> str:
    """What ``TOOL-restore --noflush`` takes, all at once, to have ``then`` instead of what is ours ``now``."""
    gone = sorted(now.own.chains.keys() - then.chains.keys())
    declared = "RETURN" if tool == "ebtables" else "- [0:0]"
    lines = [TABLE_LINE, *(f":{name} {declared}" for name in then.chains)]
    lengths = Counter(now.lengths)
    for jump in now.own.jumps:
        if jump.ends not in _ends(then):
            lines.append(f"-D {jump.chain} {jump.rule}")
            lengths[jump.chain] -= 1
    for jump in then.jumps:
        # A chain of others that is gone needs no jump; those of the tool itself come with its first rule.
        if jump.ends not in _ends(now.own) and (jump.chain in lengths or jump.chain in BUILTIN):
            # Others may have taken rules away since it stood there.
            lines.append(f"-I {jump.chain} {min(jump.position, lengths[jump.chain] + 1)} {jump.rule}")
            lengths[jump.chain] += 1
    lines += [f"-A {name} {rule}" for name, rules in then.chains.items() for rule in rules]
    lines += [f"-F {name}" for name in gone]
    lines += [f"-X {name}" for name in gone]
    return "".join(f"{line}\n" for line in (*lines, "COMMIT"))


def _ends(own: Own) -> set[tuple[str, str]]:
    return {jump.ends for jump in own.jumps}
