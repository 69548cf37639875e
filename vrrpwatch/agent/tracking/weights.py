"""What verdicts do to a router: its effective priority, CARP's demotion, and the faults that stop it.

The rules are those of keepalived.conf(5), *track_script* and *track_file*, but for these:

- ``reverse`` turns good and bad round, so that a positive weight is added while bad, and a negative one while good.
  keepalived changes the weight's sign instead: its ``weight 10 reverse`` is ``weight = -10, reverse = true`` here.
- With weight 0 a file's number is a fault below 0; to keepalived every number but 0 is.
- An owner (priority 255) may have trackers with a weight, which change nothing; keepalived refuses them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vrrpwatch.agent.config.routers import Tracked
from vrrpwatch.agent.ports import Verdict
from vrrpwatch.core.machine.settings import OWNER_PRIORITY

# RFC 9568 §6.1: 0 resigns, and 255 is the owner's alone.
LEAST_PRIORITY: Final = 1
MOST_PRIORITY: Final = 254
# Beyond this no priority is left: keepalived.conf(5), "Track files".
_MOST_LOST: Final = 253
# The counter is one octet (OpenBSD's ip_carp.h, carp_demote).
MOST_DEMOTION: Final = 255


def priority(base: int, tracked: Sequence[Tracked], verdicts: Mapping[str, Verdict]) -> int:
    """The priority to advertise, 1 to 254; an owner's 255 is left alone.

    A tracker without a verdict counts as bad, whichever way round.
    """
    if base == OWNER_PRIORITY:
        return base
    change = sum(_change(one, verdicts.get(one.name)) for one in tracked)
    return min(max(base + change, LEAST_PRIORITY), MOST_PRIORITY)


def demotion(tracked: Sequence[Tracked], verdicts: Mapping[str, Verdict]) -> int:
    """The sum of what is lost, 0 to 255, which is 0 while all is well."""
    return min(sum(_loss(one, verdicts.get(one.name)) for one in tracked), MOST_DEMOTION)


def faults(tracked: Sequence[Tracked], verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """A line for each tracker whose verdict forbids the router to run; one without a verdict is not listed."""
    return tuple(_faults(tracked, verdicts))


def _faults(tracked: Sequence[Tracked], verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    for one in tracked:
        verdict = verdicts.get(one.name)
        if verdict is None:
            continue
        if one.weight == 0:
            if not _serves(one, verdict):
                yield f"{one.name}: {verdict.detail}"
        elif verdict.number is not None and _product(one, verdict.number) < -_MOST_LOST:
            yield f"{one.name}: {verdict.detail}, times {one.weight} is more than a priority can lose"


def _serves(tracked: Tracked, verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.good is not tracked.reverse


def _product(tracked: Tracked, number: int) -> int:
    product: int = tracked.weight * number
    return -product if tracked.reverse else product


def _change(tracked: Tracked, verdict: Verdict | None) -> int:
    """What is added to the priority."""
    if verdict is not None and verdict.number is not None:
        return _product(tracked, verdict.number)
    weight: int = tracked.weight
    return weight if _serves(tracked, verdict) is (weight > 0) else 0


def _loss(tracked: Tracked, verdict: Verdict | None) -> int:
    """How far it is below what it would be with this tracker at its best; a number's best is 0."""
    if verdict is not None and verdict.number is not None:
        return max(0, -_product(tracked, verdict.number))
    return 0 if _serves(tracked, verdict) else abs(tracked.weight)
