"""The scan run from its source does exactly what it does compiled."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture import files, frames
from tests.fuzz.test_wire import mutated
from vrrpwatch.capture.errors import CaptureError

CORPUS_LIMIT = 300_000


def same(data: bytes) -> None:
    """Reads with both; a capture that one refuses the other refuses in the same words."""
    for wanted in (files.EVERYTHING, files.OF_INTEREST):
        results = []
        for code in (None, files.uncompiled()):
            try:
                results.append(files.read(data, wanted=wanted, code=code).summary())
            except CaptureError as error:
                results.append((str(error),))
        assert results[0] == results[1]


def captures() -> Iterator[bytes]:
    """Mutated frames as pcap of each link type and as pcapng of them all, and everyday ones as pcap."""
    yield files.pcap((frames.everyday(number)[0] for number in range(2000)), step=7 * 10**8)
    for linktype in (0, 1, 9, 51, 101, 113, 276):
        yield files.pcap((mutated(number)[0] for number in range(200)), linktype, step=7 * 10**8)
    yield files.section() + b"".join(
        files.interface(mutated(number)[1] & 0xFFFF, files.option(9, bytes((number % 256,))))
        + files.enhanced(mutated(number)[0], 0x123456789ABCDEF + number * 10**14, number)
        for number in range(300)
    )


def test_the_other_scan_comes_from_its_source() -> None:
    scanner, hasher = files.uncompiled()
    assert (scanner.__module__, hasher.__module__) == ("uncompiled_scan", "uncompiled_fingerprint")


@pytest.mark.parametrize("number", range(9))
def test_mutated_frames(number: int) -> None:
    same(list(captures())[number])


def test_mutated_files() -> None:
    seeds = list(captures())[1:]
    for number in range(60):
        dice = random.Random(number)
        data = bytearray(dice.choice(seeds)[: dice.randrange(2000, 8000)])
        for _ in range(dice.randrange(1, 6)):
            data[dice.randrange(24, len(data))] = dice.choice((0, 1, 4, 0x7F, 0x80, 0xFF))
        same(bytes(data))


def test_more_than_a_batch_holds() -> None:
    addresses = [frames.ipv4(frames.VRRP2, identification=n, source=n.to_bytes(4)) for n in range(20000)]
    same(files.pcap(frames.ethernet(packet) for packet in addresses))


def test_corpus(corpus: Path) -> None:
    for path in sorted(corpus.glob("*/*.pcap*")):
        data = path.read_bytes()
        if len(data) < CORPUS_LIMIT:
            same(data)
