"""Routers to hold things for, and what a host of the lab says of its addresses, routes, rules and links."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent import ether
from tests.lab.live import inside
from tests.lab.network import Host, Lab, missing
from vrrpwatch.agent.config.routers import Router
from vrrpwatch.agent.holding.holder import Holder

REASON = missing()
needs_hosts = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def router(name: str = "one", **given: Any) -> Router:
    """One on eth0 with id 51 for 192.0.2.100/24, or what is given."""
    return ether.settings(ether.router(name, **given)).router[0]


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """``me`` with 192.0.2.1 and fe80::1, and ``other`` with 192.0.2.2 and fe80::2, on one segment."""
    with Lab() as lab:
        lab.bridge("lan")
        yield lab.host("me", 1, ipv6=True), lab.host("other", 2, ipv6=True)


class Here:
    """A holder on a host, all that it was told of, and what the host has."""

    def __init__(self, host: Host, state: Path) -> None:
        self.host = host
        self.state = state
        self.told: list[str] = []
        self.holder = Holder(state, self.told.append)

    def addresses(self, device: str | None = None) -> set[str]:
        """All but the loopback's, as ADDRESS/PREFIX."""
        return addresses(self.host, device)


@contextmanager
def holding(host: Host, state: Path) -> Iterator[Here]:
    with inside(host.namespace):
        here = Here(host, state)
        try:
            yield here
        finally:
            here.holder.close()


def listed(host: Host, *arguments: str) -> list[dict[str, Any]]:
    """What ip(8) lists."""
    found: list[dict[str, Any]] = json.loads(host.do("ip", "-j", *arguments) or "[]")
    return [one for one in found if one]


def addresses(host: Host, device: str | None = None) -> set[str]:
    return {
        f"{one['local']}/{one['prefixlen']}"
        for link in listed(host, "address")
        if link["ifname"] != "lo" and device in (None, link["ifname"])
        for one in link["addr_info"]
    }


def links(host: Host) -> set[str]:
    return {link["ifname"] for link in listed(host, "link")}


def sysctl(host: Host, key: str) -> int:
    return int(host.do("sysctl", "-n", key))


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def end(pid: int, number: int) -> None:
    if is_running(pid):
        os.kill(pid, number)
