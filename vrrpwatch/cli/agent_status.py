"""``vrrpwatch agent status``: what a running agent says of itself and its routers."""

import json
from typing import Literal

import click

from vrrpwatch.cli.agent_asking import asked, socket_option
from vrrpwatch.cli.options import Color, color_option, setting, wants_color
from vrrpwatch.cli.streams import Output


@click.command(short_help="Say who is master, and how the routers here are.")
@socket_option
@setting(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="The form of the answer."
)
@color_option
@click.pass_context
def status(ctx: click.Context, socket: str | None, output: Literal["table", "json"], color: Color) -> None:
    """Say which routers are master here, since when, who is where they are not, and what is wrong with them.

    \b
    Examples:
      vrrpwatch agent status
      watch -n 1 vrrpwatch agent status
      vrrpwatch agent status --output json | jq '.routers[].state'

    \b
    Exit codes: 0 done, 2 usage, 3 no agent can be reached, 5 no permission,
    6 output cannot be written.
    """
    answer = asked(ctx, socket, {"command": "status"})
    with Output() as file:
        if output == "json":
            file.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
        else:
            from vrrpwatch.agent.telling.table import write_table

            write_table(answer, file, color=wants_color(color))
