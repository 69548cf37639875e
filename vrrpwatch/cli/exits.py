"""The exit codes that scripts rely on, and the errors that carry them."""

import os
from enum import IntEnum
from typing import IO, Any

import click

from vrrpwatch.wire.text import safe_text

# A path may take 4,096 bytes, each shown as four characters at worst; what is wrong with it must still be read.
MAX_LINE = 20_000
_STANDARD_ERROR = 2


class Exit(IntEnum):
    """What each exit code means; where several apply, the gravest for whoever trusts the output."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    UNREADABLE = 3
    DAMAGED = 4
    PERMISSION = 5
    SINK = 6
    INTERRUPTED = 130


class Level(IntEnum):
    """How grave a line is, in the numbers of syslog(3)."""

    ERROR = 3
    WARNING = 4
    INFORMATION = 6


class Failure(click.ClickException):
    """One clear line on standard error, and an exit code."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # declared for the class, read from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.split("\n"):
            if file is None:
                complain(line, Level.ERROR)
            else:
                click.echo(_named(line), file=file)


def complain(line: str, level: Level | None = None) -> None:
    """Says what is wrong on standard error in one line, in the form of every Unix tool; a file may have any name."""
    click.echo(complaint(line, level), err=True)


def complaint(line: str, level: Level | None = None) -> str:
    """What :func:`complain` says: a warning, without a ``level``, or information where it is a ``Notice``.

    Where standard error is the journal, the level stands in front, which takes it from there (sd-daemon(3)).
    """
    if not reaches_journal():
        return _named(line)
    from vrrpwatch.core.notice import Notice

    usual = Level.INFORMATION if isinstance(line, Notice) else Level.WARNING
    return f"<{usual if level is None else level}>{_named(line)}"


def show(error: click.ClickException) -> None:
    """Says why a command ended, at some length where somebody at a terminal may have mistyped it."""
    if reaches_journal() and not isinstance(error, Failure):
        complain(error.format_message(), Level.ERROR)
    else:
        error.show()


def reaches_journal() -> bool:
    """Whether standard error leads to systemd's journal, by device and inode (systemd.exec(5), ``JOURNAL_STREAM``)."""
    stream = os.environ.get("JOURNAL_STREAM")
    if stream is None:
        return False
    status = os.fstat(_STANDARD_ERROR)
    return stream == f"{status.st_dev}:{status.st_ino}"


def _named(line: str) -> str:
    return f"vrrpwatch: {safe_text(line, MAX_LINE)}"


def unreadable(paths: tuple[str, ...]) -> Exit:
    """The code for captures that could not be read: no permission, where that is the reason for any of them."""
    return Exit.PERMISSION if any(map(_forbidden, paths)) else Exit.UNREADABLE


def _forbidden(path: str) -> bool:
    if path == "-":
        return False
    try:
        os.stat(path)  # noqa: PTH116 - a path that is none (a NUL in it) must do as well
    except PermissionError:
        # A folder on the way to it may not be entered.
        return True
    except (OSError, ValueError):
        return False
    return not os.access(path, os.R_OK)
