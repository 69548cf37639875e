"""What a child process of the agent is given and what it says, and how it lives no longer than the agent."""

import json
import os
import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock, Thread
from typing import IO, Any, Final, NamedTuple

from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.offspring import be_ordinary

# Where memory runs out, the one that watches goes before the one that is watched (proc_pid_oom_score_adj(5)).
_EXPENDABLE: Final = b"500"
_SAYING: Final = Lock()
_SOCKET: Final = 0


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
    """The task of this process, from the socket that is its standard input.

    Signals are left to the agent: when it is told to stop, it has yet to resign under this process's eyes.
    """
    be_ordinary()
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:  # noqa: PTH123 - in one write, unbuffered
        score.write(_EXPENDABLE)
    with os.fdopen(_SOCKET, "rb", buffering=0, closefd=False) as agent:
        return pickle.loads(_exactly(agent, int.from_bytes(_exactly(agent, 8))))  # noqa: S301 - by the agent itself


def _exactly(agent: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = agent.read(size - len(data))
        if not more:
            raise EOFError("the agent has ended before it said what to do")
        data += more
    return data


def until_the_agent_ends(stop: Callable[[], None]) -> None:
    """Has ``stop`` called once the agent closes the socket, if only by its own death."""

    def wait() -> None:
        with suppress(ConnectionError):
            while os.read(_SOCKET, 4096):
                pass
        stop()

    Thread(target=wait, name="lifeline", daemon=True).start()


def say(kind: str, what: Mapping[str, Any]) -> None:
    """One line to the agent, from any thread; where it is gone, there is nobody to tell, and this process ends soon."""
    line = json.dumps({"type": kind, **what}).encode() + b"\n"
    with _SAYING, suppress(ConnectionError):
        while line:
            line = line[os.write(_SOCKET, line) :]
