"""Makes the kernel's IPVS what it is to be, and remembers what of it is the agent's; its calls block."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from vrrpwatch.agent.balancing import ledger
from vrrpwatch.agent.balancing.ledger import Ours
from vrrpwatch.agent.balancing.plan import Health, plan, wanted
from vrrpwatch.agent.balancing.values import (
    Operation,
    Refused,
    RemoveReal,
    RemoveService,
    Role,
    SetReal,
    SetService,
    StartDaemon,
    StopDaemon,
    Table,
)
from vrrpwatch.agent.config.companions import Ipvs

NOTHING = Ipvs()
_NOBODYS = Ours()


class IpvsError(Exception):
    """IPVS cannot be reached at all; the message says what to do."""


class Kernel(Protocol):
    """IPVS as :class:`vrrpwatch.agent.balancing.netlink.Kernel` reaches it."""

    def read(self) -> Table:
        """All of it; raises :class:`IpvsError`."""

    def do(self, operations: Iterable[Operation]) -> list[Refused]: ...
    def close(self) -> None: ...


class Outcome(NamedTuple):
    """What was done, what could not be, a line for each thing that is wrong, and which sync daemon runs as wanted.

    ``notes`` are lines that are no matter of the present state.
    """

    done: tuple[Operation, ...] = ()
    refused: frozenset[Operation] = frozenset()
    troubles: tuple[str, ...] = ()
    role: Role | None = None
    notes: tuple[str, ...] = ()


class Programmer:
    """``open_kernel`` raises :class:`IpvsError` where there is no IPVS, and is called again at the next look.

    ``path`` is the file that remembers what is ours.  Nothing is asked of the kernel while nothing is wanted.
    """

    def __init__(self, open_kernel: Callable[[], Kernel], path: Path) -> None:
        self._open, self._path = open_kernel, path
        self._kernel: Kernel | None = None
        self._ours: Ours | None = None
        self._unsaved: str | None = None

    def make_so(self, settings: Ipvs, role: Role, health: Health) -> Outcome:
        """Programs what is missing or different, and removes what was ours and is wanted no more."""
        ours, notes = self._remembered()
        if not settings.virtual and settings.sync is None and ours == _NOBODYS:
            return Outcome(notes=notes)
        try:
            if self._kernel is None:
                self._kernel = self._open()
            found = self._kernel.read()
        except IpvsError as error:
            self.close()
            return Outcome(troubles=(str(error),), notes=notes)
        want = wanted(settings, health, role, found)
        operations = plan(want, found, ours.services, syncs=ours.syncs)
        claimed = Ours(
            frozenset(want.services) | (ours.services & found.services.keys()), bool(want.daemons) or ours.syncs
        )
        # Before anything is programmed: a crash may come at any time.
        lines = self._remember(claimed)
        refused = self._kernel.do(operations)
        failed = frozenset(one.operation for one in refused)
        lines += (one.line for one in _causes(refused))
        removed = {one.key for one in operations if isinstance(one, RemoveService) and one not in failed}
        lines += self._remember(Ours(claimed.services - removed, bool(want.daemons) or bool(claimed.syncs and failed)))
        done = tuple(one for one in operations if one not in failed)
        return Outcome(done, failed, tuple(dict.fromkeys(lines)), _running(want, failed), notes)

    def finish(self) -> Outcome:
        """Removes all that is ours."""
        outcome = self.make_so(NOTHING, "backup", {})
        if self._ours == _NOBODYS:
            ledger.remove(self._path)
        self.close()
        return outcome

    def close(self) -> None:
        """Lets go of the kernel, and leaves what is programmed."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    def _remembered(self) -> tuple[Ours, tuple[str, ...]]:
        if self._ours is not None:
            return self._ours, ()
        known = ledger.load(self._path)
        self._ours = _NOBODYS if isinstance(known, str) else known
        return self._ours, (known,) if isinstance(known, str) else ()

    def _remember(self, ours: Ours) -> list[str]:
        if ours != self._ours or self._unsaved:
            self._ours = ours
            self._unsaved = ledger.save(self._path, ours)
        return [self._unsaved] if self._unsaved else []


def _causes(refused: Iterable[Refused]) -> list[Refused]:
    """Without those that could only fail since their virtual server is not there."""
    refused = list(refused)
    absent = {one.operation.key for one in refused if isinstance(one.operation, SetService)}
    return [
        one for one in refused if not (isinstance(one.operation, SetReal | RemoveReal) and one.operation.of in absent)
    ]


def _running(want: Table, failed: frozenset[Operation]) -> Role | None:
    if any(isinstance(one, StartDaemon | StopDaemon) for one in failed):
        return None
    return next((one.role for one in want.daemons), None)
