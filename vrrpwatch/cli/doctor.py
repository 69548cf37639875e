"""``vrrpwatch doctor``: can this host, card, hypervisor and network carry VRRP and CARP at all?"""

import json
from ipaddress import ip_address
from math import isnan
from typing import TYPE_CHECKING, Literal

import click

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.options import Color, color_option, setting, wants_color
from vrrpwatch.cli.streams import Output
from vrrpwatch.wire.text import safe_text

if TYPE_CHECKING:
    from vrrpwatch.doctor.checks import Check
    from vrrpwatch.doctor.document import Examination
    from vrrpwatch.doctor.facts import Facts
    from vrrpwatch.wire.values import IPAddress

SEVERITIES = ("info", "warning", "critical")
NEEDS_RAW = (
    "--probe sends frames of its own and needs CAP_NET_RAW; run it as root (sudo vrrpwatch doctor ...), or grant the "
    "right to a copy of Python: setcap cap_net_raw+ep PYTHON"
)


@click.command(short_help="Check whether this host and its network can carry VRRP and CARP.")
@click.option(
    "-i",
    "--interface",
    "interfaces",
    metavar="IF",
    multiple=True,
    required=True,
    help="The interface to examine; repeatable; any is every interface that is up.",
)
@setting(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="The form of the answer."
)
@setting(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help="Exit with 1 on: critical, a problem; warning, also a warning; info, also what could not be found out.",
)
@click.option("--probe", metavar="PEER", help="Send test frames to and fro with PEER, where doctor runs as well.")
@click.option(
    "--vrid",
    type=click.IntRange(1, 255),
    metavar="ID",
    help="The VRID whose virtual MAC --probe borrows; it must not be in use.  [default: 254]",
)
@click.option(
    "--wait",
    type=click.FloatRange(1, 600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --probe waits for PEER to be started.",
)
@color_option
@click.pass_context
def doctor(
    ctx: click.Context,
    interfaces: tuple[str, ...],
    output: Literal["table", "json"],
    fail_on: str | None,
    probe: str | None,
    vrid: int | None,
    wait: float,
    color: Color,
) -> None:
    """Check whether this host, its network card, the hypervisor and the network can carry VRRP and CARP at all.

    Nothing is changed and, without --probe, nothing is sent. As an ordinary user it does what it can, and says which
    command would tell the rest.

    \b
    Examples:
      vrrpwatch doctor -i eth0
      vrrpwatch doctor -i eth0 --output json --fail-on warning
      vrrpwatch doctor -i eth0 --probe 192.0.2.12     (and on 192.0.2.12 the same towards this host)

    \b
    Exit codes: 0 clean, 1 findings (with --fail-on), 2 usage, 3 no such interface,
    5 no permission, 6 output cannot be written, 130 interrupted.
    """
    if probe is not None and (len(interfaces) != 1 or interfaces[0] == "any"):
        raise click.UsageError("--probe needs exactly one interface")
    if probe is None and vrid is not None:
        raise click.UsageError("--vrid goes with --probe")
    if isnan(wait):
        raise click.UsageError("--wait must be a number of seconds")
    if probe is not None:
        _peer(probe)
    found, interrupted = _examine(interfaces, probe, vrid, wait)
    with Output() as file:
        _write(found, output, file, wants_color(color))
    if interrupted:
        complain("interrupted; the probe is not shown")
        ctx.exit(Exit.INTERRUPTED)
    from vrrpwatch.doctor.checks import worst

    gravest = worst(tuple(check for one in found for check in one.checks))
    if fail_on is not None and gravest is not None and gravest.rank >= SEVERITIES.index(fail_on):
        ctx.exit(Exit.FINDINGS)


def _examine(
    interfaces: tuple[str, ...], peer: str | None, vrid: int | None, wait: float
) -> "tuple[tuple[Examination, ...], bool]":
    """What was found, and whether a probe was interrupted."""
    from vrrpwatch.doctor.document import Examination
    from vrrpwatch.doctor.gather import NoInterfaceError, gather
    from vrrpwatch.doctor.judge import judge
    from vrrpwatch.doctor.judge_pair import settled
    from vrrpwatch.doctor.probe_netlink import NetlinkUnavailableError, names

    try:
        if "any" in interfaces:
            interfaces = tuple(name for name, up in names().items() if up and name != "lo")
            if not interfaces:
                raise Failure("any: no interface but lo is up; name one with -i", Exit.UNREADABLE)
        found, interrupted = [], False
        for name in dict.fromkeys(interfaces):
            facts = gather(name)
            checks = judge(facts)
            if peer is not None:
                try:
                    checks = settled(checks, _probed(facts, peer, vrid, wait))
                except KeyboardInterrupt:
                    # Nothing of the probe counts until both sides have compared; the rest is known.
                    interrupted = True
            found.append(Examination(name, checks, peer))
    except (NoInterfaceError, NetlinkUnavailableError) as error:
        raise Failure(str(error), Exit.UNREADABLE) from None
    return tuple(found), interrupted


def _probed(facts: "Facts", peer: str, vrid: int | None, wait: float) -> "tuple[Check, ...]":
    from vrrpwatch.doctor.gather import CAP_NET_RAW, has_capability
    from vrrpwatch.doctor.judge_pair import judge
    from vrrpwatch.doctor.pair import Timing
    from vrrpwatch.doctor.pair_sockets import ProbeError, ends, probe

    if not has_capability(CAP_NET_RAW):
        raise Failure(NEEDS_RAW, Exit.PERMISSION)
    try:
        chosen = ends(facts, _peer(peer), vrid)
        result = probe(facts, chosen, Timing(wait=wait))
    except ProbeError as error:
        raise Failure(str(error), Exit.USAGE) from None
    except PermissionError:
        raise Failure(NEEDS_RAW, Exit.PERMISSION) from None
    except OSError as error:
        raise Failure(f"{facts.link.name}: probe {peer}: {error.strerror or error}", Exit.UNREADABLE) from None
    return tuple(judge(result, peer, wait))


def _peer(text: str) -> "IPAddress":
    try:
        return ip_address(text)
    except ValueError:
        message = f"--probe {safe_text(text)}: not an IP address; name the peer's own, not a virtual one"
        raise click.UsageError(message) from None


def _write(found: "tuple[Examination, ...]", output: Literal["table", "json"], file: Output, color: Color) -> None:
    if output == "json":
        from vrrpwatch.doctor.document import document

        file.write(json.dumps(document(found), indent=2, ensure_ascii=False) + "\n")
    else:
        from vrrpwatch.doctor.table import write_table

        write_table(found, file, color=color)
