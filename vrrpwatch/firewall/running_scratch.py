"""What rules will look like once they run: loaded into a network namespace made for that, and read back there."""

import re
from collections.abc import Iterator
from typing import Any, Final

from vrrpwatch.firewall.nft_values import TABLE
from vrrpwatch.firewall.running import Load, Rules, replacement
from vrrpwatch.firewall.running_tools import FAMILIES, LOCK_WAIT, XTABLES, Place, RulesError, run
from vrrpwatch.firewall.running_xtables import EMPTY, change, read, read_saved

# Chains of the family netdev need their devices; each comes with the other end of its cable.
_NFT: Final = (
    'for device; do ip link add "$device" type veth peer name "vrrpw$((n += 1))" 2>/dev/null; done; '
    "nft $JSON -f - && exec nft -s list ruleset"
)
_XTABLES: Final = "$TOOL-restore --noflush $WAIT && exec $TOOL-save"
_DEVICES: Final = re.compile(r"devices = \{([^}]*)\}")
_TABLE: Final = re.compile(rf"^table (\w+) {TABLE} \{{\n.*?^\}}\n", re.DOTALL | re.MULTILINE)


def as_running(load: Load) -> Rules | None:
    """The rules as the tools would list them, without counters; ``None`` where no namespace can be made for that.

    Raises :class:`RulesError` where a tool does not take them.
    """
    try:
        return {**_nft(load), **dict(_filters(load))}
    except RulesError as error:
        if "unshare failed" in str(error):
            return None
        raise


def _nft(load: Load) -> Rules:
    families = [family for family in FAMILIES if family in load.rules]
    if not families:
        return {}
    listed = _scratch(_NFT, {"JSON": "" if load.json is None else "-j"}, replacement(load), *sorted(_devices(load)))
    tables = {found[1]: found[0] for found in _TABLE.finditer(listed)}
    return {family: tables.get(family, "") for family in families}


def _filters(load: Load) -> Iterator[tuple[Place, str]]:
    for tool in XTABLES:
        if tool in load.rules:
            wanted = read(load.rules[tool])
            words = {"TOOL": tool, "WAIT": "" if tool == "ebtables" else f"-w {LOCK_WAIT}"}
            yield tool, read_saved(_scratch(_XTABLES, words, change(EMPTY, wanted, tool))).own.text


def _scratch(script: str, words: dict[str, str], text: str, *arguments: str) -> str:
    settings = "".join(f"{name}='{value}'; " for name, value in words.items())
    return run(("unshare", "--net", "--", "sh", "-c", settings + script, "sh", *arguments), text)


def _devices(load: Load) -> set[str]:
    if load.json is None:
        return {
            name.strip().strip('"')
            for found in _DEVICES.finditer(load.rules.get("netdev", ""))
            for name in found[1].split(",")
        }
    return {name for command in load.json for name in _hooked(command)}


def _hooked(command: Any) -> list[str]:
    match command:
        case {"add": {"chain": {"dev": [*devices]}}}:
            return [str(device) for device in devices]
        case {"add": {"chain": {"dev": str(device)}}}:
            return [device]
        case _:
            return []
