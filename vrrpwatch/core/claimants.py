"""The groups as ARP and ND see them: their addresses, who was master when, and which MACs each speaker's host has."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vrrpwatch.core.claims import Bindings, is_virtual, virtual_macs
from vrrpwatch.core.dialect import longest_wait, own_down
from vrrpwatch.core.model import Advert, Evidence, GroupKey, Instant, nanoseconds
from vrrpwatch.wire.values import IPAddress, Mac

# All of these are filled from forgeable packets: the group unheard for longest goes; of the rest, the new is refused.
MAX_GROUPS: Final = 16_384
MAX_SPEAKERS: Final = 64
MAX_ALL_SPEAKERS: Final = 32_768
MAX_SPEAKER_MACS: Final = 16
MAX_ADDRESSES: Final = 512
MAX_ALL_ADDRESSES: Final = 32_768
MAX_LEARNT: Final = 64
MAX_GROUPS_OF_ADDRESS: Final = 16
# Changes of mastership and contests of a group that are remembered for claims still to be judged.
MEMORY: Final = 32


@dataclass(slots=True)
class Speaker:
    """A host that advertises; ``adopted`` is the MAC that it was taken to have, having announced an address from it."""

    first: Instant
    macs: set[Mac] = field(default_factory=set)
    adopted: Mac | None = None


@dataclass(frozen=True, slots=True)
class Tenure:
    """Since ``at`` the group has this master, or none; ``takeover``: in place of another."""

    at: Instant
    master: IPAddress | None
    evidence: Evidence | None = None
    takeover: bool = False


@dataclass(frozen=True, slots=True)
class Truce:
    """A contest ended: the loser may have announced the addresses last."""

    at: Instant


@dataclass(frozen=True, slots=True)
class Faces:
    """Which speakers each MAC belongs to, and the speakers known from virtual MACs only; good for one ``version``."""

    version: int
    owners: dict[Mac, set[IPAddress]]
    faceless: set[IPAddress]


@dataclass(slots=True)
class Group:
    """``wait`` (ns) is how long after an instant it may take until it is certain who was master then."""

    key: GroupKey
    virtual: frozenset[Mac]
    wait: int = 0
    addresses: dict[IPAddress, None] = field(default_factory=dict)
    learnt: dict[IPAddress, None] = field(default_factory=dict)
    speakers: dict[IPAddress, Speaker] = field(default_factory=dict)
    tenures: deque[Tenure] = field(default_factory=lambda: deque(maxlen=MEMORY))
    contests: deque[tuple[Instant, Instant]] = field(default_factory=lambda: deque(maxlen=MEMORY))
    contested_since: Instant | None = None
    faces: Faces | None = None

    def hold(self, tenure: Tenure) -> None:
        """Notes a tenure; some are only told after later ones."""
        self.tenures.append(tenure)
        if len(self.tenures) > 1 and self.tenures[-2].at > tenure.at:
            self.tenures = deque(sorted(self.tenures, key=lambda known: known.at), maxlen=MEMORY)

    def tenure_at(self, at: Instant) -> Tenure | None:
        return next((tenure for tenure in reversed(self.tenures) if tenure.at <= at), None)

    def master_at(self, at: Instant) -> IPAddress | None:
        tenure = self.tenure_at(at)
        return tenure.master if tenure is not None else None

    def masters(self, start: Instant, end: Instant) -> set[IPAddress]:
        """Everybody who was master at some time from ``start`` to ``end``."""
        held = {tenure.master for tenure in self.tenures if start <= tenure.at <= end} | {self.master_at(start)}
        return {ip for ip in held if ip is not None}

    def contested(self, start: Instant, end: Instant) -> bool:
        """Whether a contest was on at some time after ``start`` up to ``end``."""
        if self.contested_since is not None and self.contested_since <= end:
            return True
        return any(since <= end and start < until for since, until in self.contests)

    def disturbed(self, until: Instant) -> Instant | None:
        """The last takeover or end of a contest not after ``until``: what was announced before that may be stale."""
        takeovers = [tenure.at for tenure in self.tenures if tenure.takeover and tenure.at <= until]
        truces = [end for _, end in self.contests if end <= until]
        return max(takeovers + truces, default=None)


class Roster:
    """All groups, found by key or by virtual address; ``indexed`` is told when a group is found to have one."""

    def __init__(self, bindings: Bindings, indexed: Callable[[Group, IPAddress], None]) -> None:
        self._bindings = bindings
        self._indexed = indexed
        self._groups: OrderedDict[GroupKey, Group] = OrderedDict()
        self._by_address: dict[tuple[str, IPAddress], list[Group]] = {}
        self._speakers = 0
        self._version = 0
        self.evicted = 0

    def get(self, key: GroupKey) -> Group | None:
        return self._groups.get(key)

    def claimed(self, segment: str, address: IPAddress) -> tuple[Group, ...]:
        """The groups that have this virtual address."""
        return tuple(self._by_address.get((segment, address), ()))

    def admit(self, advert: Advert, at: Instant) -> Group:
        """The advertisement's group, with its speaker, MAC and addresses noted."""
        group = self._groups.get(advert.group)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                self._forget(next(iter(self._groups.values())))
            group = self._groups[advert.group] = Group(advert.group, virtual_macs(advert.group))
        self._groups.move_to_end(advert.group)
        # An overlap shorter than a master-down time may begin the change, and then one more tells who fell silent.
        group.wait = max(group.wait, 2 * nanoseconds(max(longest_wait(advert), own_down(advert))))
        self._admit_speaker(group, advert, at)
        for address in advert.addresses or ():
            if address in group.addresses:
                continue
            if len(group.addresses) >= MAX_ADDRESSES:
                self.evicted += 1
                break
            group.addresses[address] = None
            self._index(group, address)
        return group

    def learn(self, group: Group, address: IPAddress) -> None:
        """``address`` is taken for a virtual address that the group's advertisements do not tell."""
        if address in group.learnt or address in group.speakers:
            return
        if len(group.learnt) >= MAX_LEARNT:
            self.evicted += 1
            return
        group.learnt[address] = None
        self._index(group, address)

    def adopt(self, group: Group, ip: IPAddress, mac: Mac) -> None:
        """Takes ``mac`` for that of the speaker's own card."""
        group.speakers[ip].adopted = mac
        self._version += 1

    def owners(self, group: Group, mac: Mac) -> set[IPAddress]:
        """The speakers whose hosts are known by ``mac``."""
        return self._faces(group).owners.get(mac, set())

    def faceless(self, group: Group) -> set[IPAddress]:
        """The speakers of whose own cards no MAC is known: they were heard from virtual ones only."""
        return self._faces(group).faceless

    def macs(self, group: Group, ip: IPAddress) -> set[Mac]:
        """Every MAC that a speaker's host is known by, the group's virtual ones aside."""
        speaker = group.speakers[ip]
        # An owner's own address is a virtual address too: who claims that is not thereby the owner's host.
        disputed = ip in group.addresses or ip in group.learnt
        macs = speaker.macs | self._bindings.macs(group.key.segment, ip, claims=not disputed)
        if speaker.adopted is not None:
            macs.add(speaker.adopted)
        return macs - group.virtual

    def _faces(self, group: Group) -> Faces:
        version = self._version + self._bindings.version
        if group.faces is None or group.faces.version != version:
            owners: dict[Mac, set[IPAddress]] = {}
            faceless = set()
            for ip in group.speakers:
                macs = self.macs(group, ip)
                if all(is_virtual(mac) for mac in macs):
                    faceless.add(ip)
                for mac in macs:
                    owners.setdefault(mac, set()).add(ip)
            group.faces = Faces(version, owners, faceless)
        return group.faces

    def _admit_speaker(self, group: Group, advert: Advert, at: Instant) -> None:
        ip, mac = advert.speaker
        speaker = group.speakers.get(ip)
        if speaker is None:
            if len(group.speakers) >= MAX_SPEAKERS or self._speakers >= MAX_ALL_SPEAKERS:
                self.evicted += 1
                return
            speaker = group.speakers[ip] = Speaker(at)
            self._speakers += 1
            self._version += 1
        speaker.first = min(speaker.first, at)
        if mac is not None and mac not in speaker.macs and len(speaker.macs) < MAX_SPEAKER_MACS:
            speaker.macs.add(mac)
            self._version += 1

    def _index(self, group: Group, address: IPAddress) -> None:
        key = (group.key.segment, address)
        self._version += 1
        if key not in self._by_address and len(self._by_address) >= MAX_ALL_ADDRESSES:
            self.evicted += 1
            return
        groups = self._by_address.setdefault(key, [])
        if len(groups) < MAX_GROUPS_OF_ADDRESS and not any(known is group for known in groups):
            groups.append(group)
            self._indexed(group, address)

    def _forget(self, group: Group) -> None:
        self.evicted += 1
        self._speakers -= len(group.speakers)
        del self._groups[group.key]
        for address in {**group.addresses, **group.learnt}:
            key = (group.key.segment, address)
            kept = [known for known in self._by_address.get(key, ()) if known is not group]
            if kept:
                self._by_address[key] = kept
            else:
                self._by_address.pop(key, None)
