"""What the commands have in common that ask a running agent: its socket, and the exit codes for what goes wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from vrrpwatch.agent import places
from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.cli.options import setting

# Seconds; an agent that is not stuck answers in a fraction of one.
PATIENCE: Final = 10.0

socket_option = setting(
    "--socket",
    type=click.Path(),
    metavar="PATH",
    help=f"The agent's control socket.  [default: {places.SOCKET}]",
)
settings_argument = click.argument(
    "config", metavar="[CONFIG]", type=click.Path(readable=False), default=str(places.SETTINGS)
)


def asked(ctx: click.Context, socket: str | None, request: Mapping[str, Any], patience: float = PATIENCE) -> Any:
    """The agent's answer, or a :class:`Failure` with its lines and the exit code for its kind."""
    from vrrpwatch.agent.telling.asking import UnreachableError, ask
    from vrrpwatch.agent.telling.requests import RequestError

    codes = {"usage": Exit.USAGE, "forbidden": Exit.PERMISSION, "busy": Exit.UNREADABLE, "failed": Exit.SINK}
    try:
        return ask(Path(socket or ctx.obj or places.SOCKET), request, patience)
    except UnreachableError as error:
        raise Failure(str(error), Exit.PERMISSION if error.forbidden else Exit.UNREADABLE) from None
    except RequestError as error:
        raise Failure(str(error) or "the agent refuses without a reason", codes.get(error.fault, Exit.SINK)) from None
