"""Healthy pairs of every daemon under rules made for them: ``python -m tests.bench.confined`` counts what changed."""

import argparse
import sys
import time

from tests.lab.confining import Confined
from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until

BACKENDS = ("nftables", "iptables", "nftables-netdev")
SECONDS = 60.0


def main() -> int:
    """The command; 1 where a state changed that should not have."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.confined", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    given = parser.parse_args()
    why = missing("keepalived", "ucarp", "vtysh", "conntrackd", "iptables-restore")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    return max([_changes(backend, given.seconds) for backend in given.backend or BACKENDS])


def _changes(backend: str, seconds: float) -> int:
    with Lab() as lab:
        confined = Confined(lab, backend)
        wait_until(confined.settled, at_most=30, what="all masters", seen=lambda: confined.watch.said)
        before = len(confined.watch.events())
        until = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > until, at_most=seconds + 10, what="the time to pass")
        changes = len(confined.watch.events()) - before
        began = time.monotonic()
        confined.hosts["a"].power_off()
        for vrid in (51, 52, 53, 54, 61):
            wait_until(
                lambda vrid=vrid: any(  # type: ignore[misc]
                    f"|{vrid}|" in group and to.endswith("12") for group, to in confined.masters().items()
                ),
                at_most=10,
                what=f"bravo to take VRID {vrid} over",
                seen=lambda: confined.watch.said,
            )
        took = time.monotonic() - began
    print(
        f"{backend}: 7 groups, {seconds:g} s: {changes} changes of state; then bravo took all five over in {took:.1f} s"
    )
    return int(changes > 0)


if __name__ == "__main__":
    sys.exit(main())
