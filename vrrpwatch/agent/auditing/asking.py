"""Asks whose an address is before anybody here uses it, as a host does that is about to configure one.

That is an ARP probe (RFC 5227 §2.1.1) or what duplicate address detection sends (RFC 4862 §5.4.2): neither says that
the asker has the address, and no cache changes by them.
"""

import socket
from collections import deque
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from vrrpwatch.wire.arp import encode_arp
from vrrpwatch.wire.checksum import internet_checksum, pseudo_header
from vrrpwatch.wire.ip import IPV6
from vrrpwatch.wire.link import ARP_TYPE, ETHERNET, IPV6_TYPE
from vrrpwatch.wire.nd import ICMPV6, NEIGHBOUR, SOLICITATION
from vrrpwatch.wire.values import Arp, IPAddress, Mac

# Addresses that are asked about, and how many at a time: a segment must not suffer from hundreds of routers that start.
MAX_ASKED: Final = 1_024
AT_ONCE: Final = 32
# A frame may be lost.
TIMES: Final = 2
_REQUEST: Final = 1
_NOBODY: Final = "00:00:00:00:00:00"
_EVERYBODY: Final = "ff:ff:ff:ff:ff:ff"
_UNSPECIFIED: Final = IPv6Address("::")


class Question(NamedTuple):
    """Who has ``address`` on ``interface``?  ``mac`` is the asker's card there."""

    interface: str
    mac: Mac
    address: IPAddress


class Asker:
    """Sends the questions, some at each call of :meth:`ask`."""

    def __init__(self, questions: Iterable[Question], told: Callable[[str], None]) -> None:
        self._told = told
        wanted = list(dict.fromkeys(questions))
        if len(wanted) > MAX_ASKED:
            told(f"who answers for addresses is asked of {MAX_ASKED:,} only, and {len(wanted):,} are configured")
        self._left = deque(wanted[:MAX_ASKED] * TIMES)
        self._asked = min(len(wanted), MAX_ASKED)
        self._sockets: dict[str, socket.socket] = {}

    def add(self, question: Question) -> None:
        """One more question, unless there are too many already."""
        if self._asked < MAX_ASKED:
            self._asked += 1
            self._left.extend([question] * TIMES)

    def ask(self) -> None:
        """The next few questions, if there are any left."""
        for _ in range(min(AT_ONCE, len(self._left))):
            question = self._left.popleft()
            try:
                self._socket(question.interface).send(frame(question))
            except OSError:
                # One that is down, or has no room now: what is heard without asking has to do.
                continue

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()

    def _socket(self, interface: str) -> socket.socket:
        known = self._sockets.get(interface)
        if known is None:
            known = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sockets[interface] = known
            known.setblocking(False)
            known.bind((interface, 0))
        return known


def frame(question: Question) -> bytes:
    """The octets of a question, link header first."""
    address = question.address
    if isinstance(address, IPv4Address):
        probe = Arp(_REQUEST, question.mac, IPv4Address(0), _NOBODY, address)
        return _link(_EVERYBODY, question.mac, ARP_TYPE, encode_arp(probe).ljust(46, b"\0"))
    # The solicited-node group of the address (RFC 4291 §2.7.1).
    group = IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + address.packed[-3:])
    body = NEIGHBOUR.pack(type=SOLICITATION, target=address.packed)
    checksum = internet_checksum(pseudo_header(_UNSPECIFIED, group, len(body), ICMPV6) + body)
    body = body[:2] + checksum.to_bytes(2) + body[4:]
    header = IPV6.pack(
        version=6,
        payload_length=len(body),
        next_header=ICMPV6,
        hop_limit=255,
        source=_UNSPECIFIED.packed,
        destination=group.packed,
    )
    return _link("33:33:" + group.packed[-4:].hex(":"), question.mac, IPV6_TYPE, header + body)


def _link(destination: Mac, source: Mac, ethertype: int, payload: bytes) -> bytes:
    raw = [bytes.fromhex(mac.replace(":", "")) for mac in (destination, source)]
    return ETHERNET.pack(destination=raw[0], source=raw[1], ethertype=ethertype) + payload
