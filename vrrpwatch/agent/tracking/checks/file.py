"""Is the file there, and which number does it hold?"""

import re
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from vrrpwatch.agent.config.trackers import FileTracker
from vrrpwatch.agent.tracking.checks.base import Aside, CheckError, Lasting, Result
from vrrpwatch.settings import read_regular

# Far more than any number takes.
_MOST_BYTES: Final = 128
_NUMBER: Final = re.compile(rb"[+-]?[0-9]{1,9}")
# A shell's > empties a file a moment before the number is written into it.
_REWRITING: Final = 0.02


class FileCheck(Lasting):
    """Looks at the file in a thread, since it may lie on a server that is gone."""

    def __init__(self, tracker: FileTracker, pool: Executor) -> None:
        self._path = tracker.path
        self._aside = Aside(pool)
        self._look = self._number if tracker.number else self._exists

    async def run(self) -> Result:
        return await self._aside.call(self._look)

    def _exists(self) -> Result:
        self._path.stat()
        return Result(True, "exists")

    def _number(self) -> Result:
        text = _read(self._path)
        if not text:
            time.sleep(_REWRITING)
            text = _read(self._path)
        if not _NUMBER.fullmatch(text):
            raise CheckError("holds no whole number" if text else "is empty")
        number = int(text)
        return Result(number >= 0, f"says {number}", number)


def _read(path: Path) -> bytes:
    return read_regular(path, _MOST_BYTES).strip()
