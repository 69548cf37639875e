"""``vrrpwatch live``: the dashboard over an interface, a recording or a store."""

import getpass
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from vrrpwatch.cli.exits import Exit, Failure, complain
from vrrpwatch.cli.listening import expression_argument, listening_options, live_options, starting
from vrrpwatch.cli.options import CAPTURE, setting

if TYPE_CHECKING:
    from vrrpwatch.core.model import Instant
    from vrrpwatch.dashboard.controls import Mark
    from vrrpwatch.service.fleet import FleetRun

# The newest of what was told on the screen is told again when it is left; interfaces may come and go for years.
MAX_LINES: Final = 100


@click.command(short_help="Show what goes on.")
@listening_options
@click.option("-r", "--read", metavar="FILE", multiple=True, type=CAPTURE, help="Play a capture (may be repeated).")
@setting("--speed", type=click.FloatRange(0.0625, 10_000), default=1.0, show_default=True, help="How fast to play it.")
@setting("--store", metavar="URL", help="Show all sensors of a journal (a file or postgresql://…).")
@setting("--theme", metavar="NAME", help="The colours; those that suit the terminal without it.")
@setting(
    "--pictures",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where pictures go; the current folder without it.",
)
@expression_argument
@click.pass_context
def live(
    ctx: click.Context,
    /,
    expression: tuple[str, ...],
    read: tuple[str, ...],
    speed: float,
    store: str | None,
    theme: str | None,
    pictures: Path | None,
    **given: Any,
) -> None:
    """Show on the terminal who is master, what is wrong, and what the multicast costs.

    Over interfaces (-i), a recording (-r) or a journal (--store). Press ? there for the keys.

    \b
    Examples:
      vrrpwatch live -i eth0
      vrrpwatch live -r friday.pcapng --speed 10
      vrrpwatch live --store postgresql://watch@db/network

    \b
    Exit codes: 0 left, 2 usage, 3 cannot listen or read, 5 no permission,
    6 no such store, 130 interrupted.
    """
    from vrrpwatch.dashboard.themes import NAMES

    if theme is not None and theme not in NAMES:
        raise click.UsageError(f"--theme must be one of {', '.join(NAMES)}")
    shown = {"interface": given["interface"], "read": read, "store": store}
    if sum(map(bool, shown.values())) > 1:
        # What is asked for here and now goes before what settings say is usual.
        spoken = {name: value for name, value in shown.items() if _was_typed(ctx, name)}
        shown = dict.fromkeys(shown) | spoken
    given["interface"], read, store = shown["interface"] or (), shown["read"] or (), shown["store"]
    if sum(map(bool, shown.values())) != 1:
        raise click.UsageError("give one of -i (an interface), -r (a recording) and --store (a journal)")
    if expression and not given["interface"]:
        raise click.UsageError(f"{' '.join(expression)!r}: only what -i hears can be filtered; captures go with -r")
    looks: dict[str, Any] = {"theme": theme, "pictures": pictures, "reveal": given["reveal"]}
    if read:
        code = _play(read, speed, given, looks)
    elif store:
        code = _fleet(store, looks)
    else:
        code = _listen(given, expression, looks)
    ctx.exit(code)


def need_terminal(instead: str) -> None:
    """Refuses to draw into a pipe or a file: Textual reads keys from standard input and draws on standard error."""
    for name, stream in (("input", sys.stdin), ("output", sys.stdout), ("error", sys.stderr)):
        if stream is None or not stream.isatty():
            raise Failure(f"live needs a terminal, and standard {name} is none; see {instead!r} instead", Exit.USAGE)


def _was_typed(ctx: click.Context, option: str) -> bool:
    return ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE


