"""Ctrl-C between two steps of the analysis and never within one, so that what was learnt stays whole."""

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Interrupts(AbstractContextManager["Interrupts"]):
    """While entered, an interrupt during :meth:`whole` waits for its end; at any other time it is as ever."""

    def __init__(self) -> None:
        self._installed = False
        self._busy = False
        self._wanted = False

    def whole(self, step: Callable[[T], None], argument: T) -> None:
        """Takes one step; raises :class:`KeyboardInterrupt` after it when one came meanwhile."""
        self._busy = True
        try:
            step(argument)
        finally:
            self._busy = False
        if self._wanted:
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self._busy:
            raise KeyboardInterrupt
        self._wanted = True

    def __enter__(self) -> Self:
        # Only the main thread may set handlers, and whoever has set one of their own shall keep it.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._interrupt)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
