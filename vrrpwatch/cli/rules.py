"""``vrrpwatch rules``: confines advertisements and state with firewall rules, and proves that they do."""

import click

from vrrpwatch.cli.rules_apply import apply, confirm, finish_overdue, remove, status
from vrrpwatch.cli.rules_import import import_
from vrrpwatch.cli.rules_make import drift, generate, learn
from vrrpwatch.cli.rules_prove import prove


@click.group(short_help="Confine the traffic with firewall rules, and prove that they do.")
@click.pass_context
def rules(ctx: click.Context) -> None:
    """Make firewall rules that let advertisements and state flow where they belong and nowhere else, and prove them.

    \b
    From a capture to proved rules:
      vrrpwatch rules learn capture.pcap --device eth0 -o policy.toml
      $EDITOR policy.toml
      vrrpwatch rules generate --policy policy.toml -o rules.nft
      vrrpwatch rules prove rules.nft capture.pcap --policy policy.toml
      vrrpwatch rules apply rules.nft
    """
    # Who confirms decides on what others would roll back.
    if ctx.invoked_subcommand != confirm.name:
        finish_overdue()


for command in (learn, import_, drift, generate, prove, apply, confirm, status, remove):
    rules.add_command(command)
