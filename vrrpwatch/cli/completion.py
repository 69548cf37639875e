"""``vrrpwatch completion``: prints the completion script of a shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and file names in SHELL.

    \b
    bash:  eval "$(vrrpwatch completion bash)"      in ~/.bashrc
    zsh:   eval "$(vrrpwatch completion zsh)"       in ~/.zshrc
    fish:  vrrpwatch completion fish > ~/.config/fish/completions/vrrpwatch.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    # The variable is the one that click looks for when it runs a command of this name.
    click.echo(kind(ctx.find_root().command, {}, "vrrpwatch", "_VRRPWATCH_COMPLETE").source())
