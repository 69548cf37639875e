"""What the rules commands look at: captures, a store, or an interface for a while."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from vrrpwatch.cli.exits import Exit, Failure, complain, unreadable
from vrrpwatch.cli.options import CAPTURE, Duration, capture_paths, setting
from vrrpwatch.core.notice import Notice

if TYPE_CHECKING:
    from vrrpwatch.core.analysis import GroupInfo, Segment, VolumeInfo
    from vrrpwatch.core.model import Finding
    from vrrpwatch.core.news import News, View
    from vrrpwatch.firewall.learn import Observed
    from vrrpwatch.service.live import LiveRun

Function = TypeVar("Function", bound=Callable[..., Any])


class Seen(NamedTuple):
    """What a view shows, in the shape of an analysis."""

    segments: "tuple[Segment, ...]"
    groups: "tuple[GroupInfo, ...]"
    findings: "tuple[Finding, ...]"
    multicast: "tuple[VolumeInfo, ...]"


def observing_options(function: Function) -> Function:
    """Captures as arguments, a store, or interfaces."""
    for decorate in (
        setting("--segment", metavar="NAME", help="Name the interface of captures that do not name it themselves."),
        click.option(
            "--for",
            "duration",
            type=Duration(),
            default="60s",
            show_default=True,
            metavar="TIME",
            help="How long to listen with -i.",
        ),
        click.option("-i", "--interface", "interfaces", multiple=True, metavar="IF", help="Listen on an interface."),
        setting("--store", metavar="URL", help="Take what a store holds."),
        click.argument("captures", metavar="[CAPTURE]...", nargs=-1, type=CAPTURE),
    ):
        function = decorate(function)
    return function


def observe(
    captures: tuple[str, ...],
    store: str | None,
    interfaces: tuple[str, ...],
    duration: float,
    segment: str | None,
) -> "Observed":
    """What was seen there; raises a usage error unless exactly one place is named, and :class:`Failure`."""
    if sum(map(bool, (captures, store, interfaces))) > 1:
        raise click.UsageError("captures, --store and -i are three places to look at: name one of them")
    if interfaces:
        return _listened(interfaces, duration)
    if store is not None:
        return _stored(store)
    return analysed(captures, segment)


def analysed(captures: tuple[str, ...], segment: str | None) -> "Observed":
    """The analysis of captures; raises :class:`Failure` where one cannot be read whole: rules must not rest on half."""
    from vrrpwatch.capture.session import Options, analyse

    paths = capture_paths(captures, ())
    outcome = analyse(paths, Options(segment))
    if outcome.errors:
        raise Failure("\n".join(outcome.errors), unreadable(paths))
    if outcome.interrupted:
        raise Failure("interrupted before all was read", Exit.INTERRUPTED)
    for source in outcome.analysis.sources:
        if source.damage is not None:
            complain(f"{source.path}: {source.damage}; what comes after is not looked at")
    return outcome.analysis


def _stored(url: str) -> "Observed":
    from vrrpwatch.cli.listening import starting
    from vrrpwatch.service.fleet import FleetRun

    with starting():
        fleet = FleetRun(url, "vrrpwatch rules")
    try:
        return _seen(fleet.view)
    finally:
        fleet.close()


def _listened(interfaces: tuple[str, ...], duration: float) -> "Observed":
    from vrrpwatch.cli.listening import starting
    from vrrpwatch.service.live import LiveOptions, LiveRun

    deadline = _Deadline(duration)
    run = LiveRun(LiveOptions(interfaces), complain, (deadline,))
    deadline.run = run
    try:
        with starting():
            run.open()
            complain(Notice(f"listening on {', '.join(interfaces)} for {duration:g} s"))
            run.run()
        return _seen(run.watching.monitor)
    except KeyboardInterrupt:
        # Whoever has seen enough says so.
        return _seen(run.watching.monitor)
    finally:
        run.close()


class _Deadline:
    """Ends a run after so many seconds."""

    def __init__(self, duration: float) -> None:
        import time

        self._clock = time.monotonic
        self._until = time.monotonic() + duration
        self.run: LiveRun

    def tell(self, news: "News") -> None:  # noqa: ARG002
        if self._clock() >= self._until:
            self.run.stop()

    def close(self) -> None:
        """There is nothing to put away."""


def _seen(view: "View") -> Seen:
    groups = tuple(info for row in view.rows() if (info := view.group(row.key)) is not None)
    multicast = tuple(view.multicast())
    names = {group.key.segment for group in groups} | {volume.segment for volume in multicast}
    return Seen(tuple(_segment(name) for name in sorted(names)), groups, tuple(view.findings()), multicast)


def _segment(name: str) -> "Segment":
    """A segment from its id, in which interfaces have no ``/``."""
    from vrrpwatch.core.analysis import Segment

    interface, _, tags = name.partition("/")
    return Segment(name, interface, tuple(int(tag) for tag in tags.split(".")) if tags else ())
