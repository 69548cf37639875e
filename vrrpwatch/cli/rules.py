"""``vrrpwatch rules``: confines advertisements and state with firewall rules, and proves that they do."""

import click

from vrrpwatch.cli.rules_import import import_
from vrrpwatch.cli.rules_make import drift, generate, learn
from vrrpwatch.cli.rules_prove import prove


@click.group(short_help="Confine the traffic with firewall rules, and prove that they do.")
def rules() -> None:
    """Make firewall rules that let advertisements and state flow where they belong and nowhere else, and prove them.

    \b
    From a capture to proved rules:
      vrrpwatch rules learn capture.pcap --device eth0 -o policy.toml
      $EDITOR policy.toml
      vrrpwatch rules generate --policy policy.toml -o rules.nft
      vrrpwatch rules prove rules.nft capture.pcap --policy policy.toml
      vrrpwatch rules apply rules.nft
    """


for command in (learn, import_, drift, generate, prove):
    rules.add_command(command)
