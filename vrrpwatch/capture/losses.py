"""What a capture says it lost, in few words: it may say so in as many blocks as it likes."""

from collections.abc import Iterable
from dataclasses import replace

from vrrpwatch.core.frames import Loss

# Stretches of loss that one interface is given in one batch; beyond, neighbours are taken together.
MAX_STRETCHES = 256


def condensed(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses with those that touch each other taken together; all that was lost is still counted."""
    stretches: dict[tuple[int, int], list[Loss]] = {}
    for loss in losses:
        known = stretches.setdefault((loss.source, loss.interface), [])
        if known and known[-1].first <= loss.first <= known[-1].last:
            known[-1] = _together(known[-1], loss)
            continue
        known.append(loss)
        if len(known) > MAX_STRETCHES:
            # Silence between two losses is then excused too, which is the safe side.
            known[:] = [_together(*known[at : at + 2]) for at in range(0, len(known) - 1, 2)] + known[len(known) & ~1 :]
    return tuple(loss for known in stretches.values() for loss in known)


def _together(one: Loss, other: Loss) -> Loss:
    return replace(
        one, first=min(one.first, other.first), last=max(one.last, other.last), count=one.count + other.count
    )
