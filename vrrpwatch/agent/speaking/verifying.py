"""What a receiver verifies of an advert before it counts: RFC 3768 §7.1, RFC 9568 §7.1, and CARP's own rules.

Every verdict has a word; no octets, however odd, raise an error.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Final, Literal, NamedTuple

from vrrpwatch.agent.config.routers import CarpRouter, Router, VrrpRouter
from vrrpwatch.agent.speaking.frames import AUTH_TYPES, SHA256
from vrrpwatch.agent.speaking.sequences import Replays, Sequences, freshness_window
from vrrpwatch.core.hearing import REQUIRED_TTL, auth_of, time_to_live
from vrrpwatch.core.machine.settings import Advert, CarpAdvert, VrrpAdvert
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.wire.ah import AH
from vrrpwatch.wire.auth import ICV_SIZE, TRAILER_DIGEST_SIZE, ah_icv, carp_digest, trailer_digest
from vrrpwatch.wire.checksum import PROTOCOL, camp, internet_checksum
from vrrpwatch.wire.ip import AH_PROTOCOL, IPV4, IPV6
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Camp, Carp, IPAddress, Ipv4, Malformed, Packet, Vrrp
from vrrpwatch.wire.vrrp import AUTH_DATA_SIZE, CENTISECONDS

# The findings' names, "replay" for what was genuine once, and "duplicate-source" for this host's own address.
Reason = Literal[
    "malformed",
    "bad-ttl",
    "bad-checksum",
    "shared-virtual-mac",
    "version-mismatch",
    "auth-mismatch",
    "auth-failed",
    "replay",
    "interval-mismatch",
    "rogue-speaker",
    "vrid-collision",
    "duplicate-source",
]
# What is odd about an advert that counts all the same.
Remark = Literal["address-mismatch", "checksum-variant", "interval-mismatch"]

_LINKTYPE_RAW = 101
# Of an HMAC trailer: time, counter and digest.
_CHANGING = 24
# One speaker says two or three things in turn; strangers may say anything, and then all are looked at in full.
_MAX_REMEMBERED: Final = 64


class Verified(NamedTuple):
    """An advert that counts, from another host."""

    source: IPAddress
    advert: Advert
    remarks: tuple[Remark, ...] = ()


class Refused(NamedTuple):
    """One that does not."""

    reason: Reason


class Addressed(NamedTuple):
    """Whose advert a packet could be: its VRID or vhid, its sender, and whether it went to a group of hosts."""

    id: int
    source: bytes
    multicast: bool


def addressed(packet: bytes) -> Addressed | None:
    """Reads that from a whole IP packet of protocol 112 or 51; ``None`` where it is too short to tell."""
    if not packet:
        return None
    if packet[0] >> 4 == 6:
        source, destination = packet[8:24], packet[24:40]
        start, multicast = IPV6.size, destination[:1] == b"\xff"
    else:
        source, destination = packet[12:16], packet[16:20]
        start, multicast = (packet[0] & 0xF) * 4, destination[:1] >= b"\xe0" and destination[:1] < b"\xf0"
        if start < IPV4.size:
            return None
        if packet[9:10] == bytes((AH_PROTOCOL,)):
            start += (int.from_bytes(packet[start + 1 : start + 2]) + 2) * 4
    identity = packet[start + 1 : start + 2]
    return Addressed(identity[0], source, multicast) if identity else None


class _Content(NamedTuple):
    """What is to be said of everything in a packet but its numbers and signature.

    ``source`` is given where the verdict holds only if those are right too.
    """

    verdict: Verified | Refused
    source: IPAddress | None = None


def _plain4(packet: bytes) -> bytes:
    # Identification and header checksum are the IP layer's own.
    return packet[:4] + packet[6:10] + packet[12:]


# By authentication and family: what is the same in a speaker's adverts, one after the other.
_STABLE: Final[dict[tuple[str, int], Callable[[bytes], bytes]]] = {
    ("none", 4): _plain4,
    ("simple", 4): _plain4,
    ("ah", 4): lambda packet: packet[:4] + packet[6:10] + packet[12:28] + packet[44:],
    ("hmac", 4): lambda packet: packet[:4] + packet[6:10] + packet[12:-_CHANGING],
    ("none", 6): lambda packet: packet,
    ("hmac", 6): lambda packet: packet[:46] + packet[48:-_CHANGING],
}


class Verifier:
    """Verifies what comes in for one router, whose own adverts are sent from ``source``."""

    def __init__(self, router: Router, source: IPAddress, sequences: Sequences, replays: Replays) -> None:
        self._router = router
        self._own = source.packed
        self._sequences = sequences
        self._replays = replays
        self._addresses = frozenset(router.advertised)
        auth = router.auth if isinstance(router, VrrpRouter) else None
        self._auth = auth.type if auth is not None else "none"
        self._secret = auth.secret_file if auth is not None else b""
        self._key_id = auth.key_id if auth is not None else 0
        self._window = freshness_window(router.interval) if isinstance(router, VrrpRouter) else 0
        self._interval = _as_heard(router) if isinstance(router, VrrpRouter) else 0.0
        self._stable = _STABLE[self._auth, router.family]
        self._remembered: dict[bytes, _Content] = {}

    def sent(self, packet: bytes) -> bool:
        """Whether this host's address is its source."""
        return (packet[12:16] if self._router.family == 4 else packet[8:24]) == self._own

    def _to_itself(self, packet: bytes) -> bool:
        return (packet[16:20] if self._router.family == 4 else packet[24:40]) == self._own

    def verify(self, packet: bytes, wall: Instant) -> Verified | Refused | None:
        """The verdict on a whole IP packet that came at ``wall`` (ns since 1970); ``None`` where this host sent it.

        That is one to itself, where it is among its own peers.  What it sends to the group does not come back, since
        its sockets have IP_MULTICAST_LOOP and IPV6_MULTICAST_LOOP off: such an advert is another host's or program's.
        """
        if self.sent(packet):
            return None if self._to_itself(packet) else Refused("duplicate-source")
        remembered = self._remembered
        key = self._stable(packet)
        content = remembered.get(key)
        if content is None:
            content = self._read(packet)
            if len(remembered) >= _MAX_REMEMBERED:
                del remembered[next(iter(remembered))]
            remembered[key] = content
        if content.source is None:
            return content.verdict
        hmac = self._auth == "hmac"
        reason = self._unsigned(packet, content.source, wall) if hmac else self._unauthentic(packet)
        return content.verdict if reason is None else Refused(reason)

    def _read(self, data: bytes) -> _Content:
        packet = dissect(data, _LINKTYPE_RAW, len(data))
        header = packet.network
        if header is None or packet.skipped is not None or packet.protocol != PROTOCOL:
            return _refused("malformed")
        message = decode_advert(packet)
        if isinstance(message, Malformed) or not message.complete:
            return _refused("malformed")
        if header.destination.is_multicast and time_to_live(header) != REQUIRED_TTL:
            return _refused("bad-ttl")
        rule = camp(message, packet)
        # Where the checksum covers what changes, it is looked at each time.
        if rule == "bad" and (self._auth, self._router.family) != ("hmac", 6):
            return _refused("bad-checksum")
        match self._router, message:
            case VrrpRouter() as router, Vrrp():
                return self._vrrp(router, message, packet, header.source, rule)
            case CarpRouter() as router, Carp():
                return _Content(self._carp(router, message, header.source))
        # Both protocols have the same virtual MAC for one id, and neither can be had beside the other.
        return _refused("shared-virtual-mac")

    def _vrrp(
        self, router: VrrpRouter, message: Vrrp, packet: Packet, source: IPAddress, rule: Camp | None
    ) -> _Content:
        if message.version != router.version:
            return _refused("version-mismatch")
        announced = AUTH_TYPES[self._auth] if router.version == 2 else None
        if auth_of(packet, message) != self._auth or message.auth_type != announced:
            return _refused("auth-mismatch")
        if self._auth == "simple" and not compare_digest(self._secret.ljust(AUTH_DATA_SIZE, b"\0"), message.auth_data):
            return _refused("auth-mismatch")
        if message.trailer is not None:
            # Neither another kind of digest nor a header that puts the message elsewhere is looked into.
            if packet.payload_offset != _header_size(packet) or packet.payload[-26:-_CHANGING] != bytes(2):
                return _refused("malformed")
            if (message.trailer.type, message.trailer.key_id) != (SHA256, self._key_id):
                return _refused("auth-mismatch")
        signer = source if self._auth in ("ah", "hmac") else None
        remarks: list[Remark] = []
        if message.interval != self._interval:
            # RFC 3768 §7.1: must be the same.  Version 3 learns the master's (RFC 9568 §6.1).
            if router.version == 2:
                return _Content(Refused("interval-mismatch"), signer)
            remarks.append("interval-mismatch")
        theirs = frozenset(message.addresses)
        # Two unrelated routers with one id: a stranger must not silence this one.
        if theirs and not theirs & self._addresses:
            return _Content(Refused("vrid-collision"), signer)
        # An address more or less is a router that is being changed, host by host: to discard its adverts would make a
        # second master of this one.
        if theirs != self._addresses:
            remarks.append("address-mismatch")
        if rule != router.camp and router.version == 3 and router.family == 4:
            remarks.append("checksum-variant")
        verdict = Verified(source, VrrpAdvert(message.priority, message.interval), tuple(remarks))
        return _Content(verdict, signer)

    def _unauthentic(self, packet: bytes) -> Reason | None:
        """What is wrong with the AH of a packet that has one and is well-formed."""
        start = (packet[0] & 0xF) * 4
        icv = ah_icv(packet, self._secret)
        if icv is None or not compare_digest(icv, packet[start + AH.size : start + AH.size + ICV_SIZE]):
            return "auth-failed"
        sequence = int.from_bytes(packet[start + 8 : start + AH.size])
        self._sequences.heard_ah(sequence)
        return None if self._replays.fresh(packet[12:16], sequence) else "replay"

    def _unsigned(self, packet: bytes, source: IPAddress, wall: Instant) -> Reason | None:
        """What is wrong with the HMAC trailer of such a packet, in the order of keepalived's vrrp_auth_hmac_check."""
        six = self._router.family == 6
        payload = packet[IPV6.size if six else (packet[0] & 0xF) * 4 :]
        if six and internet_checksum(packet[8:40] + len(payload).to_bytes(4) + PROTOCOL.to_bytes(4) + payload):
            return "bad-checksum"
        number = int.from_bytes(payload[-_CHANGING:-TRAILER_DIGEST_SIZE])
        now = wall // NANOSECONDS
        # The clock first: it costs no digest.
        if abs(now - (number >> 32)) > self._window:
            return "replay"
        digest = trailer_digest(self._secret, payload, source)
        if digest is None or not compare_digest(digest, payload[-TRAILER_DIGEST_SIZE:]):
            return "auth-failed"
        return None if self._replays.fresh(source.packed, number, now + self._window + 1 << 32) else "replay"

    def _carp(self, router: CarpRouter, message: Carp, source: IPAddress) -> Verified | Refused:
        counter, digest = message.counter, message.digest
        if counter is None or digest is None:
            return Refused("malformed")
        if not compare_digest(carp_digest(router.passphrase_file, router.id, router.advertised, counter), digest):
            return Refused("auth-failed")
        # What comes back is all that can be told: OpenBSD repeats its number, ucarp goes on from those it hears.
        if counter == self._sequences.cookie:
            return Refused("replay")
        advert = CarpAdvert(message.advbase, message.advskew, message.demotion)
        return Verified(source, advert, ("interval-mismatch",) if message.advbase != router.advbase else ())


def _refused(reason: Reason) -> _Content:
    return _Content(Refused(reason))


def _header_size(packet: Packet) -> int:
    return packet.network.header_length if isinstance(packet.network, Ipv4) else IPV6.size


def _as_heard(router: VrrpRouter) -> float:
    """The interval as the field can hold it."""
    return router.interval if router.version == 2 else round(router.interval * CENTISECONDS) / CENTISECONDS
