"""What a child process of the agent is given and what it says, and how it lives no longer than the agent."""

import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.auditing.stations import Station

# Where memory runs out, the one that watches goes before the one that is watched (proc_pid_oom_score_adj(5)).
_EXPENDABLE: Final = b"500"
_SAYING: Final = Lock()


class ListeningTask(NamedTuple):
    """Listen for ``seconds``, or less where every master is known by then."""

    stations: tuple[Station, ...]
    seconds: float


class WatchingTask(NamedTuple):
    """Watch the routers; ``policy``, ``alerts`` and ``outbox`` are paths of files."""

    stations: tuple[Station, ...]
    policy: str | None = None
    alerts: str | None = None
    outbox: str | None = None


def packed(task: ListeningTask | WatchingTask) -> bytes:
    """The task as the child's :func:`received` reads it."""
    return pickle.dumps(task)


def received() -> object:
    """The task of this process, from the descriptor that its only argument names.

    Whatever priority the agent runs at, this process has an ordinary one, and leaves signals to the agent: they come
    to both from a terminal and from systemd, and then the agent has yet to resign under its eyes.
    """
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not ignored, which would be inherited by the hooks of alerts.
        signal.signal(number, lambda *_: None)
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:  # noqa: PTH123 - no path to be computed
        score.write(_EXPENDABLE)
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        return pickle.load(file)  # noqa: S301 - written by the agent, in memory that nobody else has


def until_the_agent_ends(stop: Callable[[], None]) -> None:
    """Has ``stop`` called once standard input is at its end: the agent closes it, if only by its own death."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        stop()

    Thread(target=wait, name="lifeline", daemon=True).start()


def say(kind: str, what: Mapping[str, Any]) -> None:
    """One line to the agent, from any thread; where it is gone, there is nobody to tell, and this process ends soon."""
    line = json.dumps({"type": kind, **what}).encode() + b"\n"
    with _SAYING, suppress(BrokenPipeError):
        while line:
            line = line[os.write(1, line) :]
