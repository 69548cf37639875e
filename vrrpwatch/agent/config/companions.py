"""What moves with the master role: connection tracking (conntrackd) and the kernel's load balancer (IPVS)."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from vrrpwatch.agent.config.fields import AbsolutePath, Command, Device, Label, Period, Port, Timeout, whole
from vrrpwatch.core.fields import Address, Table, filled, unique

# Checked every two seconds, so many are what one process can do.
MAX_REAL = 4_096


class Conntrackd(Table):
    """conntrackd(8), told what to do when ``follows`` (a router or a sync group) changes its state.

    ``command`` is the program with which it is told; ``config`` the file of the daemon meant, where not the usual one.
    """

    follows: Label
    command: Command = ("/usr/sbin/conntrackd",)
    config: AbsolutePath | None = None
    timeout: Timeout = 30.0


class RealCheck(Table):
    """How a real server is checked: a TCP connection, an HTTP GET of ``path`` that gives ``status``, or a ``command``.

    Certificates are not verified with ``https``, since the server is asked by its address.  A command (``script``) is
    run as nobody where root runs the agent, and says that the server is good by ending with status 0.
    """

    type: Literal["tcp", "http", "https", "script"] = "tcp"
    port: Port | None = None
    path: Annotated[str, Field(max_length=2048, pattern=r"^/[!-~]*$")] = "/"
    status: Annotated[int, whole(100, 599)] = 200
    command: Command | None = None
    interval: Period = 2.0
    timeout: Timeout = 3.0
    rise: Annotated[int, whole(1, 1_000)] = 1
    fall: Annotated[int, whole(1, 1_000)] = 2

    @model_validator(mode="after")
    def _commands_are_scripts(self) -> Self:
        if (self.type == "script") != (self.command is not None):
            raise ValueError('command is what type = "script" runs: give both, or neither')
        return self


def _unchecked(value: object) -> object:
    """TOML has no null: what is not to be checked has ``check = false``."""
    return None if value is False else value


class _Reached(Table):
    """Where connections are sent: by network address translation, by MAC (``direct``) or in an IP-in-IP tunnel."""

    address: Address
    port: Port | None = None
    method: Literal["nat", "direct", "tunnel"] = "direct"


class SorryServer(_Reached):
    """Who gets the connections while no real server is good; it is not checked."""


class RealServer(_Reached):
    """Who gets them as long as its check says that it is good, or always without one (``check = false``).

    One that has ``failed`` is removed, or keeps with weight 0 the connections and persistent clients that it has
    (``quiesce``).
    """

    weight: Annotated[int, whole(0, 65_535)] = 1
    failed: Literal["remove", "quiesce"] = "remove"
    check: Annotated[RealCheck | None, BeforeValidator(_unchecked)] = RealCheck()


class VirtualServer(Table):
    """One address and port that IPVS balances (ipvsadm(8)); ``persistence`` in seconds, 0 is none.

    ``hash`` are flags of the schedulers ``sh`` and ``mh``: with ``port`` they look at a client's port too, and with
    ``fallback`` at another real server where the first has the weight 0.
    """

    address: Address
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    scheduler: Annotated[str, Field(pattern=r"^[a-z]{1,15}$")] = "wlc"
    hash: Annotated[tuple[Literal["port", "fallback"], ...], unique] = ()
    persistence: Annotated[int, whole(0, 86_400)] = 0
    real: Annotated[tuple[RealServer, ...], Field(max_length=1_000), filled]
    sorry: SorryServer | None = None

    @property
    def reached(self) -> tuple[RealServer | SorryServer, ...]:
        """All servers that may get connections."""
        return self.real if self.sorry is None else (*self.real, self.sorry)

    @model_validator(mode="after")
    def _alike(self) -> Self:
        for one in self.reached:
            if one.method != "nat" and one.port not in (None, self.port):
                raise ValueError(f"{one.address} has another port than the virtual server: {one.method} keeps the port")
            if one.method != "tunnel" and one.address.version != self.address.version:
                raise ValueError(f"{one.address} and {self.address} are of different families")
        if self.hash and self.scheduler not in ("sh", "mh"):
            raise ValueError(f"hash is for the schedulers sh and mh, and {self.scheduler} looks at no client")
        for real in self.real:
            if self.protocol == "udp" and real.check and real.check.type != "script" and real.check.port is None:
                raise ValueError(
                    f"{real.address} cannot be checked at its UDP port: name the port of a TCP service as check.port, "
                    'or a check of type "script", or write check = false'
                )
        keys = [(real.address, real.port or self.port) for real in self.reached]
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
    virtual: Annotated[tuple[VirtualServer, ...], Field(max_length=1_000)] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.sync is not None and self.follows is None:
            raise ValueError("sync needs to know whose master or backup role it takes: add follows")
        keys = [(one.address, one.port, one.protocol) for one in self.virtual]
        if len(set(keys)) < len(keys):
            raise ValueError("lists a virtual server twice: keep it once")
        mixed = any(
            one.address.version != virtual.address.version for virtual in self.virtual for one in virtual.reached
        )
        if self.sync is not None and mixed:
            raise ValueError("sync is impossible where a tunnel joins IPv4 and IPv6 (linux: ip_vs_genl_new_daemon)")
        if sum(len(one.real) for one in self.virtual) > MAX_REAL:
            raise ValueError(f"has more than {MAX_REAL} real servers in all: each is checked by its own connections")
        return self
