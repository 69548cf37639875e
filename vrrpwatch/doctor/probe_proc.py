"""Facts from /proc, /sys and adjtimex(2): settings, memberships, running daemons, clock, platform."""

import ctypes
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from vrrpwatch.doctor.facts import Clock, Memberships, Platform

PROC: Final = Path("/proc")
_IPV4: Final = ("rp_filter", "arp_ignore", "arp_announce", "arp_filter", "accept_local", "drop_gratuitous_arp")
_IPV6: Final = ("disable_ipv6", "accept_dad", "drop_unsolicited_na")
_WHOLE: Final = (
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv6.ip_nonlocal_bind",
    "net.ipv4.igmp_max_memberships",
    "net.bridge.bridge-nf-call-iptables",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
)
DAEMONS: Final = frozenset({"keepalived", "vrrpd", "ucarp", "conntrackd"})
# One read of a /proc table; more memberships than that no interface has (igmp_max_memberships is 20 by default).
MAX_BYTES = 4_000_000


def sysctls(interface: str, proc: Path = PROC) -> dict[str, int]:
    """The settings that matter, keyed as :class:`~vrrpwatch.doctor.facts.Facts` says; unreadable ones are left out."""
    found = {}
    for family, names in (("ipv4", _IPV4), ("ipv6", _IPV6)):
        for scope, where in (("all", "all"), ("if", interface)):
            for name in names:
                value = _number(proc / "sys/net" / family / "conf" / where / name)
                if value is not None:
                    found[f"{family}.{scope}.{name}"] = value
    for key in _WHOLE:
        value = _number(proc / "sys" / key.replace(".", "/"))
        if value is not None:
            found[key] = value
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def memberships(index: int, proc: Path = PROC) -> Memberships:
    """The groups in /proc/net/igmp, igmp6 and dev_mcast (net/ipv4/igmp.c, net/ipv6/mcast.c, net/core/net-procfs.c)."""
    ipv4, ipv6, link = (_lines(proc / "net" / name) for name in ("igmp", "igmp6", "dev_mcast"))
    return Memberships(
        None if ipv4 is None else frozenset(_ipv4_groups(ipv4, index)),
        None if ipv6 is None else frozenset(_ipv6_groups(ipv6, index)),
        None if link is None else frozenset(_link_groups(link, index)),
    )


def _lines(path: Path) -> list[str] | None:
    try:
        with path.open(errors="surrogateescape") as file:
            return file.read(MAX_BYTES).splitlines()
    except OSError:
        return None


def _ipv4_groups(lines: list[str], index: int) -> Iterator[str]:
    """A heading per interface, and below it its groups in hexadecimal as the machine stores them."""
    inside = False
    for line in lines[1:]:
        words = line.split()
        if not line[:1].isspace():
            inside = bool(words) and words[0] == str(index)
        elif inside and words and len(words[0]) == 8:
            octets = bytes.fromhex(words[0])
            # The kernel prints the big-endian field as a native number.
            yield str(IPv4Address(int.from_bytes(octets, "little" if _LITTLE else "big")))


_LITTLE: Final = ctypes.c_uint16.from_buffer_copy(b"\x01\x00").value == 1


def _ipv6_groups(lines: list[str], index: int) -> Iterator[str]:
    for line in lines:
        words = line.split()
        if len(words) >= 3 and words[0] == str(index) and len(words[2]) == 32:
            yield str(IPv6Address(bytes.fromhex(words[2])))


def _link_groups(lines: list[str], index: int) -> Iterator[str]:
    for line in lines:
        words = line.split()
        if len(words) >= 5 and words[0] == str(index):
            yield ":".join(words[-1][at : at + 2] for at in range(0, len(words[-1]), 2))


def daemons(proc: Path = PROC) -> frozenset[str]:
    """The redundancy daemons that run in this network namespace (or, where that may not be asked, at all)."""
    own = _namespace(proc / "self")
    found = set()
    for process in proc.iterdir():
        if process.name.isdigit():
            try:
                name = (process / "comm").read_text().strip()
            except OSError:
                # It ended in the meantime.
                continue
            if name in DAEMONS and _namespace(process) in (own, None):
                found.add(name)
    return frozenset(found)


def _namespace(process: Path) -> str | None:
    try:
        return str((process / "ns/net").readlink())
    except OSError:
        return None


def capabilities(proc: Path = PROC) -> int | None:
    """The effective capabilities as a bit set (proc(5), CapEff); ``None`` where it cannot be read."""
    for line in _lines(proc / "self/status") or []:
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return None


def platform(sys: Path = Path("/sys"), proc: Path = PROC) -> Platform:
    """The firmware's words about the machine, and the processor's flag ``hypervisor``."""
    firmware = sys / "class/dmi/id"
    lines = _lines(proc / "cpuinfo")
    flags = next((line for line in lines or [] if line.startswith("flags")), None)
    return Platform(
        _word(firmware / "sys_vendor"),
        _word(firmware / "product_name"),
        guest=None if flags is None else "hypervisor" in flags.split(),
    )


def _word(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


class _Timex(ctypes.Structure):
    """``struct timex`` of sys/timex.h (glibc and musl, 64-bit and 32-bit with long fields)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


_STA_INS, _STA_DEL, _STA_UNSYNC = 0x10, 0x20, 0x40
_TIME_ERROR = 5


def clock() -> Clock | None:
    """What ``adjtimex(2)`` says without changing anything; ``None`` where the C library has none."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    answer = _Timex()
    state = adjtimex(ctypes.byref(answer))
    if state < 0:
        return None
    return Clock(
        synchronised=state != _TIME_ERROR and not answer.status & _STA_UNSYNC,
        max_error=answer.maxerror / 1_000_000,
        leap_pending=bool(answer.status & (_STA_INS | _STA_DEL)),
    )
