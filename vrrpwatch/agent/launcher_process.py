"""The process that :mod:`vrrpwatch.agent.launcher` talks to: ``python -m`` this module, with its socket as input.

Messages are lines of JSON, ``{"run": N, …}`` and ``{"kill": N}``, answered by ``{"ended": N, …}``.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections import deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from vrrpwatch.agent.offspring import be_ordinary, network_rights
from vrrpwatch.alerts.programs import ENVIRONMENT

# More wait for their turn: all routers may change their state at once, each with a hook.
MAX_RUNNING: Final = 256
# The end of what a program writes is enough to say why it failed.
MAX_SAID: Final = 2_000
_MAX_MESSAGE: Final = 2 * 1024 * 1024
# What is read at once, and how often after the end: more than a pipe holds (pipe(7)).
_CHUNK: Final = 65_536
_LAST_CHUNKS: Final = 4


@dataclass(slots=True)
class Job:
    """A program that was asked for, and has not ended as far as whoever asked knows."""

    number: int
    command: list[str]
    who: tuple[int, int, list[int]] | None
    timeout: float
    explain: bool
    network: bool
    process: subprocess.Popen[bytes] | None = None
    killed: str = ""
    said: bytearray = field(default_factory=bytearray)


class Runner:
    """Starts programs, and says how each of them ended."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[int, Job] = {}
        self._running = 0
        self._waiting: deque[Job] = deque()

    def heed(self, message: dict[str, Any]) -> None:
        if "kill" in message:
            job = self._jobs.get(message["kill"])
            if job is not None:
                self._kill(job, "was no longer wanted and was killed")
            return
        number = message.pop("run")
        job = self._jobs[number] = Job(number, **message)
        self._waiting.append(job)
        self._next()

    def close(self) -> None:
        """Kills all that runs."""
        for job in self._jobs.values():
            if job.process is not None:
                _kill_group(job.process)

    def _next(self) -> None:
        while self._waiting and self._running < MAX_RUNNING:
            job = self._waiting.popleft()
            if job.killed:
                self._tell(job, None, job.killed)
                continue
            try:
                process = job.process = _start(job)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                # Also where its user's limits do not allow one more process.
                self._tell(job, None, f"cannot be run ({getattr(error, 'strerror', None) or error})")
                continue
            self._running += 1
            pipe = None if process.stderr is None else process.stderr.fileno()
            if pipe is not None:
                os.set_blocking(pipe, False)
                self._loop.add_reader(pipe, self._hear, job, pipe)
            late = f"took longer than {job.timeout:g} s and was killed"
            timer = self._loop.call_later(job.timeout, self._kill, job, late)
            ended = os.pidfd_open(process.pid)
            self._loop.add_reader(ended, self._end, job, process, pipe, ended, timer)

    def _kill(self, job: Job, reason: str) -> None:
        job.killed = job.killed or reason
        if job.process is not None and not _kill_group(job.process):
            # Such as sudo: whoever waits for it is told, and it is reaped whenever it ends.
            self._tell(job, None, f"{job.killed.removesuffix('was killed')}could not be killed (no right to)")

    def _hear(self, job: Job, pipe: int) -> bool:
        """Takes what there is to read; returns whether there may be more."""
        try:
            chunk = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(pipe)
        job.said += chunk
        del job.said[:-MAX_SAID]
        return bool(chunk)

    def _end(
        self, job: Job, process: subprocess.Popen[bytes], pipe: int | None, ended: int, timer: asyncio.TimerHandle
    ) -> None:
        self._loop.remove_reader(ended)
        os.close(ended)
        timer.cancel()
        status = process.wait()
        if pipe is not None and process.stderr is not None:
            # What it said last.  Children that it has left behind may go on for ever.
            for _ in range(_LAST_CHUNKS):
                if not self._hear(job, pipe):
                    break
            self._loop.remove_reader(pipe)
            process.stderr.close()
        self._running -= 1
        if job.killed:
            self._tell(job, None, job.killed)
        elif status < 0:
            self._tell(job, None, f"was killed by signal {-status}")
        else:
            self._tell(job, status, f"exit status {status}" if status else "")
        self._next()

    def _tell(self, job: Job, status: int | None, trouble: str) -> None:
        if self._jobs.pop(job.number, None) is None:
            return
        said = job.said.decode(errors="replace")
        message = {"ended": job.number, "status": status, "trouble": trouble, "said": said}
        self._writer.write(json.dumps(message).encode() + b"\n")


def _start(job: Job) -> subprocess.Popen[bytes]:
    uid, gid, groups = job.who or (None, None, None)
    with network_rights() if job.network else nullcontext():
        return subprocess.Popen(  # noqa: S603  # the settings name the program, and no shell reads them
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if job.explain else None,
            cwd="/",
            env=ENVIRONMENT,
            # A group of its own, so that the children that it leaves behind can be killed with it.
            start_new_session=True,
            umask=0o077,
            user=uid,
            group=gid,
            extra_groups=groups,
        )


def _kill_group(process: subprocess.Popen[bytes]) -> bool:
    """Whether there was the right to; until it is waited for, its number is nobody else's."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


async def serve(connection: socket.socket) -> None:
    """Runs what is asked for until nobody is at the other end."""
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_MAX_MESSAGE)
    runner = Runner(writer)
    try:
        while line := await reader.readline():
            runner.heed(json.loads(line))
    finally:
        runner.close()


if __name__ == "__main__":
    be_ordinary()
    with suppress(ConnectionError, KeyboardInterrupt):
        asyncio.run(serve(socket.socket(fileno=os.dup(0))))
