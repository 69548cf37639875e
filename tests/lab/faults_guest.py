"""Faults that need a kernel of their own: the time of day set, and a network that loses, doubles and reorders.

It runs as ``python -m tests.lab.faults_guest FILE`` inside a guest; see :mod:`tests.lab.guest_module`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.lab import agents
from tests.lab.network import Host, Lab
from tests.lab.waiting import wait_until
from tests.lab.witness import Witness

INTERVAL = 0.25
NUMBERS = {"best": 11, "other": 12}
HOUR = 3600
IMPAIRED = "loss 30% duplicate 20% delay 40ms 30ms reorder 25%"


def routers(host: Host, *, better: bool) -> list[dict[str, Any]]:
    """One for each way in which adverts carry, or do not carry, numbers that come from a clock."""
    secret = {"secret_file": str(host.write("secret", "lab\n"))}
    rank: dict[str, Any] = {"priority": 200 if better else 100}
    named: dict[str, dict[str, Any]] = {
        "plain": rank | {"interval": INTERVAL},
        "ah": rank | {"version": 2, "interval": 1, "auth": {"type": "ah"} | secret},
        "hmac": rank | {"interval": INTERVAL, "auth": {"type": "hmac"} | secret},
        "carp": {"protocol": "carp", "advskew": 0 if better else 100, "passphrase_file": secret["secret_file"]},
    }
    return [
        agents.router(name, id=number, addresses=[f"192.0.2.{number}/24"]) | given
        for number, (name, given) in enumerate(named.items(), 101)
    ]


def main() -> None:
    seen: dict[str, Any] = {}
    with Lab() as lab:
        lab.bridge("lan")
        hosts = {name: lab.host(name, number) for name, number in NUMBERS.items()}
        witness = Witness(lab, hosts, {name: f"192.0.2.{number}" for name, number in NUMBERS.items()})
        processes = {name: agents.start(host, *routers(host, better=name == "best")) for name, host in hosts.items()}
        for number in range(101, 105):
            witness.until_masters(f"192.0.2.{number}", "best", at_most=60)
        seen["clock"] = [_set(hours, hosts, witness) for hours in (1, -2, 1)]
        seen["impaired"] = _impaired(lab, hosts, witness)
        seen["ends"] = {}
        for name, process in processes.items():
            process.stop()
            seen["ends"][name] = process.popen.returncode
        seen["logs"] = {name: process.log.read_text() for name, process in processes.items()}
    Path(sys.argv[1]).write_text(json.dumps(seen))


def _set(hours: int, hosts: dict[str, Host], witness: Witness) -> dict[str, Any]:
    """Sets the clock, and says who was master before and after some adverts, and how often that changed."""
    before = {name: _told(host) for name, host in hosts.items()}
    time.clock_settime(time.CLOCK_REALTIME, time.time() + hours * HOUR)
    # Six seconds, which is more than any backup waits.
    witness.until_more("192.0.2.11", 101, 24, at_most=60)
    return {"hours": hours, "before": before, "after": {name: _told(host) for name, host in hosts.items()}}


def _told(host: Host) -> dict[str, Any]:
    status = agents.try_status(host)
    routers = [] if status is None else status["routers"]
    return {one["name"]: [one["state"], one["changes"]] for one in routers}


def _impaired(lab: Lab, hosts: dict[str, Host], witness: Witness) -> dict[str, Any]:
    """Twenty seconds' worth of adverts over such a network, and what follows when it is well again."""
    since = time.time()
    for name in hosts:
        lab.switch.do("tc", "qdisc", "add", "dev", f"lan-{name}", "root", "netem", *IMPAIRED.split())
    until = time.monotonic() + 20
    wait_until(lambda: time.monotonic() > until, at_most=40, what="twenty seconds", every=0.5)
    healed = time.time()
    for name in hosts:
        lab.switch.do("tc", "qdisc", "del", "dev", f"lan-{name}", "root")
    witness.until_masters("192.0.2.101", "best", at_most=30)
    witness.until_more("192.0.2.11", 101, 10)
    doubles = [span for span in witness.doubles(101, "192.0.2.101", INTERVAL) if span.end > since]
    return {
        "masters": sorted(witness.masters("192.0.2.101")),
        "takeovers": sum(span.start > since for span in witness.held("other", "192.0.2.101", time.time())),
        "doubles": [span.length for span in doubles],
        "afterwards": [span.end - healed for span in doubles if span.end > healed],
    }


if __name__ == "__main__":
    main()
