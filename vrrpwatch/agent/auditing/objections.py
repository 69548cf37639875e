"""What speaks against a router before it has said a word: its settings held against what is heard on its segment.

The rules are those of findings (:mod:`vrrpwatch.core.findings`), since these are what an observer would raise as soon
as the router spoke; ``duplicate-source``, ``scope-mismatch`` and ``equal-priority`` only make sense from its own side.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from vrrpwatch.agent.auditing.differences import Difference, compare, named
from vrrpwatch.agent.auditing.stations import Station, is_unicast
from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo, VolumeInfo
from vrrpwatch.core.checks_pairs import listed
from vrrpwatch.core.checks_speaker import OWNER_PRIORITY, title
from vrrpwatch.core.claims import is_virtual, virtual_macs
from vrrpwatch.core.cures import Cures
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import Finding, GroupKey, Severity
from vrrpwatch.wire.values import IPAddress, Mac

# Speakers of one group that are compared: a redundancy group has a handful, a forger invents more.
MAX_COMPARED: Final = 8
# Findings of one group: each rule that counts here, about some of its speakers.
MAX_FOUND: Final = 64
# What a person can still read, and more than one for each router there may be.
MAX_OBJECTIONS: Final = 4_096
# One advert that must be discarded may be anybody's accident; a host whose adverts are such sends another.
REPEATED: Final = 2

SEVERITIES: Final = RULES | {
    "duplicate-source": Severity.CRITICAL,
    "scope-mismatch": Severity.CRITICAL,
    "equal-priority": Severity.INFO,
}
# What an observer already finds wrong with the group, and what to do about it before one more joins in.
_REMEDIES: Final = {
    "bad-ttl": "find who relays or forges these advertisements: every router discards them",
    "bad-checksum": "repair or update that router: every other one discards what it sends",
    "malformed": "repair or update that router: every other one discards what it sends",
    "split-brain": "find out why those two do not hear each other, before a third joins them",
    "vrid-collision": "give one of those two another id, before a third joins them",
}


class Objection(NamedTuple):
    """``heard`` is who says what against ``router``, ``remedy`` what to do about it; a line each."""

    rule: str
    severity: Severity
    router: str
    heard: str
    remedy: str

    @property
    def stops(self) -> bool:
        """Whether a router must not run like that, unless it is forced to."""
        return self.severity is not Severity.INFO


class Claim(NamedTuple):
    """Somebody on ``interface`` has said, by ARP or neighbour discovery, that ``address`` is at ``mac``."""

    interface: str
    address: IPAddress
    mac: Mac


class Survey(NamedTuple):
    """What was heard while listening; ``own_macs`` are those of all interfaces of this host."""

    groups: tuple[GroupInfo, ...] = ()
    findings: tuple[Finding, ...] = ()
    claims: frozenset[Claim] = frozenset()
    multicast: tuple[VolumeInfo, ...] = ()
    own_macs: frozenset[Mac] = frozenset()


def objections(stations: Sequence[Station], survey: Survey) -> tuple[Objection, ...]:
    """All there are, the gravest first, and those of one router together."""
    heard = _Heard(stations, survey)
    found = [objection for station in stations for objection in heard.against(station)]
    order = {station.name: number for number, station in enumerate(stations)}
    found.sort(key=lambda one: (-one.severity.rank, order[one.router]))
    return tuple(found[:MAX_OBJECTIONS])


def own_groups(station: Station, groups: Iterable[GroupInfo]) -> list[GroupInfo]:
    """Those of ``groups`` that the router is one of; more than one only where others use another destination."""
    return [info for info in groups if station.is_of(info.key, info.peers)]


class _Heard:
    """A survey, by what it is looked up for."""

    def __init__(self, stations: Sequence[Station], survey: Survey) -> None:
        self._own_macs = survey.own_macs
        self._cures = Cures(survey.groups, survey.multicast)
        self._by_id: dict[tuple[str, int], list[GroupInfo]] = {}
        self._at: dict[tuple[str, IPAddress], list[tuple[GroupInfo, SpeakerInfo]]] = {}
        self._holding: dict[tuple[str, IPAddress], list[GroupInfo]] = {}
        self._taken: dict[str, set[int]] = {}
        for info in survey.groups:
            segment, number = info.key.segment, info.key.id
            if info.key.protocol in ("vrrp", "carp"):
                self._by_id.setdefault((segment, number), []).append(info)
                self._taken.setdefault(segment, set()).add(number)
                for speaker in info.speakers:
                    self._at.setdefault((segment, speaker.key.ip), []).append((info, speaker))
                for address in info.addresses:
                    self._holding.setdefault((segment, address), []).append(info)
        for station in stations:
            self._taken.setdefault(station.attachment.interface, set()).add(station.config.id)
        # Of a group of which nothing valid was heard there is no more than findings.
        self._peers = {info.key: info.peers for info in survey.groups}
        self._found: dict[tuple[str, int], list[tuple[GroupKey, Finding]]] = {}
        for finding in survey.findings:
            if finding.group is not None:
                place = finding.group.segment, finding.group.id
                self._found.setdefault(place, []).append((finding.group, finding))
        self._claims: dict[tuple[str, IPAddress], list[Mac]] = {}
        for claim in sorted(survey.claims, key=lambda claim: claim.mac):
            self._claims.setdefault((claim.interface, claim.address), []).append(claim.mac)

    def against(self, station: Station) -> Iterator[Objection]:
        near = self._by_id.get((station.attachment.interface, station.config.id), [])
        mine = own_groups(station, near)
        found = [*self._own_faults(station), *islice(self._duplicates(station), MAX_COMPARED)]
        for info in mine:
            for speaker in _strangers(station, info):
                found += compare(station, info, speaker, self._another_id(station))
        for info in near:
            if info not in mine:
                found += self._neighbours(station, info)
        found += self._findings(station)
        found += self._conflicts(station, near)
        for one in found:
            yield Objection(one.rule, one.severity or SEVERITIES[one.rule], station.name, one.heard, one.remedy)

    def _own_faults(self, station: Station) -> Iterator[Difference]:
        config, source = station.config, station.attachment.source
        if config.protocol == "vrrp" and config.priority == OWNER_PRIORITY and source not in config.advertised:
            yield Difference(
                "owner-priority",
                f"priority 255 is the address owner's, but this host sends from {source}, "
                f"which is none of {listed(config.advertised)}",
                "set priority = 254 or less",
            )

    def _duplicates(self, station: Station) -> Iterator[Difference]:
        """Our own source address, heard before we have said anything."""
        place, source = station.attachment.interface, station.attachment.source
        rule = "duplicate-source"
        for info, speaker in self._at.get((place, source), []):
            mac, what = speaker.key.mac, f"{title(info.key)} ({info.key.protocol.upper()})"
            local = mac is None or mac in self._own(station) or mac in virtual_macs(info.key)
            if not local:
                yield Difference(
                    rule,
                    f"{source}, this host's own address, advertises {what} from {mac}, a card of another host",
                    "give that host or this one another address",
                )
            elif station.is_of(info.key, info.peers):
                yield Difference(
                    rule,
                    f"{source}, this host's own address, advertises {what} already",
                    "another program here (keepalived, FRR or a second agent?) runs this router: stop it first",
                )
        if source in station.config.advertised:
            # An owner's address is rightly held by whoever stands in for it.
            return
        for mac in self._claims.get((place, source), []):
            if mac not in self._own(station):
                yield Difference(
                    rule,
                    f"{mac} on {place} says that {source}, this host's own address, is its own",
                    "give that host or this one another address",
                )

    def _own(self, station: Station) -> frozenset[Mac]:
        return self._own_macs | {station.attachment.mac}

    def _neighbours(self, station: Station, info: GroupInfo) -> Iterator[Difference]:
        """Groups with the router's id that are not its own."""
        config = station.config
        if not info.speakers:
            return
        who = named(_loudest(info)[0])
        if config.protocol != info.key.protocol:
            # CARP and VRRP over IPv4 share the range of virtual MACs (RFC 9568 §7.3, ip_carp.c) and the destination.
            families = {(config.protocol, config.family), info.key[1:3]}
            if config.peers or is_unicast(info.key) or ("vrrp", 6) in families:
                return
            yield Difference(
                "shared-virtual-mac",
                f"{who} uses id {config.id} for {info.key.protocol.upper()}, which gives both the same virtual MAC, "
                "and each takes the other's advertisements for bad ones of its own",
                f"{self._another_id(station)}, or give that one another",
            )
        elif config.family == info.key.family:
            ours = set(config.advertised)
            verified = any(speaker.authentic for speaker in info.speakers)
            if not verified and ours.isdisjoint(info.addresses):
                return
            if config.peers:
                yield Difference(
                    "scope-mismatch",
                    f"{who} advertises {title(info.key)} with the same addresses to {info.key.scope}, "
                    "not to this router, and does not hear what is sent to peers",
                    "remove peers here, or have that router advertise to this one",
                )
            else:
                yield Difference(
                    "scope-mismatch",
                    f"{who} advertises {title(info.key)} with the same addresses to unicast peers, "
                    "and does not hear what is sent to the multicast group",
                    "list its address in peers here, or have that router use multicast",
                )

    def _findings(self, station: Station) -> Iterator[Difference]:
        """What an observer finds wrong with the router's group already."""
        place, source = station.attachment.interface, station.attachment.source
        found = self._found.get((place, station.config.id), [])
        own = (one for group, one in found if station.is_of(group, self._peers.get(group, (source,))))
        for finding in islice(own, MAX_FOUND):
            if finding.rule == "leak":
                cure = self._cures.of(finding)
                if cure is not None:
                    yield Difference("leak", finding.summary, f"{cure.rule} on {cure.where}")
            elif finding.rule in _REMEDIES:
                discarded = finding.severity is not Severity.CRITICAL or finding.rule == "bad-ttl"
                stray = discarded and finding.count < REPEATED
                severity = Severity.INFO if stray else finding.severity
                yield Difference(finding.rule, finding.summary, _REMEDIES[finding.rule], severity)

    def _conflicts(self, station: Station, near: Sequence[GroupInfo]) -> Iterator[Difference]:
        """Virtual addresses that others hold: groups with another id, and hosts that never advertise.

        What is wrong with the groups ``near``, which have the router's own id, is told elsewhere.
        """
        config, place = station.config, station.attachment.interface
        here = [one.address.ip for one in config.addresses if one.interface in (None, config.interface)]
        known = virtual_macs(station.key) | self._own(station) | _cards(near)
        # Who advertises from a virtual MAC may answer from a card, which only an answer for its own address tells.
        hidden = [speaker.key.ip for info in near for speaker in info.speakers if is_virtual(speaker.key.mac or "")]
        cards = [self._claims.get((place, ip), []) for ip in hidden]
        known = known.union(*cards)
        certain = all(cards)
        for address in here:
            others = [info for info in self._holding.get((place, address), []) if info not in near and info.speakers]
            for info in others[:MAX_COMPARED]:
                name = f"{title(info.key)} ({info.key.protocol.upper()})"
                yield Difference(
                    "vip-conflict",
                    f"{named(_loudest(info)[0])} backs up {address} as {name}",
                    f"set id = {info.key.id} if they are to be one router, or take another address here",
                )
            held = known | _cards(others)
            for mac in [mac for mac in self._claims.get((place, address), []) if mac not in held][:MAX_COMPARED]:
                if not certain and not is_virtual(mac):
                    continue
                yield Difference(
                    "vip-conflict",
                    f"{mac} on {place} answers for {address} and advertises nothing",
                    "remove the address from that host (or its proxy ARP for it), or take another one here",
                )

    def _another_id(self, station: Station) -> str:
        """The advice to take the next id that nobody here uses."""
        own, taken = station.config.id, self._taken[station.attachment.interface]
        free = next((number for number in (*range(own + 1, 256), *range(1, own)) if number not in taken), None)
        return "use another segment, for all ids are taken here" if free is None else f"set id = {free}, not heard here"


def _loudest(info: GroupInfo) -> list[SpeakerInfo]:
    return sorted(info.speakers, key=lambda speaker: -speaker.adverts)[:MAX_COMPARED]


def _cards(groups: Iterable[GroupInfo]) -> set[Mac]:
    """What the groups' members answer from."""
    found: set[Mac] = set()
    for info in groups:
        found |= virtual_macs(info.key)
        found.update(speaker.key.mac for speaker in info.speakers if speaker.key.mac is not None)
    return found


def _strangers(station: Station, info: GroupInfo) -> list[SpeakerInfo]:
    """The other routers of the group; who bears our own address is another matter."""
    return [speaker for speaker in _loudest(info) if speaker.key.ip != station.attachment.source]
