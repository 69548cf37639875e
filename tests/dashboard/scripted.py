"""A view that plays a script on a virtual clock: groups in every state, and any number of ordinary ones more."""

# ruff: noqa: ARG002  # the protocol gives arguments that a script has no need of

from collections.abc import Sequence
from ipaddress import ip_address

from vrrpwatch.core.analysis import (
    GroupInfo,
    Listener,
    Rate,
    SpeakerInfo,
    Successor,
    Tenure,
    Totals,
    VolumeInfo,
)
from vrrpwatch.core.model import Event, Evidence, Finding, GroupKey, Instant, Severity, SpeakerKey, nanoseconds
from vrrpwatch.core.news import GroupRow, Member, Neighbour, QuerierInfo, RecentPacket
from vrrpwatch.wire.values import IPAddress, Vrrp
from vrrpwatch.wire.vrrp import encode_vrrp

# 2026-01-31 12:00:00 UTC.
START: Instant = 1_769_860_800 * 1_000_000_000
VIP = "10.0.10.1"
A, B, C = "10.0.10.2", "10.0.10.3", "10.0.10.4"
MAC_A, MAC_B = "52:54:00:aa:00:02", "52:54:00:aa:00:03"
VIRTUAL_MAC = "00:00:5e:00:01:33"
PASSWORD = b"s3cretpw"
SEGMENT = "eth0/10"
CONTESTED = GroupKey(SEGMENT, "vrrp", 4, 51, "224.0.0.18")
HELD = GroupKey(SEGMENT, "vrrp", 4, 52, "224.0.0.18")
LOST = GroupKey("eth0/20", "carp", 4, 7, "224.0.0.18")
SIX = GroupKey("eth0/20", "vrrp", 6, 53, "ff02::12")
HSRP = GroupKey("eth1", "hsrp", 4, 1, "224.0.0.2")


def at(seconds: float) -> Instant:
    """An instant of the script's clock."""
    return START + nanoseconds(seconds)


def ip(text: str) -> IPAddress:
    return ip_address(text)


def speaker(address: str, mac: str | None, priority: int, now: Instant, adverts: int = 600) -> SpeakerInfo:
    return SpeakerInfo(
        key=SpeakerKey(ip(address), mac),
        versions=(2,),
        priority=priority,
        advbase=None,
        advskew=None,
        demotion=None,
        interval=1.0,
        adverts=adverts,
        first=START,
        last=now,
        addresses=(ip(VIP),),
        auth="simple",
        checksum="plain",
        implementation="keepalived",
        authentic=None,
    )


def advert_frame(source: str, priority: int, auth: bytes = PASSWORD) -> bytes:
    """A VRRPv2 advertisement with a simple password, in an Ethernet frame."""
    address = ip_address(source)
    target = ip_address("224.0.0.18")
    message = Vrrp(
        version=2,
        vrid=51,
        priority=priority,
        count=1,
        interval=1.0,
        checksum=0,
        addresses=(ip(VIP),),
        auth_type=1,
        auth_data=auth,
    )
    body = encode_vrrp(message, address, target)
    head = bytes.fromhex("45c0") + (20 + len(body)).to_bytes(2) + bytes.fromhex("00070000ff700000")
    link = bytes.fromhex("01005e000012") + bytes.fromhex(MAC_A.replace(":", "")) + b"\x08\x00"
    return link + head + address.packed + target.packed + body


