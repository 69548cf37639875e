"""One sitting over one or more captures: reads them as one time-ordered stream and feeds the engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.values import Camp, Carp, Companion, Malformed, Packet, Vrrp

if TYPE_CHECKING:
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# Bytes read so far, and the total where it is known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; ``segment`` names the interface of captures that do not, ``budget`` is packets/s."""

    segment: str | None = None
    policy: "Policy | None" = None
    keys: "Keys | None" = None
    budget: float | None = None
    workers: int = 1
    reveal: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """An analysis, the sources that could not be read (a line each), and whether the user cut it short."""

    analysis: Analysis
    errors: tuple[str, ...]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """One packet of ``decode``: where it was, the frame taken apart, and the message in it."""

    source: int
    path: str
    packet: int
    at: Instant
    segment: str
    frame: Packet
    message: Vrrp | Carp | Malformed | Companion
    checksum: Camp | None
    length: int


def analyse(paths: Sequence[str], options: Options, progress: Progress | None = None) -> Outcome:
    """Analyses captures as one stream."""
    raise NotImplementedError(paths, options, progress)


def decode(paths: Sequence[str], options: Options, everything: bool = False) -> Iterator[Decoded]:
    """Yields every VRRP and CARP advertisement (``everything``: companions too) of the captures, one after the other."""
    raise NotImplementedError(paths, options, everything)
