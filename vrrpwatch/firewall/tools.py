"""Calls a program that reads or loads rules: fed from memory, with a time limit, without the caller's settings."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

# These are where an ordinary user's path does not lead.
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
ENVIRONMENT: Final = {"PATH": PATH, "LC_ALL": "C"}


class MissingError(Exception):
    """The program is not installed."""


class FailedError(Exception):
    """The program did not succeed: its first words, or how it ended."""


def installed(program: str) -> bool:
    """Whether ``program`` is there."""
    return shutil.which(program, path=PATH) is not None


def call(
    command: Sequence[str],
    text: str,
    timeout: float,
    environment: Mapping[str, str] = ENVIRONMENT,
    hold: int | None = None,
) -> str:
    """What ``command`` prints, given ``text``; raises :class:`MissingError` and :class:`FailedError`.

    ``timeout`` is in seconds.  ``hold`` is a descriptor that the program gets as well.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            command,
            input=text.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
            env=environment,
            cwd="/",
            pass_fds=() if hold is None else (hold,),
        )
    except FileNotFoundError:
        raise MissingError(command[0]) from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"no end within {timeout:g} s") from None
    if done.returncode:
        raise FailedError(_first(done.stderr or done.stdout) or f"exit status {done.returncode}")
    return done.stdout.decode(errors="replace")


def _first(output: bytes) -> str:
    """The first line that is more than a warning about other tables."""
    lines = [line for line in output.decode(errors="replace").strip().splitlines() if not line.startswith("# ")]
    return lines[0].strip() if lines else ""
