"""Where pictures come from: the view behind its lock, and the thread that keeps filling it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Flag
from threading import Lock as ThreadLock
from typing import Final, Protocol

from vrrpwatch.core.news import View
from vrrpwatch.wire.text import safe_text

# A picture takes longer than this when another thread has the view: the one before stays a little longer.
PATIENCE: Final = 0.005
# So many pictures in a row not got are worth a word; then one is waited for.
MISSES: Final = 8
LONG_PATIENCE: Final = 0.1

Pump = Callable[[Flag], None]


class Lock(Protocol):
    """A :class:`threading.Lock` or ``RLock``."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...

    def release(self) -> None: ...


class Feed:
    """A view, taken a picture at a time under its lock, and the pump that fills it in a thread of its own."""

    def __init__(self, view: View, lock: Lock | None, pump: Pump | None, errors: tuple[type[Exception], ...]) -> None:
        self.view = view
        self.trouble: str | None = None
        self._lock: Lock = lock if lock is not None else ThreadLock()
        self._pump = pump
        self.errors = errors
        self._stop = Flag()
        self._threads: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self._missed = 0

    @property
    def ended(self) -> bool:
        """Whether the pump has nothing more to give."""
        return self._running is not None and self._running.done()

    def start(self) -> None:
        if self._pump is not None:
            self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="source")
            self._running = self._threads.submit(self._pump, self._stop)

    def stop(self) -> None:
        """Asks the pump to come to its end, and waits for it."""
        self._stop.set()
        if self._threads is not None:
            self._threads.shutdown(wait=True)

    def fault(self) -> BaseException | None:
        """What the pump failed with, if it is not an error of the source but one of the program."""
        if self._running is None or not self._running.done():
            return None
        error = self._running.exception()
        if isinstance(error, self.errors):
            self.trouble = sentence(error)
            return None
        return error

    @contextmanager
    def picture(self) -> Iterator[View | None]:
        """The view while nothing changes it, or ``None`` where it cannot be had now; errors of the source are kept."""
        patience = LONG_PATIENCE if self._missed >= MISSES else PATIENCE
        if not self._lock.acquire(timeout=patience):
            self._missed += 1
            if self._missed >= MISSES:
                self.trouble = "the source is busy; the screen lags behind"
            yield None
            return
        self._missed = 0
        try:
            yield self.view
            self.trouble = None
            # A pump that failed has left for good, however well the view answers.
            self.fault()
        except self.errors as error:
            self.trouble = sentence(error)
        finally:
            self._lock.release()


def sentence(error: BaseException) -> str:
    """An error of the source in one safe line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return safe_text(text, limit=400)
