"""``python -m tests.model``: as many steps as asked for, and the shortest schedule that breaks a promise if one does.

``--replay FILE`` plays a schedule that was printed, and tells every step of it.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

from tests.model.exploring import Exploration, explore
from tests.model.minimal import minimal
from tests.model.schedules import DIALECTS
from tests.model.script import Script, read, written
from tests.model.world import World
from vrrpwatch.core.machine.step import step


def _report(explored: Exploration, seconds: float) -> None:
    rate = explored.steps / seconds if seconds else 0.0
    print(f"{explored.steps} steps in {explored.schedules} schedules, {seconds:.1f} s, {rate:.0f} steps/s")
    for what, times in sorted(explored.seen.items()):
        print(f"  {what:34}{times:9}")
    for promise, share in sorted(explored.longest.items()):
        print(f"  {promise:34}{share:9.0%} of the bound at most")


def _replay(script: Script) -> int:
    world = World(script, step, trace=True)
    failure = world.run()
    print("\n".join(world.trace or ()))
    if failure is None:
        print("every promise is kept")
        return 0
    print(f"{failure.rule}: {failure.text}")
    return 1


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when every promise was kept, 1 when one was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000, help="at least as many steps (default 1000000)")
    parser.add_argument("--seed", default="0", help="another seed draws other schedules (default 0)")
    parser.add_argument("--dialect", action="append", choices=DIALECTS, help="this one alone (may be repeated)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play the schedule in this file")
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return _replay(read(options.replay.read_text().splitlines()))
    began = perf_counter()
    explored = explore(step, options.steps, options.seed, options.dialect or tuple(DIALECTS))
    _report(explored, perf_counter() - began)
    if explored.failure is None or explored.script is None:
        print("every promise was kept")
        return 0
    print(f"{explored.failure.rule}: {explored.failure.text}\nThe shortest schedule that shows it, for --replay:\n")
    print(written(minimal(explored.script, step)), end="")
    return 1


if __name__ == "__main__":
    sys.exit(main())
