"""Hooks, with real programs: arguments, order, what hangs and what fails, and how a stop ends."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.agent.telling.changes import SOON, USER, change, launching, lines, script, settings, until
from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.telling.hooks import MAX_WAITING, Hooks, HooksError, plan


def play(given: AgentSettings, scene: Callable[[Hooks, list[str]], Coroutine[Any, Any, None]]) -> list[str]:
    """Plays a scene with hooks, closes them, and returns what was told."""
    told: list[str] = []

    async def main() -> None:
        async with launching() as launcher:
            hooks = Hooks(plan(given), launcher, told.append)
            await scene(hooks, told)
            await hooks.close(SOON)

    asyncio.run(main())
    return told


def hook(*command: str, **more: Any) -> dict[str, Any]:
    """A hook for all states."""
    return {"any": command, "user": USER, **more}


def test_hooks_get_the_arguments_of_keepalived_after_their_own(tmp_path: Path) -> None:
    note = script(tmp_path, "note", 'printf "<%s>" "$@" >>$folder/out; echo >>$folder/out')
    given = settings(
        "web", web={"notify": hook(note, "-v", "a b")}, sync=[{"name": "lan", "routers": ["web"], "notify": hook(note)}]
    )

    async def scene(hooks: Hooks, _: list[str]) -> None:
        hooks.tell(change("web", "master", 150))
        hooks.tell(change("lan", "backup", 0, kind="GROUP"))

    assert play(given, scene) == []
    assert lines(tmp_path / "out") == ["<-v><a b><INSTANCE><web><MASTER><150>", "<GROUP><lan><BACKUP><0>"]


def test_hooks_of_a_state_may_be_run_as_they_are(tmp_path: Path) -> None:
    note = script(tmp_path, "note", 'printf "<%s>" "$@" >>$folder/out; echo >>$folder/out')
    own = {"master": (note, "up"), "any": (note, "any"), "user": USER, "arguments": "any"}

    async def scene(hooks: Hooks, _: list[str]) -> None:
        hooks.tell(change("web", "master", 150))

    assert play(settings("web", web={"notify": own}), scene) == []
    assert lines(tmp_path / "out") == ["<up>", "<any><INSTANCE><web><MASTER><150>"]


def test_the_hook_of_the_state_is_first_then_any_then_those_for_every_router(tmp_path: Path) -> None:
    # The first ones take longest, so that none is first by chance.
    note = script(tmp_path, "note", 'sleep "$2"; echo "$1 $5" >>$folder/out')
    own = {"master": (note, "own", "0.3"), "fault": (note, "never", "0"), "any": (note, "any", "0.1"), "user": USER}
    everybody = {"master": (note, "all-master", "0.05"), "any": (note, "all-any", "0"), "user": USER}
    given = settings("web", "db", web={"notify": own}, notify=everybody)

    async def scene(hooks: Hooks, _: list[str]) -> None:
        hooks.tell(change("web", "master"))
        hooks.tell(change("web", "backup"))

    assert play(given, scene) == []
    assert lines(tmp_path / "out") == [
        "own MASTER",
        "any MASTER",
        "all-master MASTER",
        "all-any MASTER",
        "any BACKUP",
        "all-any BACKUP",
    ]


def test_a_sync_groups_hook_runs_after_its_routers_own(tmp_path: Path) -> None:
    note = script(tmp_path, "note", 'sleep "$1"; echo "$3 $4" >>$folder/out')
    given = settings(
        "a",
        "b",
        a={"notify": hook(note, "0.3")},
        b={"notify": hook(note, "0.1")},
        sync=[{"name": "both", "routers": ["a", "b"], "notify": hook(note, "0")}],
    )

    async def scene(hooks: Hooks, _: list[str]) -> None:
        for name in ("a", "b"):
            hooks.tell(change(name, "master"))
        hooks.tell(change("both", "master", 0, kind="GROUP"))

    assert play(given, scene) == []
    assert lines(tmp_path / "out") == ["b MASTER", "a MASTER", "both MASTER"]


def test_a_hook_that_hangs_holds_up_no_other_router_and_ends_with_its_timeout(tmp_path: Path) -> None:
    note = script(tmp_path, "note", 'echo "$2 $3" >>$folder/out')
    hang = script(tmp_path, "hang", '[ "$3" = BACKUP ] || exec sleep 600; echo "$2 $3" >>$folder/out')
    given = settings("slow", "quick", slow={"notify": hook(hang, timeout=1)}, quick={"notify": hook(note)})

    async def scene(hooks: Hooks, told: list[str]) -> None:
        hooks.tell(change("slow", "master"))
        hooks.tell(change("slow", "backup"))
        for state in ("master", "backup", "master"):
            hooks.tell(change("quick", state))
        await until(lambda: len(lines(tmp_path / "out")) == 3)
        assert told == []

    told = play(given, scene)
    assert told == [f"slow: hook {hang} for MASTER: took longer than 1 s and was killed"]
    # Late, and in its order.
    assert lines(tmp_path / "out") == ["quick MASTER", "quick BACKUP", "quick MASTER", "slow BACKUP"]


def test_changes_that_come_too_fast_collapse_to_the_newest(tmp_path: Path) -> None:
    wait = script(tmp_path, "wait", 'echo "$3 $4" >>$folder/out; until [ -e $folder/go ]; do sleep 0.01; done')
    given = settings("web", web={"notify": hook(wait)})

    async def scene(hooks: Hooks, told: list[str]) -> None:
        hooks.tell(change("web", "master", 0))
        await until(lambda: lines(tmp_path / "out"))
        for number in range(1, MAX_WAITING + 1):
            hooks.tell(change("web", "backup", number))
        assert told == []
        hooks.tell(change("web", "fault", 200))
        (tmp_path / "go").touch()

    told = play(given, scene)
    assert told == [
        "hooks of web take longer than its state lasts: 16 changes are passed over, and the newest, FAULT, is told"
    ]
    assert lines(tmp_path / "out") == ["MASTER 0", "FAULT 200"]


def test_a_sync_group_does_not_wait_for_what_was_passed_over(tmp_path: Path) -> None:
    wait = script(tmp_path, "wait", 'until [ -e $folder/go ]; do sleep 0.01; done; echo "$2 $3" >>$folder/out')
    given = settings(
        "web",
        web={"notify": hook(wait)},
        sync=[{"name": "both", "routers": ["web"], "notify": hook(wait)}],
    )

    async def scene(hooks: Hooks, _: list[str]) -> None:
        for _number in range(MAX_WAITING):
            hooks.tell(change("web", "master"))
        hooks.tell(change("both", "master", 0, kind="GROUP"))
        for _number in range(2):
            hooks.tell(change("web", "fault"))
        (tmp_path / "go").touch()

    play(given, scene)
    assert sorted(lines(tmp_path / "out")) == ["both MASTER", "web FAULT", "web FAULT"]


def test_what_fails_is_told_in_one_line_and_the_next_hook_runs(tmp_path: Path) -> None:
    note = script(tmp_path, "note", "touch $folder/ran")
    own = {"master": ("/no/such/program",), "any": ("/bin/false",), "user": USER}
    given = settings("web", web={"notify": own}, notify=hook(note))

    async def scene(hooks: Hooks, _: list[str]) -> None:
        hooks.tell(change("web", "master"))

    assert play(given, scene) == [
        "web: hook /no/such/program for MASTER: cannot be run (No such file or directory)",
        "web: hook /bin/false for MASTER: exit status 1",
    ]
    assert (tmp_path / "ran").exists()


def test_a_stop_gives_its_hooks_some_time_and_no_more(tmp_path: Path) -> None:
    stop = script(tmp_path, "stop", "sleep 0.3; echo stopped >>$folder/out")
    hang = script(tmp_path, "hang", "echo $$ >$folder/new; mv $folder/new $folder/pid; exec sleep 600")
    given = settings(
        "web",
        "db",
        web={"notify": {"stop": (stop,), "user": USER}},
        db={"notify": {"stop": (hang,), "user": USER, "timeout": 300}},
    )
    told: list[str] = []

    async def main() -> None:
        async with launching() as launcher:
            hooks = Hooks(plan(given), launcher, told.append)
            hooks.tell(change("web", "stop"))
            hooks.tell(change("db", "stop"))
            await until((tmp_path / "pid").exists)
            await asyncio.wait_for(hooks.close(3.0), SOON)
            pid = int((tmp_path / "pid").read_text())
            await until(lambda: not Path(f"/proc/{pid}").exists())

    asyncio.run(main())
    assert told == ["hooks of db: not all had ended 3 s after the stop; the rest is killed"]
    assert lines(tmp_path / "out") == ["stopped"]


def test_a_reload_changes_the_programs_of_what_comes(tmp_path: Path) -> None:
    note = script(tmp_path, "note", 'echo "$1 $4" >>$folder/out')
    before = settings("web", web={"notify": hook(note, "before")})
    after = settings("web", web={"notify": hook(note, "after")})

    async def scene(hooks: Hooks, _: list[str]) -> None:
        hooks.tell(change("web", "master"))
        await until(lambda: lines(tmp_path / "out"))
        hooks.replace(plan(after))
        hooks.tell(change("web", "backup"))
        hooks.tell(change("removed", "stop"))

    assert play(before, scene) == []
    assert lines(tmp_path / "out") == ["before MASTER", "after BACKUP"]


def test_every_hook_that_cannot_be_run_is_told_at_once() -> None:
    nobody = {"any": ("/bin/true",), "user": "no-such-user"}
    given = settings("web", "db", web={"notify": nobody}, db={"notify": {"user": "no-such-user"}}, notify=nobody)
    with pytest.raises(HooksError) as found:
        plan(given)
    # Those for every router are told once, and where there is no program there is nothing to tell.
    assert found.value.lines == (
        "router web: hooks: there is no user 'no-such-user'; correct the settings",
        "notify: hooks: there is no user 'no-such-user'; correct the settings",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_root_runs_hooks_as_nobody_unless_the_settings_say_otherwise() -> None:
    made = plan(settings("web", "db", web={"notify": {"any": ("/bin/true",)}}, db={"notify": hook("/bin/true")}))
    ids = [made.programs["INSTANCE", name]["stop"][0].program.who for name in ("web", "db")]
    assert [who.uid for who in ids if who is not None] == [65_534, 0]
