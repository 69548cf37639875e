"""Makes a schedule that breaks a promise as short as it will go: whatever can be left out is left out."""

from collections.abc import Callable
from itertools import combinations

from tests.model.promises import Failure
from tests.model.script import Script
from tests.model.world import Step, World
from vrrpwatch.core.model import NANOSECONDS


def minimal(script: Script, step: Step) -> Script:
    """The same schedule with nothing left in it that it needs not in order to break the same promise."""
    failure = _failure(script, step)

    def breaks(candidate: Script) -> bool:
        found = World(candidate, step).run()
        return found is not None and found.rule == failure.rule

    shorter = _without_happenings(script, breaks)
    while shorter != script:
        script = shorter
        shorter = _without_pairs(_without_happenings(_without_routers(script, breaks), breaks), breaks)
    # Up to here a schedule might break the promise later than the first did.
    return script._replace(until=_failure(script, step).at / NANOSECONDS)


def _failure(script: Script, step: Step) -> Failure:
    failure = World(script, step).run()
    assert failure is not None, "a schedule that breaks nothing cannot be made shorter"
    return failure


def _without_happenings(script: Script, breaks: Callable[[Script], bool]) -> Script:
    size = len(script.happenings)
    while size:
        at = 0
        while at < len(script.happenings):
            candidate = script._replace(happenings=script.happenings[:at] + script.happenings[at + size :])
            if breaks(candidate):
                script = candidate
            else:
                at += size
        size //= 2
    return script


def _without_pairs(script: Script, breaks: Callable[[Script], bool]) -> Script:
    """Without the first two happenings that only together can be left out, such as a stop and the start after it."""
    for pair in combinations(script.happenings, 2):
        candidate = script._replace(happenings=tuple(h for h in script.happenings if h not in pair))
        if breaks(candidate):
            return candidate
    return script


def _without_routers(script: Script, breaks: Callable[[Script], bool]) -> Script:
    """Without the last routers, as long as that works; happenings of a router that is missing are passed over."""
    while len(script.routers) > 1 and breaks(candidate := script._replace(routers=script.routers[:-1])):
        script = candidate
    return script
