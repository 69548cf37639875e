"""Applies rules files so that they take themselves back: what would change, the change, the confirmation, the removal.

The order of things is what keeps the promise.  What runs before is on the disk and a guardian is on duty before the
first rule changes; rules count as confirmed by one replacement of one file.
"""

import difflib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from vrrpwatch.core.model import Seconds
from vrrpwatch.core.rulechange import RuleChange
from vrrpwatch.firewall.apply_files import Wanted
from vrrpwatch.firewall.guardian import OtherHostError, change_of, new_id, roll_back, who
from vrrpwatch.firewall.guardian_state import Confirmed, Folder, Host, Pending, State, elapsed, started, this_host
from vrrpwatch.firewall.running import Load, Rules, all_running, check, made_tables, mismatch, nothing, replace, running
from vrrpwatch.firewall.running_scratch import as_running
from vrrpwatch.firewall.running_tools import PLACES, XTABLES, Place, RulesError, said_place
from vrrpwatch.firewall.running_xtables import read, settled

Outcome = Literal["confirmed", "rolled-back"]


class Proposal(NamedTuple):
    """What a person is asked about.

    ``running`` is what would be replaced.  ``diff`` has its lines without line ends, none where all of it runs already;
    it is ``exact`` unless it shows the rules in the files' words instead of the tools'.
    """

    wanted: Wanted
    running: Rules
    diff: tuple[str, ...]
    exact: bool


class PendingError(RulesError):
    """Other rules wait for their confirmation."""


class RolledBackError(RulesError):
    """Loading failed, and what ran before runs again."""


def propose(wanted: Wanted, folder: Folder) -> Proposal:
    """Looks what loading the rules would change; nothing is changed.

    Raises :class:`RulesError`: rules that a tool does not take, a tool or a right that is missing, others that wait.
    """
    _refuse_pending(folder.read())
    for tool in XTABLES:
        if tool in wanted.places and (fault := mismatch(tool)) is not None:
            raise RulesError(fault)
    now = running(wanted.places, stateless=True)
    then: dict[Place, str] = {}
    exact = True
    for load in wanted.loads:
        check(load)
        shown = as_running(load)
        exact = exact and shown is not None
        then |= load.rules if shown is None else shown
    then |= {tool: settled(read(now[tool]), read(then[tool])).text for tool in XTABLES if tool in then}
    return Proposal(wanted, now, tuple(_diff(now, then)), exact)


def _diff(now: Rules, then: Rules) -> Iterator[str]:
    for place in PLACES:
        if place in now or place in then:
            names = f"{said_place(place)}: running", f"{said_place(place)}: wanted"
            lines = now.get(place, "").splitlines(), then.get(place, "").splitlines()
            yield from difflib.unified_diff(*lines, *names, lineterm="")


def _refuse_pending(state: State) -> None:
    if state.pending is not None:
        names = ", ".join(file.name for file in state.pending.files)
        left = max(0.0, state.pending.deadline - elapsed())
        raise PendingError(
            f"the rules of {names} wait for their confirmation ({left:.0f} s left): "
            "run vrrpwatch rules confirm, or wait until they are rolled back"
        )


def carry_out(proposal: Proposal, folder: Folder, within: Seconds, guard: Callable[[Folder, str], None]) -> Pending:
    """Loads the rules; from then on they are rolled back after ``within`` seconds unless they are confirmed.

    ``guard`` starts a guardian of the rules with the given id and returns when it is on duty.  Raises
    :class:`RulesError` where nothing was changed, and :class:`RolledBackError` where loading failed.
    """
    wanted = proposal.wanted
    with folder.locked(make=True) as hold:
        state = folder.read()
        _refuse_pending(state)
        if running(wanted.places, stateless=True) != proposal.running:
            raise RulesError("the running rules were changed by somebody else just now: look at them and try again")
        previous = running(wanted.places)
        # What could not be put back must not be taken away.
        check(Load(previous))
        pid = os.getpid()
        at, deadline = time.time_ns(), elapsed() + within
        process = (pid, started(pid) or 0)
        pending = Pending(
            new_id(), this_host(), deadline, within, at, who(), wanted.files, previous, process, loaded=False
        )
        folder.write(state._replace(pending=pending))
        try:
            guard(folder, pending.id)
        except RulesError:
            folder.write(state)
            raise
        try:
            for load in wanted.loads:
                replace(load, hold=hold)
        except RulesError as error:
            roll_back(folder, folder.read(), f"loading failed: {error}", by=pending.who, hold=hold)
            raise RolledBackError(f"{error}; what ran before runs again") from None
        pending = pending._replace(deadline=elapsed() + within, loaded=True)
        applied = change_of(pending, "applied", pending.who, f"to be confirmed within {within:g} s")
        folder.write(state._replace(pending=pending).told(applied))
    return pending


def confirm(folder: Folder) -> RuleChange:
    """Keeps the rules that wait; raises :class:`RulesError` where none do, and where it is too late."""
    try:
        with folder.locked() as hold:
            state = folder.read()
            pending = state.pending
            if pending is None:
                raise RulesError("no rules wait for a confirmation")
            here = this_host()
            if pending.loaded and pending.host == here and elapsed() < pending.deadline:
                return _confirmed(folder, state, pending, here)
            late = "not confirmed in time" if pending.loaded else "loading was interrupted"
            after = roll_back(folder, state, late, by=who(), hold=hold)
            raise RolledBackError(f"too late to confirm: rolled back: {after.changes[-1].reason}")
    except FileNotFoundError:
        raise RulesError("no rules wait for a confirmation") from None


