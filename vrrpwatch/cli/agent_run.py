"""``vrrpwatch agent run``: the agent in the foreground, as a service manager wants it."""

import sys

import click

from vrrpwatch.cli.agent_asking import settings_argument
from vrrpwatch.cli.exits import complaint
from vrrpwatch.cli.streams import Persistent


@click.command(short_help="Run the agent.")
@settings_argument
@click.option("--force", is_flag=True, help="Run in spite of what is heard before it speaks.")
@click.pass_context
def run(ctx: click.Context, config: str, force: bool) -> None:
    """Run the agent with the settings in CONFIG (by default /etc/vrrpwatch/agent.toml) until it is told to stop.

    It listens first: an id that strangers use, another interval, version or authentication on the network ends it with
    the remedy, unless --force is given. SIGHUP reads the settings again, and unchanged routers run on. SIGTERM and
    SIGINT end it: masters resign, addresses are removed. It needs CAP_NET_ADMIN and CAP_NET_RAW.

    \b
    Examples:
      vrrpwatch agent run
      vrrpwatch agent run ./agent.toml --force

    \b
    Exit codes: 0 stopped, 1 the network speaks against it, 2 the settings are
    wrong, 3 it cannot run here, 5 no permission.
    """
    from vrrpwatch.agent.daemon import run as run_agent

    # A journal that is stuck must not keep the agent from letting others take over, or from noticing that they have.
    messages = Persistent(sys.stderr.fileno(), patient=False)

    def tell(line: str) -> None:
        lost = messages.lost
        if lost:
            messages.write(complaint(f"{lost} lines could not be written here before"))
            # The report itself, where it is lost too, is none of them.
            messages.lost = 0 if messages.lost == lost else lost
        messages.write(complaint(line))

    ctx.exit(run_agent(config, force=force, told=tell))
