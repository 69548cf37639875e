"""How far a long capture has been read, on standard error, for someone who watches it."""

import sys
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# What is done before then needs no bar.
PATIENCE = 1.0


class ReadingProgress(AbstractContextManager["ReadingProgress"]):
    """A callable for (bytes read, total or ``None``) that draws a bar on a terminal once reading takes a while."""

    def __init__(self) -> None:
        self._since = monotonic()
        self._terminal = sys.stderr.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, read: int, total: int | None) -> None:
        if not self._terminal or monotonic() - self._since < PATIENCE:
            return
        if self._bar is None or self._task is None:
            self._bar, self._task = self._start(total)
        self._bar.update(self._task, completed=read, total=total)

    def _start(self, total: int | None) -> "tuple[Progress, TaskID]":
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        bar.start()
        return bar, bar.add_task("reading", total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
