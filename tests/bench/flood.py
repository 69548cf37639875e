"""Forged advertisements, no two alike, over a few real routers: ``python -m tests.bench.flood`` says who is known."""

import argparse
import sys
import time

from tests.bench.endurance import resident
from tests.capture.files import Pieces
from tests.conformance.stage import START, Sent, pcap
from tests.conformance.stage_frames import frame
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.capture.session import WANTED
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.core.monitor import Monitor

FORGED = 100_000
SECOND = 2_000
ROUTERS = 5
# Seconds for which the real ones were alone before.
PEACE = 10
MOST_MEGABYTES = 600


def real(second: int) -> list[Sent]:
    """The real routers' advertisements of one second."""
    at = START + second * NANOSECONDS
    lines = ({"who": "A", "ip": f"192.0.2.{number}", "id": number} for number in range(1, ROUTERS + 1))
    return [Sent(at, "A", 0.0, frame(line, second, None), 0) for line in lines]


def forged(second: int, count: int) -> list[Sent]:
    """One second's forged ones: each from another address, in other VLANs, for another router."""
    sent = []
    for number in range(second * count, (second + 1) * count):
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        line = {"who": "B", "ip": source, "id": number % 255 + 1, "vlans": [number % 4_000 + 1]}
        at = START + (PEACE + second) * NANOSECONDS + (number % count) * NANOSECONDS // count + 1
        sent.append(Sent(at, "B", 0.0, frame(line, number & 0xFFFF, None), 0))
    return sent


def main() -> int:
    """The command; 1 where a real router was forgotten, nothing was said of it, or memory was not bounded."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flood", description=__doc__)
    parser.add_argument("--forged", type=int, default=FORGED)
    given = parser.parse_args()
    seconds = given.forged // SECOND
    monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: "eth0"))
    before, began, most = resident(), time.perf_counter(), 0
    for second in range(PEACE + seconds):
        sent = real(second) + (forged(second - PEACE, SECOND) if second >= PEACE else [])
        for batch in CaptureReader("flood", wanted=WANTED, stream=Pieces(pcap(sent), 1 << 20)).batches():
            monitor.feed(batch)
        monitor.tick(START + (second + 1) * NANOSECONDS - 1)
        news = monitor.news()
        most = max(most, resident())
    spent = time.perf_counter() - began
    held = [row for row in monitor.rows() if row.key.segment == "eth0" and row.state == "held"]
    adverts = sorted({row.adverts for row in held})
    print(f"{given.forged} forged in {seconds} s of traffic, {spent:.0f} s of ours")
    print(f"memory {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most (at most {MOST_MEGABYTES})")
    print(f"{len(held)} of {ROUTERS} real routers held, heard {adverts} times; forgotten: {news.evicted}")
    kept = len(held) == ROUTERS and adverts == [PEACE + seconds]
    return int(not kept or not news.evicted.get("groups") or most > MOST_MEGABYTES * 1e6)


if __name__ == "__main__":
    sys.exit(main())
