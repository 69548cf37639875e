"""The state folder: which rules run since when, what waits for a confirmation, what was done, and who may act now.

All of it is one file that is replaced at once, so that a crash leaves either the old or the new: rules are confirmed or
they are not.  Times that matter are those of the clock that goes on while the host sleeps and that nobody can set.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from vrrpwatch.core.model import Instant, Seconds
from vrrpwatch.core.rulechange import RuleChange
from vrrpwatch.firewall.apply_files import RulesFile
from vrrpwatch.firewall.running_tools import PLACES, ForbiddenError, Place, RulesError

SCHEMA: Final = "vrrpwatch/rules-state/1"
# What was done is kept in the store; here only what is not there yet, and the newest for whoever looks.
MAX_CHANGES: Final = 100
# Seconds between two looks at a lock that another holds.
_POLL: Final = 0.05
_NAMES: Final = ("state.json", "state.json.new", "guardian", "lock")
# SO_NETNS_COOKIE of asm-generic/socket.h: a number that no two network namespaces share until the next boot.
_NETNS_COOKIE: Final = 71


class Host(NamedTuple):
    """Whose rules are meant: one start of one kernel, and a network namespace of it."""

    boot: str
    namespace: str


class Pending(NamedTuple):
    """Rules that wait for their confirmation.

    ``deadline`` is an instant of :func:`elapsed`; ``previous`` are the rules that ran before in the same places;
    ``process`` is the apply that loads them: its id, and when it started in the kernel's ticks.  Until ``loaded`` they
    may run, in part, or not.
    """

    id: str
    host: Host
    deadline: Seconds
    within: Seconds
    at: Instant
    who: str
    files: tuple[RulesFile, ...]
    previous: Mapping[Place, str]
    process: tuple[int, int]
    loaded: bool


class Confirmed(NamedTuple):
    """Rules that a person confirmed: from which file, and when."""

    host: Host
    name: str
    digest: str
    at: Instant
    who: str


class State(NamedTuple):
    """All of it; the last ``unrecorded`` of ``changes`` are not in the store yet.

    ``made`` are the places whose filter table was not there before our rules.
    """

    pending: Pending | None = None
    confirmed: Mapping[Place, Confirmed] = {}
    made: tuple[Place, ...] = ()
    changes: tuple[RuleChange, ...] = ()
    unrecorded: int = 0

    def told(self, change: RuleChange) -> "State":
        """The same with one more change."""
        unrecorded = min(self.unrecorded + 1, MAX_CHANGES)
        return self._replace(changes=(*self.changes, change)[-MAX_CHANGES:], unrecorded=unrecorded)


def elapsed() -> Seconds:
    """Seconds since the host was started, asleep or not; nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def this_host() -> Host:
    """The running kernel, and the network namespace of this process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with socket.socket(socket.AF_UNIX) as any_socket:
        try:
            namespace = any_socket.getsockopt(socket.SOL_SOCKET, _NETNS_COOKIE, 8).hex()
        except OSError:
            # Linux below 5.14: a number that may be given to another namespace once this one is gone.
            namespace = str(Path("/proc/self/ns/net").stat().st_ino)
    return Host(boot, namespace)


def started(pid: int) -> int | None:
    """When the process started, in ticks since the boot; ``None`` where there is none (proc(5), field 22 of stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is a name that may hold anything, also brackets.
    return int(text.rpartition(")")[2].split()[19])


class Folder:
    """The state in one folder; raises :class:`RulesError` where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def used(self) -> bool:
        """Whether anything was ever kept here."""
        try:
            return (self.path / "state.json").is_file()
        except PermissionError:
            return False

    def read(self) -> State:
        path = self.path / "state.json"
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise self._trouble(error, path) from None
        try:
            return _state(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RulesError(
                f"{path}: is damaged: load the rules that you want with nft or iptables-restore, then delete it"
            ) from None

    def write(self, state: State) -> None:
        """Replaces the state; it is on the disk when this returns."""
        path, new = self.path / "state.json", self.path / "state.json.new"
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
                json.dump(_written(state), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            self._sync()
        except OSError as error:
            raise self._trouble(error, path) from None

    def remove(self) -> None:
        """Deletes it all; for who holds the lock."""
        try:
            for name in _NAMES:
                (self.path / name).unlink(missing_ok=True)
            with suppress(OSError):
                # Somebody keeps other things in it.
                self.path.rmdir()
        except OSError as error:
            raise self._trouble(error, self.path) from None

    @contextmanager
    def locked(self, *, make: bool = False) -> Generator[int]:
        """Whoever changes rules or the state holds this lock: a descriptor, which programs that load rules get too.

        Without ``make`` it is ``FileNotFoundError`` where nothing is kept here, or nothing any more.
        """
        if make:
            self._make("lock")
        yield from self._holding("lock")

    @contextmanager
    def guarding(self) -> Generator[int]:
        """The lock of the guardian on duty; another waits here until it is gone.  ``FileNotFoundError`` as above."""
        yield from self._holding("guardian")

    def make_post(self) -> None:
        """Makes what guardians hold on to."""
        self._make("guardian")

    @property
    def guarded(self) -> bool:
        """Whether a guardian is on duty."""
        return self._held("guardian")

    @property
    def busy(self) -> bool:
        """Whether somebody changes rules or the state, or a program that loads rules still runs."""
        return self._held("lock")

    def on_duty(self, key: str) -> bool:
        """Whether a guardian of the rules ``key`` is on duty."""
        try:
            said = (self.path / "guardian").read_text()
        except OSError:
            return False
        return said == key and self.guarded

    def _make(self, name: str) -> None:
        path = self.path / name
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise self._trouble(error, path) from None

    def _open(self, name: str) -> int:
        path = self.path / name
        try:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._trouble(error, path) from None

    def _holding(self, name: str) -> Generator[int]:
        while True:
            number = self._open(name)
            try:
                fcntl.flock(number, fcntl.LOCK_EX)
                # Who held it may have removed the file: then another lock is the one that counts.
                if os.path.samestat(os.fstat(number), (self.path / name).stat()):
                    yield number
                    return
            finally:
                os.close(number)

    def _held(self, name: str) -> bool:
        try:
            number = self._open(name)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(number)
        return False

    def _sync(self) -> None:
        number = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def _trouble(self, error: OSError, path: Path) -> RulesError:
        kind = ForbiddenError if isinstance(error, PermissionError) else RulesError
        return kind(f"{path}: the state cannot be kept: {error.strerror or error}")


def wait_for(condition: Callable[[], bool], at_most: Seconds) -> bool:
    """Whether ``condition`` came true in time."""
    until = elapsed() + at_most
    while not condition():
        if elapsed() >= until:
            return False
        time.sleep(_POLL)
    return True


def _written(state: State) -> dict[str, Any]:
    pending = state.pending
    return {
        "schema": SCHEMA,
        "pending": None
        if pending is None
        else pending._asdict() | {"host": pending.host._asdict(), "files": [file._asdict() for file in pending.files]},
        "confirmed": {place: each._asdict() | {"host": each.host._asdict()} for place, each in state.confirmed.items()},
        "made": state.made,
        "changes": [change._asdict() for change in state.changes],
        "unrecorded": state.unrecorded,
    }


def _state(data: dict[str, Any]) -> State:
    if data["schema"] != SCHEMA:
        raise ValueError(data["schema"])
    return State(
        None if data["pending"] is None else _pending(data["pending"]),
        {
            _place(place): Confirmed(**said | {"host": Host(**said["host"])})
            for place, said in data["confirmed"].items()
        },
        tuple(map(_place, data["made"])),
        tuple(
            RuleChange(
                **said
                | {"places": tuple(said["places"]), "files": tuple((name, digest) for name, digest in said["files"])}
            )
            for said in data["changes"]
        ),
        int(data["unrecorded"]),
    )


def _pending(said: dict[str, Any]) -> Pending:
    pid, ticks = said["process"]
    return Pending(
        **said
        | {
            "host": Host(**said["host"]),
            "files": tuple(RulesFile(**file | {"places": tuple(file["places"])}) for file in said["files"]),
            "previous": {_place(place): str(text) for place, text in said["previous"].items()},
            "process": (int(pid), int(ticks)),
        }
    )


def _place(name: str) -> Place:
    for place in PLACES:
        if place == name:
            return place
    raise ValueError(name)
