"""``vrrpwatch watch``: the engine on a live segment without a screen, for days: journal, alerts, metrics."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, complaint
from vrrpwatch.cli.listening import (
    Endpoint,
    expression_argument,
    listening_options,
    live_options,
    starting,
)
from vrrpwatch.cli.options import default_state, setting
from vrrpwatch.cli.streams import Persistent
from vrrpwatch.core.notice import Notice

Output = Literal["text", "ndjson", "none"]
# Seconds between two looks at what came in: an alert is to be told within one, and every look costs.
INTERVAL = 0.6
# Seconds between two lines for ``systemctl status``.
STATUS = 0.5

if TYPE_CHECKING:
    from vrrpwatch.core.model import Finding
    from vrrpwatch.core.news import News
    from vrrpwatch.service.live import LiveRun
    from vrrpwatch.service.systemd import Supervisor


@click.command(short_help="Watch live, without a screen.")
@listening_options
@setting(
    "--store",
    metavar="URL",
    is_flag=False,
    flag_value="",
    help="Keep a journal in URL (a file or postgresql://…), in its usual place without one.",
)
@setting("--sensor", metavar="NAME", help="This sensor's name in journal and alerts; the host's otherwise.")
@setting("--alerts", type=click.Path(readable=False), metavar="FILE", help="Whom to tell, and of what (TOML).")
@setting("--outbox", type=click.Path(readable=False), metavar="FILE", help="Keep undelivered alerts in FILE.")
@setting(
    "--metrics",
    type=Endpoint(),
    is_flag=False,
    flag_value="127.0.0.1:9112",
    metavar="[[ADDRESS:]PORT]",
    help="Serve metrics to Prometheus, on this host only without an ADDRESS.",
)
@setting("-c", "--count", type=click.IntRange(min=1), metavar="N", help="Stop after N packets.")
@setting(
    "--output",
    type=click.Choice(["text", "ndjson", "none"]),
    default="text",
    show_default=True,
    help="What to print of events and findings.",
)
@expression_argument
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    expression: tuple[str, ...],
    output: Literal["text", "ndjson", "none"],
    count: int | None,
    **given: Any,
) -> None:
    """Listen to interfaces, say what happens, and tell whom it concerns.

    Events and findings are printed as they become certain. EXPRESSION is a filter of what is heard, as tcpdump takes
    it. Needs the right to listen (CAP_NET_RAW) and gives up all others. SIGHUP reads --policy and --alerts again.

    \b
    Examples:
      vrrpwatch watch -i eth0
      vrrpwatch watch -i any --store --alerts alerts.toml --metrics
      vrrpwatch watch -i eth0 -w eth0.pcapng -C 100 -W 10 --evidence evidence/

    \b
    Exit codes: 0 stopped, 2 usage, 3 cannot listen, 5 no permission,
    6 something could not be kept, told or served, 130 interrupted.
    """
    from vrrpwatch.service.live import LiveRun
    from vrrpwatch.service.sinks import Lines
    from vrrpwatch.service.systemd import Supervisor

    options = live_options(given, expression)._replace(
        sensor=given["sensor"] or "",
        store=str(default_state("journal.db")) if given["store"] == "" else given["store"],
        alerts=given["alerts"],
        outbox=given["outbox"] or str(default_state("outbox.db")),
        metrics=given["metrics"],
        interval=INTERVAL,
    )
    if options.write == "-" and output != "none":
        raise click.UsageError("-w - and what is printed would both go to standard output; add --output none")
    messages = Persistent(sys.stderr.fileno())

    def tell(line: str) -> None:
        messages.write(complaint(line))

    supervisor = Supervisor(os.environ)
    pulse = _Pulse(supervisor, count)
    lines = None if output == "none" else Lines(_printer(output, tell))
    run = LiveRun(options, tell, (pulse,) if lines is None else (pulse, lines))
    pulse.run = run
    with _Signals(run, given["policy"], supervisor, tell) as signals:
        pulse.between = signals.heed
        try:
            with starting():
                run.open()
                if lines is not None:
                    lines.expect(run.known())
                tell(Notice(f"listening on {', '.join(options.interfaces)}"))
                supervisor.ready()
                run.run()
        finally:
            supervisor.stopping()
            run.close()
    monitor = run.watching.monitor
    heard = f"{monitor.totals.packets:,} packets heard, {monitor.totals.adverts:,} advertisements"
    times = run.interruptions
    unheard = f"; {times:,} time{'s'[: times > 1]} an interface could not be heard for a while" if times else ""
    tell(Notice(f"{heard}; the kernel dropped {run.drops:,}{unheard}"))
    if signals.interrupted:
        ctx.exit(Exit.INTERRUPTED)
    ctx.exit(Exit.CLEAN if run.complete else Exit.SINK)


class _Pulse:
    """What is done each time the loop goes round.

    It shows systemd that it does, ends the run after so many packets, and calls ``between``, when nothing is half done.
    """

    def __init__(self, supervisor: "Supervisor", count: int | None) -> None:
        self._supervisor = supervisor
        self._count = count
        self._beat = self._said = 0.0
        self.run: LiveRun
        self.between: Callable[[], None]

    def tell(self, news: "News") -> None:
        self.between()
        now = time.monotonic()
        if self._supervisor.watchdog is not None and now - self._beat >= self._supervisor.watchdog / 2:
            self._beat = now
            self._supervisor.alive()
        if self._supervisor.listens and now - self._said >= STATUS:
            self._said = now
            self._supervisor.status(self.run.status())
        if self._count is not None and news.totals.packets >= self._count:
            self.run.stop()

    def close(self) -> None:
        """There is nothing to put away."""


class _Signals:
    """While entered, SIGINT and SIGTERM end the run, and SIGHUP has it read its settings again at :meth:`heed`."""

    def __init__(
        self, run: "LiveRun", policy: str | None, supervisor: "Supervisor", tell: Callable[[str], None]
    ) -> None:
        self._run = run
        self._policy = policy
        self._supervisor = supervisor
        self._tell = tell
        self._before: dict[int, Any] = {}
        self._outdated = False
        self.interrupted = False

    def __enter__(self) -> "_Signals":
        handlers = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop, signal.SIGHUP: self._reload}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.interrupted = number == signal.SIGINT
        self._run.stop()

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        # A signal comes in the middle of anything, be it the very engine or the alerts that are to change.
        self._outdated = True

    def heed(self) -> None:
        """Reads the settings again where that was asked for since."""
        if not self._outdated:
            return
        self._outdated = False
        from vrrpwatch.alerts.sinks.base import SinkError
        from vrrpwatch.cli.settings import load_policy
        from vrrpwatch.settings import SettingsError

        self._supervisor.reloading(time.monotonic_ns() // 1000)
        try:
            self._run.reload(None if self._policy is None else load_policy(self._policy))
            self._tell(Notice("settings read again"))
        except SettingsError as error:
            self._tell("the settings stay as they were, for:")
            for line in error.lines:
                self._tell(line)
        except SinkError as error:
            self._tell(f"the settings stay as they were, for: {error}")
        self._supervisor.ready()


def _printer(output: Literal["text", "ndjson"], tell: Callable[[str], None]) -> "Callable[[News, list[Finding]], None]":
    stream = Persistent(sys.stdout.fileno())

    def write(text: str) -> None:
        if reason := stream.write(text):
            tell(f"standard output: cannot be written ({reason}); it is watched on, and tried again")

    def ndjson(news: "News", fresh: "list[Finding]") -> None:
        from vrrpwatch.report.json import event_object, finding_object

        for event in news.events:
            write(json.dumps({"type": "event", **event_object(event)}))
        for finding in fresh:
            write(json.dumps({"type": "finding", **finding_object(finding)}))

    def text(news: "News", fresh: "list[Finding]") -> None:
        from vrrpwatch.report.phrases import SYMBOLS, event_text, finding_title
        from vrrpwatch.report.units import clock, date, group_name
        from vrrpwatch.wire.text import safe_text

        def moment(at: int) -> str:
            return f"{date(at)} {clock(at, 3)}"

        for event in news.events:
            write(f"{moment(event.at)} ↻ {group_name(event.group)}: {event_text(event)}")
        for finding in fresh:
            mark = SYMBOLS[finding.severity]
            write(f"{moment(finding.first)} {mark} {finding_title(finding)}: {safe_text(finding.summary)}")

    return ndjson if output == "ndjson" else text