def _confirmed(folder: Folder, state: State, pending: Pending, here: Host) -> RuleChange:
    by, at = who(), time.time_ns()
    said = {place: Confirmed(here, file.name, file.digest, at, by) for file in pending.files for place in file.places}
    change = change_of(pending, "confirmed", by, f"loaded by {pending.who}")
    made = tuple(dict.fromkeys((*state.made, *made_tables(pending.previous))))
    after = state._replace(pending=None, confirmed={**state.confirmed, **said}, made=made)
    folder.write(after.told(change))
    return change


def take_back(folder: Folder, key: str, reason: str) -> None:
    """Rolls the rules ``key`` back now, if they still wait."""
    try:
        with folder.locked() as hold:
            state = folder.read()
            if state.pending is not None and state.pending.id == key:
                roll_back(folder, state, reason, by=who(), hold=hold)
    except FileNotFoundError:
        return


def finish_overdue(folder: Folder) -> RuleChange | None:
    """Does what a guardian would have: rolls back what waits and nobody guards.  Returns what was done, if anything."""
    if not folder.used or folder.read().pending is None:
        return None
    try:
        with folder.locked() as hold:
            state = folder.read()
            if state.pending is None or folder.guarded:
                return None
            reason = "not confirmed in time" if state.pending.deadline <= elapsed() else "its guardian was ended"
            return roll_back(folder, state, reason, by=who(), hold=hold).changes[-1]
    except (FileNotFoundError, OtherHostError):
        return None


def await_confirmation(folder: Folder, pending: Pending, answered: Callable[[Seconds], bool | None]) -> RuleChange:
    """Waits until the rules are confirmed, here or from elsewhere, or rolled back; returns which.

    ``answered`` waits up to so many seconds for a person's answer: ``True`` keeps the rules, ``False`` takes them back.
    """
    while (change := _outcome(folder, pending)) is None:
        left = pending.deadline - elapsed()
        answer = answered(max(0.0, min(left, _POLL)))
        if answer:
            try:
                return confirm(folder)
            except RolledBackError:
                continue
        if answer is False:
            take_back(folder, pending.id, "not wanted")
        elif left <= 0:
            # The guardian does so; should it be gone, so do we.
            finish_overdue(folder)
    return change


_POLL = 0.2


def _outcome(folder: Folder, pending: Pending) -> RuleChange | None:
    state = folder.read()
    if state.pending is not None and state.pending.id == pending.id:
        return None
    ours = [change for change in state.changes if change.key.partition(":")[0] == pending.id]
    ends = [change for change in ours if change.action in ("confirmed", "rolled-back", "failed")]
    if ends:
        return ends[-1]
    return change_of(pending, "removed", "", "all rules of vrrpwatch were removed")


class Removal(NamedTuple):
    """What of ours runs, by place; ``diff`` as for a :class:`Proposal`."""

    running: Rules
    diff: tuple[str, ...]


def propose_removal() -> Removal:
    """All rules of ours that run; raises :class:`RulesError`."""
    now = {place: text for place, text in all_running(stateless=True).items() if text}
    return Removal(now, tuple(_diff(now, dict.fromkeys(now, ""))))


def remove(folder: Folder, removal: Removal) -> RuleChange:
    """Removes them, one transaction for each tool, and then the state; what waited for its confirmation no longer does.

    Raises :class:`RulesError`.
    """
    with folder.locked(make=True) as hold:
        state = folder.read()
        if (
            state.pending is not None
            and state.pending.host.boot == this_host().boot
            and state.pending.host != this_host()
        ):
            raise OtherHostError("rules wait for their confirmation in another network namespace: confirm them there")
        made = (*state.made, *made_tables(state.pending.previous if state.pending else {}))
        replace(nothing(removal.running, made), hold=hold)
        files = tuple(dict.fromkeys((said.name, said.digest) for said in state.confirmed.values()))
        change = RuleChange(
            f"{new_id()}:removed",
            time.time_ns(),
            os.uname().nodename,
            who(),
            "removed",
            tuple(removal.running),
            files,
            "",
        )
        folder.write(State(None, {}, (), state.changes, state.unrecorded).told(change))
    return change


def forget(folder: Folder) -> None:
    """Deletes the state folder, unless rules wait again."""
    with folder.locked():
        if folder.read().pending is None:
            folder.remove()


class Standing(NamedTuple):
    """What of ours is loaded, since when, and what waits; ``left`` is in seconds, ``guarded`` says by whom."""

    running: Rules
    confirmed: Mapping[Place, Confirmed]
    pending: Pending | None
    left: Seconds
    guarded: bool
    changes: tuple[RuleChange, ...]


def standing(folder: Folder) -> Standing:
    """Looks; raises :class:`RulesError`."""
    state = folder.read()
    now = all_running(stateless=True)
    here = this_host()
    confirmed = {place: said for place, said in state.confirmed.items() if said.host == here and now.get(place)}
    left = 0.0 if state.pending is None else max(0.0, state.pending.deadline - elapsed())
    return Standing(now, confirmed, state.pending, left, folder.guarded, state.changes)


def unrecorded(folder: Folder) -> tuple[RuleChange, ...]:
    """What was done and is not in the store yet."""
    state = folder.read()
    return state.changes[len(state.changes) - state.unrecorded :]


def recorded(folder: Folder, changes: tuple[RuleChange, ...]) -> None:
    """Notes that the store has them."""
    with folder.locked():
        state = folder.read()
        keys = {change.key for change in changes}
        left = [change for change in state.changes[len(state.changes) - state.unrecorded :] if change.key not in keys]
        folder.write(state._replace(unrecorded=len(left)))
