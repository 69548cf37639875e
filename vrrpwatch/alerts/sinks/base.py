"""What every sender has in common, and how it says that a delivery failed."""

import os
from typing import Protocol

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.core.model import Seconds


class SinkError(Exception):
    """A sink cannot work as it is set up; the text says which, why, and what to do."""


class Retry(Exception):  # noqa: N818  # it is what to do, not what went wrong
    """Not delivered, but it may be later; ``after`` is the least time to wait that the receiver asked for."""

    def __init__(self, reason: str, after: Seconds = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def unanswered(timeout: Seconds) -> str:
    """Why it failed where another host kept silent."""
    return f"no answer within {timeout:g} s{perhaps_denied()}"


def perhaps_denied() -> str:
    """What else to look at, in a service: the unit's IPAddressDeny= drops packets unseen (systemd.resource-control(5)).

    ``INVOCATION_ID`` says that it is one (systemd.exec(5)).
    """
    return " (is its address in the unit's IPAddressAllow=?)" if "INVOCATION_ID" in os.environ else ""


class Refused(Exception):  # noqa: N818
    """The receiver will never take this alert, so it is given up."""


class Sender(Protocol):
    """Delivers to one receiver.  All methods but :meth:`interrupt` are called by one thread, in order."""

    @property
    def every(self) -> Seconds | None:
        """How often :meth:`refresh` is to be called, if at all."""
        ...

    def deliver(self, alert: Alert) -> None:
        """Returns when it is delivered; raises :class:`Retry` or :class:`Refused` within its timeout."""
        ...

    def refresh(self) -> None:
        """Reminds the receiver of what still fires; raises likewise."""
        ...

    def interrupt(self) -> None:
        """Called by another thread: a delivery that is under way ends soon, and fails if it has to."""
        ...

    def close(self) -> None: ...


class Plain:
    """A sender that has nothing to refresh, to interrupt or to close."""

    every: Seconds | None = None

    def refresh(self) -> None:
        """Nothing to remind of."""

    def interrupt(self) -> None:
        """Deliveries are short."""

    def close(self) -> None:
        """Nothing is open."""
