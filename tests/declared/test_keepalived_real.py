"""Against the real daemon: Debian's samples and a file of the whole language are read as keepalived reads them."""

import gzip
import re
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.declared.configurations import WHOLE_LANGUAGE, bare
from tests.lab.network import Host, Lab, locate, missing
from tests.lab.waiting import wait_until
from vrrpwatch.declared.keepalived import effective, read_keepalived
from vrrpwatch.declared.keepalived_tree import written
from vrrpwatch.declared.keepalived_values import Instance, Keepalived

SAMPLES = Path("/usr/share/doc/keepalived/samples")
NAMES = sorted(path.name for path in SAMPLES.glob("keepalived.conf*"))
# With a sync daemon keepalived only starts where the kernel has IPVS.
RUNNABLE = [name for name in NAMES if ".vrrp" in name and not name.endswith("lvs_syncd")]
# KEEPALIVED_EXIT_OK; a file with faults ends in another (KEEPALIVED_EXIT_CONFIG_TEST, …).
ACCEPTED = 0


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A host with the interfaces that the samples name."""
    why = missing("keepalived")
    if why is not None:
        pytest.skip(why)
    with Lab() as lab:
        lab.bridge("lan")
        host = lab.host("alpha", 1, ipv6=True)
        for number in range(1, 4):
            address = f"198.51.{number}.1/24"
            lab.attach(
                host, 1, bridge="lan", interface=f"eth{number}", addresses=(address,), card=number, port=f"p{number}"
            )
        host.write("whole.conf", WHOLE_LANGUAGE)
        yield host


def plain(folder: Path, name: str) -> Path:
    """A sample, unpacked where Debian packs it."""
    if name == "whole.conf":
        return folder / name
    path = SAMPLES / name
    if path.suffix != ".gz":
        return path
    unpacked = folder / path.stem
    unpacked.write_bytes(gzip.decompress(path.read_bytes()))
    return unpacked


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


def dump(host: Host, path: Path) -> dict[str, list[str]]:
    """The lines that keepalived logs about each instance when it starts."""
    options = ("--dont-fork", "--log-console", "--dump-conf", "--vrrp", "--config-id", "main", "--use-file", str(path))
    process = host.start(locate("keepalived") or "keepalived", *options)
    before = len(process.log.read_text())
    wait_until(
        lambda: "< Interfaces >" in process.log.read_text()[before:],
        at_most=10,
        what="keepalived to tell its interfaces",
        seen=lambda: process.log.read_text()[-400:],
    )
    process.stop()
    text = process.log.read_text()[before:].partition("< Interfaces >")[0]
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        # The date has a fixed width.
        said = line[25:].lstrip(":").removeprefix(" ")
        if said.startswith(" VRRP Instance = "):
            lines = found.setdefault(said.removeprefix(" VRRP Instance = "), [])
        elif said.startswith("   "):
            lines.append(said.removeprefix("   "))
        elif said.startswith(" "):
            # Another section begins; what has no blank before it is said in between.
            lines = []
    return found


Facts = dict[str, object]


def theirs(lines: list[str]) -> Facts:
    text = "\n".join(lines)

    def value(label: str) -> str | None:
        found = re.search(rf"^{re.escape(label)} = (.*)$", text, re.MULTILINE)
        return None if found is None else found[1]

    def listed(label: str) -> list[str]:
        found = re.search(rf"^{label}.*:\n((?:  .*\n)*)", text + "\n", re.MULTILINE)
        return [] if found is None else [line.split()[0] for line in found[1].splitlines()]

    number, unit = (value("Advert interval") or "").split()
    multicast = re.search(r"^Multicast address ([^,\n]*)", text, re.MULTILINE)
    return {
        "version": int(value("VRRP Version") or 0),
        "family": 6 if "Using Native IPv6" in text else 4,
        "state": value("Wantstate"),
        "id": int(value("Virtual Router ID") or 0),
        "priority": int(value("Priority") or 0),
        "interval": int(number) / (1 if unit == "sec" else 1000),
        "destination": None if multicast is None else ip_address(multicast[1]),
        "accept": value("Accept") == "enabled",
        "preempt": value("Preempt") == "enabled",
        "auth": {"SIMPLE_PASSWORD": "simple", "IPSEC_AH": "ah"}.get(value("Authentication type") or "", "none"),
        "password": value("Password"),
        "garp delay": int(value("Gratuitous ARP delay") or 0),
        "garp refresh": int(value("Gratuitous ARP refresh") or 0),
        "vmac": "Use VMAC" in text,
        "addresses": [entry.partition("/")[0] for entry in listed(r"Virtual IP \(")],
        "excluded": [entry.partition("/")[0] for entry in listed("Virtual IP Excluded")],
        "peers": listed("Unicast Peer"),
    }


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
