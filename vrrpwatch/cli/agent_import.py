"""``vrrpwatch agent import``: turns a keepalived configuration into the agent's settings."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from vrrpwatch.agent.importing.secrets import Secret

_WILD = frozenset("*?[{")


@click.command("import", short_help="Make settings of a keepalived configuration.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to FILE instead of standard output.",
)
@click.option(
    "--secrets",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write secret files into DIR.  [default: beside FILE]",
)
@click.option("--config-id", metavar="ID", help="What keepalived is started with as --config-id.")
def import_(files: tuple[str, ...], write: Path | None, folder: Path | None, config_id: str | None) -> None:
    """Write settings (TOML) that do what keepalived's configuration does; several FILEs or patterns are one.

    What has no equivalent, or another meaning here, is told on standard error with its file and line. Passwords go into
    files of their own (mode 0600), which are never overwritten; without -o and --secrets it is said which to write.
    Nothing of the configuration is run.

    \b
    Examples:
      vrrpwatch agent import /etc/keepalived/keepalived.conf
      vrrpwatch agent import /etc/keepalived/keepalived.conf -o agent.toml --secrets ./secrets
      vrrpwatch agent import 'conf.d/*.conf' --config-id "$(hostname)" -o agent.toml && vrrpwatch agent check agent.toml

    \b
    Exit codes: 0 done, 2 usage, 3 unreadable, or nothing in it that an agent
    could run, 5 no permission, 6 output cannot be written.
    """
    from vrrpwatch.agent.importing.imported import imported
    from vrrpwatch.declared.keepalived import read_keepalived
    from vrrpwatch.declared.notes import DeclaredError

    paths = [path for name in files for path in _matching(name)]
    try:
        declared = read_keepalived(*paths, config_id=config_id)
    except DeclaredError as error:
        raise Failure(str(error), Exit.UNREADABLE) from None
    if write is not None and any(_same(write, path) for path in declared.files):
        raise Failure(f"{write}: is a file of the configuration itself; write to another", Exit.USAGE)
    made = imported(declared, lambda name: name if folder is None else str(folder.absolute() / name))
    for gap in made.gaps:
        complain(str(gap))
    if not made.routers:
        raise Failure("no vrrp_instance is declared there that the agent could run", Exit.UNREADABLE)
    kept = folder if folder is not None else None if write is None else write.parent
    if kept is None:
        for secret in made.secrets:
            complain(
                f"{secret.place}: {secret.what}: put it into a file {secret.name} beside the settings, mode 0600, or "
                "name a folder with --secrets"
            )
    else:
        _keep(made.secrets, kept)
    with Output(write) as file:
        file.write(made.text)


def _matching(name: str) -> Iterator[Path]:
    """The files that a pattern names; what has the name itself comes first."""
    from vrrpwatch.declared.files import matching

    path = Path(name)
    if not _WILD & set(name) or path.exists():
        yield path
        return
    try:
        found = list(matching(Path.cwd(), name))
    except ValueError as error:
        raise click.UsageError(f"{name} {error}") from None
    if not found:
        raise Failure(f"{name}: finds no file: correct the pattern", Exit.UNREADABLE)
    yield from found


def _same(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def _keep(secrets: "Sequence[Secret]", folder: Path) -> None:
    """Writes those that are not there yet; refuses all where one is there and another."""
    from vrrpwatch.settings import MAX_SECRET, read_regular

    missing: list[Secret] = []
    for secret in secrets:
        path = folder / secret.name
        try:
            same = read_regular(path, MAX_SECRET) == secret.content + b"\n"
        except (FileNotFoundError, NotADirectoryError):
            missing.append(secret)
            continue
        except OSError:
            same = False
        if not same:
            raise Failure(f"{path}: is there, and is not overwritten: move it, or name another folder", Exit.USAGE)
    for secret in missing:
        path = folder / secret.name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            # Not through a link that somebody put there meanwhile.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret.content + b"\n")
        except OSError as error:
            code = Exit.PERMISSION if isinstance(error, PermissionError) else Exit.SINK
            raise Failure(f"{path}: cannot be written: {error.strerror or error}", code) from None
