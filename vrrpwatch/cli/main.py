"""The command ``vrrpwatch``: finds its subcommands by name and imports each only when it is asked for."""

import gc
import os
import sys
from typing import Final

import click

from vrrpwatch import __version__
from vrrpwatch.cli import config
from vrrpwatch.cli.exits import Exit, complain, show
from vrrpwatch.cli.lazy import Entry, Lazy
from vrrpwatch.cli.streams import give_up_standard_output, open_standard_streams

# Command, and the line about it in --help; the module and function are named alike.
COMMANDS: Final = {
    "analyze": "Say who was master when and why, what is wrong, and what the multicast costs.",
    "decode": "Print one line per advertisement, as tcpdump does, or every field of it.",
    "live": "Show on the terminal what goes on: live, from a recording, or from a store.",
    "watch": "Watch live without a screen: journal, alerts, metrics.",
    "rules": "Confine the traffic with firewall rules, and prove that they do.",
    "agent": "Hold virtual addresses as a router of VRRP or CARP, and hand them over.",
    "doctor": "Say whether this host and its network can carry VRRP and CARP.",
    "store": "Look after the recorded history.",
    "completion": "Print the script that completes commands and options in a shell.",
}
# New objects between two looks for garbage; Python's own figure is 700.
GARBAGE_THRESHOLD: Final = 100_000


@click.group(
    cls=Lazy,
    registry={name: Entry(f"vrrpwatch.cli.{name}", name, line) for name, line in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "VRRPWATCH"},
    epilog="Run vrrpwatch COMMAND --help for its options.",
)
@click.version_option(__version__, "-V", "--version", message="vrrpwatch %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Watch VRRP and CARP: who is master, why that changed, what is wrong.

    \b
    Examples:
      vrrpwatch analyze capture.pcap
      vrrpwatch decode capture.pcap
      tcpdump -i eth0 -w - | vrrpwatch decode -
      vrrpwatch live -i eth0
      vrrpwatch watch -i any --store --alerts alerts.toml
    """

    def commands() -> dict[str, click.Command]:
        return {name: command for name in COMMANDS if (command := cli.get_command(ctx, name)) is not None}

    ctx.default_map = dict(config.load(commands, config.files(os.environ)))


def main() -> None:
    """Runs the command line and exits with its code."""
    # numpy starts threads for linear algebra, of which there is none here: a third of its import time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What start-up makes stays, and batches hold no cycles: looking for garbage often is wasted.
    gc.set_threshold(GARBAGE_THRESHOLD)
    open_standard_streams()
    try:
        code = cli.main(prog_name="vrrpwatch", standalone_mode=False)
    except click.Abort:
        complain("interrupted")
        code = Exit.INTERRUPTED
    except click.ClickException as error:
        show(error)
        code = error.exit_code
    except OSError as error:
        # Commands tell themselves what they cannot read or write; what is left is help, versions and completion.
        failure = give_up_standard_output(error)
        failure.show()
        code = failure.exit_code
    # Python looks for garbage twice more on its way out, though the process frees all at once: a tenth of a short run.
    gc.freeze()
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