class ScriptedView:
    """Changes only by :meth:`advance`; what a test wants otherwise it sets."""

    def __init__(self, extra: int = 0) -> None:
        self.now: Instant = at(600)
        self.dropped = 0
        self.adverts = 12_345
        self.broken: Exception | None = None
        self.quiet = False
        self.newest: list[RecentPacket] = []
        self.shown_findings = self._findings()
        self.extra = [self._ordinary(number) for number in range(extra)]
        self._changed = 0

    @property
    def totals(self) -> Totals:
        return Totals(self.adverts * 3, self.adverts * 180, self.adverts * 2, self.adverts * 120, self.adverts)

    def advance(self, seconds: float, changes: int = 0) -> None:
        """Lets time pass; ``changes`` of the extra groups advertise."""
        self.now += nanoseconds(seconds)
        self.adverts += 4 + changes
        for _ in range(changes if self.extra else 0):
            self._changed = (self._changed + 7919) % len(self.extra)
            row = self.extra[self._changed]
            self.extra[self._changed] = row._replace(last=self.now, adverts=row.adverts + 1, jitter=0.001)

    def rows(self) -> Sequence[GroupRow]:
        if self.broken is not None:
            raise self.broken
        if self.quiet:
            return []
        fresh = self.now - nanoseconds(0.3)
        rows = [
            GroupRow(LOST, "lost", None, None, 1.0, None, at(420), 419, Severity.WARNING),
            GroupRow(SIX, "held", ip("fe80::5054:ff:feaa:2"), 150, 0.1, 0.0004, fresh, 6_000, None),
            GroupRow(CONTESTED, "contested", ip(A), 200, 1.0, 0.012, fresh, 1_193, Severity.CRITICAL),
            GroupRow(HELD, "held", ip(B), 100, 1.0, 0.003, fresh, 601, Severity.INFO),
            GroupRow(HSRP, "held", ip("10.1.0.2"), 110, 3.0, 0.02, fresh, 200, None),
        ]
        rows.sort(key=lambda row: row.key)
        return [*rows, *self.extra]

    def row(self, key: GroupKey) -> GroupRow | None:
        return next((row for row in self.rows() if row.key == key), None)

    def group(self, key: GroupKey) -> GroupInfo | None:
        row = self.row(key)
        if row is None:
            return None
        speakers = (speaker(A, MAC_A, 200, self.now), speaker(B, MAC_B, 100, self.now, adverts=593))
        return GroupInfo(
            key=key,
            state=row.state,
            master=SpeakerKey(row.master, MAC_A) if row.master is not None else None,
            addresses=(ip(VIP), ip("10.0.10.254")),
            interval=row.interval,
            adverts=row.adverts,
            first=START,
            last=row.last,
            speakers=speakers,
            successor=Successor(ip(B), 3.609375) if row.state != "lost" else None,
            listeners=(Listener(ip(C), None, at(5)),),
            timeline=(
                Tenure(START, at(200), (ip(A),)),
                Tenure(at(203.6), at(400), (ip(B),)),
                Tenure(at(400), self.now, (ip(A),)),
                Tenure(at(540), self.now, (ip(A), ip(B))),
            ),
        )

    def events(self, key: GroupKey | None = None) -> Sequence[Event]:
        events = (
            Event(at(0), "master-appeared", CONTESTED, 0, 1, None, ip(A)),
            Event(at(1), "master-appeared", LOST, 0, 4, None, ip("10.0.20.2")),
            Event(at(203.6), "master-changed", CONTESTED, 0, 400, ip(A), ip(B), "timed-out", 3.6, 3.609375),
            Event(at(400), "master-changed", CONTESTED, 0, 801, ip(B), ip(A), "preempted", 0.0, None),
            Event(at(424), "master-lost", LOST, 0, 850, ip("10.0.20.2"), None, None, 4.0, None),
        )
        return [event for event in events if key is None or event.group == key]

    def findings(self) -> Sequence[Finding]:
        return self.shown_findings

    def multicast(self) -> Sequence[VolumeInfo]:
        def volume(segment: str, destination: str, protocol: str, mean: float, sources: int) -> VolumeInfo:
            return VolumeInfo(
                segment,
                destination,
                protocol,
                int(mean * 600),
                int(mean * 600) * 90,
                tuple(f"10.0.10.{number}" for number in range(2, 2 + sources)),
                START,
                self.now,
                Rate(mean, mean * 2.5),
                Rate(mean * 720, mean * 1800),
            )

        return [
            volume(SEGMENT, "224.0.0.18", "vrrp", 3.2, 3),
            volume(SEGMENT, "225.0.0.50", "conntrackd", 62.0, 2),
            volume(SEGMENT, "224.0.0.251", "mdns", 1.1, 14),
            volume("eth0/20", "ff02::12", "vrrp", 10.0, 1),
        ]

    def rates(self, segment: str, destination: str | None = None) -> Sequence[tuple[int, int]]:
        means = {"224.0.0.18": 3, "225.0.0.50": 62, "224.0.0.251": 1, "ff02::12": 10}
        base = means.get(destination or "", 70)
        second = self.now // 1_000_000_000
        series = []
        for back in range(179, -1, -1):
            wave = (second - back) * 7 % 10
            burst = base if (second - back) % 60 < 8 and base > 20 else 0
            packets = base + base * wave // 20 + burst
            series.append((packets, packets * 90))
        return series

    def budget(self, segment: str) -> float:
        return 100.0

    def heartbeat(self, key: GroupKey) -> Sequence[int]:
        if key == LOST:
            return [1] * 10 + [0] * 50
        if key == CONTESTED:
            return [1] * 30 + [2] * 30
        if key == SIX:
            return [10, 10, 9, 10, 11, 10] * 10
        if key == HSRP:
            return [1, 0, 0] * 20
        return [1] * 60

    def neighbours(self, key: GroupKey) -> Sequence[Neighbour]:
        return [
            Neighbour(ip(VIP), VIRTUAL_MAC, at(401), True),
            Neighbour(ip("10.0.10.254"), MAC_B, at(210), False),
        ]

    def members(self) -> Sequence[Member]:
        return [
            Member(SEGMENT, ip("225.0.0.50"), ip(A), MAC_A, at(3)),
            Member(SEGMENT, ip("225.0.0.50"), ip(B), MAC_B, at(4)),
            Member("eth0/20", ip("ff02::12"), ip("fe80::5054:ff:feaa:2"), MAC_A, at(7)),
        ]

    def queriers(self) -> Sequence[QuerierInfo]:
        return [QuerierInfo(SEGMENT, "igmp", ip("10.0.10.250"), self.now - nanoseconds(42))]

    def packets(self, key: GroupKey) -> Sequence[RecentPacket]:
        return self.newest or [
            RecentPacket(self.now - nanoseconds(2.3), 0, 1190, 1, advert_frame(A, 200)),
            RecentPacket(self.now - nanoseconds(1.3), 0, 1192, 1, advert_frame(B, 100)),
            RecentPacket(self.now - nanoseconds(0.3), 0, 1193, 1, advert_frame(A, 200)),
        ]

    def _findings(self) -> list[Finding]:
        return [
            Finding(
                "split-brain",
                Severity.CRITICAL,
                SEGMENT,
                CONTESTED,
                f"{A}, {B}",
                at(540),
                at(599.7),
                1,
                f"{A} and {B} both advertise as master for 59 s: a firewall, a VLAN or a cable keeps them apart",
                (Evidence(0, 1080), Evidence(0, 1081)),
            ),
            Finding(
                "multicast-budget",
                Severity.WARNING,
                SEGMENT,
                None,
                SEGMENT,
                at(120),
                at(550),
                7,
                f"{SEGMENT} carried up to 134 packets/s of redundancy and state-sync multicast; the budget is 100",
                (Evidence(0, 300),),
            ),
            Finding(
                "auth-cleartext",
                Severity.WARNING,
                SEGMENT,
                CONTESTED,
                A,
                at(0),
                at(599),
                1,
                f"{A} ({MAC_A}) sends its password in clear text",
                (Evidence(0, 1),),
            ),
            Finding(
                "unauthenticated", Severity.INFO, SEGMENT, HELD, B, at(0), at(599), 1, f"{B} uses no authentication", ()
            ),
        ]

    def _ordinary(self, number: int) -> GroupRow:
        key = GroupKey(f"eth2/{100 + number // 250}", "vrrp", 4, number % 250 + 1, "224.0.0.18")
        master = ip_address(0x0A640000 + number)
        return GroupRow(key, "held", master, 100 + number % 100, 1.0, 0.0005, self.now, 100 + number, None)
