"""The thread of one sink: delivers what waits for it, in order, again and again until it succeeds."""

import threading
import time
from collections.abc import Callable

from vrrpwatch.alerts.backoff import Backoff
from vrrpwatch.alerts.outbox import Message
from vrrpwatch.alerts.queue import Queue
from vrrpwatch.alerts.sinks.base import Refused, Retry, Sender
from vrrpwatch.core.model import Seconds
from vrrpwatch.core.notice import Notice


class Worker:
    """``done`` hears of every message that needs no more attempts; ``lock`` guards ``queue``."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        queue: Queue,
        *,
        lock: threading.RLock,
        backoff: Backoff,
        done: Callable[[int], None],
        alarm: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.queue = queue
        self.sender = sender
        self.delivered = 0
        self.refused = 0
        self._lock = lock
        self._backoff = backoff
        self._done = done
        self._alarm = alarm
        self._monotonic = monotonic
        self._failing = False
        self._refreshed = monotonic()
        self._thread = self._new_thread()

    def start(self) -> None:
        self._thread.start()

    def revive(self) -> bool:
        """Starts the thread anew if a fault in a sender has ended it; returns whether it had."""
        if self._thread.is_alive() or self.queue.stopping:
            return False
        self._thread = self._new_thread()
        self._thread.start()
        return True

    def join(self, timeout: Seconds) -> bool:
        """Whether the thread has ended within ``timeout``."""
        self._thread.join(max(timeout, 0.0))
        return not self._thread.is_alive()

    def _new_thread(self) -> threading.Thread:
        # A receiver that hangs must not keep the program from ending; the outbox knows what it has not got.
        return threading.Thread(target=self._run, name=f"alerts {self.name}", daemon=True)

    def _run(self) -> None:
        while True:
            with self._lock:
                self.queue.wait(self._until_refresh())
                message = self.queue.head()
                if self.queue.ended or (self.queue.stopping and (message is None or self._failing)):
                    break
            if self._until_refresh() == 0.0:
                self._refreshed = self._monotonic()
                self._attempt(None)
            elif message is not None:
                self._attempt(message)
        self.sender.close()

    def _until_refresh(self) -> Seconds | None:
        if self.sender.every is None:
            return None
        return max(0.0, self._refreshed + self.sender.every - self._monotonic())

    def _attempt(self, message: Message | None) -> None:
        try:
            if message is None:
                self.sender.refresh()
            else:
                self.sender.deliver(message.alert)
        except Retry as retry:
            self._failed(retry, message)
            return
        except Refused as refused:
            if message is None:
                self._alarm(f"sink {self.name}: {refused}")
                return
            self.refused += 1
            self._alarm(f"sink {self.name}: {refused}; {message.alert.rule} {message.alert.id} is not told there")
        else:
            self.delivered += message is not None
        if self._failing:
            self._failing = False
            self._alarm(Notice(f"sink {self.name}: delivers again"))
        self._backoff.succeeded()
        if message is not None:
            self._done(message.sequence)

    def _failed(self, retry: Retry, message: Message | None) -> None:
        with self._lock:
            waiting = len(self.queue)
        if not self._failing:
            self._failing = True
            what = f"{waiting} to be told" if waiting else "to be reminded of what fires"
            self._alarm(f"sink {self.name}: {retry}; {what}, tried again until it succeeds")
        if message is not None:
            wait = self._backoff.failed(retry.after)
            with self._lock:
                self.queue.pause(wait)
