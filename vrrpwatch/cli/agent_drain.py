"""``vrrpwatch agent drain`` and ``undrain``: hands routers over to other hosts, and takes part again."""

from typing import Any

import click

from vrrpwatch.cli.agent_asking import PATIENCE, asked, socket_option
from vrrpwatch.cli.exits import Exit, complain
from vrrpwatch.cli.streams import Output
from vrrpwatch.wire.text import safe_text

routers_argument = click.argument("routers", metavar="[ROUTER]...", nargs=-1)


@click.command(short_help="Hand routers over to other hosts.")
@routers_argument
@click.option(
    "--wait",
    type=click.FloatRange(0, 1_000),
    metavar="SECONDS",
    help="How long others have to take over; as in the agent's settings without.",
)
@socket_option
@click.pass_context
def drain(ctx: click.Context, routers: tuple[str, ...], wait: float | None, socket: str | None) -> None:
    """Hand ROUTERs over, or all without any, and return when others are master.

    A drained router steps below all others, and lets go when one of them has taken over: no request is lost meanwhile.
    Routers of one sync group go together. They stay drained until undrain, or until the agent is started anew. Where
    nobody takes over, they stay master here.

    \b
    Examples:
      vrrpwatch agent drain && systemctl stop vrrpwatch-agent
      vrrpwatch agent drain web db --wait 10

    \b
    Exit codes: 0 handed over, 1 some were not, 2 usage, 3 no agent can be
    reached, 5 no permission, 6 it failed, 130 interrupted: they stay drained.
    """
    from vrrpwatch.agent.telling.requests import MAX_WAIT

    request: dict[str, Any] = {"command": "drain", "routers": list(routers), "wait": wait}
    answer = asked(ctx, socket, request, PATIENCE + (MAX_WAIT if wait is None else wait))
    with Output() as file:
        for one in answer["routers"]:
            file.write(f"{_handed(one)}\n")
    left = [one["router"] for one in answer["routers"] if not one["done"]]
    if left:
        complain(f"not handed over: {', '.join(left)}")
        ctx.exit(Exit.FINDINGS)


@click.command(short_help="Let drained routers take part again.")
@routers_argument
@socket_option
@click.pass_context
def undrain(ctx: click.Context, routers: tuple[str, ...], socket: str | None) -> None:
    """Let ROUTERs, or all without any, take part again; those that rank highest become master as their settings say.

    \b
    Examples:
      vrrpwatch agent undrain
      vrrpwatch agent undrain web

    \b
    Exit codes: 0 done, 2 usage, 3 no agent can be reached, 5 no permission,
    6 it failed.
    """
    answer = asked(ctx, socket, {"command": "undrain", "routers": list(routers)})
    names = ", ".join(answer["routers"])
    with Output() as file:
        file.write(safe_text(f"takes part again: {names}" if names else "none of them was drained", 10_000) + "\n")


def _handed(one: dict[str, Any]) -> str:
    to, why = one["to"], one["why"]
    if not one["done"]:
        what = "not handed over"
    elif why:
        what = "nothing to hand over" if to is None else f"{to} is master"
    else:
        what = f"handed over to {to}"
    return safe_text(f"{one['router']}: {what}" + (f": {why}" if why else ""), 1_000)
