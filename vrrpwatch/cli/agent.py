"""``vrrpwatch agent``: the optional failover agent, from its settings to its handovers."""

import click

from vrrpwatch.cli.agent_asking import socket_option
from vrrpwatch.cli.lazy import Entry, Lazy

REGISTRY = {
    "run": Entry("vrrpwatch.cli.agent_run", "run", "Run the agent until it is told to stop."),
    "check": Entry("vrrpwatch.cli.agent_check", "check", "Say what settings would do, or all that is wrong with them."),
    "import": Entry("vrrpwatch.cli.agent_import", "import_", "Make settings of a keepalived configuration."),
    "status": Entry("vrrpwatch.cli.agent_status", "status", "Say who is master, and how the routers here are."),
    "drain": Entry("vrrpwatch.cli.agent_drain", "drain", "Hand routers over to other hosts."),
    "undrain": Entry("vrrpwatch.cli.agent_drain", "undrain", "Let drained routers take part again."),
    "reload": Entry("vrrpwatch.cli.agent_reload", "reload", "Have the agent read its settings again."),
}


@click.group(cls=Lazy, registry=REGISTRY, short_help="Hold virtual addresses as a router of VRRP or CARP.")
@socket_option
@click.pass_context
def agent(ctx: click.Context, socket: str | None) -> None:
    """Hold virtual addresses as a router of VRRP or CARP, beside keepalived, FRR, ucarp or another agent.

    \b
    From settings to a planned handover:
      vrrpwatch agent check /etc/vrrpwatch/agent.toml
      vrrpwatch agent run /etc/vrrpwatch/agent.toml
      vrrpwatch agent status
      vrrpwatch agent drain && apt upgrade; vrrpwatch agent undrain
    """
    ctx.obj = socket
