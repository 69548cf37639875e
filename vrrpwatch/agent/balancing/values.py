"""What IPVS has, as values: virtual servers, their real servers, the sync daemons, and what can be done to them.

Names and numbers are those of linux/ip_vs.h.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import IPAddress

Transport = Literal["tcp", "udp"]
Role = Literal["master", "backup"]

# IP_VS_SVC_F_*: what people can set; a bit above all of them is the kernel's own.
PERSISTENT: Final = 0x01
HASH_FLAGS: Final = {"fallback": 0x08, "port": 0x10}
SETTABLE: Final = 0x3D
# IP_VS_CONN_F_*: how packets reach a real server.
METHODS: Final = {"nat": 0, "tunnel": 2, "direct": 3}


class ServiceKey(NamedTuple):
    """What makes a virtual server another one."""

    protocol: Transport
    address: IPAddress
    port: int

    def __str__(self) -> str:
        return f"{place(self.address, self.port)}/{self.protocol}"


class Service(NamedTuple):
    """A virtual server; ``timeout`` is that of persistence in seconds, ``netmask`` its granularity (IPv4) or prefix."""

    scheduler: str
    flags: int
    timeout: int
    netmask: int


class RealKey(NamedTuple):
    """What makes a real server of a virtual server another one."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return place(self.address, self.port)


class Real(NamedTuple):
    """How a real server is reached (``METHODS``), its weight, and its thresholds of connections (0: none)."""

    method: int
    weight: int
    upper: int = 0
    lower: int = 0


class Daemon(NamedTuple):
    """The sync daemon of one role: the interface that it speaks or listens on, and the id that it heeds."""

    role: Role
    interface: str
    id: int


class Table(NamedTuple):
    """All that is programmed; of virtual servers by firewall mark nothing is known here, and they are left alone."""

    services: Mapping[ServiceKey, Service] = {}
    reals: Mapping[ServiceKey, Mapping[RealKey, Real]] = {}
    daemons: frozenset[Daemon] = frozenset()


class SetService(NamedTuple):
    """Adds a virtual server, or changes one that is there (``fresh`` false)."""

    key: ServiceKey
    service: Service
    fresh: bool

    def __str__(self) -> str:
        return f"{'add' if self.fresh else 'change'} virtual server {self.key}"


class RemoveService(NamedTuple):
    """Removes a virtual server with its real servers."""

    key: ServiceKey

    def __str__(self) -> str:
        return f"remove virtual server {self.key}"


class SetReal(NamedTuple):
    """Adds a real server, or changes one that is there (``fresh`` false)."""

    of: ServiceKey
    key: RealKey
    real: Real
    fresh: bool

    def __str__(self) -> str:
        return f"{'add' if self.fresh else 'change'} real server {self.key} of {self.of}"


class RemoveReal(NamedTuple):
    """Removes a real server."""

    of: ServiceKey
    key: RealKey

    def __str__(self) -> str:
        return f"remove real server {self.key} of {self.of}"


class StartDaemon(NamedTuple):
    """Starts the sync daemon of one role."""

    daemon: Daemon

    def __str__(self) -> str:
        return f"start the {self.daemon.role} sync daemon on {self.daemon.interface}"


class StopDaemon(NamedTuple):
    """Stops the sync daemon of one role."""

    daemon: Daemon

    def __str__(self) -> str:
        return f"stop the {self.daemon.role} sync daemon on {safe_text(self.daemon.interface, 16)}"


Operation = SetService | RemoveService | SetReal | RemoveReal | StartDaemon | StopDaemon


class Refused(NamedTuple):
    """An operation that the kernel did not perform: the errno, and a line that says what to do about it."""

    operation: Operation
    error: int
    line: str


def place(address: IPAddress, port: int) -> str:
    """An address and port as ipvsadm(8) writes them."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
