"""What every check is and gives, and how calls that may hang are kept off the loop."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol, TypeVar

Value = TypeVar("Value")


class Result(NamedTuple):
    """What one check has found; ``detail`` is a few words for people, ``number`` what a file says."""

    good: bool
    detail: str
    number: int | None = None


class CheckError(Exception):
    """The check has failed; the text is the result's detail."""


def reason(error: OSError) -> str:
    """The kernel's words alone, and not the address that asyncio adds to them."""
    return os.strerror(error.errno) if error.errno else error.strerror or str(error)


class Check(Protocol):
    """One check at a time is made; it may be cancelled at any time, and then leaves nothing running for long."""

    async def run(self) -> Result:
        """Raises :class:`CheckError` or :class:`OSError` where it fails with more to say than good or bad."""
        ...

    async def close(self) -> None:
        """Lets go of what is kept from check to check."""
        ...


class Lasting:
    """A check that keeps nothing open from one run to the next."""

    async def close(self) -> None:
        return


class Aside:
    """Calls functions that may hang (a file on a lost server, a name service) in a thread, one at a time.

    Who gives up waiting leaves the thread behind, and the next call waits for its end: however long a call hangs, it
    holds no more than one thread.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._last: asyncio.Future[Any] | None = None

    async def call(self, function: Callable[[], Value]) -> Value:
        if self._last is not None and not self._last.done():
            await asyncio.wait({self._last})
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        # Its end may come when nobody waits any more: then what it raises is of no interest.
        future.add_done_callback(heeded)
        self._last = future
        await asyncio.wait({future})
        return future.result()


def heeded(future: "asyncio.Future[Any]") -> None:
    """Looks at what it raised, lest asyncio complains that nobody did."""
    if not future.cancelled():
        future.exception()
