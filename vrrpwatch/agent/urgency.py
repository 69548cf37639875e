"""Sees to it that a busy host does not make the agent late: real-time priority, memory that stays, few pauses."""

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Iterator

# A low one of the real-time priorities: above every ordinary program, below what the kernel's own threads have.
PRIORITY = 10
# Microseconds without a pause after which the kernel ends a real-time program (RLIMIT_RTTIME of setrlimit(2)): one that
# hangs must not take the host with it.
MAX_UNBROKEN = 2_000_000
# bits/mman.h.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
# The interpreter lets a thread run for this long before another gets its turn.
_SWITCH_INTERVAL = 0.0005


def hurry(*, realtime: bool, lock_memory: bool) -> Iterator[str]:
    """Takes what is wanted, and yields a line for each that the host does not permit; what was not given is lacking."""
    gc.collect()
    # What is there now stays: a collection need not look at it again.
    gc.freeze()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    if lock_memory:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
            reason = os.strerror(ctypes.get_errno())
            yield f"memory is not locked ({reason}): raise LimitMEMLOCK, or write lock_memory = false"
    if realtime:
        try:
            resource.setrlimit(resource.RLIMIT_RTTIME, (MAX_UNBROKEN, MAX_UNBROKEN))
            # Programs that the agent starts are ordinary ones.
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
        except OSError as error:
            yield f"no real-time priority ({error.strerror}): raise LimitRTPRIO, or write realtime = false"


def is_realtime() -> bool:
    """Whether the program has a real-time priority now."""
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_RR, os.SCHED_FIFO)
