"""The process that :mod:`vrrpwatch.agent.tracking.checking` talks to; its socket is its standard input."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Final

from vrrpwatch.agent.config.trackers import Polled
from vrrpwatch.agent.offspring import be_ordinary
from vrrpwatch.agent.tracking.checker import Checker
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.messages import (
    ALIVE,
    ALIVE_EVERY,
    MAX_TRACKERS_LINE,
    decode_trackers,
    encode_result,
)
from vrrpwatch.core.model import Seconds

# What checks have started is killed at once; this is for what the kernel does not let go.
_PATIENCE: Final[Seconds] = 2.0


class Teller:
    """Sends the last result of each tracker.  While the agent does not read, older ones are forgotten."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._results: dict[int, Result] = {}
        self._some = asyncio.Event()

    def tell(self, number: int, result: Result) -> None:
        self._results[number] = result
        self._some.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_EVERY):
                    await self._some.wait()
            self._some.clear()
            results, self._results = self._results, {}
            self._writer.write(b"".join(encode_result(*each) for each in results.items()) or ALIVE)
            await self._writer.drain()


async def serve(connection: socket.socket) -> None:
    """Checks what it is told to until nobody is at the other end."""
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_TRACKERS_LINE)
    teller = Teller(writer)
    checker = Checker(teller.tell)
    telling = asyncio.create_task(teller.run())
    trackers: dict[int, Polled] = {}
    try:
        while line := await reader.readline():
            trackers = decode_trackers(line, trackers)
            checker.set(trackers)
    finally:
        telling.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await checker.close()
        writer.close()


if __name__ == "__main__":
    be_ordinary()
    with suppress(ConnectionError):
        asyncio.run(serve(socket.socket(fileno=os.dup(0))))
    # Threads that hang would be waited for.
    os._exit(0)
