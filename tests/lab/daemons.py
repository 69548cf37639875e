"""The real daemons: how each is configured and started inside a host of the lab."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab.network import Host, Process, locate
from tests.lab.waiting import LabError, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One ``vrrp_instance`` of keepalived; ``interval`` is in seconds (whole ones for version 2)."""

    vrid: int
    priority: int
    addresses: Sequence[str]
    version: int = 2
    interval: float = 1
    interface: str = "eth0"
    auth: str | None = None
    password: str = ""
    peers: Sequence[str] = ()
    ipv6: bool = False
    vmac: bool = False

    def text(self, name: str) -> str:
        lines = [
            "state BACKUP",
            f"interface {self.interface}",
            f"virtual_router_id {self.vrid}",
            f"priority {self.priority}",
            f"advert_int {self.interval:g}",
            f"version {self.version}",
        ]
        if self.ipv6:
            lines.append("native_ipv6")
        if self.vmac:
            lines.append("use_vmac")
        if self.auth is not None:
            lines += ["authentication {", f"auth_type {self.auth}", f"auth_pass {self.password}", "}"]
        if self.peers:
            lines += ["unicast_peer {", *self.peers, "}"]
        lines += ["virtual_ipaddress {", *(f"{address} dev {self.interface}" for address in self.addresses), "}"]
        return "\n".join((f"vrrp_instance {name} {{", *lines, "}", ""))


def keepalived(host: Host, *instances: Instance) -> Process:
    text = "".join(one.text(f"V{index}") for index, one in enumerate(instances, 1))
    path = host.write("keepalived.conf", text)
    process = host.start(_path("keepalived"), "--dont-fork", "--log-console", "--vrrp", "--use-file", str(path))
    _await(process, "Entering BACKUP STATE")
    return process


def ucarp(
    host: Host, *, address: str, vhid: int, advskew: int, source: str, advbase: int = 1, preempt: bool = False
) -> Process:
    """ucarp with the passphrase "lab", adding and removing ``address`` as its manual's scripts do."""
    up = host.write("up.sh", f'#!/bin/sh\nexec ip address add {address}/24 dev "$1"\n', 0o700)
    down = host.write("down.sh", f'#!/bin/sh\nip address delete {address}/24 dev "$1"\nexit 0\n', 0o700)
    return host.start(
        _path("ucarp"),
        "--interface=eth0",
        f"--srcip={source}",
        f"--vhid={vhid}",
        f"--passfile={host.write('passphrase', 'lab')}",
        f"--addr={address}",
        f"--advbase={advbase}",
        f"--advskew={advskew}",
        f"--upscript={up}",
        f"--downscript={down}",
        "--neutral",
        "--shutdown",
        *(("--preempt",) if preempt else ()),
    )


def frr(host: Host, *, vrid: int, priority: int, address: str, interval: float = 1) -> Process:
    """FRR's vrrpd (version 3, IPv4) on a macvlan with the virtual MAC, and the zebra it needs; returns vrrpd."""
    # What FRR's manual asks for, so that only the holder of the address answers for it.
    host.sysctl({"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"})
    host.sysctl({"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "0"})
    host.ip("link", "add", "vrrp4", "link", "eth0", "type", "macvlan", "mode", "bridge")
    host.ip("link", "set", "vrrp4", "address", f"00:00:5e:00:01:{vrid:02x}")
    host.ip("address", "add", f"{address}/24", "dev", "vrrp4")
    host.ip("link", "set", "vrrp4", "up")
    own = host.folder / "run" / "frr"
    own.mkdir()
    shutil.chown(own, "frr", "frr")
    zebra = host.start(*_frr(host, "zebra", "\n"))
    socket = own / "zserv.api"
    wait_until(socket.exists, at_most=10, what="zebra's socket", seen=zebra.log.read_text)
    return vrrpd(host, vrid=vrid, priority=priority, address=address, interval=interval)


def vrrpd(host: Host, *, vrid: int, priority: int, address: str, interval: float = 1) -> Process:
    """Another life of FRR's vrrpd, where :func:`frr` has been."""
    config = [
        "interface eth0",
        f" vrrp {vrid} version 3",
        f" vrrp {vrid} priority {priority}",
        f" vrrp {vrid} advertisement-interval {round(interval * 1000)}",
        f" vrrp {vrid} ip {address}",
        "",
    ]
    return host.start(*_frr(host, "vrrpd", "\n".join(config)))


def conntrackd(host: Host, *, address: str, interface: str = "eth1") -> Process:
    """conntrackd in FTFW mode over multicast 225.0.0.50, as in its own example configuration."""
    # Connection tracking starts with the first rule that asks for a state.
    host.filter("track", "input", "ct state new accept")
    text = f"""
Sync {{
    Mode FTFW {{ }}
    Multicast {{
        IPv4_address 225.0.0.50
        Group 3780
        IPv4_interface {address}
        Interface {interface}
        Checksum on
    }}
}}
General {{
    HashSize 1024
    HashLimit 4096
    LogFile on
    LockFile /run/conntrackd.lock
    UNIX {{
        Path /run/conntrackd.ctl
    }}
    NetlinkBufferSize 262144
    NetlinkBufferSizeMaxGrowth 1048576
}}
"""
    process = host.start(_path("conntrackd"), "-C", str(host.write("conntrackd.conf", text)))
    socket = host.folder / "run" / "conntrackd.ctl"
    wait_until(socket.exists, at_most=10, what="conntrackd's socket", seen=process.log.read_text)
    return process


def _frr(host: Host, daemon: str, config: str) -> list[str]:
    # FRR gives up root before it reads this, so it lies where its own user gets to: its /run.
    host.write(f"run/frr/{daemon}.conf", config, 0o644)
    return [_path(daemon), "-f", f"/run/frr/{daemon}.conf", "-A", "127.0.0.1", "-P", "0", "--log", "stdout"]


def _await(process: Process, words: str) -> None:
    wait_until(
        lambda: words in process.log.read_text(errors="replace"),
        at_most=10,
        what=f"{process.name} to say {words!r}",
        seen=lambda: process.log.read_text(errors="replace")[-400:],
    )


def _path(program: str) -> str:
    path = locate(program)
    if path is None:
        raise LabError(f"{program} is not installed")
    return path
