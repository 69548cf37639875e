"""Who claims an address and which hosts MAC addresses belong to: what ARP and ND teach, in bounded tables, unjudged."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vrrpwatch.core.model import Evidence, GroupKey, Instant
from vrrpwatch.wire.macs import virtual_router
from vrrpwatch.wire.values import IPAddress, Mac

# Addresses are forgeable: beyond these the entry unused for longest is forgotten.
MAX_BINDINGS: Final = 16_384
MAX_MACS: Final = 8
MAX_ADDRESSES: Final = 16_384
MAX_RECENT: Final = 8_192
# Gratuitous claims of one address that are remembered: a takeover with keepalived's defaults makes ten.
MAX_HISTORY: Final = 16

# HSRP version 1, version 2 (both families) and GLBP; the rest holds the group's number.
_CISCO_PREFIXES: Final = ("00:00:0c:07:ac:", "00:00:0c:9f:f", "00:05:73:a0:0", "00:07:b4:0")


@dataclass(frozen=True, slots=True)
class Claim:
    """One packet's "this address is at this MAC".  ``gratuitous``: nobody had asked."""

    segment: str
    at: Instant
    evidence: Evidence
    ip: IPAddress
    mac: Mac
    gratuitous: bool


def is_virtual(mac: Mac) -> bool:
    """Whether a MAC is no card's own but some virtual router's."""
    return virtual_router(mac) is not None or mac.startswith(_CISCO_PREFIXES)


def virtual_macs(group: GroupKey) -> frozenset[Mac]:
    """The MAC addresses that belong to the virtual router itself.

    VRRP: RFC 9568 §7.3; CARP: OpenBSD ip_carp.c, and ucarp's own range; HSRP: RFC 2281 §5.1 and Cisco's version 2.
    """
    octet = f"{group.id & 0xFF:02x}"
    match group.protocol:
        case "vrrp":
            return frozenset({f"00:00:5e:00:0{1 if group.family == 4 else 2}:{octet}"})
        case "carp":
            return frozenset({f"00:00:5e:00:01:{octet}", f"00:00:5e:00:00:{octet}"})
        case "hsrp":
            rest = f"{group.id >> 8 & 0xF:x}:{octet}"
            return frozenset({f"00:00:0c:07:ac:{octet}", f"00:00:0c:9f:f{rest}", f"00:05:73:a0:0{rest}"})
        case "glbp":
            return frozenset(f"00:07:b4:0{group.id >> 8 & 0x3:x}:{octet}:{forwarder:02x}" for forwarder in range(1, 5))


@dataclass(slots=True)
class Binding:
    """The MACs of one IP address and when each was first seen; ``claimed`` are those known from claims alone."""

    macs: dict[Mac, Instant] = field(default_factory=dict)
    claimed: set[Mac] = field(default_factory=set)


class Bindings:
    """Which MACs each IP address was seen with, and the other way round; ``version`` changes with what is known."""

    def __init__(self) -> None:
        self._by_ip: OrderedDict[tuple[str, IPAddress], Binding] = OrderedDict()
        self._by_mac: OrderedDict[tuple[str, Mac], dict[IPAddress, None]] = OrderedDict()
        self.version = 0
        self.evicted = 0

    def learn(self, segment: str, ip: IPAddress, mac: Mac, at: Instant, *, claimed: bool) -> None:
        """``ip`` speaks from ``mac``; ``claimed``: only a claim says so."""
        key = (segment, ip)
        binding = self._by_ip.get(key)
        if binding is None:
            if len(self._by_ip) >= MAX_BINDINGS:
                self._by_ip.popitem(last=False)
                self.evicted += 1
            binding = self._by_ip[key] = Binding()
        else:
            self._by_ip.move_to_end(key)
        if mac not in binding.macs:
            if len(binding.macs) >= MAX_MACS:
                self.evicted += 1
                return
            binding.macs[mac] = at
            self.version += 1
            if claimed:
                binding.claimed.add(mac)
            self._note(segment, mac, ip)
        elif not claimed and mac in binding.claimed:
            binding.claimed.discard(mac)
            self.version += 1

    def _note(self, segment: str, mac: Mac, ip: IPAddress) -> None:
        key = (segment, mac)
        if key not in self._by_mac and len(self._by_mac) >= MAX_BINDINGS:
            self._by_mac.popitem(last=False)
            self.evicted += 1
        addresses = self._by_mac.setdefault(key, {})
        if len(addresses) < MAX_MACS:
            addresses[ip] = None

    def macs(self, segment: str, ip: IPAddress, *, claims: bool) -> set[Mac]:
        """The MACs that ``ip`` is known by; without ``claims``, those known from claims alone are left out."""
        binding = self._by_ip.get((segment, ip))
        if binding is None:
            return set()
        return set(binding.macs) if claims else set(binding.macs) - binding.claimed

    def since(self, segment: str, ip: IPAddress, mac: Mac, default: Instant) -> Instant:
        """When ``ip`` was first seen with ``mac``; ``default`` where that is not known."""
        binding = self._by_ip.get((segment, ip))
        return binding.macs.get(mac, default) if binding is not None else default

    def addresses(self, segment: str, mac: Mac) -> set[IPAddress]:
        return set(self._by_mac.get((segment, mac), ()))


class History:
    """The latest gratuitous claims: of every address, and of all together for groups whose addresses nobody says."""

    def __init__(self) -> None:
        self._by_ip: OrderedDict[tuple[str, IPAddress], deque[Claim]] = OrderedDict()
        self._recent: deque[Claim] = deque(maxlen=MAX_RECENT)
        self.evicted = 0

    def add(self, claim: Claim) -> None:
        key = (claim.segment, claim.ip)
        if key not in self._by_ip:
            if len(self._by_ip) >= MAX_ADDRESSES:
                self._by_ip.popitem(last=False)
                self.evicted += 1
            self._by_ip[key] = deque(maxlen=MAX_HISTORY)
        self._by_ip.move_to_end(key)
        self._by_ip[key].append(claim)
        self._recent.append(claim)

    def covers(self, segment: str, ip: IPAddress | None, start: Instant) -> bool:
        """Whether all gratuitous claims since ``start`` are still remembered: of one address, or (``None``) of any."""
        claims = self._recent if ip is None else self._by_ip.get((segment, ip), deque())
        full = MAX_RECENT if ip is None else MAX_HISTORY
        return len(claims) < full or claims[0].at <= start

    def last(self, segment: str, ip: IPAddress, until: Instant) -> Claim | None:
        """The last gratuitous claim of ``ip`` not after ``until``, as far as is remembered."""
        for claim in reversed(self._by_ip.get((segment, ip), ())):
            if claim.at <= until:
                return claim
        return None

    def newest(self, segment: str, ip: IPAddress) -> Claim | None:
        """The last gratuitous claim of ``ip``, as far as is remembered."""
        claims = self._by_ip.get((segment, ip))
        return claims[-1] if claims else None

    def between(self, segment: str, ip: IPAddress, start: Instant, end: Instant) -> Iterator[Claim]:
        """The gratuitous claims of one address from ``start`` to ``end``, both included."""
        return (claim for claim in self._by_ip.get((segment, ip), ()) if start <= claim.at <= end)

    def recent(self, segment: str, family: int, start: Instant, end: Instant) -> list[Claim]:
        """The gratuitous claims of any address of ``family`` from ``start`` to ``end``, both included."""
        return [
            claim
            for claim in self._recent
            if claim.segment == segment and claim.ip.version == family and start <= claim.at <= end
        ]
