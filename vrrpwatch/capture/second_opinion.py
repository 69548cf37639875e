"""A second opinion: the same captures read by tshark, and every VRRP and CARP field on which it differs from us."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vrrpwatch.capture.second_opinion_reading import tshark_reading
from vrrpwatch.capture.second_opinion_reasons import Difference, Reason, compare_readings, heard
from vrrpwatch.capture.second_opinion_tshark import SecondOpinionError, TsharkPacket, check_available, tshark_packets
from vrrpwatch.capture.session import Decoded, Options, decode
from vrrpwatch.wire.values import Carp, Malformed, Vrrp

__all__ = ["Disagreement", "Reason", "SecondOpinionError", "compare"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One field of one packet that tshark reads differently; ``field`` is ``packet`` where only one sees VRRP or CARP.

    ``source`` is the capture's index, ``packet`` counts from 1 as Wireshark does.  ``ours`` and ``theirs`` are text
    to show, ``None`` where a side says nothing.  ``reason`` is ``None`` where the difference is not a known one.
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
    Raises :class:`SecondOpinionError` where pyshark or tshark is missing or a capture is no file, and after a
    capture's last packet where tshark found it damaged.
    """
    check_available()
    options = options or Options()
    for source, path in enumerate(paths):
        ours = (item for item in decode([path], options) if isinstance(item.message, Vrrp | Carp | Malformed))
        for number, mine, theirs in _side_by_side(ours, tshark_packets(path)):
            for difference in _differences(mine, theirs):
                yield _disagreement(source, number, difference, options.reveal)


def _differences(mine: Decoded | None, theirs: TsharkPacket | None) -> list[Difference]:
    ours = None
    if mine is not None and isinstance(mine.message, Vrrp | Carp | Malformed):
        ours = heard(mine.frame, mine.message, mine.checksum)
    reading = None if theirs is None else tshark_reading(theirs.layers, theirs.values)
    return compare_readings(ours, reading, () if theirs is None else theirs.layers)


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
    ours: Iterable[Decoded], theirs: Iterable[TsharkPacket]
) -> Iterator[tuple[int, Decoded | None, TsharkPacket | None]]:
    """Joins two streams in ascending packet order by packet number."""
    left, right = iter(ours), iter(theirs)
    mine, other = next(left, None), next(right, None)
    while mine is not None and other is not None:
        if mine.packet < other.number:
            yield mine.packet, mine, None
            mine = next(left, None)
        elif other.number < mine.packet:
            yield other.number, None, other
            other = next(right, None)
        else:
            yield mine.packet, mine, other
            mine, other = next(left, None), next(right, None)
    while mine is not None:
        yield mine.packet, mine, None
        mine = next(left, None)
    while other is not None:
        yield other.number, None, other
        other = next(right, None)
