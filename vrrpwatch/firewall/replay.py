"""What runs inside a scratch network namespace: builds a host there, loads rules into it and sends frames through it.

Reads a job from standard input and answers on standard output.  It imports nothing but the standard library, so that
one more namespace costs little.
"""

import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Final

from vrrpwatch.firewall.replay_job import Job, read_job, write_answer, write_failure
from vrrpwatch.firewall.replay_network import MAX_MTU, MTU, Network, is_up
from vrrpwatch.firewall.replay_programs import ReplayError
from vrrpwatch.firewall.replay_ready import await_ready
from vrrpwatch.firewall.replay_send import Host
from vrrpwatch.firewall.replay_tools import load

# Seconds after which it ends by itself, whoever still waits: above the limit that its caller sets.
LIFETIME: Final = 600
# Octets of memory for this and for each tool: definitions of nft that name one another unfold without end.  Rules
# as large as a proof reads take up to six tenths of it.
MAX_MEMORY: Final = 1_000_000_000


def main(lifeline: int) -> int:
    """Ends as soon as the other end of ``lifeline`` is closed: whoever asked is gone."""
    signal.alarm(LIFETIME)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    job = read_job(sys.stdin.buffer)
    try:
        check_fresh(job.outside)
        _answer(job)
    except (ReplayError, OSError) as error:
        sys.stdout.write(f"{write_failure(str(error))}\n")
    return 0


def check_fresh(outside: int) -> None:
    """Raises :class:`ReplayError` unless this namespace is new: not the caller's, and only a loopback that is down."""
    if Path("/proc/self/ns/net").stat().st_ino == outside:
        raise ReplayError("this is the caller's own network: no rules are loaded into it")
    if [name for _, name in socket.if_nameindex()] != ["lo"] or is_up("lo"):
        raise ReplayError("this network namespace is in use: no rules are loaded into it")


def _answer(job: Job) -> None:
    longest = max((len(trial.frame) for trial in job.trials), default=0)
    mtu = min(MAX_MTU, max(MTU, longest))
    network = Network(job.devices, mtu=mtu, bridge=job.bridge, filtered_above=job.filtered_above)
    # Every processor has a queue of its own for what veth pairs carry; on one of them the order is kept.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    await_ready(network)
    for rules in job.rules:
        load(rules)
    with Host(network, job.trials) as host:
        for trial in job.trials:
            sys.stdout.write(f"{write_answer(host.attempt(trial))}\n")
    sys.stdout.flush()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
