"""What a capture hands to the engine: batches of the frames that matter, and counts of all the others.

A batch is a stretch of one source in capture order.  Its arrays are plain numpy, so batches pickle between
processes and merge by time.  Instants are integer nanoseconds since the Unix epoch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.kinds import Kind as Kind

# One row per kept frame.  ``data[offset:offset + captured]`` is the frame, link header first.
# ``vlans`` packs VIDs outer to inner, 12 bits each, the innermost lowest, with the number of tags in bits 60-63.
# ``fingerprint`` is equal for two frames of one batch stream exactly when they say the same thing (see capture.scan);
# ``identity`` is equal when network source, destination, IPv4 identification and payload are all equal.
FRAME = np.dtype(
    [
        ("at", "i8"),
        ("packet", "i8"),
        ("source", "i4"),
        ("interface", "i4"),
        ("linktype", "i4"),
        ("kind", "i4"),
        ("offset", "i8"),
        ("captured", "i4"),
        ("length", "i4"),
        ("network", "i4"),
        ("payload", "i4"),
        ("payload_length", "i4"),
        ("ifindex", "i4"),
        ("vlans", "u8"),
        ("fingerprint", "u8"),
        ("identity", "u8"),
    ]
)

# Where frames with the group bit set went: ``destination`` is 16 bytes, left-aligned, its family 4, 6, or 0 for a MAC.
_DESTINATION = [
    ("source", "i4"),
    ("interface", "i4"),
    ("ifindex", "i4"),
    ("family", "i4"),
    ("vlans", "u8"),
    ("destination", "u1", (16,)),
]

# One row per destination, protocol and origin, which is written like the destination.
FLOWS = np.dtype(
    [
        *_DESTINATION,
        ("protocol", "i4"),
        ("origin_family", "i4"),
        ("origin", "u1", (16,)),
        ("packets", "i8"),
        ("bytes", "i8"),
        ("first", "i8"),
        ("last", "i8"),
    ]
)

# The same packets by destination and whole second, those of redundancy and state-sync protocols apart; the packets of
# one second may be spread over several rows.
SECONDS = np.dtype(
    [
        *_DESTINATION,
        ("redundancy", "i8"),
        ("second", "i8"),
        ("packets", "i8"),
        ("bytes", "i8"),
    ]
)

# How many octets of a row of either tell the destination, and how many of a flow's row tell the flow.
DESTINATION_OCTETS = 40
FLOW_OCTETS = 64


def frame_of(row: np.void, data: NDArray[np.uint8]) -> bytes:
    """The octets of the frame that a ``FRAME`` row is about."""
    offset = int(row["offset"])
    return data[offset : offset + int(row["captured"])].tobytes()


def unpack_vlans(packed: int) -> tuple[int, ...]:
    """The VIDs, outer to inner, of a ``vlans`` column value."""
    count = packed >> 60
    return tuple((packed >> (12 * (count - 1 - position))) & 0xFFF for position in range(count))


def segment_id(interface: str, vlans: tuple[int, ...]) -> str:
    """A segment's id: ``INTERFACE`` or ``INTERFACE/OUTER.INNER``."""
    return f"{interface}/{'.'.join(map(str, vlans))}" if vlans else interface


class Interface(NamedTuple):
    """One capture interface as the file describes it; ``name`` is ``None`` where it does not say."""

    name: str | None
    linktype: int
    snaplen: int = 0


class Loss(NamedTuple):
    """``count`` packets that the capture says it lost on ``interface`` between two instants.

    Where it is ``unheard``, the interface could not be heard then, be it down or gone or the machine asleep: what
    passed nobody counted.  Where that ``goes_on``, another tells when it is over.
    """

    source: int
    interface: int
    first: int
    last: int
    count: int  # type: ignore[assignment]  # no method of tuples here
    unheard: bool = False
    goes_on: bool = False


class ClockStep(NamedTuple):
    """Capture time that ran backwards by more than a second, at ``packet``."""

    source: int
    packet: int
    before: int
    after: int


class Batch(NamedTuple):
    """A stretch of one source: every packet in it is either a row of ``frames`` or counted.

    ``frames`` and ``data`` are lent by the reader until the next batch is asked for; who keeps them copies them.

    ``first`` and ``last`` are the least and greatest instants of all its packets (``None`` for a batch without any).
    ``skipped`` counts by name the frames that the scan could not follow.
    """

    source: int
    interfaces: tuple[Interface, ...]
    packets: int
    bytes: int
    multicast_packets: int
    multicast_bytes: int
    first: int | None
    last: int | None
    frames: NDArray[np.void]
    data: NDArray[np.uint8]
    flows: NDArray[np.void]
    seconds: NDArray[np.void]
    skipped: dict[str, int]
    steps: tuple[ClockStep, ...] = ()
    losses: tuple[Loss, ...] = ()
