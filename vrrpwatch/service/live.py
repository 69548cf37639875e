"""Puts a live run together: opens what needs rights, gives them up, and starts those who want to know."""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from vrrpwatch import __version__
from vrrpwatch.capture import bpf
from vrrpwatch.capture.evidence import Evidence
from vrrpwatch.capture.interfaces import ANY, is_name, look_up
from vrrpwatch.capture.live import Sink as ByteSink
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.live_join import Memberships, own_addresses
from vrrpwatch.capture.live_privileges import RightsError, drop_privileges
from vrrpwatch.capture.live_socket import RingSize
from vrrpwatch.capture.naming import Names
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.writer import WriteError, Writer
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Batch
from vrrpwatch.core.model import Instant
from vrrpwatch.core.notice import Notice
from vrrpwatch.service.comparer import Comparer
from vrrpwatch.service.memory import Trimmer, return_freed_memory
from vrrpwatch.service.outages import Outages
from vrrpwatch.service.sinks import EvidenceKeeper, Gauge, Recorder, Teller
from vrrpwatch.service.watching import Sink, Watching
from vrrpwatch.wire.values import IPAddress

if TYPE_CHECKING:
    from vrrpwatch.alerts.exporter import Exporter
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# How much of what passed is held, for the packets that came before a finding was certain.
EVIDENCE_BYTES: Final = 64 << 20
MEGABYTE: Final = 1 << 20

Told = Callable[[str], None]


class LiveOptions(NamedTuple):
    """What a live run does, looking every ``interval`` seconds at what came in.

    ``alerts`` and ``outbox``, ``store`` and ``metrics`` may each be left out.
    """

    interfaces: tuple[str, ...]
    expression: str = ""
    snaplen: int = 262_144
    promiscuous: bool = True
    ring_megabytes: int | None = None
    interval: float = 0.25
    join: tuple[IPAddress, ...] = ()
    write: str | None = None
    rotate_bytes: int | None = None
    rotate_seconds: float | None = None
    keep_files: int | None = None
    evidence: str | None = None
    policy: "Policy | None" = None
    keys: "Keys | None" = None
    budget: float | None = None
    reveal: bool = False
    sensor: str = ""
    store: str | None = None
    alerts: str | None = None
    outbox: str | None = None
    metrics: tuple[str, int] | None = None
    user: str | None = None


class _Ears:
    """What a sniffer hears, as the loop wants it."""

    def __init__(self, sniffer: Sniffer, interfaces: tuple[str, ...]) -> None:
        self._sniffer = sniffer
        self._interfaces = interfaces

    @property
    def settled_until(self) -> Instant:
        return self._sniffer.settled_until

    @property
    def drops(self) -> int:
        return self._sniffer.drops

    @property
    def interruptions(self) -> int:
        return self._sniffer.interruptions

    def hears(self, interface: str) -> bool:
        """Whether that interface is watched, and up."""
        if ANY not in self._interfaces and interface not in self._interfaces:
            return False
        link = look_up(interface) if is_name(interface) else None
        return link is not None and link.up

    def batches(self) -> Iterator[Batch | None]:
        return self._sniffer.batches(WANTED)


