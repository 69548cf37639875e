"""Starts the guardian so that nothing that may happen to the command, its terminal or its session takes it along."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from vrrpwatch.firewall.guardian_state import Folder, wait_for
from vrrpwatch.firewall.running_tools import RulesError
from vrrpwatch.firewall.tools import ENVIRONMENT, installed

# Seconds; a busy host takes some to start Python.
READY: Final = 20.0
_BUS: Final = 10
# Where systemd is the first process (sd_booted(3)).
_BOOTED: Final = Path("/run/systemd/system")
_ROOT: Final = str(Path(__file__).resolve().parents[2])
# What the interpreter, its packages and the store's password file are found by.
_KEPT: Final = ("HOME", "LD_LIBRARY_PATH", "PGPASSFILE")


def start_guardians(folder: Folder, key: str, module: str, arguments: Sequence[str]) -> None:
    """Has guardians of the rules ``key`` run ``python -m module ARGUMENTS``; returns when one is on duty.

    Raises :class:`RulesError` where none comes up in time.
    """
    folder.make_post()
    command = (sys.executable, "-m", module, *arguments)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
    environment = {**kept, **ENVIRONMENT, "PYTHONPATH": paths}
    for start in (_by_systemd, _detached):
        if start(key, command, environment) and wait_for(lambda: folder.on_duty(key), READY):
            return
    raise RulesError(f"the guardian that would put the old rules back did not start within {READY:g} s")


def _by_systemd(key: str, command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether systemd has taken it: as a unit of its own, it outlives the session that is ended, and is restarted."""
    if not _BOOTED.is_dir() or not installed("systemd-run"):
        return False
    enter: tuple[str, ...] = ()
    if not Path("/proc/1/ns/net").samefile("/proc/self/ns/net"):
        enter = ("nsenter", f"--net=/proc/{os.getpid()}/ns/net", "--")
    unit = (
        *("systemd-run", "--quiet", "--collect", f"--unit=vrrpwatch-rules-{key}"),
        *("--property=Restart=on-failure", "--property=TimeoutStopSec=30s"),
        *(f"--setenv={name}={value}" for name, value in environment.items()),
    )
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            (*unit, *enter, *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_BUS,
            check=False,
            env=ENVIRONMENT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _detached(_key: str, command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Two, of which the second takes the place of the first where somebody ends that."""
    # In a session of its own no signal of the terminal or of the process group reaches it.
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    for _ in range(2):
        os.posix_spawn(command[0], tuple(command), environment, file_actions=nowhere, setsid=True)
    return True
