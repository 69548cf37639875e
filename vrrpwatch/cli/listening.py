"""The options of commands that listen to interfaces, as tcpdump names them, and what becomes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import click

from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.cli.options import POSITIVE, Function, judging_options, setting
from vrrpwatch.wire.values import IPAddress

if TYPE_CHECKING:
    from vrrpwatch.service.live import LiveOptions

# conntrackd's default group, and IPVS's: outside 224.0.0.0/24, so a snooping switch holds them back.
JOINED: Final = ("225.0.0.50", "224.0.0.81")
MAX_SNAPLEN: Final = 262_144
MILLION: Final = 1_000_000


class Address(click.ParamType[IPAddress]):
    """A multicast group."""

    name = "group"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPAddress:
        try:
            address = ip_address(str(value))
        except ValueError:
            address = None
        if address is None or not address.is_multicast:
            self.fail(f"{value!r} is no multicast address such as 225.0.0.50 or ff02::12", param, ctx)
        return address


class Endpoint(click.ParamType[tuple[str, int]]):
    """``PORT`` or ``ADDRESS:PORT``; without an address only this host is served."""

    name = "endpoint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        address, _, port = str(value).rpartition(":")
        if not (port.isascii() and port.isdecimal() and int(port) <= 65_535):
            self.fail(f"{value!r} is neither PORT nor ADDRESS:PORT", param, ctx)
        return address.strip("[]") or "127.0.0.1", int(port)


def _listed(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    import socket

    click.echo("\n".join([*(name for _, name in socket.if_nameindex()), "any"]))
    ctx.exit()


OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    setting(
        "-i", "--interface", metavar="IF", multiple=True, help="Listen on IF (may be repeated); any is all of them."
    ),
    click.option(
        "-D",
        "list_interfaces",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_listed,
        help="List the interfaces and exit.",
    ),
    setting("-p", "--no-promiscuous", is_flag=True, help="Leave the interfaces' mode as it is."),
    setting(
        "-s",
        "--snaplen",
        type=click.IntRange(128, MAX_SNAPLEN),
        default=MAX_SNAPLEN,
        show_default=True,
        metavar="BYTES",
        help="Take so much of each frame.",
    ),
    setting(
        "-B",
        "--buffer",
        type=click.IntRange(2, 4096),
        metavar="MIB",
        help="Memory that the kernel puts frames into, for each -i; 64 at most, and 128 in all, without it.",
    ),
    setting(
        "--join",
        type=Address(),
        multiple=True,
        is_flag=False,
        flag_value=JOINED[0],
        metavar="[GROUP]",
        help=f"Join GROUP ({' and '.join(JOINED)} without one), which a snooping switch would hold back; "
        "only this makes vrrpwatch send anything: IGMP or MLD reports.",
    ),
    setting("-w", "--write-packets", metavar="FILE", help="Write packets to FILE (pcapng); - is standard output."),
    setting(
        "-C",
        "--rotate-size",
        type=POSITIVE,
        metavar="MB",
        help="Begin another file after MB million bytes.",
    ),
    setting(
        "-G",
        "--rotate-time",
        type=POSITIVE,
        metavar="S",
        help="Begin another file after S seconds.",
    ),
    setting("-W", "--keep-files", type=click.IntRange(min=1), metavar="N", help="Keep the last N files of a rotation."),
    setting("--evidence", metavar="DIR", help="Keep the packets around each critical finding in DIR."),
    judging_options,
    setting("--reveal", is_flag=True, help="Show simple passwords instead of masking them."),
    setting("--user", metavar="NAME", help="Become NAME once everything is open."),
)


def listening_options(function: Function) -> Function:
    """What every command takes that listens."""
    for decorate in reversed(OPTIONS):
        function = decorate(function)
    return function


def live_options(given: dict[str, Any], expression: tuple[str, ...]) -> "LiveOptions":
    """What was asked for; raises a usage error or :class:`Failure` for what cannot be."""
    from vrrpwatch.cli.settings import load_judging
    from vrrpwatch.service.live import LiveOptions

    if not given["interface"]:
        raise click.UsageError("no interface given; name one with -i (vrrpwatch watch -D lists them), or -i any")
    rotated = given["rotate_size"] is not None or given["rotate_time"] is not None
    if (rotated or given["keep_files"] is not None) and given["write_packets"] is None:
        raise click.UsageError("-C, -G and -W rotate the file that -w names; name one")
    if rotated and given["write_packets"] == "-":
        raise click.UsageError("standard output cannot be rotated; name a file with -w")
    if given["keep_files"] is not None and not rotated:
        raise click.UsageError("-W keeps files of a rotation; say with -C or -G when another one begins")
    policy, keys = load_judging(given["policy"], given["keys"])
    return LiveOptions(
        interfaces=tuple(given["interface"]),
        expression=" ".join(expression),
        snaplen=given["snaplen"],
        promiscuous=not given["no_promiscuous"],
        ring_megabytes=given["buffer"],
        join=_joined(given["join"]),
        write=given["write_packets"],
        rotate_bytes=None if given["rotate_size"] is None else round(given["rotate_size"] * MILLION),
        rotate_seconds=given["rotate_time"],
        keep_files=given["keep_files"],
        evidence=given["evidence"],
        policy=policy,
        keys=keys,
        budget=given["budget"],
        reveal=given["reveal"],
        user=given["user"],
    )


def _joined(groups: tuple[IPAddress, ...]) -> tuple[IPAddress, ...]:
    known = tuple(ip_address(text) for text in JOINED)
    return tuple(dict.fromkeys((*groups, *known))) if known[0] in groups else groups


@contextmanager
def starting() -> Iterator[None]:
    """Gives what a live run cannot begin with, or go on with, its line and its exit code."""
    from vrrpwatch.alerts.exporter import ExporterError
    from vrrpwatch.alerts.outbox import OutboxError
    from vrrpwatch.alerts.sinks.base import SinkError
    from vrrpwatch.capture.bpf import ExpressionError
    from vrrpwatch.capture.errors import CaptureError
    from vrrpwatch.capture.live_privileges import RightsError
    from vrrpwatch.capture.writer import WriteError
    from vrrpwatch.settings import SettingsError
    from vrrpwatch.store.places import StoreError

    try:
        yield
    except ExpressionError as error:
        raise Failure(str(error), Exit.USAGE) from error
    except RightsError as error:
        raise Failure(str(error), Exit.PERMISSION) from error
    except WriteError as error:
        raise Failure(str(error), Exit.SINK) from error
    except CaptureError as error:
        raise Failure(str(error), Exit.UNREADABLE) from error
    except SettingsError as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from error
    except SinkError as error:
        raise Failure(str(error), Exit.USAGE) from error
    except (StoreError, OutboxError, ExporterError) as error:
        raise Failure(str(error), Exit.SINK) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}", Exit.SINK) from error


def expression_argument(function: Function) -> Function:
    """A filter as tcpdump takes it, after all options."""
    return click.argument("expression", metavar="[EXPRESSION]", nargs=-1)(function)
