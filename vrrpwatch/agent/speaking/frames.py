"""The bytes of what a router says: its adverts as whole IP packets, and its announcements as Ethernet frames.

What stays the same from one advert to the next is built once; only numbers, digests and what covers them are made anew.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from vrrpwatch.agent.config.routers import CarpRouter, Router, VrrpRouter
from vrrpwatch.agent.speaking.sequences import Sequences, freshness_window
from vrrpwatch.core.hearing import ARP_REQUEST, BROADCAST_MAC, REQUIRED_TTL
from vrrpwatch.core.implementation import NETWORK_CONTROL
from vrrpwatch.core.machine.settings import Advert, CarpAdvert, VrrpAdvert
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.ah import AH, encode_ah
from vrrpwatch.wire.arp import encode_arp
from vrrpwatch.wire.auth import ICV_SIZE, TRAILER_DIGEST_SIZE, ah_icv, carp_digest, trailer_digest
from vrrpwatch.wire.carp import AUTHLEN, encode_carp
from vrrpwatch.wire.checksum import PROTOCOL, PSEUDO_MULTICAST, internet_checksum, pseudo_header
from vrrpwatch.wire.ip import AH_PROTOCOL, IPV4, IPV6
from vrrpwatch.wire.link import ARP_TYPE, ETHERNET, IPV6_TYPE
from vrrpwatch.wire.nd import ICMPV6, encode_na
from vrrpwatch.wire.trailer import TRAILER, encode_trailer
from vrrpwatch.wire.values import (
    Arp,
    AuthenticationHeader,
    Carp,
    HmacTrailer,
    IPAddress,
    Mac,
    NeighbourAdvertisement,
    Vrrp,
)
from vrrpwatch.wire.vrrp import encode_vrrp

# RFC 9568 §5.1.1.2 and §5.1.2.2; CARP uses them too.
GROUPS: Final[dict[int, IPAddress]] = {4: PSEUDO_MULTICAST, 6: IPv6Address("ff02::12")}

# RFC 2338 §5.3.6; the trailer is no type of its own.
AUTH_TYPES: Final = {"none": 0, "simple": 1, "ah": 2, "hmac": 0}
SHA256: Final = 1

_ALL_NODES = IPv6Address("ff02::1")
# RFC 2464 §7: 33:33 and the last four octets of the group.
_ALL_NODES_MAC = "33:33:00:00:00:01"
_ARP_REPLY = 2
_NOBODY = bytes(TRAILER_DIGEST_SIZE)
# Where numbers begin in the two (RFC 4302 §2; keepalived's vrrp_auth_hmac.h).
_AH_SEQUENCE, _TRAILER_NUMBER = 8, 4


class _Copy(NamedTuple):
    """An advert for one destination: the IP header, with no numbers in it yet, and the message.

    ``pseudo`` is what a checksum over message and trailer begins with, where it covers both.
    """

    header: bytes
    message: bytes
    pseudo: bytes


class Composer:
    """Writes the adverts of one router, sent from ``source``."""

    def __init__(self, router: Router, source: IPAddress, sequences: Sequences) -> None:
        self.destinations: tuple[IPAddress, ...] = router.peers or (GROUPS[router.family],)
        self._router = router
        self._source = source
        self._sequences = sequences
        auth = router.auth if isinstance(router, VrrpRouter) else None
        self._signing = auth.type if auth is not None and auth.type != "simple" else None
        # What signing adds to a message, in octets.
        self._added = {"hmac": TRAILER.size, "ah": AH.size + ICV_SIZE}.get(self._signing or "", 0)
        self._secret = auth.secret_file if auth is not None else b""
        key_id = auth.key_id if auth is not None else 0
        self._window = freshness_window(router.interval) if isinstance(router, VrrpRouter) else 0
        # keepalived's SPI is the source address, for want of a security association.
        ah = AuthenticationHeader(PROTOCOL, int(source), 0, bytes(ICV_SIZE))
        self._empty_ah = encode_ah(ah) if self._signing == "ah" else b""
        self._empty_trailer = encode_trailer(HmacTrailer(SHA256, key_id, 0, 0, 0, _NOBODY))
        # A router has few: one for each of its priorities or demotions.
        self._copies: dict[Advert, tuple[_Copy, ...]] = {}

    def compose(self, advert: Advert, wall: Instant) -> list[bytes]:
        """The packets to send, in the order of ``destinations``; ``wall`` is the time of day in ns since 1970.

        Raises :class:`ValueError` for an advert of the other protocol, or one that its fields cannot hold.
        """
        copies = self._copies.get(advert) or self.prepare(advert)
        # All peers get the same numbers, as from keepalived; the digest of a trailer leaves the destination out.
        trailer = self._trailer(copies[0].message, wall) if self._signing == "hmac" else b""
        if self._router.family == 6:
            return [_ipv6(copy, trailer) for copy in copies]
        identification = self._sequences.next_identification()
        if self._signing != "ah":
            return [_numbered(copy.header, identification) + copy.message + trailer for copy in copies]
        sequence = self._sequences.next_ah(wall)
        return [self._authenticated(copy, identification, sequence) for copy in copies]

    def prepare(self, advert: Advert) -> tuple[_Copy, ...]:
        """Builds what does not change of an advert, which :meth:`compose` otherwise does when it comes first."""
        copies = self._copies[advert] = tuple(self._copy(advert, destination) for destination in self.destinations)
        return copies

    def size(self, advert: Advert) -> int:
        """How many octets each of an advert's packets has, from the IP header on."""
        copy = self.prepare(advert)[0]
        return len(copy.header) + len(copy.message) + self._added

    def _copy(self, advert: Advert, destination: IPAddress) -> _Copy:
        message = self._message(advert, destination)
        length = len(message) + self._added
        if isinstance(self._source, IPv6Address):
            header = IPV6.pack(
                version=6,
                traffic_class=NETWORK_CONTROL,
                payload_length=length,
                next_header=PROTOCOL,
                hop_limit=REQUIRED_TTL,
                source=self._source.packed,
                destination=destination.packed,
            )
            return _Copy(header, message, pseudo_header(self._source, destination, length))
        # Without DF, like keepalived; an advert with many addresses may be fragmented where a tunnel is narrow.
        header = IPV4.pack(
            version=4,
            header_length=IPV4.size // 4,
            tos=NETWORK_CONTROL,
            total_length=IPV4.size + length,
            ttl=REQUIRED_TTL,
            protocol=AH_PROTOCOL if self._signing == "ah" else PROTOCOL,
            source=self._source.packed,
            destination=destination.packed,
        )
        return _Copy(header, message, b"")

    def _message(self, advert: Advert, destination: IPAddress) -> bytes:
        router = self._router
        match router, advert:
            case VrrpRouter(), VrrpAdvert(priority, interval):
                simple = router.auth is not None and router.auth.type == "simple"
                message = Vrrp(
                    version=router.version,
                    vrid=router.id,
                    priority=priority,
                    count=len(router.advertised),
                    interval=interval,
                    checksum=0,
                    addresses=router.advertised,
                    auth_type=AUTH_TYPES[router.auth.type if router.auth is not None else "none"],
                    auth_data=self._secret if simple else b"",
                )
                return encode_vrrp(message, self._source, destination, router.camp)
            case CarpRouter(), CarpAdvert(advbase, advskew, demotion):
                # OpenBSD's way: one random number as long as the host runs.  It tells one's own adverts from all others
                # when somebody replays them, and no CARP expects numbers to grow.
                counter = self._sequences.cookie
                digest = carp_digest(router.passphrase_file, router.id, router.advertised, counter)
                return encode_carp(Carp(router.id, advskew, AUTHLEN, demotion, advbase, 0, counter, digest))
        raise ValueError(f"{router.name}: {advert} is of the other protocol")

    def _trailer(self, message: bytes, wall: Instant) -> bytes:
        number = self._sequences.next_trailer(wall, self._window)
        head = self._empty_trailer[:_TRAILER_NUMBER] + number.to_bytes(8)
        return head + (trailer_digest(self._secret, message + head + _NOBODY, self._source) or _NOBODY)

    def _authenticated(self, copy: _Copy, identification: int, sequence: int) -> bytes:
        head = self._empty_ah[:_AH_SEQUENCE] + sequence.to_bytes(4) + self._empty_ah[AH.size :]
        packet = _numbered(copy.header, identification) + head + copy.message
        start = IPV4.size + AH.size
        return packet[:start] + (ah_icv(packet, self._secret) or b"") + packet[start + ICV_SIZE :]


