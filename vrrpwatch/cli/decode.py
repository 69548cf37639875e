"""``vrrpwatch decode``: one line, or one object, per advertisement."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from vrrpwatch.cli.exits import Exit, complain, unreadable
from vrrpwatch.cli.options import Color, capture_arguments, capture_paths, common_options, setting, wants_color
from vrrpwatch.cli.streams import Output

if TYPE_CHECKING:
    from vrrpwatch.capture.session import Decoded
    from vrrpwatch.report.decode_line import TimeStyle

Format = Literal["table", "json", "ndjson", "csv"]
# As tcpdump counts its -t.
SINCE_LAST, MAX_TIME_STYLE = 3, 5


@click.command(short_help="Decode captures packet by packet.")
@capture_arguments
@setting(
    "--output",
    type=click.Choice(["table", "json", "ndjson", "csv"]),
    default="table",
    show_default=True,
    help="table: tcpdump's line; the others: every field.",
)
@setting("-c", "--count", type=click.IntRange(min=1), metavar="COUNT", help="Stop after COUNT packets.")
@setting("--all", "everything", is_flag=True, help="Also pfsync, conntrackd, IPVS sync, HSRP and GLBP.")
@setting("-e", "link", is_flag=True, help="Print MAC addresses, VLANs and the frame's length too.")
@setting(
    "-t",
    "times",
    count=True,
    help="As in tcpdump, in UTC: -t no time, -tt seconds since 1970, -ttt since the line before, -tttt with the date, "
    "-ttttt since the first line.",
)
@setting("-#", "--number", "number", is_flag=True, help="Print the packet number first, as Wireshark counts.")
@setting("-l", "line_buffered", is_flag=True, help="Write each line at once, for a pipe that someone watches.")
@common_options
@click.pass_context
def decode(
    ctx: click.Context,
    captures: tuple[str, ...],
    read: tuple[str, ...],
    output: Format,
    count: int | None,
    everything: bool,
    link: bool,
    times: int,
    number: bool,
    line_buffered: bool,
    segment: str | None,
    color: Color,
    reveal: bool,
) -> None:
    """Print every VRRP and CARP advertisement: in the line that tcpdump users know, or with every field.

    CAPTURE is a pcap or pcapng file, also compressed with gzip or zstd; - is standard input. Captures are printed one
    after the other.

    \b
    Examples:
      vrrpwatch decode capture.pcap
      vrrpwatch decode -# -e -tttt capture.pcap
      vrrpwatch decode --output ndjson capture.pcap | jq .priority

    \b
    Exit codes: 0 clean, 2 usage, 3 unreadable, 4 damaged or cut (what was read
    is printed), 5 no permission, 6 output cannot be written, 130 interrupted.
    """
    paths = capture_paths(captures, read)
    if times > MAX_TIME_STYLE:
        raise click.UsageError("-t can be given five times at most")
    from vrrpwatch.report.decoded import COMPANION_KEYS, KEYS

    reading = _Reading(paths, segment, everything)
    packets = islice(reading, count)
    with Output(line_buffered=line_buffered) as file:
        try:
            if output == "table":
                printer = _Printer(times, link, number, reveal, _colored(color, file))
                for packet in packets:
                    file.write(printer.line(packet) + "\n")
            elif output == "csv":
                from vrrpwatch.report.csv import write_rows

                columns = (*KEYS, *COMPANION_KEYS) if everything else KEYS
                write_rows(file, columns, (_fields(packet, reveal) for packet in packets))
            elif output == "ndjson":
                for packet in packets:
                    file.write(json.dumps(_fields(packet, reveal), separators=(",", ":")) + "\n")
            else:
                _write_json((_fields(packet, reveal) for packet in packets), file)
        except KeyboardInterrupt:
            reading.code = Exit.INTERRUPTED
    ctx.exit(reading.code)


class _Reading:
    """The packets of all captures, one capture after the other; what goes wrong is told and kept as exit code."""

    def __init__(self, paths: tuple[str, ...], segment: str | None, everything: bool) -> None:
        from vrrpwatch.capture.session import Options

        self._paths = paths
        self._options = Options(segment=segment)
        self._everything = everything
        self.code = Exit.CLEAN

    def __iter__(self) -> "Iterator[Decoded]":
        from vrrpwatch.capture.errors import CaptureError, DamagedError
        from vrrpwatch.capture.session import decode as decode_captures

        for path in self._paths:
            try:
                yield from decode_captures([path], self._options, self._everything)
            except CaptureError as error:
                complain(str(error))
                self._fail(unreadable((path,)))
            except DamagedError as error:
                complain(str(error))
                self._fail(Exit.DAMAGED)

    def _fail(self, code: Exit) -> None:
        # What could not be read at all weighs more than what was read in part.
        self.code = max(self.code, code, key=(Exit.CLEAN, Exit.DAMAGED, Exit.UNREADABLE, Exit.PERMISSION).index)


class _Printer:
    """Turns packets into lines, remembering the times that the next line counts from."""

    def __init__(self, style: int, link: bool, number: bool, reveal: bool, color: bool) -> None:
        self._style = cast("TimeStyle", style)
        self._link = link
        self._number = number
        self._reveal = reveal
        self._color = color
        self._before: int | None = None

    def line(self, packet: "Decoded") -> str:
        from vrrpwatch.report.decode_line import decode_line
        from vrrpwatch.wire.values import Malformed

        text = decode_line(
            packet.at,
            packet.frame,
            packet.message,
            checksum=packet.checksum,
            length=packet.length,
            style=self._style,
            before=self._before,
            link=self._link,
            reveal=self._reveal,
        )
        if self._before is None or self._style == SINCE_LAST:
            self._before = packet.at
        if self._number:
            text = f"{packet.packet:>5}  {text}"
        if self._color and isinstance(packet.message, Malformed):
            return click.style(text, fg="red")
        return click.style(text, fg="yellow") if self._color and packet.checksum == "bad" else text


def _fields(packet: "Decoded", reveal: bool) -> dict[str, Any]:
    from vrrpwatch.report.decoded import record

    return record(
        packet.packet,
        packet.at,
        packet.segment,
        packet.path,
        packet.frame,
        packet.message,
        checksum=packet.checksum,
        reveal=reveal,
    )


def _write_json(records: Iterable[dict[str, Any]], file: Output) -> None:
    separator = "["
    try:
        for item in records:
            file.write(f"{separator}\n  {json.dumps(item)}")
            separator = ","
    finally:
        # Also when interrupted: half an array would be no JSON.
        file.write("[]\n" if separator == "[" else "\n]\n")


def _colored(color: Color, file: Output) -> bool:
    mode = wants_color(color)
    return mode == "always" or (mode == "auto" and file.isatty())
