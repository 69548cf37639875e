"""How long after a split brain is certain its alert arrives: ``python -m tests.bench.brain``, with real keepalived."""

import argparse
import statistics
import sys
from datetime import datetime

from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Lab, missing
from tests.lab.stage import ALPHA, BRAVO, GATEWAY, address
from tests.lab.waiting import wait_until
from tests.lab.watching import Receiver, Watch

A, B = address(ALPHA), address(BRAVO)
LIMIT = 1.0


def once() -> float:
    """Seconds from when both had been heard for too long (the finding's ``last`` when it was raised) to the webhook."""
    with Lab() as lab:
        lab.bridge("lan")
        alpha, bravo = lab.host("alpha", ALPHA), lab.host("bravo", BRAVO)
        receiver = Receiver(lab)
        settings = lab.switch.write("alerts.toml", receiver.settings())
        watch = Watch(lab, ["lan"], "--alerts", str(settings), "--outbox", str(lab.folder / "outbox.db"))
        keepalived(alpha, Instance(vrid=51, priority=150, addresses=(f"{GATEWAY}/24",)))
        watch.until_event("master-appeared", A)
        for host, other in ((alpha, B), (bravo, A)):
            host.filter("refuse", "input", f"ip protocol 112 ip saddr {other} drop")
        keepalived(bravo, Instance(vrid=51, priority=100, addresses=(f"{GATEWAY}/24",)))

        def arrived() -> list[int]:
            return [at for at, alert in receiver.received if alert["rule"] == "split-brain"]

        wait_until(lambda: bool(arrived()), at_most=30, what="the alert", seen=lambda: watch.said)
        certain = datetime.fromisoformat(watch.findings("split-brain")[0]["last"]).timestamp()
        return arrived()[0] / 1e9 - certain


def main() -> int:
    """The command; 1 where the slowest alert came too late."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.brain", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    why = missing("keepalived", "nft")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    delays = [once() for _ in range(given.runs)]
    middle, slowest = statistics.median(delays), max(delays)
    print(f"alert after certainty: median {middle:.2f} s, slowest {slowest:.2f} s (at most {LIMIT})")
    return int(max(delays) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
