"""Where a command's data goes: standard output or a file; a closed pipe and a full disk are told apart."""

import errno
import io
import os
import select
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from vrrpwatch.cli.exits import Exit, Failure


class OutputClosedError(Exception):
    """The reader of the output has gone: nobody wants the rest, and nothing is wrong."""


def open_standard_streams() -> None:
    """Puts something in place of standard streams that were closed (``>&-``), or the next file opened becomes one.

    What was to be read or written fails as it would have; only messages that nobody can see are dropped.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is given out, and those below are open by now.
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def refuse_to_overwrite(path: Path, captures: Iterable[str]) -> None:
    """Raises a :class:`Failure` where the output would replace one of the captures that it is about."""
    for capture in captures:
        try:
            same = capture != "-" and path.samefile(capture)
        except OSError:
            # One of them is not there, so they are not the same.
            continue
        if same and path.is_file():
            raise Failure(f"{path}: is one of the captures; write the report to another file", Exit.USAGE)


class Output(io.TextIOBase):
    """Text to standard output or to ``path``; raises :class:`OutputClosedError` or, where writing fails, `Failure`."""

    def __init__(self, path: Path | None = None, line_buffered: bool = False) -> None:
        self._name = "standard output" if path is None else str(path)
        self._line_buffered = line_buffered
        try:
            self._file = sys.stdout if path is None else path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._failure(error) from None
        if path is None and isinstance(self._file, io.TextIOWrapper):
            # A locale without the symbols must not stop a report.
            self._file.reconfigure(errors="backslashreplace")
        self._owned = path is not None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here, as in io.TextIOWrapper
        return self._file.encoding or "utf-8"

    def isatty(self) -> bool:
        return self._file.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        try:
            self._file.write(text)
            if self._line_buffered:
                self._file.flush()
        except BrokenPipeError:
            self._abandon()
            raise OutputClosedError from None
        except OSError as error:
            self._abandon()
            raise self._failure(error) from None
        return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except BrokenPipeError:
            self._abandon()
            raise OutputClosedError from None
        except OSError as error:
            self._abandon()
            raise self._failure(error) from None

    def __enter__(self) -> Self:
        return self

    # io.IOBase never swallows an error; a reader that has gone is none.
    def __exit__(  # type: ignore[override]
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Flushes, and closes a file; a reader that has gone ends the block in silence."""
        if isinstance(error, OutputClosedError):
            return True
        try:
            if error is None or isinstance(error, KeyboardInterrupt):
                self.flush()
            if self._owned:
                self._file.close()
        except OutputClosedError:
            return error is None
        except OSError as failure:
            raise self._failure(failure) from None
        return False

    def _abandon(self) -> None:
        if not self._owned:
            _abandon(self._file.fileno())

    def _failure(self, error: OSError) -> Failure:
        return _failure(self._name, error)


class Persistent:
    """Lines to a descriptor, for who goes on when they cannot be written: a reader that has gone, a full disk.

    Unless ``patient``, a reader that does not read is not waited for either.  ``lost`` counts the lines not written.
    """

    def __init__(self, number: int, *, patient: bool = True) -> None:
        self._number = number
        self._patient = patient
        self._torn = False
        self._failing = False
        self.lost = 0

    def write(self, line: str) -> str | None:
        """Writes a line; returns why it could not be, where the line before it could."""
        # Not by Python's buffers, which would keep what was not written and fail with it again at exit.
        data = f"{line}\n".encode(errors="backslashreplace")
        if self._torn:
            data = b"\n" + data
        try:
            while data:
                data = data[self._write(data) :]
                self._torn = bool(data)
        except OSError as error:
            self.lost += 1
            known, self._failing = self._failing, True
            return None if known else error.strerror
        self._failing = False
        return None

    def _write(self, data: bytes) -> int:
        if self._patient:
            return os.write(self._number, data)
        ready = select.poll()
        ready.register(self._number, select.POLLOUT)
        if not ready.poll(0):
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")
        # A pipe that is ready takes so much without waiting (pipe(7)).
        return os.write(self._number, data[: select.PIPE_BUF])


def give_up_standard_output(error: OSError) -> Failure:
    """For who writes to it without an :class:`Output`: forgets what it did not take, and says why."""
    _abandon(sys.stdout.fileno())
    return _failure("standard output", error)


def _abandon(number: int) -> None:
    # What is still buffered cannot be written, and Python would complain when it tries to at exit.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _failure(name: str, error: OSError) -> Failure:
    return Failure(f"{name}: cannot be written: {error.strerror or error}", Exit.SINK)
