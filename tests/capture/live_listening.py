"""A sniffer on a wire of the lab, and what it gives until it is stopped."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from tests.capture import files, frames
from tests.lab.live import Wire, inside, wire
from tests.lab.network import missing
from vrrpwatch.capture import bpf
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.live_socket import RingSize
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.core.frames import Batch

SNAPLEN = 262144
PROGRAM = bpf.kept(SNAPLEN)
ADVERT = frames.ethernet(frames.ipv4(frames.VRRP2))
SMALL = RingSize(blocks=32, block=1 << 16, retire=5)
KINDS = [
    ADVERT,
    frames.ethernet(frames.ipv6(frames.VRRP2), 0x86DD),
    frames.ethernet(frames.ipv4(frames.ah(frames.VRRP2), 51)),
    frames.ethernet(frames.ipv4(frames.VRRP2, destination=frames.B), destination=frames.HOST_MAC),
    frames.ethernet(frames.arp(1), 0x0806, destination=b"\xff" * 6),
    frames.ethernet(frames.ipv4(frames.udp(3780), 17, destination=frames.B), destination=frames.HOST_MAC),
    frames.tagged(frames.ipv4(frames.VRRP2), (0x8100, 10)),
    frames.tagged(frames.ipv4(frames.VRRP2), (0x88A8, 20), (0x8100, 30)),
    frames.tagged(frames.ipv4(frames.VRRP2, destination=frames.B), (0x8100, 40), destination=frames.HOST_MAC),
    ADVERT + bytes(1400),
]
NOISE = [
    frames.ethernet(frames.ipv4(bytes(20), 6, destination=frames.B), destination=frames.HOST_MAC),
    frames.ethernet(frames.ipv4(frames.udp(53), 17, destination=frames.B), destination=frames.HOST_MAC),
]

in_the_lab = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture
def lan() -> Iterator[Wire]:
    """A wire with one pair of interfaces; the test is in the near namespace."""
    with wire("eth0") as made, inside(made.near):
        yield made


class Heard(NamedTuple):
    """What a sniffer gave until it was stopped."""

    batches: tuple[Batch, ...]
    read: files.Read

    @property
    def contents(self) -> list[bytes]:
        return self.read.contents()

    @property
    def names(self) -> list[str | None]:
        return [interface.name for interface in self.read.interfaces]

    @property
    def interfaces(self) -> list[str | None]:
        """The name of the interface that each frame crossed."""
        return [self.names[int(number)] for number in self.read.frames["interface"]]


def listening(names: Sequence[str], **settings: Any) -> Sniffer:
    settings = {"program": PROGRAM, "size": SMALL, "interval": 0.02, **settings}
    sniffer = Sniffer(names, **settings)
    sniffer.open()
    return sniffer


def heard(sniffer: Sniffer, until: Callable[[int], bool] | None = None) -> Heard:
    """Reads until so many frames came that ``until`` holds, or what is there by now; at most 20 s."""
    reader = CaptureReader("live", 0, wanted=files.EVERYTHING, stream=sniffer, secret=files.SECRET)
    batches: list[Batch] = []
    deadline = time.monotonic() + 20
    if until is None:
        sniffer.stop()
    for batch in sniffer.batches(files.EVERYTHING, reader=reader):
        if batch is not None:
            batches.extend(files.kept([batch]))
        if until is not None and until(sum(one.packets for one in batches)):
            sniffer.stop()
        assert time.monotonic() < deadline, "waited in vain"
    facts = (reader.format, reader.packets, reader.bytes, reader.interfaces, reader.dropped, reader.damage)
    return Heard(tuple(batches), files.Read(tuple(batches) or _none(reader), *facts, reader.until))


def _none(reader: CaptureReader) -> tuple[Batch, ...]:
    return (reader._storage.take((), ()),)
