"""Mutated capture files, and the whole way that ``analyze`` takes with one: reader, engine, analysis, JSON."""

import gzip
import random
from pathlib import Path

import zstandard

from tests.capture.files import enhanced, interface, option, pcap_header, record, section, statistics
from tests.fuzz.test_wire import EDGES, SEEDS
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.report.json import render, to_json

BEGIN = 1_700_000_000_000_000_000
# From nothing at all to more than any dead time, and backwards.
STEPS = (0, 1_000, 1_000_000, 100_000_000, 1_000_000_000, 5_000_000_000, 300_000_000_000, -2_000_000_000)


def mutated_capture(number: int) -> bytes:
    """File ``number``: a capture of well-formed frames, changed, cut or with something put in, plain or compressed."""
    dice = random.Random(number)
    data = bytearray(_pcap(dice) if dice.randrange(2) else _pcapng(dice))
    packing = dice.randrange(12)
    # Half of the compressed ones are damaged inside, the others outside.
    if packing not in (0, 2):
        _mutate(data, dice)
    if packing in (0, 1):
        data = bytearray(gzip.compress(data, 1, mtime=0))
    elif packing in (2, 3):
        data = bytearray(zstandard.compress(bytes(data), 1))
    if packing in (0, 2):
        _mutate(data, dice)
    return bytes(data)


def _mutate(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((0, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(7):
            case 0 if at < len(data):
                data[at] = dice.choice(EDGES)
            case 1 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = dice.randbytes(dice.choice((1, 4, 8, 40)))
            case 4:
                data[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
            case 5:
                del data[at : at + dice.choice((1, 4, 16, 100))]
            case _:
                data[at:at] = data[at : at + dice.randrange(1, 200)] * dice.choice((1, 2, 30))


def _frames(dice: random.Random, linktype: int) -> list[bytes]:
    """A few frames, some of them again and again, as advertisements come."""
    known = [frame for kind, frame in SEEDS if kind == linktype]
    chosen = [dice.choice(known) for _ in range(dice.randrange(1, 5))]
    return [dice.choice(chosen) for _ in range(dice.randrange(20))]


def _times(dice: random.Random, count: int) -> list[int]:
    usual, at, times = dice.choice(STEPS), BEGIN, []
    for _ in range(count):
        times.append(at)
        at += usual if dice.randrange(8) else dice.choice(STEPS)
    return times


def _pcap(dice: random.Random) -> bytes:
    linktype = dice.choice(SEEDS)[0]
    frames = _frames(dice, linktype)
    times = _times(dice, len(frames))
    records = (record(frame, at) for frame, at in zip(frames, times, strict=True))
    return pcap_header(linktype) + b"".join(records)


def _pcapng(dice: random.Random) -> bytes:
    """Several interfaces, one packet on this and one on that, and drop counts now and then."""
    linktypes = [dice.choice(SEEDS)[0] for _ in range(dice.randrange(1, 4))]
    blocks = [section()]
    blocks += [interface(linktype, option(9, b"\x09") + option(2, b"eth%d" % linktype)) for linktype in linktypes]
    for number, linktype in enumerate(linktypes):
        frames = _frames(dice, linktype)
        for frame, at in zip(frames, _times(dice, len(frames)), strict=True):
            blocks.append(enhanced(frame, at, number))
            if not dice.randrange(10):
                blocks.append(statistics(number, at, option(5, dice.randrange(100).to_bytes(8, "little"))))
    head = 1 + len(linktypes)
    packets = blocks[head:]
    if dice.randrange(2):
        dice.shuffle(packets)
    return b"".join(blocks[:head] + packets)


def probe_capture(path: Path) -> int:
    """Analyses the file and asserts what must hold of any; gives its packets' number."""
    outcome = analyse([str(path)], Options())
    assert not outcome.interrupted
    assert len(outcome.errors) <= 1
    source = outcome.analysis.sources[0]
    for line in (*outcome.errors, source.damage or ""):
        assert line.isprintable()
        assert str(path) not in line.replace(str(path), "", 1)
    assert render(to_json(outcome.analysis))
    return source.packets
