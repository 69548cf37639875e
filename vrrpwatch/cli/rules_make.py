"""``vrrpwatch rules learn``, ``drift`` and ``generate``: from what is seen to a policy, and from a policy to rules."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.observing import observe, observing_options
from vrrpwatch.cli.options import SETTINGS
from vrrpwatch.cli.settings import needed_policy
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from vrrpwatch.core.policy import Policy
    from vrrpwatch.firewall.flows import Unlisted

ROLES = ("speaker", "router", "bridge", "bystander")
WRITE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Make a policy from what is seen.")
@observing_options
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="[INTERFACE=]DEV",
    help="The host's device for an interface of the capture; for all of them without a name.",
)
@click.option(
    "--unlisted",
    type=click.Choice(["report", "log", "limit", "drop"]),
    default="report",
    show_default=True,
    help="What rules do with what the policy does not list.",
)
@click.option("-o", "--write", type=WRITE, metavar="FILE", help="Write to FILE instead of standard output.")
def learn(devices: tuple[str, ...], unlisted: Any, write: Path | None, **place: Any) -> None:
    """Write a policy (TOML) that lists what was seen, with comments on everything that a person must decide.

    What was seen is not what is right: a backup that never spoke is not in it, a forger may be. Read it first.

    \b
    Examples:
      vrrpwatch rules learn capture.pcap --device eth0 -o policy.toml
      vrrpwatch rules learn -i eth0 -i eth1 --for 5m
      vrrpwatch rules learn --store /var/lib/vrrpwatch/journal.db --device lan=eth0

    Exit codes: 0 done, 2 usage, 3 unreadable, 5 no permission, 6 output cannot be written.
    """
    from vrrpwatch.firewall.learn import learn as made_from
    from vrrpwatch.firewall.policy_text import policy_text

    seen = observe(**place)
    learned = made_from(seen, _devices(devices, {segment.interface for segment in seen.segments}), unlisted)
    if not learned.policy.group and not learned.policy.segment:
        message = "nothing was seen that rules could be about: no advertisements and no state synchronisation"
        raise Failure(message, Exit.UNREADABLE)
    with Output(write) as file:
        file.write(policy_text(learned.policy, learned.remarks))


def _devices(given: tuple[str, ...], interfaces: set[str]) -> dict[str, str]:
    devices: dict[str, str] = {}
    for text in given:
        name, equals, device = text.partition("=")
        devices |= {name: device} if equals else dict.fromkeys(interfaces, text)
    if unknown := sorted(devices.keys() - interfaces):
        known = ", ".join(sorted(interfaces))
        raise click.UsageError(f"--device: no interface {unknown[0]!r} was seen; there are: {known}")
    return devices


@click.command(short_help="Compare a policy with what is seen.")
@observing_options
@click.option("--policy", required=True, type=SETTINGS, metavar="FILE", help="What is declared (TOML).")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def drift(ctx: click.Context, /, policy: str, output: Literal["table", "json"], **place: Any) -> None:
    """Say where the wire differs from the policy: strangers, other MACs, priorities, intervals, addresses and peers.

    A speaker that was not heard is told, but is no difference: a backup is silent as long as its master is not.

    Exit codes: 0 no difference, 1 differences, 2 usage, 3 unreadable, 5 no permission.
    """
    from vrrpwatch.firewall.drift import drift as compared
    from vrrpwatch.wire.text import safe_text

    declared = needed_policy(policy)
    found = compared(declared, observe(**place))
    with Output() as file:
        if output == "json":
            told = [each._asdict() | {"expected": each.expected} for each in found]
            file.write(json.dumps({"schema": "vrrpwatch/drift/1", "differences": told}, indent=2) + "\n")
        else:
            for each in found:
                mark = "·" if each.expected else "≠"
                file.write(safe_text(f"{mark} {each.segment}: {each.subject}: {each.text}", 2000) + "\n")
            if all(each.expected for each in found):
                file.write("the wire shows what is declared\n")
    ctx.exit(Exit.CLEAN if all(each.expected for each in found) else Exit.FINDINGS)


@click.command(short_help="Make rules from a policy.")
@click.option("--policy", required=True, type=SETTINGS, metavar="FILE", help="What belongs where (TOML).")
@click.option("--backend", default="nftables", show_default=True, metavar="NAME", help="The kind of rules; see below.")
@click.option(
    "--role", type=click.Choice(ROLES), help="What the host is; bridge for a bridge's rules, else speaker by default."
)
@click.option("-o", "--write", type=WRITE, metavar="FILE", help="Write to FILE instead of standard output.")
def generate(policy: str, backend: str, role: Any, write: Path | None) -> None:
    """Write the rules that confine what the policy lists, for one kind of firewall and one kind of host.

    \b
    Backends:
      nftables, nftables-json          hosts: what they hear, send and forward
      iptables, ip6tables              the same, as iptables-restore reads it
      nftables-netdev                  hosts whose daemons use pcap, as ucarp does
      nftables-bridge, ebtables        bridges and hypervisors
      pf                               OpenBSD and FreeBSD (not provable here)
      cisco-ios, junos, arista-eos     access lists (not provable here)

    \b
    Roles:
      speaker    runs VRRP or CARP itself     router     forwards, does not speak
      bridge     forwards frames              bystander  does neither

    Exit codes: 0 done, 2 usage or a policy that no rules can be made from, 6 output cannot be written.
    """
    from vrrpwatch.firewall.backends import BACKENDS
    from vrrpwatch.firewall.flows import FlowError, plan

    if backend not in BACKENDS:
        raise click.UsageError(f"--backend: no {backend!r}; there are: {', '.join(BACKENDS)}")
    kind = BACKENDS[backend]
    role = role or kind.roles[0]
    if role not in kind.roles:
        raise click.UsageError(f"{backend} rules are for the role {' or '.join(kind.roles)}, not {role}")
    declared = needed_policy(policy)
    try:
        made = plan(declared, role)
        text = kind.render(made)
    except FlowError as error:
        raise Failure("\n".join(f"{policy}: {line}" for line in error.lines), Exit.USAGE) from None
    for line in warnings(declared, made.unlisted):
        complain(f"{policy}: {line}")
    with Output(write) as file:
        file.write(text)


def warnings(policy: "Policy", unlisted: "Unlisted") -> list[str]:
    """What may cut off routers, or does nothing, though the policy is well formed."""
    lines: list[str] = []
    if unlisted == "report":
        lines.append('unlisted is "report": these rules count and drop nothing; set it to "drop" after review')
    if unlisted in ("drop", "limit"):
        lines += [
            f"group {group.protocol} {group.id} on {group.segment} lists one speaker, {group.speakers[0].ip}: "
            "a backup that is not listed is cut off"
            for group in policy.group
            if len({speaker.ip for speaker in group.speakers}) == 1
        ]
    return lines
