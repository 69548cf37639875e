"""``vrrpwatch agent check``: settings in plain words, or all that is wrong with them."""

import click

from vrrpwatch.cli.agent_asking import settings_argument
from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.streams import Output


@click.command(short_help="Say what settings would do.")
@settings_argument
def check(config: str) -> None:
    """Read CONFIG (by default /etc/vrrpwatch/agent.toml) and say what an agent on this host would do.

    Every fault is told at once, with its line. Nothing is changed and nothing is sent. Secret files are read, so run it
    as whoever runs the agent.

    \b
    Examples:
      vrrpwatch agent check
      vrrpwatch agent check ./agent.toml && systemctl reload vrrpwatch-agent

    \b
    Exit codes: 0 nothing is wrong, 2 the settings are wrong.
    """
    from vrrpwatch.agent.config.agent import load
    from vrrpwatch.agent.telling.hooks import HooksError, plan
    from vrrpwatch.agent.telling.intentions import doubts, intentions
    from vrrpwatch.settings import SettingsError

    try:
        settings = load(config)
        plan(settings)
    except (SettingsError, HooksError) as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from None
    for line in doubts(settings):
        complain(line)
    with Output() as file:
        for line in intentions(settings):
            file.write(f"{line}\n")
