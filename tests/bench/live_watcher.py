"""Watches an interface as a service does, until SIGINT: ``python -m tests.bench.live_watcher IF``; prints figures."""

import json
import signal
import sys
import time

from vrrpwatch.capture import bpf, ring
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.core.engine import Engine, EngineOptions
from vrrpwatch.core.frames import Kind

WANTED = frozenset(kind for kind in Kind if Kind.ADVERT <= kind <= Kind.MLD)


def main() -> None:
    """Says ``ready``, then at the end packets, drops, processor seconds since then and batches as JSON."""
    sniffer = Sniffer([sys.argv[1]], program=bpf.kept(ring.MAX_CAPTURED))
    engine = Engine(EngineOptions(interface_name=lambda *_: sys.argv[1]))
    signal.signal(signal.SIGINT, lambda *_: sniffer.stop())
    sniffer.open()
    packets = batches = 0
    print("ready", flush=True)
    began = time.process_time()
    for batch in sniffer.batches(WANTED):
        if batch is not None:
            packets += batch.packets
            batches += 1
            engine.feed(batch)
        engine.tick(sniffer.settled_until)
    busy = time.process_time() - began
    print(json.dumps({"packets": packets, "drops": sniffer.drops, "busy": busy, "batches": batches}))


if __name__ == "__main__":
    main()
