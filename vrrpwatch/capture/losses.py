"""What a capture says it lost, in few words: it may say so in as many blocks as it likes."""

from collections.abc import Iterable

from vrrpwatch.core.frames import Loss
from vrrpwatch.core.model import Instant

# Stretches of loss that one interface is given in one batch; beyond, neighbours are taken together.
MAX_STRETCHES = 256

# First, last, count, and whether it goes on, as in Loss.
_Stretch = tuple[Instant, Instant, int, bool]


def condensed(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses with those that touch each other taken together; all that was lost is still counted."""
    stretches: dict[tuple[int, int, bool], list[_Stretch]] = {}
    for loss in losses:
        known = stretches.setdefault((loss.source, loss.interface, loss.unheard), [])
        stretch = loss.first, loss.last, loss.count, loss.goes_on
        if known and known[-1][0] <= loss.first <= known[-1][1]:
            known[-1] = _together(known[-1], stretch)
            continue
        known.append(stretch)
        if len(known) > MAX_STRETCHES:
            # Silence between two losses is then excused too, which is the safe side.
            pairs = zip(known[::2], known[1::2], strict=False)
            known[:] = [_together(*pair) for pair in pairs] + known[len(known) & ~1 :]
    return tuple(
        Loss(source, interface, first, last, count, unheard, goes_on)
        for (source, interface, unheard), known in stretches.items()
        for first, last, count, goes_on in known
    )


def _together(one: _Stretch, other: _Stretch) -> _Stretch:
    return min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2], other[3]
