"""Requests lost while load balancers are drained and brought back: ``python -m tests.bench.drains``.

Two agents with HAProxy, two web servers, and a client that asks 1,000 times a second through the virtual address, each
time over a new connection.
"""

import argparse
import sys
import time

from tests.lab import agents
from tests.lab.asker import HANGING
from tests.lab.balancing import Balanced
from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until

ROUNDS = 5


def main() -> int:
    """The command; 1 where a request failed while a master was drained."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drains", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--handover", choices=("drained", "always", "never"), default="always")
    given = parser.parse_args()
    why = missing("haproxy")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    with Lab() as lab:
        return _rounds(Balanced(lab), given.rounds, given.rate, given.handover)


def _rounds(lab: Balanced, rounds: int, rate: int, handover: str) -> int:
    for name in ("lb1", "lb2"):
        lab.agent(name, agent={"handover": handover})
    agents.await_state(lab.balancers["lb1"], "master")
    asking = lab.ask(rate)
    lost = {"drain": 0, "undrain": 0}
    asked = dict(lost)
    began: list[tuple[float, str]] = []
    for _ in range(rounds):
        for command, master in (("drain", "lb2"), ("undrain", "lb1")):
            before = asking.seen()
            began.append((time.monotonic(), command))
            agents.ask(lab.balancers["lb1"], command)
            agents.await_state(lab.balancers[master], "master")
            # Until the handover is over, and whatever hangs has been given up.
            until = time.monotonic() + 9
            wait_until(lambda until=until: time.monotonic() > until, at_most=12, what="the handover to end")  # type: ignore[misc]
            after = asking.seen()
            lost[command] += after["failed"] - before["failed"]
            asked[command] += after["asked"] - before["asked"]
    seen = asking.seen()
    for command, failed in lost.items():
        print(f"{command:8} {rounds} times: {asked[command]:,} requests, {failed} failed")
    print(f"answers that took more than {HANGING:g} s: {sum(trouble['hung'] for trouble in seen['troubles'])}")
    for trouble in seen["troubles"]:
        at, command = max(one for one in began if one[0] <= trouble["last"])
        first, last = trouble["first"] - at, trouble["last"] - at
        when = f"{first:.3f} to {last:.3f} s after {command}"
        print(f"  {trouble['hung']} hung, {trouble['failed']} failed of those asked {when}")
    print(f"slowest answer {1e3 * seen['slowest']:.0f} ms; last failures: {'; '.join(seen['failures'][-5:]) or 'none'}")
    return int(lost["drain"] > 0)


if __name__ == "__main__":
    sys.exit(main())
