"""Can a TCP connection be made?  And, for all who connect, which addresses a name has."""

import asyncio
import socket
from concurrent.futures import Executor
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

from vrrpwatch.agent.config.trackers import TcpTracker
from vrrpwatch.agent.tracking.checks.base import Aside, CheckError, Lasting, Result, reason


class Target(NamedTuple):
    """Where to connect to, for :meth:`socket.socket.connect`."""

    family: int
    address: tuple[str | int | bytes, ...]

    @property
    def host(self) -> str:
        return str(self.address[0])


class Resolver:
    """The addresses of one host, looked up anew each time unless it is an address itself."""

    def __init__(self, host: str, port: int, pool: Executor) -> None:
        self._host = host
        self._port = port
        self._aside = Aside(pool)
        try:
            literal = ip_address(host)
        except ValueError:
            self._fixed: tuple[Target, ...] = ()
        else:
            family = socket.AF_INET6 if literal.version == 6 else socket.AF_INET
            self._fixed = (Target(family, (host, port)),)

    async def targets(self) -> tuple[Target, ...]:
        """At least one; raises :class:`CheckError` for a name that leads nowhere."""
        if self._fixed:
            return self._fixed
        look_up = partial(socket.getaddrinfo, self._host, self._port, type=socket.SOCK_STREAM)
        try:
            found = await self._aside.call(look_up)
        except socket.gaierror as error:
            raise CheckError(f"{self._host}: {error.strerror}") from None
        except UnicodeError:
            raise CheckError(f"{self._host}: is no host name") from None
        return tuple(Target(family, address) for family, _, _, _, address in found)


class TcpCheck(Lasting):
    """Connects to one address after the other until one answers, and hangs up."""

    def __init__(self, tracker: TcpTracker, pool: Executor) -> None:
        self._port = tracker.port
        self._resolver = Resolver(tracker.host, tracker.port, pool)

    async def run(self) -> Result:
        failed = ""
        for target in await self._resolver.targets():
            try:
                await _connect(target)
            except OSError as error:
                failed = f"{target.host} port {self._port}: {reason(error)}"
            else:
                return Result(True, f"{target.host} port {self._port}: connected")
        raise CheckError(failed)


async def _connect(target: Target) -> None:
    with socket.socket(target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
        await asyncio.get_running_loop().sock_connect(connection, target.address)
