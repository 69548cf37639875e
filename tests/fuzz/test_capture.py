"""Hostile capture files: whatever they hold, they are read up to the damage or refused, and nothing else happens.

Repeatable: file N is the same everywhere.  ``VRRPWATCH_FUZZ`` is how many packets to try, a fiftieth of it files.
"""

import bz2
import gzip
import lzma
import os
import random
import struct
from functools import cache

import zstandard

from tests.capture import files
from tests.fuzz.test_wire import mutated
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.core.frames import Kind

CASES = int(os.environ.get("VRRPWATCH_FUZZ", "20000")) // 50
LENGTHS = (0, 1, 3, 4, 11, 12, 28, 60, 262144, 262145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


@cache
def seeds() -> tuple[bytes, ...]:
    """Sound captures of every format, order and compression."""
    packets = [mutated(number)[0] for number in range(120)]
    plain = [files.pcap(packets, linktype, step=10**8) for linktype in (0, 1, 9, 12, 51, 101, 113, 276)]
    plain.append(
        files.pcap_header(magic=0xA1B23C4D, order=">")
        + b"".join(files.record(packet, n, unit=1, order=">") for n, packet in enumerate(packets))
    )
    plain.append(files.pcap_header(magic=0xA1B2CD34) + (struct.pack("<IIIIQ", 1, 2, 60, 60, 0) + bytes(60)) * 20)
    for order in ("<", ">"):
        count = struct.pack(f"{order}Q", 9)
        described = files.option(2, b"eth0", order) + files.option(9, b"\x94", order) + files.option(14, count, order)
        plain.append(
            files.section(order)
            + files.interface(1, described, order=order)
            + files.interface(101, snaplen=40, order=order)
            + b"".join(
                files.enhanced(packet, n << 40, n % 2, files.option(4, count, order), order=order)
                for n, packet in enumerate(packets)
            )
            + files.obsolete(packets[0], 5, 1, 7, order)
            + files.simple(packets[1], len(packets[1]), order)
            + files.statistics(0, 1 << 50, files.option(5, count, order) + files.option(7, count, order), order)
            + files.block(10, bytes(40), order)
            + files.section("<")
        )
    compressed = [gzip.compress(plain[1]), bz2.compress(plain[1]), lzma.compress(plain[-1])]
    return (
        *plain,
        *compressed,
        zstandard.compress(plain[-2]),
        zstandard.ZstdCompressor(write_checksum=True).compress(plain[1]),
    )


def mutated_file(number: int) -> bytes:
    """File ``number``: a sound one, changed, cut, doubled or with something put in."""
    dice = random.Random(number)
    data = bytearray(dice.choice(seeds()))
    for _ in range(dice.choice((1, 1, 2, 3, 10, 50))):
        at = dice.randrange(min(len(data), dice.choice((64, 400, 1 << 20))) + 1)
        match dice.randrange(7):
            case 0 if at < len(data):
                data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 1 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                data[at : at + 4] = struct.pack(dice.choice("<>") + "I", dice.choice(LENGTHS))
            case 3:
                data[at:at] = dice.randbytes(dice.choice((1, 4, 12, 100)))
            case 4 if dice.random() < 0.3:
                del data[at:]
            case 5:
                del data[at : at + dice.choice((1, 4, 16))]
            case _:
                data[at:at] = data[at : at + dice.randrange(1, 600)]
    return bytes(data)


def probe(data: bytes, size: int = 1 << 20) -> None:
    """Reads a file and checks that everything which its batches say stays within their bounds."""
    refusal, result = None, None
    try:
        result = files.read(data, size=size)
    except CaptureError as error:
        refusal = str(error)
    if result is None:
        assert refusal is not None
        assert len(refusal.splitlines()) == 1
        return
    assert result.damage is None or len(result.damage.splitlines()) == 1
    assert len(result.dropped) == len(result.interfaces)
    assert result.packets == sum(batch.packets for batch in result.batches)
    for batch in result.batches:
        rows = batch.frames
        assert batch.packets >= len(rows)
        assert batch.packets >= batch.multicast_packets == int(batch.flows["packets"].sum())
        for name in ("packets", "bytes"):
            assert int(batch.flows[name].sum()) == int(batch.seconds[name].sum())
        if not len(rows):
            continue
        assert int(rows["offset"].min()) >= 0
        assert int((rows["offset"] + rows["captured"]).max()) <= len(batch.data)
        for name in ("network", "payload", "payload_length", "length", "ifindex"):
            assert int(rows[name].min()) >= 0
        assert bool((rows["network"] <= rows["payload"]).all())
        assert bool((rows["payload"] <= rows["captured"]).all())
        assert int(rows["interface"].max()) < len(batch.interfaces)
        assert set(rows["kind"].tolist()) <= set(Kind)
        assert batch.first is not None
        assert batch.last is not None
        assert 0 <= batch.first <= int(rows["at"].min()) <= int(rows["at"].max()) <= batch.last < 1 << 62


def test_sound_files_are_read_to_their_end() -> None:
    for data in seeds():
        result = files.read(data)
        assert result.damage is None
        assert result.packets >= 20


def test_mutated_files() -> None:
    for number in range(CASES):
        probe(mutated_file(number), size=1 << 20 if number % 4 else 1000)


def test_mutations_reach_both_ends() -> None:
    """The files tried are neither all refused nor all read: otherwise the test above would show nothing."""
    outcomes = {"read": 0, "damaged": 0, "refused": 0}
    for number in range(200):
        try:
            outcomes["damaged" if files.read(mutated_file(number)).damage else "read"] += 1
        except CaptureError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