class LiveRun:
    """A live run, from :meth:`open` to :meth:`close`; ``told`` hears, a line each, what a person should know."""

    def __init__(self, options: LiveOptions, told: Told, extra: tuple[Sink, ...] = ()) -> None:
        """``extra`` sinks are told first."""
        self._options = options
        self.outages: Final = Outages(options.interfaces, time.time_ns)
        self._tell_people = told
        self._stack = ExitStack()
        self._sinks: list[Sink] = list(extra)
        self._sniffer: Sniffer | None = None
        self._teller: Teller | None = None
        self._recorder: Recorder | None = None
        self._writer: Writer | None = None
        self._watching: Watching | None = None
        self._stopped = False
        self.sensor = options.sensor or socket.gethostname()

    @property
    def complete(self) -> bool:
        """Whether, after the end, everything is where it was to be kept."""
        kept = all(sink.complete for sink in (self._recorder, self._teller) if sink is not None)
        return kept and (self._writer is None or not self._writer.missing)

    @property
    def watching(self) -> Watching:
        if self._watching is None:
            raise RuntimeError("the run is not open")
        return self._watching

    @property
    def drops(self) -> int:
        """How many packets the kernel had no room for."""
        return 0 if self._sniffer is None else self._sniffer.drops

    @property
    def interruptions(self) -> int:
        """How often an interface could not be heard for a while: it was down or gone, or nothing was watched at all."""
        return 0 if self._sniffer is None else self._sniffer.interruptions

    def open(self) -> None:
        """Opens interfaces and files, gives up all rights but that to watch, then starts what needs none.

        Raises :class:`vrrpwatch.capture.errors.CaptureError` and what the settings of alerts, store and metrics raise.
        """
        return_freed_memory()
        self._sinks.append(Trimmer())
        options = self._options
        program = bpf.kept(options.snaplen)
        if options.expression:
            from vrrpwatch.capture.bpf_expression import compile_expression

            program = bpf.both(compile_expression(options.expression, options.snaplen), program)
        byte_sinks: list[ByteSink] = []
        if options.write is not None:
            self._writer = Writer(
                options.write,
                rotate_bytes=options.rotate_bytes,
                rotate_seconds=options.rotate_seconds,
                keep=options.keep_files,
                alarm=self._told,
            )
            self._stack.callback(self._writer.close)
            byte_sinks.append(self._writer)
        if options.evidence is not None:
            try:
                Path(options.evidence).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WriteError(f"{options.evidence}: no such folder can be made ({error.strerror})") from error
            evidence = Evidence(options.evidence, EVIDENCE_BYTES, self._told)
            byte_sinks.append(evidence)
            self._sinks.append(EvidenceKeeper(evidence, self._told))
        memberships = Memberships(options.join, self._told)
        self._stack.callback(memberships.close)
        size = None
        if options.ring_megabytes is not None:
            size = RingSize()
            size = size._replace(blocks=max(options.ring_megabytes * MEGABYTE // size.block, 8))
        self._sniffer = Sniffer(
            options.interfaces,
            program=program,
            snaplen=options.snaplen,
            promiscuous=options.promiscuous,
            size=size,
            interval=options.interval,
            sinks=byte_sinks,
            told=self._told,
            opened=memberships.join,
        )
        self._stack.callback(self._sniffer.close)
        self._sniffer.open()
        if self._stopped:
            self._sniffer.stop()
        named = () if "any" in options.interfaces else options.interfaces
        own = own_addresses(named) if options.join else frozenset()
        exporter = self._listen_for_scrapes()
        self._give_up_rights()
        self._check_folders()
        if exporter is not None:
            exporter.start()
        ears = _Ears(self._sniffer, options.interfaces)
        self._start_sinks(ears)
        self._watching = Watching(ears, lambda names: self._engine_options(names, own), self._sinks, self.outages)
        self._stack.callback(self._watching.close)

    def known(self) -> frozenset[str]:
        """The findings that went on when this sensor stopped last, as its journal has them."""
        if self._options.store is None:
            return frozenset()
        from vrrpwatch.store.places import StoreError
        from vrrpwatch.store.reading import open_findings

        try:
            return frozenset(open_findings(self._options.store, self.sensor))
        except StoreError as error:
            self._told(f"what went on before is not known: {error}")
            return frozenset()

    def run(self) -> Analysis:
        """Watches until :meth:`stop`."""
        return self.watching.run()

    def pump(self, closing: Flag) -> None:
        """The same until ``closing`` is set, for whoever shows the run."""
        ended = Flag()

        def wait() -> None:
            while not ended.is_set() and not closing.wait(0.1):
                pass
            self.stop()

        waiting = Thread(target=wait, name="stop", daemon=True)
        waiting.start()
        try:
            self.run()
        finally:
            ended.set()
            waiting.join()

    def status(self) -> str:
        """How it goes, in a line."""
        with self.watching.lock:
            states = Counter(row.state for row in self.watching.monitor.rows())
        parts = [f"{sum(states.values())} virtual routers"]
        parts += [f"{states[state]} {state}" for state in ("contested", "lost") if states[state]]
        parts += [f"{self.drops} packets dropped"] if self.drops else []
        parts += [f"{self._recorder.durable} events in the journal"] if self._recorder is not None else []
        parts += [f"{self._teller.durable} seen to for alerts"] if self._teller is not None else []
        return ", ".join(parts)

    def stop(self) -> None:
        """Ends the run soon, or as soon as it begins; may be called from anywhere."""
        self._stopped = True
        if self._sniffer is not None:
            self._sniffer.stop()

    def reload(self, policy: "Policy | None") -> None:
        """Goes on with another policy and the alert settings as they are now; where those are wrong nothing changes."""
        if self._teller is not None and self._options.alerts is not None:
            from vrrpwatch.alerts.settings import load

            self._teller.reload(load(self._options.alerts))
        with self.watching.lock:
            self.watching.monitor.obey(policy)

    def close(self) -> None:
        """Puts everything away, whatever was opened."""
        self._stack.close()

    def _told(self, line: str) -> None:
        self.outages.tell(line)
        self._tell_people(line)

    def _engine_options(self, names: Names, own: frozenset[IPAddress]) -> EngineOptions:
        options = self._options
        return EngineOptions(names.interface, options.policy, options.keys, options.budget, options.reveal, own=own)

    def _give_up_rights(self) -> None:
        users = self._users_of_hooks()
        if "root" in users:
            self._told(
                "a hook runs as root with all of root's rights, and so does this: name another user in its settings"
            )
            return
        if users:
            kept = f"hooks run as {', '.join(sorted(users))}, so the right to become another user is kept"
            self._told(Notice(f"{kept}; with --user NAME it is not, and they run as NAME"))
        drop_privileges(self._options.user, runs_as_others=bool(users))
        # Parts of both are read only when they are needed.
        for part in (os.__file__, __file__):
            if not os.access(part, os.R_OK):
                who = f"user {self._options.user or os.getuid()}"
                raise RightsError(f"{who} may not read {part}, part of this program: install it where all may read it")

    def _check_folders(self) -> None:
        """Raises :class:`WriteError` where files could not be made later on: root without its rights is a user too."""
        options = self._options
        folders = [] if options.evidence is None else [Path(options.evidence)]
        if options.write is not None and (options.rotate_bytes is not None or options.rotate_seconds is not None):
            folders.append(Path(options.write).parent)
        for folder in folders:
            if not os.access(folder, os.W_OK | os.X_OK):
                who = options.user or f"user {os.getuid()}"
                raise WriteError(
                    f"{folder}: {who} may not write there, once other rights are given up; change its owner"
                )

    def _users_of_hooks(self) -> frozenset[str]:
        """Whom programs are to be run as by root, which nobody else could do."""
        if self._options.alerts is None or os.geteuid() != 0 or self._options.user is not None:
            return frozenset()
        from vrrpwatch.alerts.programs import NOBODY
        from vrrpwatch.alerts.settings import Hook, load

        return frozenset(sink.user or NOBODY for sink in load(self._options.alerts).sink if isinstance(sink, Hook))

    def _listen_for_scrapes(self) -> "Exporter | None":
        """The metrics' server, yet to be started: a port below 1024 needs a right that is not kept."""
        if self._options.metrics is None:
            return None
        from prometheus_client import CollectorRegistry

        from vrrpwatch.alerts.exporter import Exporter
        from vrrpwatch.alerts.metrics import Metrics

        registry = CollectorRegistry()
        exporter = Exporter(registry, *self._options.metrics)
        self._stack.callback(exporter.close)
        self._sinks.append(Gauge(Metrics(registry, __version__)))
        return exporter

    def _compare(self, store: str, ears: _Ears) -> None:
        """Looks up who was master when this sensor stopped last; nothing is told to its journal yet."""
        from vrrpwatch.store.masters import last_masters
        from vrrpwatch.store.places import StoreError

        try:
            masters = last_masters(store, self.sensor)
        except StoreError as error:
            self._told(f"who was master before is not known: {error}")
        else:
            self._sinks.append(Comparer(masters, ears, self._told))

    def _start_sinks(self, ears: _Ears) -> None:
        options = self._options
        if options.store is not None:
            from vrrpwatch.store.journal import Journal, JournalState

            def changed(state: JournalState) -> None:
                again = Notice("the journal is written again")
                self._told(again if state.reason is None else f"journal: {state.reason}")

            journal = Journal(options.store, self.sensor, clock=time.time_ns, alarm=changed)
            self._recorder = Recorder(journal, self._told)
            self._sinks.append(self._recorder)
            self._compare(options.store, ears)
        if options.alerts is not None and options.outbox is not None:
            from vrrpwatch.alerts.alerts import Alerts
            from vrrpwatch.alerts.settings import load

            Path(options.outbox).parent.mkdir(parents=True, exist_ok=True)
            alerts = Alerts(load(options.alerts), options.outbox, self.sensor, clock=time.time_ns, alarm=self._told)
            self._teller = Teller(alerts, self._told)
            self._sinks.append(self._teller)
