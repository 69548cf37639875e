"""Runs one command and says what it took, as the kernel accounts for it."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# As users have it: an installed program is not compiled anew at every start, which this variable would make it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall and processor time in seconds and the greatest resident set in megabytes (10^6 bytes) of one process."""

    seconds: float
    busy: float
    megabytes: float


class CommandError(Exception):
    """A measured command did not end with 0; the message holds its last words."""


def pin() -> int:
    """Binds this process, and so all that it starts, to one core, whose number it returns."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def run(command: Sequence[str], errors: Path) -> Spent:
    """Runs ``command`` with its output thrown away and its complaints in ``errors``.

    Linux starts a process's peak memory from that of the process which spawned it, so this one must stay small: it
    imports no numpy, and captures are made by another process.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
    ]
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], list(command), ENVIRONMENT, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - began
    if status:
        raise CommandError(f"{' '.join(command)}: {errors.read_text(errors='replace')[-500:].strip()}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def alternate(commands: Sequence[Sequence[str]], runs: int, errors: Path) -> list[Spent]:
    """Runs all commands in turn, ``runs`` times, and returns the medians: what disturbs one disturbs all."""
    spent = [[run(command, errors) for command in commands] for _ in range(runs)]
    return [
        Spent(
            statistics.median(one.seconds for one in column),
            statistics.median(one.busy for one in column),
            statistics.median(one.megabytes for one in column),
        )
        for column in zip(*spent, strict=True)
    ]
