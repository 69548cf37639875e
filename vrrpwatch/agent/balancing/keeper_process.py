"""The process that :mod:`vrrpwatch.agent.balancing.balancer` talks to; its socket is its standard input."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, assert_never

from vrrpwatch.agent.balancing import netlink
from vrrpwatch.agent.balancing.keeper import Keeper
from vrrpwatch.agent.balancing.messages import (
    ALIVE,
    ALIVE_EVERY,
    MAX_ORDER,
    Become,
    Configure,
    End,
    Judged,
    Line,
    News,
    State,
    decode_order,
    encode_news,
    judged,
)
from vrrpwatch.agent.balancing.plan import Target
from vrrpwatch.agent.balancing.programmer import Kernel, Programmer
from vrrpwatch.agent.balancing.values import Role
from vrrpwatch.agent.offspring import be_ordinary
from vrrpwatch.agent.tracking.checker import Checker
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.core.model import Seconds

# Lines that wait while the agent does not read; older ones are forgotten.
MAX_LINES: Final = 256
# What checks have started is killed at once; this is for what the kernel does not let go.
_PATIENCE: Final[Seconds] = 2.0


class Teller:
    """Sends what happens; of each real server, and of the whole, only the last."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._lines: deque[Line] = deque(maxlen=MAX_LINES)
        self._judged: dict[Target, Judged] = {}
        self._state: State | None = None
        self._some = asyncio.Event()

    def line(self, text: str) -> None:
        self._lines.append(Line(text))
        self._some.set()

    def judged(self, target: Target, result: Result) -> None:
        self._judged[target] = judged(target, result)
        self._some.set()

    def state(self, role: Role | None, trouble: str) -> None:
        self._state = State(role, trouble)
        self._some.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_EVERY):
                    await self._some.wait()
            self.flush()
            await self._writer.drain()

    def flush(self) -> None:
        """Sends what there is, or a sign of life."""
        self._some.clear()
        news: list[News] = [*self._judged.values(), *self._lines, *(() if self._state is None else (self._state,))]
        self._judged, self._state = {}, None
        self._lines.clear()
        self._writer.write(b"".join(map(encode_news, news)) or ALIVE)


class Work:
    """The keeper with its checks, from the first settings on."""

    def __init__(self, teller: Teller, open_kernel: Callable[[], Kernel]) -> None:
        self._teller, self._open = teller, open_kernel
        self._checker: Checker | None = None
        self._keeper: Keeper | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._role: Role = "backup"

    def configure(self, order: Configure) -> None:
        if self._keeper is None:
            self._checker = Checker(self._judge)
            self._keeper = Keeper(Programmer(self._open, order.ledger), self._teller, self._checker.set)
            self._keeper.become(self._role)
            self._keeping = asyncio.create_task(self._keeper.run())
        self._keeper.configure(order.settings)

    def become(self, role: Role) -> None:
        self._role = role
        if self._keeper is not None:
            self._keeper.become(role)

    async def close(self, *, asked: bool) -> None:
        """Takes all away where the agent has ``asked`` for it; it has died otherwise."""
        if self._keeper is None or self._checker is None or self._keeping is None:
            return
        self._keeper.stop()
        await self._keeping
        await (self._keeper.end() if asked else self._keeper.abandon())
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._checker.close()

    def _judge(self, number: int, result: Result) -> None:
        if self._keeper is not None:
            self._keeper.judge(number, result)


async def serve(connection: socket.socket, open_kernel: Callable[[], Kernel]) -> None:
    """Does what it is told until it is to end, or nobody is at the other end."""
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_ORDER)
    teller = Teller(writer)
    telling = asyncio.create_task(teller.run())
    work = Work(teller, open_kernel)
    asked = False
    with suppress(ConnectionError):
        while not asked and (line := await reader.readline()):
            match decode_order(line):
                case Configure() as order:
                    work.configure(order)
                case Become(role):
                    work.become(role)
                case End():
                    asked = True
                case order:
                    assert_never(order)
    await work.close(asked=asked)
    telling.cancel()
    with suppress(ConnectionError):
        teller.flush()
        await writer.drain()
    writer.close()


def main(open_kernel: Callable[[], Kernel]) -> None:
    """Serves the agent that has started this process, and ends it."""
    be_ordinary()
    asyncio.run(serve(socket.socket(fileno=os.dup(0)), open_kernel))
    # Threads that hang would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main(netlink.Kernel)
