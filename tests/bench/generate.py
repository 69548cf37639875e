"""Makes realistic captures of any size: ``python -m tests.bench.generate --packets 5000000 OUT.pcap``.

The same options and seed give the same bytes.  Memory is bounded but for the groups' schedule, about 100 bytes each
advertisement.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.background import background
from tests.bench.files import Format, layout, preamble
from tests.bench.groups import Timeline, spoken, timeline

PIECE = 40_000  # packets made at a time: about 15 MB
START = 1_767_225_600 * 1_000_000_000  # 2026-01-01T00:00:00Z


@dataclass(frozen=True, slots=True)
class Plan:
    """What a capture shall hold; ``adverts`` and ``multicast`` are shares of ``packets``."""

    packets: int
    adverts: float = 0.01
    multicast: float = 0.09
    groups: int = 100
    seed: int = 1
    form: Format = "pcap"
    failovers: int = 0
    splits: int = 0


def _others(random: np.random.Generator, piece: int, pieces: int, count: int, span: int) -> NDArray[np.int64]:
    """Instants of the background in one of ``pieces`` equal stretches of ``span`` nanoseconds."""
    first, end = count * piece // pieces, count * (piece + 1) // pieces
    low, high = span * piece // pieces, span * (piece + 1) // pieces
    instants: NDArray[np.int64] = np.sort(random.integers(low, max(high, low + 1), end - first))
    return instants


def records(plan: Plan) -> Iterator[NDArray[np.uint8]]:
    """The records of the capture, a piece at a time."""
    line: Timeline = timeline(
        plan.seed, max(1, round(plan.packets * plan.adverts)), plan.groups, plan.failovers, plan.splits
    )
    random = np.random.default_rng(plan.seed + 1)
    noise = random.integers(0, 256, 1_000_003).astype(np.uint8)
    others = max(0, plan.packets - len(line.at))
    share = min(1.0, plan.multicast / (1 - plan.adverts)) if others else 0.0
    span = int(line.at[-1]) + 1
    pieces = -(-plan.packets // PIECE)
    for piece in range(pieces):
        bounds = np.searchsorted(line.at, [span * piece // pieces, span * (piece + 1) // pieces])
        frames = spoken(line, int(bounds[0]), int(bounds[1]))
        frames += background(random, _others(random, piece, pieces, others, span), share)
        if frames:
            yield layout(frames, START, noise, plan.form)


def generate(plan: Plan, path: Path) -> None:
    """Writes the capture; an existing file is replaced."""
    with path.open("wb") as file:
        file.write(preamble(plan.form))
        for piece in records(plan):
            file.write(piece.data)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generate", description=__doc__)
    parser.add_argument("path", type=Path, metavar="OUT")
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--adverts", type=float, default=0.01, help="share of advertisements (default 0.01)")
    parser.add_argument("--multicast", type=float, default=0.09, help="share of other multicast (default 0.09)")
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--failovers", type=int, default=0, help="how often a group changes hands")
    parser.add_argument("--splits", type=int, default=0, help="how many groups have two masters for the last third")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", dest="form", choices=["pcap", "nspcap", "pcapng"], default="pcap")
    given = vars(parser.parse_args())
    path = given.pop("path")
    generate(Plan(**given), path)


if __name__ == "__main__":
    main()
