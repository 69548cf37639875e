"""Does HAProxy answer on its stats socket, and is a backend up, with enough servers?

Source: HAProxy's management guide, 9.1 (CSV format) and 9.3 (Unix Socket commands).
"""

import asyncio
import csv
from collections.abc import AsyncIterator
from typing import Final

from vrrpwatch.agent.config.trackers import HaproxyTracker
from vrrpwatch.agent.tracking.checks.base import CheckError, Lasting, Result

# All proxies, of these the backends (2) and servers (4).
_ASK: Final = b"show stat -1 6 -1\n"
# A line has some 500 bytes: this is more than 30,000 servers.
MAX_REPLY: Final = 16 * 1024 * 1024
MAX_LINE: Final = 64 * 1024
# A server without checks is up as far as HAProxy is concerned; one that changes its mind is "UP 1/3".
_UP: Final = ("UP", "no check")


class HaproxyCheck(Lasting):
    """Reads the statistics line by line, and keeps none of them."""

    def __init__(self, tracker: HaproxyTracker) -> None:
        self._tracker = tracker

    async def run(self) -> Result:
        reader, writer = await asyncio.open_unix_connection(self._tracker.socket, limit=MAX_LINE)
        try:
            writer.write(_ASK)
            await writer.drain()
            return await self._judged(_lines(reader))
        finally:
            writer.transport.abort()

    async def _judged(self, lines: AsyncIterator[bytes]) -> Result:
        columns = _cells((await anext(lines, b"")).removeprefix(b"# "))
        try:
            proxy, server, status = (columns.index(name) for name in ("pxname", "svname", "status"))
        except ValueError:
            raise CheckError("what answers on the socket is not HAProxy's statistics") from None
        backend = self._tracker.backend
        if backend is None:
            return Result(True, "answers")
        wanted = backend.encode()
        state, up, known = "", 0, 0
        async for line in lines:
            # Of most lines this is all that has to be looked at.
            if wanted not in line:
                continue
            cells = _cells(line)
            if len(cells) <= max(proxy, server, status) or cells[proxy] != backend:
                continue
            if cells[server] == "BACKEND":
                state = cells[status]
            else:
                known += 1
                up += cells[status].startswith(_UP)
        if not state:
            raise CheckError(f"has no backend {backend}")
        good = state.startswith(_UP) and up >= self._tracker.servers
        return Result(good, f"backend {backend} {state}, {up} of {known} servers up")


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    total = 0
    rest = b""
    while data := await reader.read(MAX_LINE):
        total += len(data)
        if total > MAX_REPLY:
            raise CheckError(f"answers with more than {MAX_REPLY} bytes")
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_LINE:
            raise CheckError(f"answers with a line of more than {MAX_LINE} bytes")
        for line in lines:
            yield line
        # What never ends must not keep the others waiting.
        await asyncio.sleep(0)


def _cells(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", "replace")]), [])
    except csv.Error:
        raise CheckError("answers with a line that is no CSV") from None
