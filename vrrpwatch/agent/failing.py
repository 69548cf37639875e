"""What becomes of errors that nobody expected: who holds addresses on a guess is worse than who has ended.

An event loop tells of an error in one of its callbacks and goes on.  Here that would be a master whose timer is never
set again: it holds its addresses, says nothing, and answers for them beside its successor.  So the agent ends in good
order, and whoever supervises it starts it anew.
"""

import asyncio
import traceback
from collections.abc import Callable
from typing import Any


class LastResort:
    """An event loop's exception handler; ``end`` has the agent end, ``told`` hears a line."""

    def __init__(self, end: Callable[[], None], told: Callable[[str], None]) -> None:
        self._end, self._told = end, told
        self.trouble: str | None = None

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        what = described(error) if isinstance(error, BaseException) else str(context.get("message"))
        if "handle" not in context:
            # Of a task, or of one of the sockets that clients ask by: nothing of the routers' own.
            self._told(f"something in the agent has failed: {what}")
        elif self.trouble is None:
            self.trouble = f"something in the agent has failed: {what}: it ends, so that others take over"
            self._told(self.trouble)
            self._end()


def described(error: BaseException) -> str:
    """The error in a line, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {words}' if words else ''}{where}"
