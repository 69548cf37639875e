"""Runs schedule after schedule until enough steps were taken or a promise was broken."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from tests.model.promises import Failure
from tests.model.schedules import DIALECTS, schedule
from tests.model.script import Script
from tests.model.world import Step, World


@dataclass(slots=True)
class Exploration:
    """What was explored.

    ``seen`` counts what happened, ``longest`` has the greatest share of its bound that a promise took, by dialect, and
    ``script`` broke a promise if ``failure`` is set.
    """

    steps: int = 0
    schedules: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    script: Script | None = None


def explore(step: Step, steps: int, seed: str = "0", dialects: Sequence[str] = tuple(DIALECTS)) -> Exploration:
    """At least ``steps`` steps in whole schedules, the dialects in turn; ends with the first broken promise."""
    explored = Exploration()
    for number in count():
        for dialect in dialects:
            if explored.steps >= steps:
                return explored
            script = schedule(f"{seed}/{number}", dialect)
            world = World(script, step)
            failure = world.run()
            explored.steps += world.steps
            explored.schedules += 1
            explored.seen.update(world.seen)
            for promise, share in world.promises.longest.items():
                name = f"{dialect} {promise}"
                explored.longest[name] = max(share, explored.longest.get(name, 0.0))
            if failure is not None:
                explored.failure, explored.script = failure, script
                return explored
    raise AssertionError("schedules never end")
