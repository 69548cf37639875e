"""``vrrpwatch rules prove``: what real rules do to captured traffic in a real kernel, against what a policy says."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, Failure, unreadable
from vrrpwatch.cli.options import CAPTURE, SETTINGS
from vrrpwatch.cli.rules_make import ROLES
from vrrpwatch.cli.settings import needed_policy
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vrrpwatch.firewall.flows import Plan
    from vrrpwatch.firewall.proof_values import Proof
    from vrrpwatch.firewall.replay_job import RulesText


@click.command(short_help="Prove in a real kernel what rules do to captured traffic.")
@click.argument("rules", metavar="RULES", type=SETTINGS)
@click.argument("captures", metavar="CAPTURE...", nargs=-1, required=True, type=CAPTURE)
@click.option("--policy", required=True, type=SETTINGS, metavar="FILE", help="What belongs where (TOML).")
@click.option(
    "--role", type=click.Choice(ROLES), help="What the host is; bridge for a bridge's rules, else speaker by default."
)
@click.option(
    "--with", "more", multiple=True, type=SETTINGS, metavar="RULES", help="More rules: ip6tables' beside iptables'."
)
@click.option("--segment", metavar="NAME", help="Name the interface of captures that do not name it themselves.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def prove(
    ctx: click.Context,
    rules: str,
    captures: tuple[str, ...],
    policy: str,
    role: Any,
    more: tuple[str, ...],
    segment: str | None,
    output: Literal["table", "json"],
) -> None:
    """Load the rules into a scratch network namespace, send captured packets through its hooks, and say what came out.

    Each class of packets is tried on every way through the host, and held against the policy: what belongs must be
    kept, what is unlisted must not, and what the policy does not judge must pass. The host's own rules are not touched.
    Works without root where the kernel lets users make namespaces.

    \b
    Examples:
      vrrpwatch rules prove rules.nft capture.pcap --policy policy.toml
      vrrpwatch rules prove rules.v4 --with rules.v6 monday-*.pcap --policy policy.toml --role router

    Exit codes: 0 proved, 1 the rules fail, 2 usage, 3 unreadable, 5 no permission, 6 no proof can be made here.
    """
    from vrrpwatch.firewall.flows import FlowError, plan
    from vrrpwatch.firewall.replay_session import ProofError

    declared = needed_policy(policy)
    try:
        texts = [_read(path) for path in (rules, *more)]
        bridge = any(text.tool == "ebtables" or "table bridge" in text.text for text in texts)
        made = plan(declared, role or ("bridge" if bridge else "speaker"))
        proof = _proved(made, texts, captures, segment)
    except FlowError as error:
        raise Failure("\n".join(f"{policy}: {line}" for line in error.lines), Exit.USAGE) from None
    except ProofError as error:
        raise Failure(str(error), Exit.SINK) from None
    with Output() as file:
        if output == "json":
            from vrrpwatch.firewall.proof_values import document

            file.write(json.dumps(document(proof), indent=1) + "\n")
        else:
            from vrrpwatch.firewall.proof_text import proof_text

            file.write(proof_text(proof))
    ctx.exit(Exit.CLEAN if proof.passed else Exit.FINDINGS)


def _read(path: str) -> "RulesText":
    from vrrpwatch.firewall.proof_rules import MAX_OCTETS, read_rules
    from vrrpwatch.firewall.replay_session import ProofError
    from vrrpwatch.settings import read_regular

    try:
        return read_rules(path, read_regular(Path(path), MAX_OCTETS))
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror or error}): check the path", Exit.UNREADABLE) from None
    except ProofError as error:
        raise Failure(str(error), Exit.UNREADABLE) from None


def _proved(made: "Plan", texts: "Sequence[RulesText]", captures: tuple[str, ...], segment: str | None) -> "Proof":
    from vrrpwatch.capture.errors import CaptureError
    from vrrpwatch.capture.kept import kept_frames
    from vrrpwatch.cli.observing import analysed
    from vrrpwatch.firewall.proof import prove as proved
    from vrrpwatch.firewall.proof_classes import Captured

    seen = analysed(captures, segment)
    try:
        return proved(made, texts, (Captured(*frame) for frame in kept_frames(captures, segment)), seen.findings)
    except CaptureError as error:
        raise Failure(str(error), unreadable(captures)) from None
