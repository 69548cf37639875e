"""A second opinion: the same captures read by tshark, and every VRRP and CARP field on which it differs from us."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vrrpwatch.capture.second_opinion_ours import OurPackets
from vrrpwatch.capture.second_opinion_reading import tshark_reading
from vrrpwatch.capture.second_opinion_reasons import Difference, Heard, Reason, compare_readings
from vrrpwatch.capture.second_opinion_tshark import SecondOpinionError, TsharkPacket, TsharkPackets, check_available
from vrrpwatch.capture.session import Options

__all__ = ["Disagreement", "Reason", "SecondOpinionError", "compare"]

CAPTURE = "capture"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One field of one packet that tshark reads differently.

    ``source`` is the capture's index, ``packet`` counts from 1 as Wireshark does.  ``field`` is ``packet`` where only
    one side sees VRRP or CARP, and ``capture`` (of packet 0) where a side could not read the capture to its end.
    ``ours`` and ``theirs`` are text to show, ``None`` where a side says nothing.  ``reason`` is ``None`` where the
    difference is not a known one.
    """

    source: int
    packet: int
    field: str
    ours: str | None
    theirs: str | None
    reason: Reason | None


def compare(paths: Sequence[str], options: Options | None = None) -> Iterator[Disagreement]:
    """Reads every capture a second time with tshark and yields each disagreement, in the captures' order.

    Memory does not grow with the capture on this side.  Simple passwords are masked unless ``options.reveal``.
    Raises :class:`SecondOpinionError` where pyshark or tshark is missing.
    """
    check_available()
    reveal = options is not None and options.reveal
    for source, path in enumerate(paths):
        ours, theirs = OurPackets(path), TsharkPackets(path)
        for number, mine, other in _side_by_side(ours, theirs):
            for difference in _differences(mine, other):
                yield _disagreement(source, number, difference, reveal)
        if ours.complaint is not None or theirs.complaint is not None:
            both = ours.complaint is not None and theirs.complaint is not None
            yield Disagreement(
                source, 0, CAPTURE, ours.complaint, theirs.complaint, Reason.UNREADABLE if both else None
            )


def _differences(mine: Heard | None, theirs: TsharkPacket | None) -> list[Difference]:
    if theirs is None:
        return compare_readings(mine, None, ())
    return compare_readings(mine, tshark_reading(theirs.layers, theirs.values), theirs.layers)


def _disagreement(source: int, packet: int, difference: Difference, reveal: bool) -> Disagreement:
    hidden = difference.field == "auth" and not reveal
    ours, theirs = (_shown(value, hidden) for value in (difference.ours, difference.theirs))
    return Disagreement(source, packet, difference.field, ours, theirs, difference.reason)


def _shown(value: object, hidden: bool) -> str | None:
    if value is None:
        return None
    if hidden:
        return "********"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _side_by_side(
    ours: Iterable[tuple[int, Heard]], theirs: Iterable[TsharkPacket]
) -> Iterator[tuple[int, Heard | None, TsharkPacket | None]]:
    """Joins two streams, each in ascending order, by packet number."""
    left, right = iter(ours), iter(theirs)
    mine, other = next(left, None), next(right, None)
    while mine is not None and other is not None:
        if mine[0] < other.number:
            yield *mine, None
            mine = next(left, None)
        elif other.number < mine[0]:
            yield other.number, None, other
            other = next(right, None)
        else:
            yield *mine, other
            mine, other = next(left, None), next(right, None)
    while mine is not None:
        yield *mine, None
        mine = next(left, None)
    while other is not None:
        yield other.number, None, other
        other = next(right, None)
