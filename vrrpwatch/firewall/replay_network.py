"""The scratch host's network: for every device one end of a veth pair, whose other end is the cable.

No device has an IPv4 address, and no ARP: rules and routes decide alone what becomes of a packet.
"""

import fcntl
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from vrrpwatch.firewall.replay_programs import ReplayError, run

# Ethernet's, for whatever fits; a capture also holds packets that a card put together.  Membership reports, which
# nobody asks for, take buffers as large as this is.
MTU: Final = 1500
MAX_MTU: Final = 65535
# linux/sockios.h, linux/if.h.
_SIOCGIFFLAGS, _IFF_UP = 0x8913, 0x1
# A pair that no rule is concerned with: it says how far the kernel has come.
CLOCK_NEAR, CLOCK_FAR = "vrrpwatch-tick", "vrrpwatch-tock"
_BRIDGE: Final = "vrrpwatch-span"

# The host takes packets from any source to any destination, and says nothing by itself.
_SETTINGS: Final = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/accept_local": "1",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/forwarding": "1",
    "ipv4/conf/default/forwarding": "1",
    "ipv4/igmp_max_memberships": "100000",
    "ipv4/igmp_link_local_mcast_reports": "0",
    "ipv4/igmp_qrv": "1",
    "ipv6/mld_qrv": "1",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "1",
    "ipv6/conf/default/addr_gen_mode": "1",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/router_solicitations": "0",
    "ipv6/conf/all/forwarding": "1",
}


class Network:
    """``far`` is the cable's end of each device, by the device's name; ``index`` has every interface's number.

    ``bridge``: the devices are ports of one bridge.
    """

    def __init__(self, devices: Sequence[str], *, mtu: int, bridge: bool, filtered_above: bool) -> None:
        self.bridge = bridge
        for key, value in _SETTINGS.items():
            # A kernel without IPv6 lacks half of them, and then drops IPv6 with and without rules.
            with suppress(FileNotFoundError):
                _set(key, value)
        self.far = {device: f"vrrpwatch-{number}" for number, device in enumerate(devices)}
        pairs = [*self.far.items(), (CLOCK_NEAR, CLOCK_FAR)]
        _ip(["link set lo up", *(line for near, far in pairs for line in _pair(near, far, mtu))])
        if bridge:
            self._span(devices, filtered_above)
        else:
            for device in devices:
                with suppress(FileNotFoundError):
                    _set(f"ipv6/conf/{device}/disable_ipv6", "0")
            # The kernel sends no IPv6 packet by a device that has no address at all.
            _ip([f"address add fe80::1/64 dev {device} nodad" for device in devices])
        self.index = {name: socket.if_nametoindex(name) for pair in pairs for name in pair}
        self._routes: tuple[str | None, str | None, str | None] = None, None, None

    def _span(self, devices: Sequence[str], filtered_above: bool) -> None:
        kind = f"link add name {_BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        # What ports learn would keep the next frame from some of them.
        ports = [
            line
            for device in devices
            for line in (
                f"link set dev {device} master {_BRIDGE}",
                f"link set dev {device} type bridge_slave learning off",
            )
        ]
        _ip([kind, f"link set dev {_BRIDGE} up", *ports])
        # Only there with the module br_netfilter; without it iptables never sees what a bridge forwards.
        with suppress(FileNotFoundError):
            for key in ("call-iptables", "call-ip6tables", "filter-vlan-tagged"):
                _set(f"bridge/bridge-nf-{key}", str(int(filtered_above)))

    def route(self, outgoing: str | None, address: str | None, device: str | None) -> None:
        """Sends packets out by ``outgoing``, if any; ``address``, if any, is the host's own, on ``device``."""
        if (outgoing, address, device) == self._routes:
            return
        before, *own = self._routes
        if before != outgoing:
            _ip([*_defaults("del", before), *_defaults("add", outgoing)])
        # What a captured packet has for an address may be none that a host can have.
        _try_ip([*_local("del", *own), *_local("add", address, device)])
        self._routes = outgoing, address, device


def is_up(device: str) -> bool:
    """Whether an administrator has set the device up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer: bytes = fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16s24x", device.encode()))
    return bool(struct.unpack_from("=H", answer, 16)[0] & _IFF_UP)


def _defaults(verb: str, outgoing: str | None) -> list[str]:
    return [] if outgoing is None else [f"route {verb} {to} dev {outgoing}" for to in ("0.0.0.0/0", "::/0")]


def _local(verb: str, address: str | None, device: str | None) -> list[str]:
    return [] if address is None else [f"route {verb} local {address} dev {device} table local"]


def _pair(near: str, far: str, mtu: int) -> list[str]:
    return [
        f"link add name {near} mtu {mtu} arp off type veth peer name {far} mtu {mtu} arp off",
        f"link set dev {far} up",
        f"link set dev {near} up",
    ]


def _set(key: str, value: str) -> None:
    try:
        Path("/proc/sys/net", key).write_text(value)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ReplayError(f"net.{key.replace('/', '.')} cannot be set: {error.strerror}") from None


def _ip(lines: Sequence[str]) -> None:
    """Runs ``ip`` once for all ``lines``."""
    run(("ip", "-batch", "-"), "".join(f"{line}\n" for line in lines))


def _try_ip(lines: Sequence[str]) -> None:
    with suppress(ReplayError):
        run(("ip", "-force", "-batch", "-"), "".join(f"{line}\n" for line in lines))
