"""TCP checks against real sockets on the loopback interface."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.agent.tracking.stage import first_result
from vrrpwatch.agent.config.trackers import TcpTracker
from vrrpwatch.agent.tracking.checks.base import CheckError, Result
from vrrpwatch.agent.tracking.checks.tcp import Resolver


def checked(host: str, port: int, timeout: float = 30.0) -> Result:
    return first_result(TcpTracker(name="t", type="tcp", host=host, port=port, timeout=timeout))


def listening(address: str, backlog: int = 8) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind((address, 0))
    server.listen(backlog)
    return server


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_listens_is_good_and_one_that_does_not_is_bad(address: str) -> None:
    with closing(listening(address)) as server:
        port = server.getsockname()[1]
        assert checked(address, port) == Result(True, f"{address} port {port}: connected")
        connection, _ = server.accept()
        with closing(connection):
            assert connection.recv(1) == b""
    assert checked(address, port) == Result(False, f"{address} port {port}: Connection refused")


def test_a_name_is_tried_at_each_of_its_addresses() -> None:
    # localhost is ::1 first wherever it is both.
    with closing(listening("127.0.0.1")) as server:
        port = server.getsockname()[1]
        assert checked("localhost", port) == Result(True, f"127.0.0.1 port {port}: connected")


def test_a_port_that_never_answers_is_bad_at_the_timeout() -> None:
    # Where nobody accepts, Linux lets one more wait than the backlog says, and leaves all others without an answer.
    with closing(listening("127.0.0.1", backlog=0)) as server, socket.socket() as first:
        first.connect(server.getsockname())
        port = server.getsockname()[1]
        assert checked("127.0.0.1", port, timeout=0.3) == Result(False, "no result within 0.3 s")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..b"])
def test_a_name_that_leads_nowhere_is_bad(host: str) -> None:
    found = checked(host, 80)
    assert not found.good
    assert found.detail.startswith(f"{host}: ")


def test_addresses_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))

    async def targets(host: str) -> tuple[str, ...]:
        pool = ThreadPoolExecutor(1)
        try:
            return tuple(one.host for one in await Resolver(host, 80, pool).targets())
        finally:
            pool.shutdown()

    assert asyncio.run(targets("192.0.2.1")) == ("192.0.2.1",)
    assert asyncio.run(targets("2001:db8::1")) == ("2001:db8::1",)


def test_a_name_service_that_fails_is_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    async def play() -> None:
        pool = ThreadPoolExecutor(1)
        with pytest.raises(CheckError, match=r"web\.example: Temporary failure in name resolution"):
            await Resolver("web.example", 80, pool).targets()
        pool.shutdown()

    asyncio.run(play())
