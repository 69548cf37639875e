"""A timer that wakes an event loop at an instant, to a fraction of a millisecond (timerfd_create(2)).

An event loop's own timers are whole milliseconds of epoll_wait(2).  The clock is CLOCK_BOOTTIME: it never steps, and
it goes on while the host is suspended.
"""

import ctypes
import os
import time

from vrrpwatch.core.model import NANOSECONDS, Instant

_CLOCK = time.CLOCK_BOOTTIME
# linux/timerfd.h.
_TFD_TIMER_ABSTIME = 1
_TFD_CLOEXEC, _TFD_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timers(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


_LIBC = ctypes.CDLL(None, use_errno=True)


def now() -> Instant:
    """Nanoseconds since the host booted."""
    return time.clock_gettime_ns(_CLOCK)


class Timer:
    """Readable from the instant that it is set to; :meth:`clear` once it was.  Raises :class:`OSError`."""

    def __init__(self) -> None:
        self._descriptor = _checked(_LIBC.timerfd_create(_CLOCK, _TFD_CLOEXEC | _TFD_NONBLOCK))
        self._at: Instant | None = None

    def fileno(self) -> int:
        return self._descriptor

    def set(self, at: Instant | None) -> None:
        """Wakes at ``at``, at once if that is past, or never."""
        if at == self._at:
            return
        self._at = at
        seconds, rest = (0, 0) if at is None else divmod(max(at, 1), NANOSECONDS)
        value = _Timers(_Timespec(0, 0), _Timespec(seconds, rest))
        _checked(_LIBC.timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(value), None))

    def clear(self) -> None:
        """Takes note that it has woken somebody."""
        self._at = None
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            # Set anew between waking and reading.
            return

    def close(self) -> None:
        os.close(self._descriptor)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
