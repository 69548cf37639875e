"""Verifies what advertisements are signed with against the keys given: AH, keepalived's HMAC, CARP, passwords."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from itertools import combinations
from typing import TYPE_CHECKING, Final

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Advert, Evidence, GroupKey, Instant, SpeakerKey
from vrrpwatch.wire.auth import ah_icv, carp_digest, trailer_digest
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Carp, IPAddress, Packet, Vrrp

if TYPE_CHECKING:
    from vrrpwatch.core.keys import Keys

AddressSet = tuple[IPAddress, ...]

# Speakers are forgeable: beyond these the verdict that was given longest ago is forgotten and counted.
MAX_SPEAKERS: Final = 16_384
MAX_GROUPS: Final = 16_384
# Every subset of what was learnt is a candidate: 64 digests at most, tried only until one fits.
MAX_LEARNT: Final = 6


@dataclass(slots=True)
class _Verdict:
    authentic: bool = True
    addresses: AddressSet | None = None


@dataclass(slots=True)
class _Learnt:
    """What is known of a CARP group's addresses: those seen, and the sets that a digest has proved."""

    addresses: dict[IPAddress, None]
    proved: dict[AddressSet, None]


class Authenticity:
    """Checks packet by packet, and remembers a verdict per speaker: authentic until one packet is not."""

    def __init__(self, keys: "Keys", findings: Findings) -> None:
        self._keys = keys
        self._findings = findings
        self._verdicts: dict[tuple[GroupKey, SpeakerKey], _Verdict] = {}
        self._learnt: dict[GroupKey, _Learnt] = {}
        self.evicted: dict[str, int] = {"verdicts": 0, "groups": 0}

    def learn(self, group: GroupKey, addresses: Iterable[IPAddress]) -> None:
        """Addresses that a CARP group seems to have (from ARP and ND): its advertisements carry none."""
        learnt = self._known(group)
        for address in addresses:
            if len(learnt.addresses) >= MAX_LEARNT:
                return
            learnt.addresses[address] = None

    def verify(self, advert: Advert, packet: Packet, frame: bytes, at: Instant, evidence: Evidence) -> bool | None:
        """Whether this packet is what a holder of the key sent; ``None`` where no key applies or it cannot be told.

        ``advert`` is the speaker's content; the parts that change from packet to packet are read from ``packet``, which
        was dissected from ``frame``.
        """
        message = decode_advert(packet)
        genuine: bool | None = None
        proved: AddressSet | None = None
        how = ""
        match message:
            case Carp():
                how = "CARP digest"
                genuine, proved = self._carp(advert.group, message)
            case Vrrp(trailer=trailer) if trailer is not None:
                how = "HMAC trailer"
                genuine = self._trailer(advert, packet, message)
            case Vrrp() if packet.authentication is not None:
                how = "AH integrity check value"
                genuine = self._ah(advert.group, packet, frame)
            case Vrrp(auth_type=1, complete=True, auth_data=data):
                how = "simple password"
                keys = self._keys.matching("vrrp-simple", advert.group)
                genuine = any(key.value == data.rstrip(b"\0") for key in keys) if keys else None
            case _:
                pass
        if genuine is not None:
            self._remember(advert, genuine, proved)
        if genuine is False:
            self._findings.add(
                "auth-failed",
                segment=advert.group.segment,
                group=advert.group,
                subject=str(advert.speaker.ip),
                first=at,
                summary=f"the {how} of {advert.speaker.ip} does not verify with the key given: "
                "a wrong key or address list on it or in the key file, or a forged advertisement",
                evidence=(evidence,),
            )
        return genuine

    def verdict(self, group: GroupKey, speaker: SpeakerKey) -> bool | None:
        """Whether everything verified of ``speaker`` was authentic; ``None`` where nothing was."""
        known = self._verdicts.get((group, speaker))
        return None if known is None else known.authentic

    def addresses(self, group: GroupKey, speaker: SpeakerKey) -> AddressSet | None:
        """The address set with which the speaker's latest CARP digest verified; ``None`` where none has."""
        known = self._verdicts.get((group, speaker))
        return None if known is None else known.addresses

    def _ah(self, group: GroupKey, packet: Packet, frame: bytes) -> bool | None:
        keys = self._keys.matching("vrrp-ah", group)
        header = packet.authentication
        if not keys or header is None:
            return None
        expected = [ah_icv(frame[packet.network_offset :], key.value) for key in keys]
        known = [icv for icv in expected if icv is not None]
        return any(compare_digest(icv, header.icv) for icv in known) if known else None

    def _trailer(self, advert: Advert, packet: Packet, message: Vrrp) -> bool | None:
        trailer = message.trailer
        keys = [
            key
            for key in self._keys.matching("vrrp-hmac", advert.group)
            if trailer is not None and key.key_id in (None, trailer.key_id)
        ]
        if not keys or trailer is None or not message.complete:
            return None
        expected = [trailer_digest(key.value, packet.payload, advert.speaker.ip) for key in keys]
        known = [digest for digest in expected if digest is not None]
        return any(compare_digest(digest, trailer.digest) for digest in known) if known else None

    def _carp(self, group: GroupKey, message: Carp) -> tuple[bool | None, AddressSet | None]:
        keys = self._keys.matching("carp", group)
        if not keys or message.counter is None or message.digest is None:
            return None, None
        learnt = self._known(group)
        for key in keys:
            for addresses in _candidates(key.addresses, learnt):
                if compare_digest(carp_digest(key.value, message.vhid, addresses, message.counter), message.digest):
                    learnt.proved[addresses] = None
                    return True, addresses
        # Without an address set that the key file lists or a digest has proved, a wrong guess of ours looks the same as
        # a wrong key of theirs.
        certain = bool(learnt.proved) or all(key.addresses for key in keys)
        return (False if certain else None), None

    def _known(self, group: GroupKey) -> _Learnt:
        learnt = self._learnt.get(group)
        if learnt is None:
            if len(self._learnt) >= MAX_GROUPS:
                del self._learnt[next(iter(self._learnt))]
                self.evicted["groups"] += 1
            learnt = self._learnt[group] = _Learnt({}, {})
        return learnt

    def _remember(self, advert: Advert, genuine: bool, proved: AddressSet | None) -> None:
        key = (advert.group, advert.speaker)
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MAX_SPEAKERS:
                del self._verdicts[next(iter(self._verdicts))]
                self.evicted["verdicts"] += 1
            verdict = self._verdicts[key] = _Verdict()
        verdict.authentic = verdict.authentic and genuine
        if proved is not None:
            verdict.addresses = proved


def _candidates(listed: tuple[AddressSet, ...], learnt: _Learnt) -> Iterator[AddressSet]:
    """The address sets to try: those proved, those listed, or else every subset of those learnt, the fullest first."""
    yield from learnt.proved
    if listed:
        yield from listed
        return
    for size in range(len(learnt.addresses), -1, -1):
        yield from combinations(learnt.addresses, size)
