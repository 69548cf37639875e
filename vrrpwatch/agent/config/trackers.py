"""What routers may track: each kind of check, how often it is made and how many results in a row change its verdict."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vrrpwatch.agent.config.fields import (
    AbsolutePath,
    Command,
    Device,
    Label,
    NetworkAddress,
    Period,
    Port,
    Timeout,
    UserName,
    whole,
)
from vrrpwatch.core.fields import Address, Name, Table


class _Tracker(Table):
    """What all kinds have: a name, and how many results in a row make it good (``rise``) or bad (``fall``).

    The first result decides alone.  What is told by the kernel or by a router, and not polled, gives a result when it
    changes, and another each second while that differs from the verdict.
    """

    name: Label
    rise: Annotated[int, whole(1, 1_000)] = 1
    fall: Annotated[int, whole(1, 1_000)] = 1


class _Polled(_Tracker):
    """A check made every ``interval`` seconds, and bad after ``timeout`` seconds without an end."""

    interval: Period = 1.0
    timeout: Timeout = 3.0


class LinkTracker(_Tracker):
    """Good while the interface exists, is up and has a carrier."""

    type: Literal["interface"]
    interface: Device


class AddressTracker(_Tracker):
    """Good while the address is configured, on that interface or on any."""

    type: Literal["address"]
    address: Address
    interface: Device | None = None


class RouteTracker(_Tracker):
    """Good while the table holds a route to exactly that network, by that gateway and interface where given."""

    type: Literal["route"]
    to: NetworkAddress
    via: Address | None = None
    interface: Device | None = None
    table: Annotated[int, whole(1, 2**32 - 1)] = 254


class ProcessTracker(_Polled):
    """Good while ``count`` processes or more run whose name (/proc/PID/comm, or argv[0]'s last part) this is."""

    type: Literal["process"]
    process: Name
    count: Annotated[int, whole(1, 10_000)] = 1


class ScriptTracker(_Polled):
    """Good while the program ends with status 0 within the timeout; ``user`` is nobody where root runs the agent."""

    type: Literal["script"]
    command: Command
    user: UserName | None = None


class FileTracker(_Polled):
    """Good while the file exists; with ``number`` the whole number in it is what counts: good unless it is below 0.

    A router's weight is then multiplied by the number, as with keepalived's track_file.
    """

    type: Literal["file"]
    path: AbsolutePath
    number: bool = False


class TcpTracker(_Polled):
    """Good while a connection to that port can be made."""

    type: Literal["tcp"]
    host: Name
    port: Port


class HttpTracker(_Polled):
    """Good while a GET of the URL gives that status, and a body that holds the text where one is given."""

    type: Literal["http"]
    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://[!-~]+$")]
    status: Annotated[int, whole(100, 599)] = 200
    contains: Annotated[str, Field(max_length=1024)] | None = None
    verify: bool = True


class HaproxyTracker(_Polled):
    """Good while HAProxy answers on its stats socket and ``backend``, where given, has ``servers`` that are up."""

    type: Literal["haproxy"]
    socket: AbsolutePath
    backend: Name | None = None
    servers: Annotated[int, whole(1, 100_000)] = 1

    @model_validator(mode="after")
    def _counts_in_a_backend(self) -> Self:
        if self.backend is None and self.servers != 1:
            raise ValueError("servers are counted in a backend: add backend")
        return self


class UnitTracker(_Polled):
    """Good while systemd says that the unit is active (or reloading)."""

    type: Literal["systemd"]
    unit: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.\\@-]{1,255}$")]


class RouterTracker(_Tracker):
    """Good while another router of this agent is in that state."""

    type: Literal["router"]
    router: Label
    state: Literal["master", "backup", "running"] = "master"


# What is told by others, and what has to be asked for again and again.
Told = LinkTracker | AddressTracker | RouteTracker | RouterTracker
Polled = ProcessTracker | ScriptTracker | FileTracker | TcpTracker | HttpTracker | HaproxyTracker | UnitTracker
Tracker = Told | Polled
AnyTracker = Annotated[Tracker, Field(discriminator="type")]
