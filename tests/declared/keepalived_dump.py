"""What the real keepalived says of a configuration: Debian's samples, a host that they fit, and the daemon's dump."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from tests.lab.network import Host, Lab, locate
from tests.lab.waiting import wait_until

SAMPLES = Path("/usr/share/doc/keepalived/samples")
NAMES = sorted(path.name for path in SAMPLES.glob("keepalived.conf*"))
# With a sync daemon keepalived only starts where the kernel has IPVS.
RUNNABLE = [name for name in NAMES if ".vrrp" in name and not name.endswith("lvs_syncd")]


@contextmanager
def sample_host() -> Iterator[Host]:
    """A host with the interfaces that the samples name."""
    with Lab() as lab:
        lab.bridge("lan")
        host = lab.host("alpha", 1, ipv6=True)
        for number in range(1, 4):
            address = f"198.51.{number}.1/24"
            lab.attach(
                host, 1, bridge="lan", interface=f"eth{number}", addresses=(address,), card=number, port=f"p{number}"
            )
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
