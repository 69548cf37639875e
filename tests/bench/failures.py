"""What clients notice when load balancers fail: ``python -m tests.bench.failures``, the table of docs/guide-haproxy.md.

Clients ask 250 times a second, each time over a new connection, as long as the guide's scenario takes.
"""

import sys

from tests.lab.guide import Guide
from tests.lab.network import Lab, missing
from tests.lab.scenario import Scenario, play


def main() -> int:
    """The command: a line for each thing that happens."""
    why = missing("haproxy", "socat")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    with Lab() as lab:
        made = Scenario(lab, Guide("guide-haproxy.md"))
        play(made)
        troubles = made.troubles()
        for step in made.steps:
            mine = [trouble for one, trouble in troubles if one is step]
            lasted = max((trouble["last"] for trouble in mine), default=step.began) - step.began
            failed, hung = (sum(trouble[kind] for trouble in mine) for kind in ("failed", "hung"))
            took = step.ended - step.began
            noticed = f"those of {lasted:.2f} s: {failed} failed, {hung} were late" if mine else "none was troubled"
            print(f"{step.what:52} took {took:5.2f} s; requests: {noticed}")
        for trouble in (trouble for step, trouble in troubles if step is None):
            during = next(step for step in reversed(made.steps) if step.began <= trouble["first"])
            after = trouble["first"] - during.began
            print(f"not to be expected, {after:.2f} s after the beginning of {during.what!r}: {trouble}")
        for asking in made.asking:
            seen = asking.seen()
            print(f"{seen['asked']:,} requests, {seen['failed']} failed: {'; '.join(seen['failures'][-5:])}")
        return int(any(step is None for step, _ in troubles))


if __name__ == "__main__":
    sys.exit(main())
