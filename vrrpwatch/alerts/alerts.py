"""The one door to alerts: news goes in, and every sink hears of it, now or when it can."""

import random as chance
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.backoff import CAP, Backoff
from vrrpwatch.alerts.decide import Desk, Outcome
from vrrpwatch.alerts.outbox import Changes, Lane, Message, Outbox, open_outbox, snapshot
from vrrpwatch.alerts.queue import Queue
from vrrpwatch.alerts.senders import make_sender
from vrrpwatch.alerts.settings import AlertSettings, Fifo, Sink
from vrrpwatch.alerts.sinks.base import Sender
from vrrpwatch.alerts.worker import Worker
from vrrpwatch.alerts.writer import Writer
from vrrpwatch.core.model import Instant, Seconds
from vrrpwatch.core.news import News

# A reader of a named pipe comes and goes on the same host, and looking for it costs nothing.
_FIFO_CAP: Final[Seconds] = 1.0
# How long a delivery that was interrupted may take to end.
_INTERRUPTED: Final[Seconds] = 1.0


class Alerts:
    """Decides what to tell, keeps it in the outbox, and has it delivered by a thread per sink.

    ``clock`` gives the instant for a :meth:`tick` without one.  ``alarm`` hears, as one line each and from any thread,
    what a person should know about sinks and outbox; it must not raise and not call back.

    Raises :class:`OutboxError` and :class:`SinkError`, before anything is sent.
    """

    def __init__(
        self,
        settings: AlertSettings,
        outbox_path: str | Path,
        sensor: str,
        *,
        clock: Callable[[], Instant],
        alarm: Callable[[str], None],
        random: Callable[[], float] = chance.random,
    ) -> None:
        self._sensor = sensor.encode("utf-8", "replace").decode()
        self._clock = clock
        self._alarm = alarm
        self._random = random
        self._lock = threading.RLock()
        self._dropped = 0
        outbox, trouble = open_outbox(Path(outbox_path))
        if trouble:
            alarm(trouble)
        try:
            lanes = self._read(outbox)
            self._sequence = max((message.sequence for lane in lanes.values() for message in lane.messages), default=0)
            self._install(settings, lanes, self._senders(settings, lanes))
        except BaseException:
            outbox.close()
            raise
        self._writer = Writer(outbox, lock=self._lock, everything=self._everything, alarm=alarm, random=random)
        if lanes.keys() - self._workers.keys() or outbox.unreadable:
            with self._lock:
                self._writer.rewrite()
        self._writer.start()
        for worker in self._workers.values():
            worker.start()

    @property
    def told(self) -> int:
        """How often :meth:`tell` and :meth:`tick` were called."""
        return self._writer.told

    @property
    def acknowledged(self) -> int:
        """For so many of the first :attr:`told` calls all alerts are on the disk or delivered: a crash loses none."""
        return self._writer.acknowledged

    @property
    def dropped(self) -> int:
        """Messages that went for want of room in a queue."""
        return self._dropped

    @property
    def waiting(self) -> dict[str, int]:
        """How many messages each sink has still to be told."""
        with self._lock:
            return {name: len(worker.queue) for name, worker in self._workers.items()}

    def tell(self, news: News) -> None:
        """Takes note of the news; whatever is the matter with sinks or disk is no concern of the caller."""
        with self._lock:
            self._take(self._desk.tell(news))

    def tick(self, now: Instant | None = None) -> None:
        """Lets time pass: resolves what has been quiet, sends digests that are due; about once a second."""
        with self._lock:
            self._take(self._desk.tick(self._clock() if now is None else now))
            for worker in self._workers.values():
                if worker.revive():
                    self._alarm(f"sink {worker.name}: its thread had ended by a fault in the program; started again")

    def flush(self, timeout: Seconds) -> bool:
        """Waits until everything told is acknowledged, at most so long; returns whether it is."""
        with self._lock:
            told = self._writer.told
            return self._writer.progress.wait_for(lambda: self._writer.acknowledged >= told, timeout)

    def reload(self, settings: AlertSettings, timeout: Seconds = 2.0) -> None:
        """Goes on with other settings; sinks of the same name keep what they were told and what waits for them.

        Raises :class:`SinkError` and changes nothing if the new settings do not work.
        """
        with self._lock:
            senders = self._senders(settings, self._lanes())
        self._halt(timeout)
        with self._lock:
            lanes = self._lanes()
            self._install(settings, lanes, senders)
            self._writer.rewrite()
            for worker in self._workers.values():
                worker.start()

    def close(self, timeout: Seconds = 2.0) -> bool:
        """Delivers what can be delivered within ``timeout`` and stops; the rest waits in the outbox for the next start.

        Returns whether everything that was not delivered is on the disk.
        """
        self._halt(timeout)
        return self._writer.stop(timeout + _INTERRUPTED)

    def _take(self, outcomes: dict[str, Outcome]) -> None:
        changes = self._writer.changes
        for name, outcome in outcomes.items():
            route = self._desk.routes[name]
            for id_ in outcome.changed:
                if told := route.firing.get(id_):
                    changes.firing[name, id_] = told.message, told.alert
            for id_ in outcome.opened:
                if digest := route.digests.get(id_):
                    changes.digests[name, id_] = digest.alert
            changes.firing.update(((name, id_), None) for id_ in outcome.gone if id_ not in route.firing)
            changes.digests.update(((name, id_), None) for id_ in outcome.closed)
            for alert in outcome.messages:
                self._put(name, alert)
        self._writer.told += 1
        self._writer.changed()

    def _put(self, name: str, alert: Alert) -> None:
        self._sequence += 1
        self._writer.changes.messages[self._sequence] = name, alert
        dropped = self._workers[name].queue.put(Message(self._sequence, alert))
        if dropped:
            self._dropped += len(dropped)
            for sequence in dropped:
                self._writer.changes.done(sequence)
            self._alarm(f"sink {name}: too many alerts wait; {len(dropped)} were dropped, {self._dropped} so far")

    def _done(self, name: str, sequence: int) -> None:
        with self._lock:
            self._workers[name].queue.remove(sequence)
            self._writer.changes.done(sequence)
            self._writer.changed()

    def _read(self, outbox: Outbox) -> dict[str, Lane]:
        lanes = outbox.read()
        if outbox.unreadable:
            self._alarm(f"{outbox.path}: {outbox.unreadable} entries cannot be read and were dropped")
        return lanes

    def _senders(self, settings: AlertSettings, lanes: dict[str, Lane]) -> dict[str, Sender]:
        return {sink.name: make_sender(sink, _still_firing(lanes.get(sink.name, Lane()))) for sink in settings.sink}

    def _install(self, settings: AlertSettings, lanes: dict[str, Lane], senders: dict[str, Sender]) -> None:
        """Sets up desk, queues and workers; what is kept for sinks that are no more is dropped, aloud."""
        self._desk = Desk(settings, self._sensor)
        self._workers: dict[str, Worker] = {}
        for sink in settings.sink:
            lane = lanes.get(sink.name, Lane())
            self._desk.routes[sink.name].restore(lane.firing.items(), lane.digests.values())
            self._workers[sink.name] = self._worker(sink, senders[sink.name], lane.messages)
        for name, lane in lanes.items():
            if name not in self._workers and lane.messages:
                self._alarm(
                    f"sink {name}: is no longer in the settings; {len(lane.messages)} alerts for it are dropped"
                )

    def _worker(self, sink: Sink, sender: Sender, messages: list[Message]) -> Worker:
        return Worker(
            sink.name,
            sender,
            Queue(self._lock, messages),
            lock=self._lock,
            backoff=Backoff(self._random, cap=_FIFO_CAP if isinstance(sink, Fifo) else CAP),
            done=lambda sequence: self._done(sink.name, sequence),
            alarm=self._alarm,
        )

    def _lanes(self) -> dict[str, Lane]:
        lanes = {}
        for name, worker in self._workers.items():
            route = self._desk.routes[name]
            digests = {id_: digest.alert for id_, digest in route.digests.items()}
            lanes[name] = Lane(worker.queue.all(), dict(route.firing), digests)
        return lanes

    def _everything(self) -> Changes:
        return snapshot(self._lanes())

    def _halt(self, timeout: Seconds) -> None:
        """Ends all workers; those that are not done in time are interrupted."""
        with self._lock:
            for worker in self._workers.values():
                worker.queue.stop()
        ends = time.monotonic() + timeout
        late = [worker for worker in self._workers.values() if not worker.join(ends - time.monotonic())]
        with self._lock:
            for worker in late:
                worker.queue.end()
        for worker in late:
            worker.sender.interrupt()
        ends = time.monotonic() + _INTERRUPTED
        for worker in late:
            if not worker.join(ends - time.monotonic()):
                self._alarm(f"sink {worker.name}: does not end; what it has not got stays in the outbox")


def _still_firing(lane: Lane) -> list[Alert]:
    told = [entry.alert for id_, entry in lane.firing.items() if entry.message == id_]
    return [*told, *lane.digests.values()]
