"""``vrrpwatch analyze``: captures in, a report out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, complain, unreadable
from vrrpwatch.cli.options import (
    Color,
    capture_arguments,
    capture_paths,
    common_options,
    judging_options,
    setting,
    wants_color,
)
from vrrpwatch.cli.streams import Output, refuse_to_overwrite

if TYPE_CHECKING:
    from vrrpwatch.capture.session import Options, Outcome
    from vrrpwatch.core.analysis import Analysis

Format = Literal["table", "json", "ndjson", "csv", "html"]
SEVERITIES = ("info", "warning", "critical")
# As many as a large machine has cores; more would only fight over them.
MAX_WORKERS = 256
WORSE_THAN_NO_OPINION = (Exit.INTERRUPTED, Exit.PERMISSION, Exit.UNREADABLE, Exit.DAMAGED)


@click.command(short_help="Analyze captures.")
@capture_arguments
@setting(
    "--output",
    type=click.Choice(["table", "json", "ndjson", "csv", "html"]),
    default="table",
    show_default=True,
    help="The form of the report.",
)
@setting(
    "-o", "--write", type=click.Path(readable=False, path_type=Path), metavar="FILE", help="Write the report to FILE."
)
@judging_options
@setting("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 when something this severe or worse is found.")
@setting(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    default=1,
    show_default=True,
    metavar="N",
    help="Read several captures in N processes.",
)
@setting(
    "--second-opinion", is_flag=True, help="List every field on which tshark disagrees (needs pyshark and tshark)."
)
@common_options
@click.pass_context
def analyze(
    ctx: click.Context,
    captures: tuple[str, ...],
    read: tuple[str, ...],
    output: Format,
    write: Path | None,
    policy: str | None,
    keys: str | None,
    budget: float,
    fail_on: str | None,
    workers: int,
    segment: str | None,
    color: Color,
    reveal: bool,
    second_opinion: bool,
) -> None:
    """Say who was master when and why that changed, what is wrong, and what the multicast costs.

    CAPTURE is a pcap or pcapng file, also compressed with gzip or zstd; - is standard input. Several captures are read
    as one stream in time order.

    \b
    Examples:
      vrrpwatch analyze capture.pcap
      vrrpwatch analyze --output html -o report.html monday-*.pcap.gz
      vrrpwatch analyze --policy site.toml --fail-on critical capture.pcap

    \b
    Exit codes: 0 clean, 1 findings (with --fail-on), 2 usage, 3 unreadable,
    4 damaged or cut (what was read is reported), 5 no permission,
    6 output cannot be written, 130 interrupted (what was read is reported).
    """
    paths = capture_paths(captures, read)
    if second_opinion and "-" in paths:
        raise click.UsageError("--second-opinion reads a capture twice; give it a file instead of standard input")
    if write is not None:
        refuse_to_overwrite(write, paths)
    options = _options(segment, policy, keys, budget, workers, reveal)
    outcome = _analyse(paths, options)
    opinion = _SecondOpinion(paths, options) if second_opinion and not outcome.interrupted else None
    for line in outcome.errors:
        complain(line)
    # With nothing read there is nothing to report; "no advertisements" would be a false statement.
    reportable = any(source.format for source in outcome.analysis.sources)
    if reportable:
        with Output(write) as file:
            write_report(outcome.analysis, output, file, wants_color(color), opinion.found if opinion else None)
        for source in outcome.analysis.sources:
            if source.damage is not None:
                complain(f"{source.path}: {source.damage}")
    if outcome.interrupted:
        complain(
            "interrupted; the report covers what was read until then"
            if reportable
            else "interrupted before anything was read"
        )
    code = exit_code(outcome, paths, fail_on)
    if opinion is not None and opinion.error is not None:
        complain(f"second opinion: {opinion.error}")
        code = code if code in WORSE_THAN_NO_OPINION else Exit.UNREADABLE
    ctx.exit(code)


def _options(
    segment: str | None, policy: str | None, keys: str | None, budget: float, workers: int, reveal: bool
) -> "Options":
    from vrrpwatch.capture.session import Options
    from vrrpwatch.cli.settings import load_judging

    return Options(segment, *load_judging(policy, keys), budget, workers, reveal)


def _analyse(paths: tuple[str, ...], options: "Options") -> "Outcome":
    from vrrpwatch.capture.session import analyse
    from vrrpwatch.cli.progress import ReadingProgress

    with ReadingProgress() as progress:
        return analyse(paths, options, progress)


class _SecondOpinion:
    """What tshark says otherwise: ``found`` to the end or until ``error``; ``None`` where it failed before all."""

    def __init__(self, paths: tuple[str, ...], options: "Options") -> None:
        from vrrpwatch.capture import second_opinion
        from vrrpwatch.capture.errors import CaptureError, DamagedError

        self.found: list[dict[str, Any]] | None = None
        self.error: str | None = None
        try:
            for item in second_opinion.compare(paths, options):
                self.found = self.found or []
                self.found.append(
                    {
                        "source": item.source,
                        "packet": item.packet,
                        "field": item.field,
                        "ours": item.ours,
                        "theirs": item.theirs,
                        "reason": None if item.reason is None else str(item.reason),
                    }
                )
            self.found = self.found or []
        except (second_opinion.SecondOpinionError, CaptureError, DamagedError) as error:
            self.error = str(error)


def write_report(
    analysis: "Analysis", form: Format, file: Output, color: Color = "auto", opinion: list[dict[str, Any]] | None = None
) -> None:
    """Writes the report in one of the output forms; ``opinion`` are the second opinion's disagreements."""
    if form == "table":
        from vrrpwatch.report.table import write_table

        write_table(analysis, file, color=color, disagreements=opinion)
        return
    if form == "html":
        from vrrpwatch.report.html import to_html

        file.write(to_html(analysis, opinion))
        return
    from vrrpwatch.report.json import render, to_json

    document = to_json(analysis)
    if opinion is not None:
        document["second_opinion"] = opinion
    if form == "json":
        file.write(render(document))
    elif form == "csv":
        from vrrpwatch.report.csv import write_csv

        write_csv(document, file)
    else:
        from vrrpwatch.report.ndjson import to_ndjson

        for line in to_ndjson(document):
            file.write(line + "\n")


def exit_code(outcome: "Outcome", paths: tuple[str, ...], fail_on: str | None) -> Exit:
    """The code that says most about what may be missing, before what was found."""
    if outcome.interrupted:
        return Exit.INTERRUPTED
    if outcome.errors:
        return unreadable(paths)
    if any(source.damage is not None for source in outcome.analysis.sources):
        return Exit.DAMAGED
    if fail_on is not None:
        limit = SEVERITIES.index(fail_on)
        if any(finding.severity.rank >= limit for finding in outcome.analysis.findings):
            return Exit.FINDINGS
    return Exit.CLEAN
