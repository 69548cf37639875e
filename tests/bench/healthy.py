"""Healthy pairs of every daemon, watched together for long: ``python -m tests.bench.healthy`` shows what is wrong."""

import argparse
import sys
import time

from tests.lab.daemons import Instance, conntrackd, frr, keepalived, ucarp
from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until
from tests.lab.watching import Watch

MINUTES = 10.0


def main() -> int:
    """The command; 1 where anything was warned of, or where the preemption was not seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.healthy", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    given = parser.parse_args()
    why = missing("keepalived", "ucarp", "vtysh", "conntrackd")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    with Lab() as lab:
        # A healthy network has a querier; its first query comes at once.
        lab.bridge("lan", mcast_snooping="1", mcast_querier="1")
        lab.bridge("sync", mcast_snooping="1", mcast_querier="1")
        watch = Watch(lab, ["lan", "sync"])
        hosts = {name: lab.host(name, number) for number, name in enumerate("abcdef", 11)}
        for number, name in enumerate("ab", 21):
            lab.attach(hosts[name], number, bridge="sync", addresses=(f"10.9.9.{number}/24",), interface="eth1", card=1)
            conntrackd(hosts[name], address=f"10.9.9.{number}")
        vip = Instance(vrid=51, priority=100, addresses=("192.0.2.1/24",))
        keepalived(hosts["b"], vip)
        ucarp(hosts["c"], address="192.0.2.2", vhid=42, advskew=0, source="192.0.2.13")
        frr(hosts["e"], vrid=5, priority=200, address="192.0.2.3")
        watch.until_event("master-appeared", "192.0.2.12")
        ucarp(hosts["d"], address="192.0.2.2", vhid=42, advskew=100, source="192.0.2.14")
        frr(hosts["f"], vrid=5, priority=100, address="192.0.2.3")
        began = time.monotonic()
        wait_until(
            lambda: time.monotonic() - began > given.minutes * 30, at_most=given.minutes * 60, what="half the time"
        )
        # A better router joins, and preempts.
        keepalived(hosts["a"], Instance(vrid=51, priority=150, addresses=("192.0.2.1/24",)))
        watch.until_event("master-changed", "192.0.2.11")
        wait_until(
            lambda: time.monotonic() - began > given.minutes * 60, at_most=given.minutes * 60 + 60, what="all the time"
        )
        watch.stop()
        warned = [finding for finding in watch.findings() if finding["severity"] != "info"]
        for finding in warned:
            print(finding["rule"], finding["segment"], finding["subject"], finding["summary"])
        print(watch.said.splitlines()[-1])
        kinds = sorted(event["kind"] for event in watch.events())
    print(f"{given.minutes:g} minutes: {len(warned)} warnings and worse; events: {', '.join(kinds)}")
    return int(bool(warned))


if __name__ == "__main__":
    sys.exit(main())
