"""A made-up analysis with something of everything, every figure chosen by hand."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from vrrpwatch.core.analysis import (
    Analysis,
    GroupInfo,
    InterfaceInfo,
    Listener,
    Rate,
    Segment,
    SourceInfo,
    SpeakerInfo,
    Successor,
    Tenure,
    Totals,
    VolumeInfo,
)
from vrrpwatch.core.model import Event, Evidence, Finding, GroupKey, Severity, SpeakerKey

# 2026-03-01T10:00:00Z
START = 1_772_359_200_000_000_000
SECOND = 1_000_000_000

A = IPv4Address("10.0.0.2")
B = IPv4Address("10.0.0.3")
C = IPv4Address("10.0.0.4")
MAC_A = "02:42:0a:00:00:02"
MAC_B = "02:42:0a:00:00:03"

VRRP_51 = GroupKey("eth0/10", "vrrp", 4, 51, "224.0.0.18")
CARP_7 = GroupKey("eth0/10", "carp", 4, 7, "224.0.0.18")
VRRP6_9 = GroupKey("eth1", "vrrp", 6, 9, "ff02::12")


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def speaker(
    ip: str,
    mac: str,
    *,
    priority: int | None = 100,
    adverts: int = 10,
    carp: tuple[int, int] | None = None,
    version: int = 2,
    auth: str = "none",
    addresses: tuple[str, ...] = ("10.0.0.100",),
    implementation: str | None = None,
    authentic: bool | None = None,
    first: float = 0.0,
    last: float = 300.0,
) -> SpeakerInfo:
    return SpeakerInfo(
        key=SpeakerKey(ip_address(ip), mac),
        versions=(version,),
        priority=None if carp else priority,
        advbase=carp[0] if carp else None,
        advskew=carp[1] if carp else None,
        demotion=0 if carp else None,
        interval=carp[0] + carp[1] / 256 if carp else 1.0,
        adverts=adverts,
        first=at(first),
        last=at(last),
        addresses=tuple(ip_address(address) for address in addresses),
        auth=auth,
        checksum="plain" if version == 2 else "pseudo-header",
        implementation=implementation,
        authentic=authentic,
    )


def vrrp_group() -> GroupInfo:
    return GroupInfo(
        key=VRRP_51,
        state="contested",
        master=SpeakerKey(B, MAC_B),
        addresses=(IPv4Address("10.0.0.100"), IPv4Address("10.0.0.101")),
        interval=1.0,
        adverts=412,
        first=at(0),
        last=at(300),
        speakers=(
            speaker("10.0.0.2", MAC_A, priority=200, adverts=120, auth="simple", implementation="keepalived"),
            speaker(
                "10.0.0.3", MAC_B, priority=100, adverts=292, auth="ah", implementation="keepalived", authentic=False
            ),
        ),
        successor=Successor(A, 3.21875),
        listeners=(Listener(C, None, at(2)),),
        timeline=(
            Tenure(at(0), at(60), (A,)),
            Tenure(at(60), at(63.609), ()),
            Tenure(at(63.609), at(250), (B,)),
            Tenure(at(250), at(300), (A, B)),
        ),
    )


def carp_group() -> GroupInfo:
    return GroupInfo(
        key=CARP_7,
        state="held",
        master=SpeakerKey(A, "00:00:5e:00:01:07"),
        addresses=(),
        interval=1.0,
        adverts=300,
        first=at(0),
        last=at(300),
        speakers=(
            speaker(
                "10.0.0.2",
                "00:00:5e:00:01:07",
                carp=(1, 0),
                auth="carp",
                addresses=(),
                adverts=300,
                implementation="ucarp",
            ),
        ),
        successor=None,
        timeline=(Tenure(at(0), at(300), (A,)),),
    )


def lost_group() -> GroupInfo:
    router = IPv6Address("fe80::42:aff:fe00:2")
    return GroupInfo(
        key=VRRP6_9,
        state="lost",
        master=None,
        addresses=(IPv6Address("fe80::9"), IPv6Address("2001:db8::9")),
        interval=0.2,
        adverts=500,
        first=at(0),
        last=at(100),
        speakers=(
            speaker(
                str(router),
                MAC_A,
                version=3,
                priority=150,
                adverts=500,
                last=100.0,
                addresses=("fe80::9", "2001:db8::9"),
            ),
        ),
        successor=None,
        timeline=(Tenure(at(0), at(100), (router,)), Tenure(at(100.8), at(300), ())),
    )


def events() -> tuple[Event, ...]:
    router = IPv6Address("fe80::42:aff:fe00:2")
    return (
        Event(at(0), "master-appeared", VRRP_51, 0, 1, None, A),
        Event(at(0.1), "master-appeared", CARP_7, 0, 2, None, A),
        Event(at(0.2), "master-appeared", VRRP6_9, 0, 3, None, router),
        Event(at(63.609), "master-changed", VRRP_51, 0, 130, A, B, "timed-out", 3.609, 3.609375),
        Event(at(100.8), "master-lost", VRRP6_9, 0, 700, router, None, None, 0.8, None),
        Event(at(200), "master-resigned", VRRP_51, 0, 801, B, None, "resigned"),
        Event(at(201.5), "master-changed", VRRP_51, 0, 804, B, A, "resigned", 1.5, 0.609375),
        Event(at(210), "master-changed", VRRP_51, 1, 12, A, B, "preempted", 0.0, None),
    )


def findings() -> tuple[Finding, ...]:
    return (
        Finding(
            "split-brain",
            Severity.CRITICAL,
            "eth0/10",
            VRRP_51,
            "10.0.0.2,10.0.0.3",
            at(250),
            at(300),
            50,
            "10.0.0.2 and 10.0.0.3 have both advertised as master for 50 s, longer than any backup would wait (3.61 s)",
            (Evidence(0, 912), Evidence(0, 913), Evidence(1, 57)),
        ),
        Finding(
            "auth-cleartext",
            Severity.WARNING,
            "eth0/10",
            VRRP_51,
            "10.0.0.2",
            at(0),
            at(0),
            1,
            "10.0.0.2 sends its simple password in clear text: ********",
            (Evidence(0, 1),),
        ),
        Finding(
            "no-querier",
            Severity.WARNING,
            "eth1",
            None,
            "igmp",
            at(10),
            at(280),
            7,
            "IGMP reports but no query for 270 s: snooping switches will forget who listens",
            (),
        ),
        Finding(
            "unauthenticated",
            Severity.INFO,
            "eth1",
            VRRP6_9,
            "fe80::42:aff:fe00:2",
            at(0.2),
            at(100),
            500,
            "advertisements carry no authentication",
            (Evidence(0, 3),),
        ),
    )


def volumes() -> tuple[VolumeInfo, ...]:
    return (
        VolumeInfo(
            "eth0/10",
            "224.0.0.18",
            "vrrp",
            412,
            24_720,
            ("10.0.0.2", "10.0.0.3"),
            at(0),
            at(300),
            Rate(1.373333, 4.0),
            Rate(659.2, 1920.0),
            30,
            ((30, 1800),) * 8 + ((86, 5160), (86, 5160)),
        ),
        VolumeInfo(
            "eth0/10",
            "225.0.0.50",
            "conntrackd",
            9_000,
            5_400_000,
            ("10.0.0.2",),
            at(5),
            at(295),
            Rate(31.034, 900.0),
            Rate(148_965.5, 4_320_000.0),
            30,
            ((100, 60_000), (0, 0), (8_000, 4_800_000), (100, 60_000), (800, 480_000), (0, 0)),
        ),
        VolumeInfo(
            "eth1",
            "ff02::12",
            "vrrp",
            500,
            47_000,
            ("fe80::42:aff:fe00:2",),
            at(0.2),
            at(100),
            Rate(5.0, 6.0),
            Rate(3760.0, 4512.0),
            30,
            ((150, 14_100), (150, 14_100), (150, 14_100), (50, 4_700)),
        ),
    )


def sample() -> Analysis:
    return Analysis(
        sources=(
            SourceInfo("/captures/a.pcap", "pcap", 12_000, 9_600_000, at(0), at(205), None, ()),
            SourceInfo(
                "/captures/b.pcapng",
                "pcapng",
                3_000,
                2_400_000,
                at(205),
                at(300),
                "cut short at byte 2,400,100: the last packet is incomplete",
                (InterfaceInfo("eth0", 1, 12), InterfaceInfo("eth1", 1, None)),
            ),
        ),
        segments=(Segment("eth0/10", "eth0", (10,)), Segment("eth1", "eth1", ())),
        groups=(vrrp_group(), carp_group(), lost_group()),
        events=events(),
        findings=findings(),
        multicast=volumes(),
        totals=Totals(15_000, 12_000_000, 10_212, 5_490_000, 1_212),
        skipped={"vxlan": 31, "truncated-header": 2},
        evicted={},
    )


def empty(packets: int = 1_234) -> Analysis:
    sources = (SourceInfo("quiet.pcap", "pcap", packets, packets * 100, None, None, None, ()),)
    return Analysis(sources, (), (), (), (), (), Totals(packets, packets * 100, 0, 0, 0), {}, {})