def _listen(given: dict[str, Any], expression: tuple[str, ...], looks: dict[str, Any]) -> int:
    from vrrpwatch.capture.errors import CaptureError
    from vrrpwatch.dashboard.run import run
    from vrrpwatch.service.live import LiveRun

    options = live_options(given, expression)
    if options.write == "-":
        raise click.UsageError("-w - would write into the picture; name a file")
    need_terminal("vrrpwatch watch -i")
    lines: deque[str] = deque(maxlen=MAX_LINES)
    watched = LiveRun(options, lines.append)
    try:
        with starting():
            watched.open()
        watching = watched.watching
        return run(
            watching.monitor,
            title=", ".join(options.interfaces),
            pump=watched.pump,
            lock=watching.lock,
            hearing=watched.outages,
            errors=(OSError, CaptureError),
            **looks,
        )
    finally:
        watched.close()
        for line in lines:
            complain(line)


def _play(paths: tuple[str, ...], speed: float, given: dict[str, Any], looks: dict[str, Any]) -> int:
    from vrrpwatch.capture.errors import CaptureError
    from vrrpwatch.capture.naming import Names
    from vrrpwatch.capture.session import Options, analyse
    from vrrpwatch.capture.sources import reads_once
    from vrrpwatch.cli.progress import ReadingProgress
    from vrrpwatch.cli.settings import load_judging
    from vrrpwatch.core.engine import EngineOptions
    from vrrpwatch.core.frames import Loss
    from vrrpwatch.dashboard.run import run
    from vrrpwatch.service.recording import Recording

    if any(map(reads_once, paths)):
        raise click.UsageError("a recording is read again when it is wound back; give a file instead of a pipe")
    need_terminal("vrrpwatch analyze")
    policy, keys = load_judging(given["policy"], given["keys"])
    budget, reveal = given["budget"], given["reveal"]
    with ReadingProgress() as progress:
        whole = analyse(paths, Options(None, policy, keys, budget, 1, reveal), progress)
    if whole.errors:
        raise Failure("\n".join(whole.errors), Exit.UNREADABLE)

    def options(names: Names, losses: tuple[Loss, ...]) -> EngineOptions:
        return EngineOptions(names.interface, policy, keys, budget, reveal, losses)

    recording = Recording(paths, whole.analysis, options, speed=speed, clock=time.monotonic)
    try:
        title = ", ".join(Path(path).name for path in paths)
        errors = (OSError, CaptureError)
        return run(
            recording.view,
            title=title,
            player=recording,
            pump=recording.run,
            lock=recording.lock,
            errors=errors,
            **looks,
        )
    finally:
        recording.close()
        for source in whole.analysis.sources:
            if source.damage is not None:
                complain(f"{source.path}: {source.damage}")


def _fleet(url: str, looks: dict[str, Any]) -> int:
    from vrrpwatch.dashboard.run import run
    from vrrpwatch.service.fleet import FleetRun
    from vrrpwatch.store.places import StoreError

    need_terminal("vrrpwatch store")
    with starting():
        watched = FleetRun(url, getpass.getuser())
    try:
        return run(
            watched.view,
            title="all sensors",
            keeper=_StoreKeeper(watched),
            hearing=watched,
            pump=watched.pump,
            errors=(OSError, StoreError),
            **looks,
        )
    finally:
        watched.close()


class _StoreKeeper:
    """Keeps people's decisions in the store that is shown."""

    def __init__(self, watched: "FleetRun") -> None:
        self._watched = watched

    def marks(self) -> "Mapping[str, Mark]":
        from vrrpwatch.dashboard.controls import Mark

        return {
            finding: Mark(mark.acknowledged_at, mark.silenced_until)
            for finding, mark in self._watched.fleet.marks().items()
        }

    def acknowledge(self, finding: str, at: "Instant") -> None:  # noqa: ARG002 - the store has a clock
        self._watched.acknowledge(finding)

    def withdraw(self, finding: str) -> None:
        self._watched.withdraw(finding)

    def silence(self, finding: str, until: "Instant") -> None:
        self._watched.silence(finding, until)
