"""``vrrpwatch agent reload``: has a running agent read its settings again."""

import click

from vrrpwatch.cli.agent_asking import asked, socket_option
from vrrpwatch.cli.streams import Output
from vrrpwatch.wire.text import safe_text

# Seconds: users of hooks may come from a directory service, and conntrackd is asked.
PATIENCE = 60.0


@click.command(short_help="Have the agent read its settings again.")
@socket_option
@click.pass_context
def reload(ctx: click.Context, socket: str | None) -> None:
    """Have the agent read its settings again, as SIGHUP does, and say what has changed.

    Routers whose settings are as they were run on untouched. Where the settings are wrong, nothing is changed.

    \b
    Example:
      vrrpwatch agent reload

    \b
    Exit codes: 0 done, 2 usage, 3 no agent can be reached, 5 no permission,
    6 the settings cannot be used.
    """
    answer = asked(ctx, socket, {"command": "reload"}, PATIENCE)
    with Output() as file:
        for line in answer["changed"]:
            file.write(f"{safe_text(line, 1_000)}\n")