def _numbered(header: bytes, identification: int) -> bytes:
    """The IPv4 header with its identification, and the checksum that a raw socket computes anew."""
    numbered = header[:4] + identification.to_bytes(2) + header[6:]
    return numbered[:10] + internet_checksum(numbered).to_bytes(2) + numbered[12:]


def _ipv6(copy: _Copy, trailer: bytes) -> bytes:
    if not trailer:
        return copy.header + copy.message
    # On IPv6 the message's checksum covers the trailer as well (keepalived leaves it to the kernel).
    body = copy.message[:6] + bytes(2) + copy.message[8:] + trailer
    return copy.header + body[:6] + internet_checksum(copy.pseudo + body).to_bytes(2) + body[8:]


def announcement(address: IPAddress, mac: Mac, *, router: bool) -> bytes:
    """The Ethernet frame that tells everybody on the segment that ``address`` is at ``mac``.

    ``router`` is whether the host forwards IPv6: a neighbour that is told otherwise drops its routes through it
    (RFC 4861 §7.2.5).
    """
    if isinstance(address, IPv6Address):
        return unsolicited_na(address, mac, router=router)
    return gratuitous_arp(address, mac)


def gratuitous_arp(address: IPv4Address, mac: Mac, *, reply: bool = False) -> bytes:
    """An ARP announcement (RFC 5227 §2.3): a request, or where ``reply`` the form that some old hosts ask for.

    The target MAC is the broadcast one, as from keepalived; the RFC leaves it open.
    """
    operation = _ARP_REPLY if reply else ARP_REQUEST
    payload = encode_arp(Arp(operation, mac, address, BROADCAST_MAC, address))
    return _frame(BROADCAST_MAC, mac, ARP_TYPE) + payload


def unsolicited_na(address: IPv6Address, mac: Mac, *, router: bool) -> bytes:
    """A neighbour advertisement to all nodes that overrides what they know (RFC 4861 §7.2.6, RFC 9568 §8.2.2)."""
    told = NeighbourAdvertisement(address, router=router, solicited=False, override=True, mac=mac)
    payload = encode_na(told, address, _ALL_NODES)
    header = IPV6.pack(
        version=6,
        payload_length=len(payload),
        next_header=ICMPV6,
        hop_limit=255,
        source=address.packed,
        destination=_ALL_NODES.packed,
    )
    return _frame(_ALL_NODES_MAC, mac, IPV6_TYPE) + header + payload


def _frame(destination: Mac, source: Mac, ethertype: int) -> bytes:
    octets = [bytes.fromhex(mac.replace(":", "")) for mac in (destination, source)]
    return ETHERNET.pack(destination=octets[0], source=octets[1], ethertype=ethertype)
