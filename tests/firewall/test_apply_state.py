"""The state folder: what is written is read back, damage is told, and locks outlast what they lock."""

import os
from pathlib import Path

import pytest

from vrrpwatch.core.rulechange import RuleChange
from vrrpwatch.firewall.apply import confirm, finish_overdue, recorded, unrecorded
from vrrpwatch.firewall.apply_files import RulesFile
from vrrpwatch.firewall.guardian_state import MAX_CHANGES, Confirmed, Folder, Host, Pending, State, started, this_host
from vrrpwatch.firewall.running_tools import ForbiddenError, RulesError

FILE = RulesFile("rules.nft", "ab" * 32, ("inet", "netdev"))
ELSEWHERE = Host("another boot", "0011")
PENDING = Pending(
    "key",
    ELSEWHERE,
    12.5,
    60.0,
    1_700_000_000_000_000_000,
    "ann",
    (FILE,),
    {"inet": "table", "netdev": ""},
    (1, 2),
    True,
)


def told(number: int) -> RuleChange:
    return RuleChange(f"{number}:applied", number, "fw", "ann", "applied", ("inet",), (("rules.nft", "ab"),), "")


def test_the_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert (folder.read(), folder.used) == (State(), False)
    state = State(PENDING, {"inet": Confirmed(ELSEWHERE, "old.nft", "cd" * 32, 7, "bob")}, ("iptables",)).told(told(1))
    folder.write(state)
    assert (folder.read(), folder.used) == (state, True)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "vrrpwatch/rules-state/9"}', '{"schema": 1, "pending": 2}']
)
def test_a_damaged_state_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(RulesError, match=r"state\.json: is damaged: .* then delete it$"):
        Folder(tmp_path).read()


def test_the_newest_changes_are_kept_and_those_that_the_store_has_are_marked(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    state = State()
    for number in range(MAX_CHANGES + 3):
        state = state.told(told(number))
    folder.write(state)
    waiting = unrecorded(folder)
    assert [change.at for change in waiting] == list(range(3, MAX_CHANGES + 3))
    with folder.locked(make=True):
        pass
    recorded(folder, waiting[:-2])
    assert [change.at for change in unrecorded(folder)] == [MAX_CHANGES + 1, MAX_CHANGES + 2]
    assert len(folder.read().changes) == MAX_CHANGES


def test_a_lock_lasts_as_long_as_whoever_got_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "state")
    seen = [folder.busy]
    with pytest.raises(FileNotFoundError), folder.locked():
        pass
    with folder.locked(make=True) as hold:
        passed_on = os.dup(hold)
    # As a program has it that still loads rules when the command is killed.
    seen.append(folder.busy)
    os.close(passed_on)
    assert [*seen, folder.busy] == [False, True, False]


def test_a_guardian_is_on_duty_for_its_own_rules_only(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make_post()
    with folder.guarding() as post:
        os.pwrite(post, b"key", 0)
        assert (folder.on_duty("key"), folder.on_duty("other"), folder.guarded) == (True, False, True)
    assert (folder.on_duty("key"), folder.guarded) == (False, False)


def test_a_folder_that_was_removed_is_not_made_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "state")
    folder.make_post()
    with folder.locked(make=True):
        folder.write(State())
        folder.remove()
    with pytest.raises(FileNotFoundError), folder.guarding():
        pass
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RulesError, match="the state cannot be kept: Not a directory"):
        Folder(tmp_path / "file" / "state").write(State())
    assert issubclass(ForbiddenError, RulesError)


def test_what_waited_before_a_restart_is_only_forgotten(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.locked(make=True):
        folder.write(State(PENDING))
    change = finish_overdue(folder)
    assert change is not None
    assert (change.action, change.reason) == ("rolled-back", "the host was restarted before they were confirmed")
    assert folder.read().pending is None
    assert finish_overdue(folder) is None


def test_what_waits_in_another_namespace_is_left_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    state = State(PENDING._replace(host=Host(this_host().boot, "another")))
    with folder.locked(make=True):
        folder.write(state)
    assert finish_overdue(folder) is None
    with pytest.raises(RulesError, match="in another network namespace"):
        confirm(folder)
    assert folder.read() == state


def test_nothing_is_confirmed_where_nothing_waits(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="no rules wait for a confirmation"):
        confirm(Folder(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_processes_are_told_apart_by_when_they_started() -> None:
    assert started(os.getpid()) == started(os.getpid())
    assert started(2**30) is None
