"""Kills ``rules apply`` again and again: ``python -m tests.bench.rollbacks`` ends where old rules are not back."""

import argparse
import sys

from tests.lab.applying import PROVABLE, Firewall, kill_at_random
from tests.lab.network import Lab, missing

TRIALS = 100


def main() -> int:
    """The command; it raises where the rules that ran before do not run again."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollbacks", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    given = parser.parse_args()
    why = missing("nft", "iptables", "ip6tables", "ebtables", "setsid", "unshare")
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    with Lab() as lab:
        lab.bridge("lan")
        host = lab.host("h", 11)
        lab.attach(host, 12, bridge="lan", interface="eth1", card=1, port="lan1-h")
        firewall = Firewall(host)
        firewall.load_others()
        try:
            kill_at_random(firewall, given.trials)
        finally:
            firewall.close()
    print(f"{given.trials} kills at random moments, {len(PROVABLE)} kinds of rules: the old rules were back each time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
