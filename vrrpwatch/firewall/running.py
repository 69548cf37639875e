"""The rules of ours that this host's kernel holds: read, checked, replaced and removed; those of others are let be."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.firewall.nft_values import TABLE
from vrrpwatch.firewall.running_tools import (
    FAMILIES,
    LOCK_WAIT,
    PLACES,
    XTABLES,
    Family,
    ForbiddenError,
    Place,
    RulesError,
    XTool,
    run,
    tool_of,
)
from vrrpwatch.firewall.running_xtables import BUILTIN, EMPTY, TABLE_LINE, Saved, change, read, read_saved
from vrrpwatch.firewall.tools import installed

# The kernel's list of tables that iptables-legacy has: asking the program itself would make one.
_LEGACY: Final[dict[XTool, str]] = {"iptables": "ip_tables_names", "ip6tables": "ip6_tables_names"}
# The tables of nftables that the tools' nft variants work on.
_NFT_FAMILIES: Final[dict[XTool, str]] = {"iptables": "ip", "ip6tables": "ip6", "ebtables": "bridge"}

# The rules of ours by place, in the words of its tool; empty where there are none.
Rules = Mapping[Place, str]


class Load(NamedTuple):
    """Rules to be loaded; ``json`` are the commands for nft where they come in that form instead of by text."""

    rules: Rules
    json: tuple[object, ...] | None = None


def running(places: Iterable[Place], *, stateless: bool = False) -> Rules:
    """The rules of ours in ``places``, to be loaded again; where ``stateless`` only what a person would compare."""
    asked = frozenset(places)
    wanted = [place for place in PLACES if place in asked]
    found: dict[Place, str] = {}
    tables = _tables() if any(tool_of(place) == "nft" for place in wanted) else frozenset()
    for place in wanted:
        tool = tool_of(place)
        if tool == "nft":
            found[place] = _listed(place, stateless) if place in tables else ""
        else:
            own = saved(tool).own
            found[place] = own.text if stateless else own.stored
    return found


def all_running(*, stateless: bool = False) -> Rules:
    """The rules of ours in all places whose tool is installed."""
    return running((place for place in PLACES if installed(tool_of(place))), stateless=stateless)


def _listed(place: Place, stateless: bool) -> str:
    try:
        return run(("nft", *(("-s",) if stateless else ()), "list", "table", place, TABLE))
    except RulesError:
        # It may have gone since the tables were listed.
        if place in _tables():
            raise
        return ""


def _tables() -> frozenset[Family]:
    lines = run(("nft", "list", "tables")).splitlines()
    return frozenset(family for family in FAMILIES if f"table {family} {TABLE}" in lines)


def saved(tool: XTool) -> Saved:
    """The filter table of ``tool``."""
    if is_legacy(tool) and "filter" not in _legacy_tables(tool):
        return EMPTY
    # All tables: asked for this one it would be printed also where it does not exist.
    return read_saved(run((f"{tool}-save",)))


def is_legacy(tool: XTool) -> bool:
    """Whether ``tool`` is the variant that does not use nftables."""
    return tool in _LEGACY and "legacy" in run((tool, "--version"))


def _legacy_tables(tool: XTool) -> list[str]:
    try:
        return Path("/proc/net", _LEGACY[tool]).read_text().split()
    except OSError:
        return []


def mismatch(tool: XTool) -> str | None:
    """Why rules of ``tool`` would not stand beside the host's others: these are in its other variant."""
    if tool not in _LEGACY:
        return None
    ours, theirs = ("legacy", "nft") if is_legacy(tool) else ("nft", "legacy")
    program = f"{tool}-{theirs}-save"
    if not installed(program) or (theirs == "legacy" and "filter" not in _legacy_tables(tool)):
        return None
    try:
        count = sum(line.startswith("-A ") for line in run((program, "-t", "filter")).splitlines())
    except ForbiddenError:
        raise
    except RulesError:
        # A kernel without that variant holds no rules of it.
        return None
    if not count:
        return None
    return (
        f"{tool} is {tool}-{ours}, but {tool}-{theirs} holds {count} rules: packets pass both. "
        f"Run: update-alternatives --set {tool} /usr/sbin/{tool}-{theirs}, or empty that, or use nftables rules"
    )


def check(load: Load) -> None:
    """Raises :class:`RulesError` where a tool would not take the rules; changes nothing.

    ebtables cannot be asked.
    """
    _nft(load, ("-c",), None)
    for tool in XTABLES:
        if tool in load.rules and tool != "ebtables":
            text = change(saved(tool), read(load.rules[tool]), tool)
            run((f"{tool}-restore", "--test", "--noflush", "-w", LOCK_WAIT), text)


def replace(load: Load, *, hold: int | None = None) -> None:
    """Has the rules in the places that ``load`` names instead of what is ours there: one transaction for each tool.

    ``hold`` is passed to :func:`run`.
    """
    _nft(load, (), hold)
    for tool in XTABLES:
        if tool in load.rules:
            now, then = saved(tool), read(load.rules[tool])
            if now.own != then:
                wait = () if tool == "ebtables" else ("-w", LOCK_WAIT)
                run((f"{tool}-restore", "--noflush", *wait), change(now, then, tool), hold=hold)
            if not then.table:
                _drop_bare_table(tool, hold)


def _drop_bare_table(tool: XTool, hold: int | None) -> None:
    """Removes the table that the tool made for our rules, once nobody has anything in it."""
    if is_legacy(tool) or not saved(tool).bare or not installed("nft"):
        return
    family = _NFT_FAMILIES[tool]
    # A chain that has got a rule in the meantime cannot be deleted, and then nothing is.
    chains = [f"add chain {family} filter {chain}\ndelete chain {family} filter {chain}\n" for chain in sorted(BUILTIN)]
    with suppress(RulesError):
        run(("nft", "-f", "-"), "".join((*chains, f"delete table {family} filter\n")), hold=hold)


def _nft(load: Load, options: tuple[str, ...], hold: int | None) -> None:
    if any(family in load.rules for family in FAMILIES):
        form = () if load.json is None else ("-j",)
        run(("nft", *form, *options, "-f", "-"), replacement(load), hold=hold)


def replacement(load: Load) -> str:
    """What nft takes to have these tables instead of those that are there, in one transaction."""
    families = [family for family in FAMILIES if family in load.rules]
    if load.json is not None:
        own = [{"table": {"family": family, "name": TABLE}} for family in families]
        fresh = [{word: table} for table in own for word in ("add", "delete", "add")]
        return json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}, *fresh, *load.json]})
    # Named first, because what is not there cannot be deleted.
    return "".join(f"table {each} {TABLE}\ndelete table {each} {TABLE}\n{load.rules[each]}" for each in families)


def nothing(places: Iterable[Place], made: Iterable[Place]) -> Load:
    """What leaves none of ours in ``places``, nor the filter tables of those that were ``made`` for our rules."""
    kept = frozenset(XTABLES) - frozenset(made)
    return Load({place: f"{TABLE_LINE}\n" if place in kept else "" for place in places})


def made_tables(previous: Rules) -> tuple[Place, ...]:
    """The places without a filter table before our rules came, by what :func:`running` said then."""
    return tuple(tool for tool in XTABLES if tool in previous and not read(previous[tool]).table)
