"""The guardian alone: what it does when tools refuse the old rules, and with an apply that hangs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.waiting import wait_until
from vrrpwatch.firewall import guardian
from vrrpwatch.firewall.apply_files import RulesFile
from vrrpwatch.firewall.guardian import stand_guard
from vrrpwatch.firewall.guardian_state import Confirmed, Folder, Pending, State, elapsed, started, this_host
from vrrpwatch.firewall.running import Load
from vrrpwatch.firewall.running_tools import RulesError

# Holds the lock as an apply does that was stopped while it loads rules.
HOLDER = """
import fcntl, sys, time
lock = open(sys.argv[1], "r+")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    before = {number: signal.getsignal(number) for number in (1, 2, 3, 13, 15, 20)}
    # The program goes to another folder for good, a test does not.
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "umask", lambda _: 0)
    made = Folder(tmp_path)
    made.make_post()
    with made.locked(make=True):
        pass
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def pending(process: tuple[int, int] = (0, 0)) -> Pending:
    files = (RulesFile("new.nft", "ab", ("inet",)),)
    return Pending("key", this_host(), elapsed() - 1, 5.0, 1, "ann", files, {"inet": "the old table"}, process, True)


def test_old_rules_that_are_refused_once_are_tried_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Load] = []
    pauses: list[float] = []

    def replace(load: Load, *, hold: int | None = None) -> None:
        assert hold is not None
        loads.append(load)
        if len(loads) == 1:
            raise RulesError("nft: no such device")

    monkeypatch.setattr(guardian, "replace", replace)
    folder.write(State(pending()))
    stand_guard(folder.path, "key", sleep=pauses.append)
    assert loads == [Load({"inet": "the old table"})] * 2
    assert pauses == [guardian.PAUSE]
    state = folder.read()
    assert state.pending is None
    assert (state.changes[-1].action, state.changes[-1].reason) == ("rolled-back", "not confirmed within 5 s")


def test_where_the_old_rules_cannot_be_had_there_are_none(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Load] = []

    def replace(load: Load, *, hold: int | None = None) -> None:
        assert hold is not None
        loads.append(load)
        if load.rules["inet"]:
            raise RulesError("nft: no such device")

    monkeypatch.setattr(guardian, "replace", replace)
    said = Confirmed(this_host(), "old.nft", "cd", 1, "bob")
    folder.write(State(pending(), {"inet": said, "bridge": said}))
    stand_guard(folder.path, "key", sleep=lambda _: None)
    assert [load.rules["inet"] for load in loads] == ["the old table"] * guardian.ATTEMPTS + [""]
    state = folder.read()
    assert (state.pending, set(state.confirmed)) == (None, {"bridge"})
    assert state.changes[-1].action == "failed"
    assert state.changes[-1].reason.endswith("(nft: no such device): none of vrrpwatch's are loaded now")


def test_an_apply_that_holds_the_lock_beyond_its_time_is_ended(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "GRACE", 0)
    monkeypatch.setattr(guardian, "replace", lambda _, **__: None)
    command = (sys.executable, "-c", HOLDER, str(folder.path / "lock"))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as hanging:
        assert hanging.stdout is not None
        assert hanging.stdout.readline() == b"held\n"
        os.kill(hanging.pid, signal.SIGSTOP)
        folder.write(State(pending((hanging.pid, started(hanging.pid) or 0))))
        stand_guard(folder.path, "key", sleep=lambda _: None)
        assert hanging.wait(timeout=30) == -signal.SIGKILL
    assert folder.read().pending is None


def test_what_has_another_start_is_another_process_and_is_let_live(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "GRACE", 0)
    monkeypatch.setattr(guardian, "replace", lambda _, **__: None)
    folder.write(State(pending((os.getpid(), 1))))
    stand_guard(folder.path, "key", sleep=lambda _: None)
    assert folder.read().pending is None


def test_other_rules_are_not_its_business(folder: Folder) -> None:
    state = State(pending())
    folder.write(state)
    stand_guard(folder.path, "another key", sleep=lambda _: None)
    assert folder.read() == state
    wait_until(lambda: not folder.guarded, at_most=5, what="nobody on duty")
