"""What moves with the master role: connection tracking (conntrackd) and the kernel's load balancer (IPVS)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vrrpwatch.agent.config.fields import AbsolutePath, Command, Device, Label, Period, Port, Timeout, whole
from vrrpwatch.core.fields import Address, Table, filled, unique


class Conntrackd(Table):
    """conntrackd(8), told what to do when ``follows`` (a router or a sync group) changes its state.

    ``command`` is the program with which it is told; ``config`` the file of the daemon meant, where not the usual one.
    """

    follows: Label
    command: Command = ("/usr/sbin/conntrackd",)
    config: AbsolutePath | None = None
    timeout: Timeout = 30.0


class RealCheck(Table):
    """How a real server is checked: a TCP connection, or an HTTP GET of ``path`` that gives ``status``."""

    type: Literal["tcp", "http"] = "tcp"
    port: Port | None = None
    path: Annotated[str, Field(max_length=2048, pattern=r"^/[!-~]*$")] = "/"
    status: Annotated[int, whole(100, 599)] = 200
    interval: Period = 2.0
    timeout: Timeout = 3.0
    rise: Annotated[int, whole(1, 1_000)] = 1
    fall: Annotated[int, whole(1, 1_000)] = 2


class RealServer(Table):
    """Where a virtual server sends connections: by network address translation, by MAC (``direct``) or in a tunnel."""

    address: Address
    port: Port | None = None
    weight: Annotated[int, whole(0, 65_535)] = 1
    method: Literal["nat", "direct", "tunnel"] = "direct"
    check: RealCheck | None = RealCheck()


class VirtualServer(Table):
    """One address and port that IPVS balances (ipvsadm(8)); ``persistence`` in seconds, 0 is none."""

    address: Address
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    scheduler: Annotated[str, Field(pattern=r"^[a-z]{1,15}$")] = "wlc"
    persistence: Annotated[int, whole(0, 86_400)] = 0
    real: Annotated[tuple[RealServer, ...], Field(max_length=1_000), filled]

    @model_validator(mode="after")
    def _alike(self) -> Self:
        for real in self.real:
            if real.method == "direct" and real.port not in (None, self.port):
                raise ValueError(f"{real.address} has another port than the virtual server: direct keeps the port")
            if real.method != "tunnel" and real.address.version != self.address.version:
                raise ValueError(f"{real.address} and {self.address} are of different families")
        keys = [(real.address, real.port) for real in self.real]
        if len(set(keys)) < len(keys):
            raise ValueError("lists a real server twice: keep it once")
        return self


class IpvsSync(Table):
    """The kernel's connection synchronisation: master or backup daemon, as ``follows`` of the table above says."""

    interface: Device
    id: Annotated[int, whole(0, 255)] = 0


class Ipvs(Table):
    """Virtual servers, programmed while the agent runs; ``follows`` says whose state the sync daemon's role is."""

    follows: Label | None = None
    sync: IpvsSync | None = None
    virtual: Annotated[tuple[VirtualServer, ...], Field(max_length=1_000), unique] = ()

    @model_validator(mode="after")
    def _role_of_somebody(self) -> Self:
        if self.sync is not None and self.follows is None:
            raise ValueError("sync needs to know whose master or backup role it takes: add follows")
        keys = [(one.address, one.port, one.protocol) for one in self.virtual]
        if len(set(keys)) < len(keys):
            raise ValueError("lists a virtual server twice: keep it once")
        return self
