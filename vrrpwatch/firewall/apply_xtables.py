"""Takes a rules file for iptables, ip6tables or ebtables apart: own chains and the jumps to them, and nothing else."""

import shlex
from typing import Final

from vrrpwatch.firewall.running_tools import RefusedError, XTool
from vrrpwatch.firewall.running_xtables import BUILTIN, Jump, Own, is_own

# The options that rules of ours have, and how many words follow each; none of them opens a file or runs a program.
_IPTABLES: Final = {
    **dict.fromkeys(("-s", "-d", "-p", "-i", "-o", "-m", "-j", "-g"), 1),
    **dict.fromkeys(("--comment", "--u32", "--mac-source", "--ttl-eq", "--hl-eq", "--dports"), 1),
    **dict.fromkeys(("--limit", "--limit-burst", "--log-prefix"), 1),
    "-f": 0,
}
_EBTABLES: Final = {
    **dict.fromkeys(("-s", "-d", "-p", "-i", "-o", "-j", "--limit", "--limit-burst", "--log-level", "--log-prefix"), 1),
    **dict.fromkeys(("--ip-src", "--ip-dst", "--ip-proto", "--ip-dport"), 1),
    **dict.fromkeys(("--ip6-src", "--ip6-dst", "--ip6-proto", "--ip6-dport"), 1),
}
_MODULES: Final = frozenset(("comment", "u32", "mac", "ttl", "hl", "multiport", "limit"))
_TARGETS: Final = frozenset(("ACCEPT", "DROP", "RETURN", "CONTINUE", "LOG"))
_LOADED: Final = "only what vrrpwatch rules generate writes is loaded"


def read_saved_rules(name: str, text: str, tool: XTool) -> Own:
    """The chains and jumps of a file; raises :class:`RefusedError` with the line that is not taken."""
    jumps: list[Jump] = []
    chains: dict[str, list[str]] = {}
    stage = "before"
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        fault: str | None
        if line.startswith("*"):
            fault = None if (stage, line) == ("before", "*filter") else f"{line[:40]!r} is refused"
            stage = "inside"
        elif stage != "inside":
            fault = f"{line[:40]!r} is outside of *filter"
        elif line == "COMMIT":
            fault = None
            stage = "after"
        elif line.startswith(":"):
            fault = _chain(line, chains)
        else:
            fault = _rule(line, tool, chains, jumps)
        if fault is not None:
            raise RefusedError(f"{name}: line {number}: {fault}: {_LOADED}")
    if not chains:
        raise RefusedError(f"{name}: no rules in it")
    for jump in jumps:
        if jump.target not in chains:
            raise RefusedError(f"{name}: {jump.chain} jumps to {jump.target}, which is not in the file")
    return Own(tuple(jumps), {chain: tuple(chains[chain]) for chain in sorted(chains)})


def _chain(line: str, chains: dict[str, list[str]]) -> str | None:
    name = line[1:].split(maxsplit=1)[0] if len(line) > 1 else ""
    if not is_own(name):
        return f"chain {name[:40]!r} is not ours"
    chains.setdefault(name, [])
    return None


def _rule(line: str, tool: XTool, chains: dict[str, list[str]], jumps: list[Jump]) -> str | None:
    try:
        words = shlex.split(line)
    except ValueError:
        return "a quote is not closed"
    # What a shell takes for an escape, these tools may not.
    if "\\" in line or "'" in line or len(words) < 4:
        return f"{line[:40]!r} is refused"
    match words[0], words[1]:
        case "-A", chain if chain in chains:
            rule = words[2:]
        case "-I", chain if chain in BUILTIN and words[2] == "1":
            rule = words[3:]
        case _:
            return f"{' '.join(words[:3])[:60]!r} is not a rule of ours"
    fault = _options(rule, _EBTABLES if tool == "ebtables" else _IPTABLES)
    if fault is not None:
        return fault
    raw = line.split(maxsplit=len(words) - len(rule))[-1]
    if words[0] == "-A":
        chains[words[1]].append(raw)
        return None
    # A jump that asks for nothing, so that it takes no traffic of others away.
    if rule[:-2] not in ([], ["-m", "comment", "--comment", "vrrpwatch"]) or rule[-2] != "-j" or not is_own(rule[-1]):
        return f"{raw[:60]!r} is not a jump of ours"
    jumps.append(Jump(words[1], 1, raw, rule[-1]))
    return None


def _options(words: list[str], known: dict[str, int]) -> str | None:
    at = 0
    while at < len(words):
        word = words[at]
        if word == "!":
            at += 1
            continue
        if word not in known:
            return f"{word[:40]!r} is refused"
        value = words[at + 1 : at + 1 + known[word]]
        # ebtables has its negation behind the option.
        if value == ["!"]:
            at += 1
            value = words[at + 1 : at + 2]
        if len(value) < known[word]:
            return f"{word!r} lacks its value"
        if word == "-m" and value[0] not in _MODULES:
            return f"-m {value[0][:40]!r} is refused"
        if word in ("-j", "-g") and value[0] not in _TARGETS and not is_own(value[0]):
            return f"{word} {value[0][:40]!r} is refused"
        at += 1 + known[word]
    return None
