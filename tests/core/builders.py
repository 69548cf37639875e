"""Builders of what speakers claim, with ordinary defaults: tests name only what matters.  Times are in seconds."""

from ipaddress import ip_address

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.losses import Losses
from vrrpwatch.core.model import Advert, Auth, GroupKey, Instant, Run, SpeakerKey, nanoseconds
from vrrpwatch.wire.values import Camp, Carp, Hsrp, IPAddress, Vrrp

SEGMENT = "eth0"
VIP = "10.0.0.100"
MULTICAST = {4: "224.0.0.18", 6: "ff02::12"}


def instant(seconds: float) -> Instant:
    """A point of the virtual clock."""
    return nanoseconds(seconds)


def ips(*texts: str) -> tuple[IPAddress, ...]:
    return tuple(ip_address(text) for text in texts)


def mac_of(ip: str) -> str:
    """Some hardware address that is no virtual router's, the same for the same IP address."""
    return "02:00:" + ":".join(f"{octet:02x}" for octet in ip_address(ip).packed[-4:])


def vrrp(
    ip: str,
    *,
    vrid: int = 51,
    version: int = 2,
    priority: int = 100,
    interval: float = 1.0,
    addresses: tuple[str, ...] | None = (VIP,),
    auth: Auth | None = "none",
    password: bytes | None = None,
    auth_type: int | None = None,
    checksum: Camp | None = None,
    mac: str | None = None,
    segment: str = SEGMENT,
    destination: str | None = None,
    scope: str | None = None,
) -> Advert:
    """A VRRP advertisement; ``addresses=None`` is one that the capture cut."""
    source = ip_address(ip)
    family: int = source.version
    target = destination or MULTICAST[family]
    known = ips(*addresses) if addresses is not None else None
    if version == 2 and auth_type is None:
        auth_type = {"none": 0, "simple": 1, "ah": 2}.get(auth or "none", 0)
    message = Vrrp(
        version=3 if version == 3 else 2,
        vrid=vrid,
        priority=priority,
        count=len(known or ()),
        interval=interval,
        checksum=0,
        addresses=known or (),
        auth_type=auth_type,
        auth_data=password or b"",
        complete=known is not None,
    )
    return Advert(
        group=GroupKey(segment, "vrrp", 6 if family == 6 else 4, vrid, scope or target),
        speaker=SpeakerKey(source, mac or mac_of(ip)),
        destination=ip_address(target),
        message=message,
        version=version,
        priority=priority,
        advbase=None,
        advskew=None,
        demotion=None,
        interval=interval,
        addresses=known,
        auth=auth,
        password=password,
        checksum=checksum or ("plain" if version == 2 else "pseudo-header"),
        ttl=255,
        tos=0xC0,
        dont_fragment=False,
        spi=None,
        claims=True,
        resigns=priority == 0,
        implementation=None,
    )


def carp(
    ip: str,
    *,
    vhid: int = 51,
    advbase: int = 1,
    advskew: int = 0,
    mac: str | None = None,
    segment: str = SEGMENT,
    scope: str | None = None,
) -> Advert:
    """A CARP advertisement; ``advbase=255, advskew=255`` bows out."""
    source = ip_address(ip)
    family: int = source.version
    return Advert(
        group=GroupKey(segment, "carp", 6 if family == 6 else 4, vhid, scope or MULTICAST[family]),
        speaker=SpeakerKey(source, mac or mac_of(ip)),
        destination=ip_address(MULTICAST[family]),
        message=Carp(vhid, advskew, 7, 0, advbase, 0, 1, bytes(20)),
        version=2,
        priority=None,
        advbase=advbase,
        advskew=advskew,
        demotion=0,
        interval=advbase + advskew / 256,
        addresses=None,
        auth="carp",
        password=None,
        checksum="plain",
        ttl=255,
        tos=0x10,
        dont_fragment=True,
        spi=None,
        claims=True,
        resigns=advbase == advskew == 255,
        implementation=None,
    )


def hsrp(ip: str, *, group: int = 1, hello: float = 3.0, active: bool = True, segment: str = SEGMENT) -> Advert:
    """An HSRPv1 hello of the active or standby router."""
    state = 16 if active else 8
    message = Hsrp(1, 0, state, group, 100, hello, 10.0, ips(VIP), "text", b"cisco")
    return Advert(
        group=GroupKey(segment, "hsrp", 4, group, "224.0.0.2"),
        speaker=SpeakerKey(ip_address(ip), None),
        destination=ip_address("224.0.0.2"),
        message=message,
        version=1,
        priority=100,
        advbase=None,
        advskew=None,
        demotion=None,
        interval=hello,
        addresses=ips(VIP),
        auth="simple",
        password=b"cisco",
        checksum=None,
        ttl=1,
        tos=0xC0,
        dont_fragment=False,
        spi=None,
        claims=active,
        resigns=False,
        implementation=None,
    )


def run(
    advert: Advert,
    first: float = 0.0,
    last: float | None = None,
    *,
    count: int = 1,
    packet: int = 1,
    source: int = 0,
    gap: float = 0.0,
    late: int = 0,
) -> Run:
    """``count`` advertisements from ``first`` to ``last``; ``packet`` is the first one's number."""
    end = first if last is None else last
    return Run(advert, source, instant(first), instant(end), count, packet, packet + count - 1, instant(gap), late)


def unlossy(findings: Findings) -> Losses:
    """Nothing was missed."""
    return Losses(findings, lambda loss: f"eth{loss.interface}", (), live=False)
