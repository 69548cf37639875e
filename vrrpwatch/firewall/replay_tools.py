"""Loads rules with the tools that would load them on a real host: checked first, as far as the tool can."""

from typing import Final

from vrrpwatch.firewall.replay_job import RulesText, Tool
from vrrpwatch.firewall.replay_programs import run

# What checks, then what loads.  ebtables-restore has no option to only check.
_COMMANDS: Final[dict[Tool, tuple[tuple[str, ...], ...]]] = {
    "nft": (("nft", "-c", "-f", "-"), ("nft", "-f", "-")),
    "nft-json": (("nft", "-j", "-c", "-f", "-"), ("nft", "-j", "-f", "-")),
    "iptables": (("iptables-restore", "--test"), ("iptables-restore",)),
    "ip6tables": (("ip6tables-restore", "--test"), ("ip6tables-restore",)),
    "ebtables": (("ebtables-restore",),),
}


def load(rules: RulesText) -> None:
    """Raises :class:`~vrrpwatch.firewall.replay_programs.ReplayError` with the tool's first words of refusal."""
    for command in _COMMANDS[rules.tool]:
        run(command, rules.text)
