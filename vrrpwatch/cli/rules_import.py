"""``vrrpwatch rules import``: makes a policy of what the configurations of routers declare."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.rules_make import WRITE
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from vrrpwatch.declared.claims import Declaration
    from vrrpwatch.wire.values import IPAddress


def _file(name: str, what: str) -> Callable[[Any], Any]:
    return click.option(f"--{name}", name, multiple=True, metavar="[HOST:]FILE", help=what)


@click.command("import", short_help="Make a policy from configurations of keepalived, ucarp, conntrackd and FRR.")
@_file("keepalived", "A keepalived.conf, with what it includes.")
@_file("conntrackd", "A conntrackd.conf.")
@_file("frr", "FRR's configuration: frr.conf, vrrpd.conf or show running-config.")
@_file("interfaces", "Debian's /etc/network/interfaces, for its ucarp stanzas.")
@_file("ucarp", "A script or unit file with ucarp's command line, which often holds a password.")
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="[HOST:]IF=IP",
    help="The address of a host's interface, where no file says what it sends from.",
)
@click.option("-o", "--write", type=WRITE, metavar="FILE", help="Write to FILE instead of standard output.")
@click.pass_context
def import_(ctx: click.Context, /, addresses: tuple[str, ...], write: Path | None, **given: tuple[str, ...]) -> None:
    """Write the policy (TOML) that routers' configurations declare together.

    What they do not say, or what is not understood, is told on standard error with its file and line. HOST tells the
    configurations of several hosts apart; without it a file is a host of its own.

    \b
    Examples:
      vrrpwatch rules import --keepalived alpha:alpha.conf --keepalived bravo:bravo.conf \\
          --address alpha:eth0=192.0.2.11 --address bravo:eth0=192.0.2.12 -o policy.toml
      vrrpwatch rules import --frr alpha:/etc/frr/frr.conf --conntrackd alpha:/etc/conntrackd/conntrackd.conf

    Exit codes: 0 done, 1 the configurations contradict one another, 2 usage, 3 unreadable.
    """
    from vrrpwatch.declared.notes import DeclaredError
    from vrrpwatch.declared.policy import declared_policy
    from vrrpwatch.firewall.policy_text import HEAD, policy_text

    try:
        declarations = list(_declarations(given))
    except DeclaredError as error:
        raise Failure(str(error), Exit.UNREADABLE) from None
    if not declarations:
        raise click.UsageError("no configuration given; see --help")
    made = declared_policy(declarations, _addresses(addresses))
    for note in (*(note for declared in declarations for note in declared.notes), *made.gaps):
        complain(str(note))
    for contradiction in made.contradictions:
        complain(f"contradiction: {contradiction}")
    if not made.policy.group and not made.policy.segment:
        raise Failure("nothing that a policy could list is declared there", Exit.UNREADABLE)
    with Output(write) as file:
        file.write(policy_text(made.policy, {HEAD: ("What the routers' configurations declare.",)}))
    ctx.exit(Exit.FINDINGS if made.contradictions else Exit.CLEAN)


def _declarations(given: dict[str, tuple[str, ...]]) -> "Iterator[Declaration]":
    from vrrpwatch.declared.conntrackd import read_conntrackd
    from vrrpwatch.declared.frr import read_frr
    from vrrpwatch.declared.keepalived import read_keepalived
    from vrrpwatch.declared.ucarp import read_interfaces, read_ucarp

    for host, path in map(_split, given["keepalived"]):
        yield read_keepalived(Path(path), host=host)
    for host, path in map(_split, given["conntrackd"]):
        yield read_conntrackd(Path(path), host=host)
    for host, path in map(_split, given["frr"]):
        yield read_frr(Path(path), host=host)
    for host, path in map(_split, given["interfaces"]):
        yield from read_interfaces(Path(path), host=host)
    for host, path in map(_split, given["ucarp"]):
        yield from (read_ucarp(command, host=host or Path(path).stem) for command in _commands(path))


def _commands(path: str) -> list[str]:
    """The lines of a script or unit file that start ucarp, each with those it goes on in."""
    from vrrpwatch.settings import MAX_FILE, read_regular

    try:
        text = read_regular(path, MAX_FILE).decode(errors="replace")
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror or error}): check the path", Exit.UNREADABLE) from None
    lines = text.replace("\\\n", " ").splitlines()
    found = [line for line in lines if re.match(r"\s*(?!#)(\w+=)?[\w./ -]*\bucarp\s+-", line)]
    if not found:
        raise Failure(f"{path}: no line in it starts ucarp", Exit.UNREADABLE)
    return found


def _split(text: str) -> tuple[str | None, str]:
    host, colon, rest = text.partition(":")
    # A path or a command may hold a colon itself; a host's name has neither a slash nor a blank.
    return (host, rest) if colon and host and "/" not in host and " " not in host else (None, text)


def _addresses(given: tuple[str, ...]) -> "dict[str, dict[str, list[IPAddress]]]":
    found: dict[str, dict[str, list[IPAddress]]] = {}
    for text in given:
        host, rest = _split(text)
        interface, equals, address = rest.partition("=")
        try:
            if not equals or not interface:
                raise ValueError
            found.setdefault(host or "", {}).setdefault(interface, []).append(ip_address(address))
        except ValueError:
            raise click.UsageError(f"--address: {text!r} is not [HOST:]IF=IP, as in alpha:eth0=192.0.2.11") from None
    return found
