"""Against the real daemon: Debian's samples and a file of the whole language are read as keepalived reads them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.declared.configurations import WHOLE_LANGUAGE, bare
from tests.declared.keepalived_dump import NAMES, RUNNABLE, Facts, dump, plain, sample_host, theirs
from tests.lab.network import Host, locate, missing
from vrrpwatch.declared.keepalived import effective, read_keepalived
from vrrpwatch.declared.keepalived_tree import written
from vrrpwatch.declared.keepalived_values import Instance, Keepalived

# KEEPALIVED_EXIT_OK; a file with faults ends in another (KEEPALIVED_EXIT_CONFIG_TEST, …).
ACCEPTED = 0


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A host with the interfaces that the samples name."""
    why = missing("keepalived")
    if why is not None:
        pytest.skip(why)
    with sample_host() as host:
        host.write("whole.conf", WHOLE_LANGUAGE)
        yield host


def tried(host: Host, path: Path) -> tuple[int, str]:
    """What ``keepalived -t`` says to a file, without where it says it."""
    program = locate("keepalived") or "keepalived"
    command = ("ip", "netns", "exec", host.namespace, program, "-t", "-i", "main", "-f", str(path))
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    words = re.sub(r"\((?:[^():]*: )?Line \d+\) ", "", done.stdout + done.stderr)
    return done.returncode, words


def test_there_are_samples() -> None:
    if locate("keepalived") is None:
        pytest.skip("keepalived is not installed")
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", [*NAMES, "whole.conf"])
def test_a_sample_is_read_without_loss(host: Host, name: str) -> None:
    path = plain(host.folder, name)
    declared = read_keepalived(path, config_id="main")
    again = host.write(f"again-{path.name}", "".join(f"{line}\n" for line in written(declared.tree, reveal=True)))
    repeated = read_keepalived(again, config_id="main")
    assert bare(repeated.tree) == bare(declared.tree)
    verdict = tried(host, path)
    assert tried(host, again) == verdict
    if verdict[0] == ACCEPTED:
        assert declared.notes == ()


@pytest.mark.parametrize("name", [*RUNNABLE, "whole.conf"])
def test_instances_are_what_keepalived_says_it_runs(host: Host, name: str) -> None:
    path = plain(host.folder, name)
    declared = read_keepalived(path, config_id="main")
    shown = dump(host, path)
    assert list(shown) == [instance.name for instance in declared.instances]
    for instance in declared.instances:
        assert ours(declared, instance) == theirs(shown[instance.name])


def ours(declared: Keepalived, instance: Instance) -> Facts:
    made = effective(declared, instance)
    password = instance.authentication and instance.authentication.password
    delay = instance.garp.master_delay
    refresh = instance.garp.master_refresh
    general = declared.globals.garp
    return {
        "version": made.version,
        "family": made.family,
        "state": made.state,
        "id": instance.virtual_router_id,
        "priority": made.priority,
        "interval": made.interval,
        "destination": made.destination,
        "accept": made.accept,
        "preempt": made.preempt,
        "auth": made.auth,
        "password": password.get_secret_value() if password and made.auth == "simple" else None,
        # keepalived's own defaults: 5 s, and no refresh.
        "garp delay": delay if delay is not None else 5 if general.master_delay is None else general.master_delay,
        "garp refresh": refresh if refresh is not None else general.master_refresh or 0,
        "vmac": instance.virtual_interface is not None,
        "addresses": [str(one.address) for one in instance.addresses],
        "excluded": [str(one.address) for one in instance.excluded],
        "peers": [str(peer.address) for peer in instance.unicast_peers],
    }
