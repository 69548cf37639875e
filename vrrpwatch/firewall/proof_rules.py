"""Rules as a file holds them: which tool they are for, and that loading them reads or runs nothing else."""

import re
from typing import Final

from vrrpwatch.firewall.replay_job import TOOLS, RulesText, Tool
from vrrpwatch.firewall.replay_session import ProofError

# 1,000 groups take some three megabytes in the longest form.
MAX_OCTETS: Final = 16_000_000

# Comments and quoted strings hold any words; what is left of a string is a quote.
_NFT_IDLE: Final = re.compile(r'"[^"]*"|#[^\n]*|\\\n')
_NFT_INCLUDE: Final = re.compile(r'\binclude\s*["\']')
_QUOTED: Final = re.compile(r'"[^"\n]*"')
_QUOTES: Final = re.compile(r"[\"'\\]")
# Options of iptables and ebtables that name a file or a program: --modprobe, --object-pinned, --among-src-file,
# --atomic-file and such; they may be cut short as long as they are unambiguous.  One dash and several letters are
# several options in one, so that any may hide behind the first; -t has no place in a saved rule.
_DANGEROUS: Final = re.compile(
    r"--(mo(d|dp|dpr|dpro|dprob|dprobe)?|at[^=]*|in(i[^=]*)?|obj[^=]*|[^=]*pinned|[^=]*-f(i|il|ile)?)(=|$)"
    r"|-[Mt]$|-(?!\d+$)[^-]."
)
# What a replay has none of: connections, marks, owners, the hours of a day, chance, and a past that sets remember.
_NFT_STATES: Final = re.compile(
    r"\b(ct|numgen|quota|socket|timeout|dynamic|meta\s+(?:mark|hour|day|time|random|skuid|skgid|cgroup))\b"
)
_JSON_STATES: Final = re.compile(
    r'"(ct|numgen|quota|socket|timeout|dynamic)"|"key":\s*"(mark|hour|day|time|random|skuid|skgid|cgroup)"'
)
_SAVED_STATES: Final = re.compile(
    r"(?:-m|--match)\s+(conntrack|state|connmark|connlimit|connbytes|mark|owner|cgroup|socket|time|statistic|quota|recent|set)\b"
)
_VERSION_6: Final = re.compile(
    r"ip6tables|(^|\s)(--?s(ource)?|-d|--destination)\s+\S*:\S*:|icmpv6|-m (hl|ipv6header|frag)\b"
)


def read_rules(name: str, data: bytes, tool: Tool | None = None) -> RulesText:
    """The rules in the file ``name``; by their form for ``tool`` where it is not given.

    Raises :class:`ProofError` for what is too large, is no text, or would have the tool open another file.
    """
    if len(data) > MAX_OCTETS:
        raise ProofError(f"{name}: larger than {MAX_OCTETS:,} octets")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProofError(f"{name}: not UTF-8 text at octet {error.start}") from None
    if "\0" in text:
        raise ProofError(f"{name}: not text: it holds a zero octet")
    if tool is not None and tool not in TOOLS:
        raise ProofError(f"{name}: nothing is known of {tool!r}: {', '.join(TOOLS)}")
    rules = RulesText(tool or _tool(name, text), text)
    fault = _fault(rules)
    if fault is not None:
        raise ProofError(f"{name}: {fault}")
    return rules


def states(rules: RulesText) -> tuple[str, ...]:
    """What the rules ask for that a replay cannot bring about, so that a proof says nothing of it."""
    match rules.tool:
        case "nft":
            found = _NFT_STATES.findall(_NFT_IDLE.sub(" ", rules.text))
        case "nft-json":
            found = ["".join(each) for each in _JSON_STATES.findall(rules.text)]
        case _:
            found = _SAVED_STATES.findall(_QUOTED.sub(" ", rules.text))
    return tuple(sorted({" ".join(each.split()) for each in found}))


def _tool(name: str, text: str) -> Tool:
    meaningful = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not meaningful:
        raise ProofError(f"{name}: no rules in it")
    if meaningful[0].startswith("{"):
        return "nft-json"
    if not meaningful[0].startswith("*"):
        return "nft"
    if "COMMIT" not in meaningful:
        return "ebtables"
    return "ip6tables" if _VERSION_6.search(text) else "iptables"


def _fault(rules: RulesText) -> str | None:
    match rules.tool:
        case "nft":
            idle = _NFT_IDLE.sub(lambda found: '"' if found[0].startswith('"') else " ", rules.text)
            return "an include reads another file: put its rules in its place" if _NFT_INCLUDE.search(idle) else None
        case "nft-json":
            return None
        case _:
            return _saved_fault(rules.text)


def _saved_fault(text: str) -> str | None:
    """What iptables-save or ebtables-save would not have written and could do more than load rules."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line[0] in "#*:" or line.strip() == "COMMIT":
            continue
        # iptables-save -c puts counters in front.
        if line[0] not in "-[":
            return f"line {number}: not what iptables-save writes: a rule begins with -A"
        # Tools differ in how they quote; a word that is refused may not hide behind quotes of any kind.
        for word in _QUOTES.sub("", line).split():
            if _DANGEROUS.match(word):
                return f"line {number}: {word[:40]!r} is refused: it may open files or run programs"
    return None
