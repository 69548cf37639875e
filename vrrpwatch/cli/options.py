"""What several commands share: captures, how settings are named in the environment, colours."""

import os
import re
import sys
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

Color = Literal["auto", "always", "never"]
# Whether a file can be read is the reader's to say, with the exit code that is promised for it.
CAPTURE = click.Path(readable=False)
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_557_600}
# A thousand years: times stay within 64 bits of nanoseconds.
_MAX_DURATION: Final = 1_000 * _UNITS["y"]
Function = TypeVar("Function", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """A number with a unit, ``90d``; seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([smhdwy])", str(value).strip(), re.ASCII)
        if match is None:
            self.fail("write a number and a unit (s, m, h, d, w or y), as in 90d", param, ctx)
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds > _MAX_DURATION:
            self.fail("is longer than 1000y", param, ctx)
        return seconds


class Setting(click.Option):
    """An option that ``VRRPWATCH_COMMAND_OPTION`` sets for one command and ``VRRPWATCH_OPTION`` for all."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        specific = super().resolve_envvar_value(ctx)
        if specific is not None or self.name is None:
            return specific
        return os.environ.get(f"VRRPWATCH_{self.name.upper()}") or None


def setting(*names: str, **attributes: Any) -> Callable[[Function], Function]:
    """An option that may also be set in the environment and in settings files."""
    return click.option(*names, cls=Setting, **attributes)


def capture_arguments(function: Function) -> Function:
    """The captures, as arguments or as tcpdump's ``-r``."""
    function = click.option(
        "-r", "--read", metavar="FILE", multiple=True, type=CAPTURE, help="A capture, as an argument would be."
    )(function)
    return click.argument("captures", metavar="CAPTURE...", nargs=-1, type=CAPTURE)(function)


color_option = setting(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour the output; auto does so on a terminal, and obeys NO_COLOR.",
)


def common_options(function: Function) -> Function:
    """What every command that reads captures takes."""
    for decorate in (
        click.option(
            "-n", "numeric", is_flag=True, expose_value=False, help="Accepted as in tcpdump; names are never looked up."
        ),
        color_option,
        setting("--reveal", is_flag=True, help="Show simple passwords instead of masking them."),
        setting("--segment", metavar="NAME", help="Name the interface of captures that do not name it themselves."),
    ):
        function = decorate(function)
    return function


# Whether a file can be read is its reader's to say.
SETTINGS = click.Path(readable=False)
POSITIVE = click.FloatRange(min=0, min_open=True)


def judging_options(function: Function) -> Function:
    """What every command takes that judges traffic; :func:`vrrpwatch.cli.settings.load_judging` reads the files."""
    for decorate in (
        setting(
            "--budget",
            type=POSITIVE,
            default=100.0,
            show_default=True,
            metavar="PPS",
            callback=_number,
            help="Redundancy multicast a segment may carry, in packets/s.",
        ),
        setting("--keys", type=SETTINGS, metavar="FILE", help="Keys to verify AH, CARP and HMAC trailers with (TOML)."),
        setting("--policy", type=SETTINGS, metavar="FILE", help="Which routers and speakers belong where (TOML)."),
    ):
        function = decorate(function)
    return function


def _number(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    if isnan(value):
        raise click.UsageError("--budget must be a number of packets/s")
    return value


def default_state(name: str) -> Path:
    """Where a file that outlives the program is when nobody says.

    In the service's folder where systemd names one, in the system's for root, else in the user's (XDG Base Directory).
    """
    service = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if service or os.geteuid() == 0:
        return Path(service or "/var/lib/vrrpwatch") / name
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path there is to be ignored (XDG Base Directory Specification).
    return (Path(state) if Path(state).is_absolute() else Path.home() / ".local/state") / "vrrpwatch" / name


def capture_paths(captures: tuple[str, ...], read: tuple[str, ...]) -> tuple[str, ...]:
    """All captures asked for, ``-r`` first; raises a usage error where there are none or standard input has none."""
    paths = (*read, *captures)
    if not paths:
        raise click.UsageError("no capture given; name a pcap or pcapng file, or - for standard input")
    if paths.count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if "-" in paths and sys.stdin.isatty():
        raise click.UsageError(
            "standard input is a terminal; pipe a capture into it, as in: tcpdump -w - | vrrpwatch …"
        )
    return paths


def wants_color(color: Color) -> Color:
    """The colour mode with ``NO_COLOR`` (https://no-color.org) obeyed; saying ``always`` overrides it."""
    return "never" if color == "auto" and os.environ.get("NO_COLOR") else color
