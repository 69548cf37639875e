"""Runs the tools that a scratch namespace takes: fed from memory, with a time limit, without the caller's settings."""

import os
import shutil
import subprocess
from typing import Final

# Seconds; rules for 1,000 groups and a thousand veth pairs take about ten at most.
TIMEOUT: Final = 120
# These are where an ordinary user's path does not lead.
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# Whoever is no real root cannot write to iptables' own lock, and nobody else works in this namespace.
_ENVIRONMENT: Final = {"PATH": PATH, "LC_ALL": "C", "XTABLES_LOCKFILE": "/dev/null"}


class ReplayError(Exception):
    """The scratch namespace cannot be made into what the job asks for; one line says why."""


def run(command: tuple[str, ...], text: str) -> None:
    """Raises :class:`ReplayError` with the program's first words where it does not succeed."""
    line = " ".join(command)
    program = shutil.which(command[0], path=PATH)
    if program is None:
        raise ReplayError(f"{command[0]} is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            (program, *command[1:]),
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env=_ENVIRONMENT,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        raise ReplayError(f"{line}: no end within {TIMEOUT} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise ReplayError(f"{line}: {words[0] if words else f'exit status {done.returncode}'}")
