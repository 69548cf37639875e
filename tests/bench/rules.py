"""Measures rules for nftables: ``python -m tests.bench.rules``; what a thousand groups take to write, load and pass.

A packet's cost is that of its whole way from a packet socket through a pair of interfaces to the input hook and beyond,
all on one core: under our rules, under the fewest that a person would write by hand, and under none, in turn.
"""

import ctypes
import shutil
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.bench.measure import pin
from tests.lab.live import Wire, inside, wire
from tests.lab.network import missing, run
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall import nftables
from vrrpwatch.firewall.flows import plan

GROUPS: Final = 1000
SEGMENTS: Final = 4
PER_SEGMENT: Final = GROUPS // SEGMENTS
ROUNDS: Final = 15
BATCH: Final = 2000
BATCHES: Final = 15
NEAR_MAC: Final = "02:00:00:00:00:fe"
ADVERTISED: Final = "224.0.0.18"


def policy() -> dict[str, Any]:
    """Two speakers a group, each with a MAC, and limits that the measurement stays below."""
    return {
        "version": 1,
        "unlisted": "drop",
        "group": [
            {
                "segment": f"eth{number // PER_SEGMENT}",
                "protocol": "vrrp",
                "id": number % PER_SEGMENT + 1,
                "rate": 10_000,
                "speakers": [{"ip": ip, "mac": mac} for ip, mac in speakers(number)],
            }
            for number in range(GROUPS)
        ],
    }


def speakers(number: int) -> list[tuple[str, str]]:
    """Address and virtual MAC of a group's speakers."""
    identity = number % PER_SEGMENT + 1
    return [(f"10.{number // PER_SEGMENT}.{identity}.{host}", f"00:00:5e:00:01:{identity:02x}") for host in (1, 2)]


def minimal() -> str:
    """One set of what is allowed, one rule that accepts it, and one that drops the rest."""
    allowed = ",\n".join(
        f'"eth{number // PER_SEGMENT}" . {mac} . {ip} . {ADVERTISED} . {number % PER_SEGMENT + 1}'
        for number in range(GROUPS)
        for ip, mac in speakers(number)
    )
    key = "iifname . ether saddr . ip saddr . ip daddr . @th,8,8"
    return f"""table inet by_hand {{
        set allowed {{ typeof {key}; elements = {{ {allowed} }} }}
        chain input {{
            type filter hook input priority filter - 10
            ip protocol 112 ip ttl 255 {key} @allowed accept
            ip protocol 112 drop
        }}
    }}
    """


def frame(source: str, mac: str, destination: str, to: str, protocol: int, payload: bytes) -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(payload), 0, 0, 255, protocol, 0) + addresses
    total = sum(struct.unpack("!10H", head))
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    head = head[:10] + struct.pack("!H", checksum) + head[12:]
    return bytes.fromhex((to + mac).replace(":", "")) + b"\x08\x00" + head + payload


def adverts() -> list[bytes]:
    """What the speakers of the first segment send: its interface is the one that is pumped into."""
    made = []
    for number in range(PER_SEGMENT):
        identity = number + 1
        message = struct.pack("!BBBBBBH", 0x31, identity, 100, 1, 0, 100, 0) + socket.inet_aton(f"10.0.{identity}.9")
        for ip, mac in speakers(number):
            made.append(frame(ip, mac, ADVERTISED, "01:00:5e:00:00:12", 112, message))
    return made


