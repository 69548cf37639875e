"""How the parts of the agent meet: what the routers' logic asks of the host, and the facts that come back to it."""

from typing import Literal, NamedTuple, Protocol

from vrrpwatch.core.machine.settings import Advert
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.values import IPAddress, Mac

# keepalived's words for the states, as scripts know them.
RouterState = Literal["master", "backup", "fault", "stop"]


class Attachment(NamedTuple):
    """Where a router meets its network, as of now.

    Adverts leave ``device`` from ``source`` with ``mac``: a macvlan above ``interface`` and the virtual MAC where the
    router has one, the interface itself and its card's MAC elsewhere.  They are heard on ``interface``.
    """

    interface: str
    index: int  # type: ignore[assignment]  # no method of tuples here
    device: str
    device_index: int
    mac: Mac
    source: IPAddress


class Heard(NamedTuple):
    """An advertisement for a router that passed all that a receiver verifies; ``at`` is when the kernel got it."""

    router: str
    source: IPAddress
    advert: Advert
    at: Instant


class Discarded(NamedTuple):
    """One that did not, by the name of the finding that an observer would raise (``bad-ttl``, ``auth-failed``, …)."""

    router: str
    source: IPAddress
    reason: str


class Wire(Protocol):
    """Speaks and listens for the routers; no call blocks, and what cannot be sent now is lost, as on any network."""

    def join(self, router: str) -> None: ...
    def leave(self, router: str) -> None: ...
    def send(self, router: str, advert: Advert) -> str | None:
        """Returns why nobody can have heard it, ``None`` where somebody can."""

    def announce(self, router: str) -> None:
        """One gratuitous ARP or unsolicited neighbour advertisement for each of the router's addresses."""


class Holdings(Protocol):
    """The addresses, routes and rules of the routers on this host; both calls are done when they return."""

    def acquire(self, router: str) -> None: ...
    def release(self, router: str) -> None: ...


class Handover(Protocol):
    """What lets connections outlive a planned change of masters; no call blocks, and each may be made at any time."""

    def guide(self, router: str, master: IPAddress) -> None:
        """``master``, which is about to be relieved by this host, is to get what belongs to its connections."""

    def relieved(self, router: str) -> None:
        """This host has just relieved it: guiding ends some seconds from now."""

    def forget(self, router: str) -> None:
        """Nobody is about to be relieved, or the old master is gone: guiding ends now."""

    def linger(self, router: str) -> None:
        """This host was relieved: it keeps the addresses for some seconds, and tells nobody about them."""

    def release(self, router: str) -> None:
        """It is not to keep them any longer, if it does."""

    def resume(self, router: str) -> None:
        """It has become master again while it kept them."""


class Change(NamedTuple):
    """A router or, with ``kind`` GROUP, a sync group is in another state; ``why`` is a line for people."""

    kind: Literal["INSTANCE", "GROUP"]
    name: str
    was: RouterState
    state: RouterState
    priority: int
    at: Instant
    why: str


class Verdict(NamedTuple):
    """What a tracker has found out; ``number`` is what a file says, by which a weight is multiplied (else ``None``)."""

    tracker: str
    good: bool
    detail: str
    number: int | None = None
