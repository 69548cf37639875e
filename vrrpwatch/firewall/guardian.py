"""Puts the old rules back unless a person confirms the new ones in time; outlives the command, its terminal and it all.

Its rule of thumb: who asks for rules and then says nothing, for whatever reason, gets the old ones.
"""

import os
import pwd
import signal
import socket
import syslog
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final
from uuid import uuid4

from vrrpwatch.core.model import Seconds
from vrrpwatch.core.rulechange import Action, RuleChange
from vrrpwatch.firewall.guardian_state import Folder, Pending, State, elapsed, started, this_host
from vrrpwatch.firewall.running import Load, made_tables, nothing, replace
from vrrpwatch.firewall.running_tools import RulesError

# Seconds between two looks whether somebody has confirmed.
POLL: Final = 0.25
# Seconds that an apply may hold the lock beyond its own deadline: it is stopped (Ctrl-Z) or hangs, and is ended.
GRACE: Final = 10
# The old rules may need something that comes back, as a device; beyond that ours are removed altogether.
ATTEMPTS: Final = 5
PAUSE: Final = 1.0


class OtherHostError(RulesError):
    """What waits for a confirmation is about another network namespace."""


def who() -> str:
    """The person behind this process, as far as the system knows."""
    name = os.environ.get("SUDO_USER", "")
    if name:
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def change_of(pending: Pending, action: Action, by: str, reason: str) -> RuleChange:
    """What became of rules that waited; one thing becomes of them, so that its key is known."""
    files = tuple((file.name, file.digest) for file in pending.files)
    key = f"{pending.id}:{action}"
    return RuleChange(key, time.time_ns(), socket.gethostname(), by, action, tuple(pending.previous), files, reason)


def new_id() -> str:
    """A name that nothing else has."""
    return uuid4().hex


def roll_back(folder: Folder, state: State, reason: str, *, by: str, hold: int) -> State:
    """Puts the rules back that ran before what waits in ``state``; for who holds the lock.

    Raises :class:`OtherHostError` where these rules are not to be seen from here, and :class:`RulesError` where the
    tools refuse: the state then stays as it was, so that it can be tried again.
    """
    pending = state.pending
    if pending is None:
        return state
    here = this_host()
    if pending.host.boot != here.boot:
        # A restart leaves no rules in the kernel, neither new nor old.
        change = change_of(pending, "rolled-back", by, "the host was restarted before they were confirmed")
    elif pending.host != here:
        raise OtherHostError(
            f"rules wait for their confirmation in another network namespace: go there, or if it is gone delete "
            f"{folder.path / 'state.json'}"
        )
    else:
        replace(Load(pending.previous), hold=hold)
        change = change_of(pending, "rolled-back", by, reason)
    after = state._replace(pending=None).told(change)
    folder.write(after)
    _log(change)
    return after


def give_up(folder: Folder, state: State, trouble: RulesError, *, hold: int) -> State:
    """Removes the new rules where the old ones cannot be put back: none of ours are better than unconfirmed ones."""
    pending = state.pending
    if pending is None:
        return state
    replace(nothing(pending.previous, made_tables(pending.previous)), hold=hold)
    reason = f"the old rules could not be put back ({trouble}): none of vrrpwatch's are loaded now"
    change = change_of(pending, "failed", "guardian", reason)
    confirmed = {place: said for place, said in state.confirmed.items() if place not in pending.previous}
    after = state._replace(pending=None, confirmed=confirmed).told(change)
    folder.write(after)
    _log(change)
    return after


def _log(change: RuleChange) -> None:
    names = ", ".join(name for name, _ in change.files)
    line = f"rules of {names}: {change.action}: {change.reason}"
    syslog.openlog("vrrpwatch", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_WARNING, line)


def stand_guard(path: Path, key: str, *, sleep: Callable[[Seconds], None] = time.sleep) -> None:
    """Waits until the rules ``key`` are confirmed or their time is over, and then puts the old ones back.

    A second guardian stands behind the first and takes its place.  SIGTERM, as at a shutdown, is the end of the time.
    """
    _detach()
    hurry = _Hurry()
    signal.signal(signal.SIGTERM, hurry)
    folder = Folder(path)
    if _waiting(folder, key) is None:
        return
    # Whoever removes all rules removes the folder with them.
    with suppress(FileNotFoundError), folder.guarding() as post:
        os.truncate(post, 0)
        os.pwrite(post, key.encode(), 0)
        while (pending := _waiting(folder, key)) is not None:
            left = pending.deadline - elapsed()
            if left > 0 and not hurry.asked:
                sleep(min(left, POLL))
                continue
            _end_hanging(folder, pending)
            _finish(folder, key, hurry, sleep)


class _Hurry:
    """Notes that somebody asked the guardian to end: it does its duty first."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def _detach() -> None:
    """What happens to the terminal is no concern of a guardian's."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    os.umask(0o077)


def _waiting(folder: Folder, key: str) -> Pending | None:
    pending = folder.read().pending
    return pending if pending is not None and pending.id == key else None


def _finish(folder: Folder, key: str, hurry: "_Hurry", sleep: Callable[[Seconds], None]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        with folder.locked() as hold:
            state = folder.read()
            pending = state.pending
            # Confirmed at the last moment, or loaded only now: then its time begins only now.
            if pending is None or pending.id != key or (pending.deadline > elapsed() and not hurry.asked):
                return
            reason = "the guardian was asked to end" if hurry.asked else f"not confirmed within {pending.within:g} s"
            try:
                roll_back(folder, state, reason, by="guardian", hold=hold)
                return
            except OtherHostError:
                return
            except RulesError as error:
                if attempt == ATTEMPTS:
                    give_up(folder, state, error, hold=hold)
                    return
        sleep(PAUSE)


def _end_hanging(folder: Folder, pending: Pending) -> None:
    """Ends the apply that still holds the lock well after its own deadline: else it could load its rules later on."""
    pid, ticks = pending.process
    try:
        process = os.pidfd_open(pid)
    except OSError:
        # It has ended.
        return
    try:
        while started(pid) == ticks and folder.busy:
            if elapsed() > pending.deadline + GRACE:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                return
            time.sleep(POLL)
    finally:
        os.close(process)