def datagrams(port: int) -> list[bytes]:
    payload = struct.pack("!HHHH", 4000, port, 40, 0) + bytes(32)
    return [frame("10.0.1.1", "02:00:00:00:00:01", "10.0.0.254", NEAR_MAC, 17, payload)]


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """``struct mmsghdr`` of sys/socket.h."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


class Pump:
    """Sends a batch of frames again and again, with as little of its own as can be: ``sendmmsg`` at full length."""

    def __init__(self, sender: socket.socket, frames: Sequence[bytes]) -> None:
        self._sender = sender
        self._vectors = (_Vector * BATCH)()
        self._messages = (_Message * BATCH)()
        self._frames = frames
        for index in range(BATCH):
            one = frames[index % len(frames)]
            self._vectors[index] = _Vector(one, len(one))
            self._messages[index].vectors = ctypes.pointer(self._vectors[index])
            self._messages[index].vector_count = 1
        self._send = ctypes.CDLL(None, use_errno=True).sendmmsg

    def nanoseconds(self) -> float:
        """The processor time that one frame takes: the kernel delivers it within the call that sends it."""
        began = time.thread_time_ns()
        for _ in range(BATCHES):
            sent = 0
            while sent < BATCH:
                rest = ctypes.byref(self._messages, sent * ctypes.sizeof(_Message))
                done = self._send(self._sender.fileno(), rest, BATCH - sent, 0)
                if done <= 0:
                    raise OSError(ctypes.get_errno(), "sendmmsg")
                sent += done
        return (time.thread_time_ns() - began) / (BATCH * BATCHES)


@contextmanager
def receiver(link: Wire) -> Iterator[int]:
    """The near end takes part in the group and in UDP; yields the port of a socket that nobody reads."""
    space = link.near
    run("ip", "-n", space, "link", "set", "eth0", "address", NEAR_MAC)
    run("ip", "-n", space, "address", "add", "10.0.0.254/8", "dev", "eth0")
    run("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")
    with inside(space), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        index = socket.if_nametoindex("eth0")
        joined = socket.inet_aton(ADVERTISED) + bytes(4) + struct.pack("@i", index)
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        member.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        member.bind(("10.0.0.254", 0))
        yield member.getsockname()[1]


def timed(what: str, work: Callable[[], object]) -> None:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    print(f"{what:<52} {statistics.median(seconds) * 1000:9.1f} ms")


def main() -> int:
    """The command; 2 where it cannot measure."""
    why = missing()
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    pin()
    said = policy()
    print(f"{GROUPS} groups of two speakers with MACs and limits, role speaker; medians")
    timed("policy to text", lambda: nftables.render(plan(Policy.model_validate(said), "speaker")))
    timed("policy to JSON", lambda: nftables.render_json(plan(Policy.model_validate(said), "speaker")))
    made = plan(Policy.model_validate(said), "speaker")
    with tempfile.TemporaryDirectory() as folder, wire("eth0") as link, receiver(link) as port:
        nft = ("ip", "netns", "exec", link.near, shutil.which("nft") or "/usr/sbin/nft")
        files = {"ours": Path(folder, "ours.nft"), "by hand": Path(folder, "by_hand.nft")}
        files["ours"].write_text(nftables.render(made))
        files["by hand"].write_text(minimal())
        timed("nft -f, in place of the same rules", lambda: run(*nft, "-f", str(files["ours"])))
        with link.sender("eth0") as sender:
            for path in files.values():
                run(*nft, "-f", str(path))
            for what, frames in (("advertisements that belong", adverts()), ("other UDP packets", datagrams(port))):
                _passing(what, Pump(sender, frames), nft)
    return 0


def _passing(what: str, pump: Pump, nft: tuple[str, ...]) -> None:
    costs: dict[str, list[float]] = {"none": [], "vrrpwatch": [], "by_hand": []}
    for _ in range(ROUNDS):
        for name, taken in costs.items():
            for table in ("vrrpwatch", "by_hand"):
                run(*nft, "add", "table", "inet", table, "" if table == name else "{ flags dormant; }")
            pump.nanoseconds()
            taken.append(pump.nanoseconds())
    none, ours, hand = (statistics.median(costs[name]) for name in ("none", "vrrpwatch", "by_hand"))
    print(f"{what}: ns a packet: no rules {none:.0f}, by hand {hand:.0f}, ours {ours:.0f}")
    print(f"  whole cost, ours to by hand: {ours / hand:.3f}; above none: {ours - none:.0f} and {hand - none:.0f} ns")


if __name__ == "__main__":
    sys.exit(main())
