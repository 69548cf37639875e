"""IGMP and MLD as a bystander sees them: who joined which group, and who asks.

RFC 3376 and RFC 3810 (hosts and queriers), RFC 4541 (what snooping switches make of it).
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address
from typing import Final, Literal

from vrrpwatch.core.analysis import Listener
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import NANOSECONDS, Evidence, Instant, Seconds, nanoseconds
from vrrpwatch.core.news import Member, QuerierInfo
from vrrpwatch.wire.values import IPAddress, Mac, MembershipQuery, MembershipReport

Family = Literal[4, 6]

# Group Membership Interval with default settings: 2 · 125 s + 10 s (RFC 3376 §8.4, RFC 3810 §9.4).
MEMBERSHIP_INTERVAL: Final[Seconds] = 260.0
# Other Querier Present Interval: 2 · 125 s + 5 s (RFC 3376 §8.5): one silent for longer has left its role.
QUERIER_PRESENT: Final[Seconds] = 255.0

# Hosts and groups are forgeable: the longest silent member, and new groups beyond the cap, are given up.
MAX_MEMBERS: Final = 16_384
MAX_GROUPS: Final = 16_384
MAX_LINKS: Final = 4_096
MAX_QUERIERS: Final = 16

_MEMBERSHIP = nanoseconds(MEMBERSHIP_INTERVAL)
_NEVER = 1 << 63
_PRESENT = nanoseconds(QUERIER_PRESENT)
_LINK_LOCAL = IPv4Network("224.0.0.0/24")


@dataclass(slots=True)
class _Member:
    listener: Listener
    heard: Instant
    suppressible: bool


@dataclass(slots=True)
class _Group:
    """A group that somebody joined, first at ``since``; ``spoken``: the last report that may have silenced others."""

    since: Instant
    members: set[IPAddress] = field(default_factory=set)
    spoken: Instant | None = None


@dataclass(slots=True)
class _Querier:
    last: Instant
    evidence: Evidence
    # When this querier last asked again although it had heard that other one ask.
    defied: dict[IPAddress, Instant] = field(default_factory=dict)


@dataclass(slots=True)
class _Link:
    """One family of one segment, heard from ``heard`` on.

    ``since`` begins the stretch without queries, ``report`` is its first report.
    """

    heard: Instant
    since: Instant
    report: Evidence | None = None
    reported: Instant | None = None
    raised: bool = False
    longest: int = 0
    asked: Instant | None = None
    queriers: OrderedDict[IPAddress, _Querier] = field(default_factory=OrderedDict)


def family_name(family: Family) -> str:
    """The protocol of memberships in an address family."""
    return "igmp" if family == 4 else "mld"


def stays_on_link(group: IPAddress) -> bool:
    """Whether a group is flooded anyway: interface-local and link-local scope (RFC 4291 §2.7, RFC 4541 §2.1.2)."""
    if isinstance(group, IPv6Address):
        return group.packed[1] & 0x0F <= 2
    return group in _LINK_LOCAL


class Membership:
    """Follows the memberships of every segment.  Calls come in order of time, give or take what a capture shuffles."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._links: dict[tuple[str, Family], _Link] = {}
        self._groups: dict[tuple[str, IPAddress], _Group] = {}
        self._members: OrderedDict[tuple[str, IPAddress, IPAddress], _Member] = OrderedDict()
        self._now: Instant = 0
        # Before this no link can lack a query for long enough.
        self._due: Instant = _NEVER
        # Since a group was not noted, "nobody joined it" can no longer be said of any.
        self._blind: Instant | None = None
        self.evicted = 0

    def report(
        self,
        segment: str,
        at: Instant,
        evidence: Evidence,
        source_ip: IPAddress,
        source_mac: Mac | None,
        message: MembershipReport,
    ) -> None:
        """A host says what it joins and leaves."""
        self._now = max(self._now, at)
        link = self._link(segment, 4 if message.protocol == "igmp" else 6, at)
        if link is not None:
            if link.report is None:
                link.report, link.reported = evidence, at
                self._due = min(self._due, link.since + _MEMBERSHIP)
            self._lapse(segment, message.protocol, link, at)
        # Before IGMPv3 and MLDv2, a host that hears another's report keeps its own back (RFC 2236 §3).
        suppresses = message.version < (3 if message.protocol == "igmp" else 2)
        for group in message.joined:
            self._join(segment, group, source_ip, source_mac, at, suppresses)
        for group in message.left:
            self._drop(segment, group, source_ip)

    def query(
        self,
        segment: str,
        at: Instant,
        evidence: Evidence,
        source_ip: IPAddress,
        message: MembershipQuery,
    ) -> None:
        """A querier asks who listens; only general queries show who the querier is."""
        self._now = max(self._now, at)
        link = self._link(segment, 4 if message.protocol == "igmp" else 6, at)
        if link is None:
            return
        self._lapse(segment, message.protocol, link, at)
        if link.raised:
            self._extend(segment, message.protocol, link, at)
        link.since, link.report, link.reported, link.raised = at, None, None, False
        if message.group.is_unspecified:
            link.asked = at
            self._compare(segment, message.protocol, link, source_ip, at, evidence)

    def heard(self, segment: str, group: IPAddress) -> Instant | None:
        """Since when memberships of a group's family are told of on ``segment``; ``None``: not at all."""
        link = self._links.get((segment, group.version))
        return None if link is None else link.heard

    def wanted(self, segment: str, group: IPAddress) -> Instant | None:
        """Since when somebody has joined, or may have joined, ``group``; ``None``: nobody ever did."""
        joined = self._groups.get((segment, group))
        return self._blind if joined is None else joined.since

    def joined(self, segment: str, group_address: IPAddress) -> tuple[Listener, ...]:
        """The hosts that joined ``group_address`` and neither left it nor stopped answering its querier."""
        group = self._groups.get((segment, group_address))
        if group is None:
            return ()
        link = self._links.get((segment, group_address.version))
        members = (self._members[segment, group_address, ip] for ip in group.members)
        present = [member.listener for member in members if not self._expired(member, group, link)]
        return tuple(sorted(present, key=lambda listener: (listener.joined, int(listener.ip))))

    def members(self) -> Iterator[Member]:
        """Everybody who is in a group now, the one heard from last at the end."""
        for (segment, address, ip), member in self._members.items():
            if not self._expired(member, self._groups[segment, address], self._links.get((segment, address.version))):
                yield Member(segment, address, ip, member.listener.mac, member.listener.joined)

    def queriers(self) -> Iterator[QuerierInfo]:
        """Who asks on each link, the one that asked last at the end."""
        for (segment, family), link in self._links.items():
            for ip, querier in link.queriers.items():
                yield QuerierInfo(segment, family_name(family), ip, querier.last)

    def advance(self, now: Instant) -> None:
        """Time has passed: raises no-querier where its time has come."""
        self._now = max(self._now, now)
        if now < self._due:
            return
        self._due = _NEVER
        for (segment, family), link in self._links.items():
            if link.report is not None and not link.raised:
                self._lapse(segment, family_name(family), link, now)
                if not link.raised:
                    self._due = min(self._due, link.since + _MEMBERSHIP)

    def finish(self, now: Instant) -> None:
        """The traffic is over at ``now``."""
        self.advance(now)
        for (segment, family), link in self._links.items():
            if link.raised:
                self._extend(segment, family_name(family), link, self._now)

    def _link(self, segment: str, family: Family, at: Instant) -> _Link | None:
        link = self._links.get((segment, family))
        if link is None:
            if len(self._links) >= MAX_LINKS:
                self.evicted += 1
                return None
            link = self._links[segment, family] = _Link(at, at)
        return link

    def _join(
        self, segment: str, address: IPAddress, ip: IPAddress, mac: Mac | None, at: Instant, suppresses: bool
    ) -> None:
        group = self._groups.get((segment, address))
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                self.evicted += 1
                self._blind = at if self._blind is None else self._blind
                return
            group = self._groups[segment, address] = _Group(at)
        if suppresses:
            group.spoken = at
        if ip.is_unspecified:
            # A host without an address yet (RFC 3376 §4.2.13): somebody joined, but nobody who could be named.
            return
        key = (segment, address, ip)
        member = self._members.get(key)
        link = self._links.get((segment, address.version))
        if member is not None and not self._expired(member, group, link):
            member.heard, member.suppressible = at, suppresses
            self._members.move_to_end(key)
            return
        if len(self._members) >= MAX_MEMBERS:
            oldest = next(iter(self._members))
            self._drop(*oldest)
            self.evicted += 1
        self._members[key] = _Member(Listener(ip, mac, at), at, suppresses)
        group.members.add(ip)

    def _drop(self, segment: str, address: IPAddress, ip: IPAddress) -> None:
        if self._members.pop((segment, address, ip), None) is not None:
            self._groups[segment, address].members.discard(ip)

    def _expired(self, member: _Member, group: _Group, link: _Link | None) -> bool:
        """Whether a member has left in silence: it was asked after its last report and did not answer in time."""
        if link is None or link.asked is None:
            return False
        heard = member.heard if not member.suppressible else max(member.heard, group.spoken or 0)
        return link.asked > heard and self._now - heard >= _MEMBERSHIP

    def _lapse(self, segment: str, protocol: str, link: _Link, now: Instant) -> None:
        """Raises no-querier, once in a stretch, when reports came and the stretch without a query is long enough."""
        if link.raised or link.report is None or link.reported is None or now - link.since < _MEMBERSHIP:
            return
        link.raised = True
        self._findings.add(
            "no-querier",
            segment=segment,
            group=None,
            subject=protocol,
            first=link.since,
            last=max(link.reported, link.since + _MEMBERSHIP),
            summary=(
                f"hosts report {protocol.upper()} memberships but nobody has queried for {MEMBERSHIP_INTERVAL:.0f} s "
                "or more: snooping switches will forget the members"
            ),
            evidence=(link.report,),
        )

    def _extend(self, segment: str, protocol: str, link: _Link, until: Instant) -> None:
        found = self._findings.get("no-querier", segment, None, protocol)
        if found is not None:
            link.longest = max(link.longest, (until - link.since) // NANOSECONDS)
            self._findings.extend(
                found,
                until,
                f"hosts report {protocol.upper()} memberships but nobody queried for {link.longest} s: "
                "snooping switches will forget the members",
            )

    def _compare(
        self, segment: str, protocol: str, link: _Link, source: IPAddress, at: Instant, evidence: Evidence
    ) -> None:
        """Looks for two queriers that go on after hearing each other; an election leaves one (RFC 3376 §6.6.2)."""
        querier = link.queriers.get(source)
        if querier is None:
            if len(link.queriers) >= MAX_QUERIERS:
                gone, _ = link.queriers.popitem(last=False)
                for other in link.queriers.values():
                    other.defied.pop(gone, None)
                self.evicted += 1
            link.queriers[source] = _Querier(at, evidence)
            return
        rivals: deque[IPAddress] = deque()
        for ip, rival in link.queriers.items():
            if ip == source or rival.last <= querier.last or at - rival.last > _PRESENT:
                continue
            querier.defied[ip] = at
            answered = rival.defied.get(source)
            if answered is not None and at - answered <= _PRESENT:
                rivals.append(ip)
        querier.last, querier.evidence = at, evidence
        link.queriers.move_to_end(source)
        for ip in rivals:
            rival = link.queriers[ip]
            names = " and ".join(str(name) for name in sorted((source, ip), key=int))
            self._findings.add(
                "many-queriers",
                segment=segment,
                group=None,
                subject=protocol,
                first=rival.last,
                last=at,
                summary=f"{names} both go on sending {protocol.upper()} general queries: no querier was elected",
                evidence=(rival.evidence, evidence),
            )
