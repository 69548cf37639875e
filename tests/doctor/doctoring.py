"""Runs the doctor as a program inside a host of the lab, alone or against another host, and reads its answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.network import Host

ROOT = Path(__file__).parent.parent.parent
COMMAND = "import sys; sys.argv[0] = 'vrrpwatch doctor'; from vrrpwatch.cli.doctor import doctor; doctor()"
# The command's own times are for people; a bridge in memory needs no three seconds.
QUICK = """
import json, sys
from ipaddress import ip_address
from vrrpwatch.doctor.gather import gather
from vrrpwatch.doctor.judge_pair import judge
from vrrpwatch.doctor.pair import Timing
from vrrpwatch.doctor.pair_sockets import ends, probe
facts = gather(sys.argv[1])
timing = Timing(wait=float(sys.argv[3]), frames=0.6, finish=10.0, hello_every=0.1, frame_every=0.05)
result = probe(facts, ends(facts, ip_address(sys.argv[2]), None), timing)
print(json.dumps({check.name: check.verdict.value for check in judge(result, sys.argv[2], 1)}))
"""


# Root without a single capability: files can be read as always, and the network is as an ordinary user finds it.
ORDINARY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def start(host: Host, code: str, *arguments: str, through: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    """A Python program inside a host, started by ``through``; warnings end it."""
    return subprocess.Popen(
        ("ip", "netns", "exec", host.namespace, *through, sys.executable, "-W", "error", "-c", code, *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def examine(host: Host, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the checks of the one interface by name."""
    with start(host, COMMAND, *arguments, "--output", "json") as process:
        output, complaints = process.communicate(timeout=30)
    assert complaints == ""
    document = json.loads(output)
    (interface,) = document["interfaces"]
    return process.returncode, {check["name"]: check for check in interface["checks"]}


def verdict(host: Host, name: str, interface: str = "eth0") -> tuple[str, str]:
    """Verdict and evidence of one check."""
    check = examine(host, "-i", interface)[1][name]
    return check["verdict"], check["evidence"]


def probed(a: Host, b: Host, *, family: int = 4, wait: float = 15.0) -> tuple[dict[str, str], dict[str, str]]:
    """What both sides' probes say, by check; hosts are named by their number in 192.0.2.0/24."""
    addresses = {4: ("192.0.2.{}", "192.0.2.{}"), 6: ("fe80::{}", "fe80::{}")}[family]
    sides = [
        start(host, QUICK, "eth0", pattern.format(other.name[1:]), str(wait))
        for host, other, pattern in ((a, b, addresses[0]), (b, a, addresses[1]))
    ]
    answers = []
    for process in sides:
        output, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, "")
        answers.append(json.loads(output))
    return answers[0], answers[1]
