"""Faults in random order, again and again, around agents at work: ``python -m tests.bench.faults``.

Two agents and a keepalived; see :mod:`tests.lab.faults`.  After each fault the better agent must be master again.  Of
each kind it is told how often it was tried, the longest that nobody had an address, and the longest that two hosts had
one and advertised it once they could hear one another, for which the protocol has a bound.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable

from tests.lab.faults import BOUND, GROUPS, Stage, last, left, staged
from tests.lab.network import Lab, missing
from tests.lab.waiting import LabError, wait_until

MINUTES = 10.0


def main() -> int:
    """The command; 1 where two were masters for too long, something was left, or the agent did not recover."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    given = parser.parse_args()
    why = missing("keepalived")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    print(f"seed {given.seed}")
    # No secret: a run that failed is to be had again.
    chance = random.Random(given.seed)
    with Lab() as lab:
        return _run(staged(lab), chance, given.minutes * 60)


def _run(stage: Stage, chance: random.Random, seconds: float) -> int:
    until = time.monotonic() + seconds
    seen: dict[str, list[tuple[float, float]]] = defaultdict(list)
    kept = True
    while time.monotonic() < until:
        name = chance.choice(list(FAULTS))
        since = time.time()
        try:
            stage.until(best=True)
            FAULTS[name](stage, chance)
            stage.until(best=True)
        except LabError as error:
            print(f"{name}: {error}")
            kept = False
            break
        holes = [span.length for address, _ in GROUPS.values() for span in stage.witness.holes(address, since)]
        doubles = [span.length for span in stage.doubles() if span.end > since]
        seen[name].append((max(holes, default=0.0), max(doubles, default=0.0)))
        print(f"\r{sum(map(len, seen.values()))}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{'':40} times   nobody for   two for (at most {1e3 * BOUND:.0f} ms)")
    for name, found in seen.items():
        nobody, both = (1e3 * max(lengths) for lengths in zip(*found, strict=True))
        print(f"{name:40}{len(found):6}{nobody:10.0f} ms{both:7.0f} ms")
        kept = kept and all(two <= BOUND for _, two in found)
    tripped = any("Traceback" in last(host).log.read_text() for host in (stage.best, stage.other))
    for host in (stage.best, stage.other):
        last(host).stop()
    remains = [*left(stage.best), *left(stage.other)]
    print(f"tracebacks: {'some' if tripped else 'none'}; left behind: {', '.join(remains) or 'nothing'}")
    return int(not kept or tripped or bool(remains))


def _pass(chance: random.Random, most: float) -> None:
    until = time.monotonic() + chance.uniform(0, most)
    wait_until(lambda: time.monotonic() > until, at_most=most + 5, what="some time")


def _stand_still(stage: Stage, chance: random.Random) -> None:
    process = last(chance.choice((stage.best, stage.other)))
    os.kill(process.popen.pid, signal.SIGSTOP)
    _pass(chance, 5)
    os.kill(process.popen.pid, signal.SIGCONT)
    _pass(chance, 1)


def _kill(stage: Stage, chance: random.Random) -> None:
    os.kill(stage.agent.popen.pid, signal.SIGKILL)
    _pass(chance, 2)
    stage.start(stage.best)


def _kill_all(stage: Stage, chance: random.Random) -> None:
    stage.agent.kill()
    _pass(chance, 2)
    stage.start(stage.best)


def _stop(stage: Stage, chance: random.Random) -> None:
    stage.agent.stop()
    _pass(chance, 2)
    stage.start(stage.best)


def _flap(stage: Stage, chance: random.Random) -> None:
    where, name = chance.choice(((stage.best, "eth0"), (stage.lab.switch, "lan-best")))
    for _ in range(chance.randint(1, 4)):
        where.ip("link", "set", name, "down")
        _pass(chance, 1)
        where.ip("link", "set", name, "up")
        _pass(chance, 1)


def _part(stage: Stage, chance: random.Random) -> None:
    hooks = chance.choice(((), ("input",), ("output",), ("input", "output")))
    for hook in hooks:
        stage.best.filter(hook, hook, "ip protocol vrrp drop")
    if not hooks:
        stage.part()
    _pass(chance, 3)
    for hook in hooks:
        stage.best.unfilter(hook)
    if not hooks:
        stage.heal()


def _remove(stage: Stage, chance: random.Random) -> None:
    address, device = chance.choice((("192.0.2.100/24", "eth0"), ("192.0.2.102/24", "eth0")))
    stage.best.ip("address", "del", address, "dev", device)
    _pass(chance, 1)


FAULTS: dict[str, Callable[[Stage, random.Random], None]] = {
    "SIGSTOP of either for up to 5 s": _stand_still,
    "kill -9 of the agent": _kill,
    "kill -9 of the agent and its children": _kill_all,
    "stop and start": _stop,
    "the link or its carrier flaps": _flap,
    "adverts dropped in, out, or both ways": _part,
    "an address removed by hand": _remove,
}


if __name__ == "__main__":
    sys.exit(main())
