"""The state machines keep every promise through a million steps of trouble, and faults in them do not stay hidden."""

from pathlib import Path

import pytest

from tests.model.__main__ import main
from tests.model.exploring import explore
from tests.model.minimal import minimal
from tests.model.mutants import MUTANTS
from tests.model.schedules import DIALECTS, schedule
from tests.model.script import read, written
from tests.model.world import World
from vrrpwatch.core.machine.step import step

# What must have come about for the million steps to mean anything.
OFTEN = {
    "Backup to Master",
    "Master to Backup",
    "Master to Initialize",
    "Initialize to Master",
    "Master stalled for long",
    "Backup stalled for long",
    "crash of a master",
    "overlap",
    "succession",
    "verdict",
}


def test_a_million_steps_break_no_promise() -> None:
    explored = explore(step, 1_000_000)
    assert explored.failure is None, written(minimal(explored.script, step)) if explored.script else ""
    assert explored.steps >= 1_000_000
    assert {what for what, times in explored.seen.items() if times >= 50} >= OFTEN
    # Bounds that nothing comes near would say nothing.
    reached = {dialect: explored.longest[f"{dialect} agreement"] for dialect in DIALECTS}
    assert min(reached.values()) > 0.5, reached


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_found_and_shown_by_a_short_schedule(name: str) -> None:
    mutant, promises = MUTANTS[name]
    explored = explore(mutant, 200_000)
    assert explored.failure is not None
    assert explored.failure.rule in promises
    assert explored.script is not None
    shortest = minimal(explored.script, mutant)
    assert len(shortest.happenings) <= 8, written(shortest)
    # Printed and read again, it shows the same; without the fault, nothing.
    replayed = World(read(written(shortest).splitlines()), mutant).run()
    assert replayed == World(shortest, mutant).run()
    assert replayed is not None
    assert replayed.rule == explored.failure.rule
    assert World(shortest, step).run() is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_schedule_is_the_same_whenever_it_is_drawn_and_run(dialect: str) -> None:
    script = schedule("7", dialect)
    assert schedule("7", dialect) == script
    assert schedule("8", dialect) != script
    assert read(written(script).splitlines()) == script
    first, second = World(script, step, trace=True), World(script, step, trace=True)
    assert first.run() is None
    assert second.run() is None
    assert first.trace == second.trace
    assert first.steps == second.steps > 0


def test_the_command_explores(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--steps", "2000", "--dialect", "vrrp2"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split(" in ")[0].endswith("steps")
    assert told[-1] == "every promise was kept"


def test_the_command_replays_a_schedule_step_by_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "schedule"
    path.write_text(written(schedule("7", "vrrp3")))
    assert main(["--replay", str(path)]) == 0
    told = capsys.readouterr().out
    assert "router 0: Startup(): Initialize → Backup  JoinGroup()" in told
    assert told.endswith("every promise is kept\n")
