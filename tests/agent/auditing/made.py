"""Routers, speakers and groups as tests want them: each names only what matters."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.config.routers import CarpRouter, VrrpRouter
from vrrpwatch.agent.ports import Attachment
from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo
from vrrpwatch.core.model import Finding, GroupKey, Severity, SpeakerKey
from vrrpwatch.wire.values import IPAddress

OWN_IP, OWN_MAC, OTHER_IP, OTHER_MAC = "192.0.2.2", "02:00:00:00:00:02", "192.0.2.1", "02:00:00:00:00:01"
VIP = "192.0.2.100"
SECRET = b"secret"


def attachment(source: str = OWN_IP, interface: str = "eth0", index: int = 2) -> Attachment:
    return Attachment(interface, index, interface, index, OWN_MAC, ip_address(source))


def vrrp(source: str = OWN_IP, *, at: Attachment | None = None, **given: Any) -> Station:
    """A router with VRID 51 on eth0 that backs up 192.0.2.100; its secret is "secret"."""
    defaults = {"name": "web", "interface": "eth0", "id": 51, "addresses": [f"{VIP}/24"]}
    config = VrrpRouter.model_validate(defaults | given, context={"read": _secret})
    return Station(config, at or attachment(source, config.interface))


def carp(source: str = OWN_IP, *, at: Attachment | None = None, **given: Any) -> Station:
    """The same with CARP."""
    defaults = {"name": "web", "interface": "eth0", "id": 51, "addresses": [f"{VIP}/24"], "protocol": "carp"}
    config = CarpRouter.model_validate(defaults | {"passphrase_file": "secret"} | given, context={"read": _secret})
    return Station(config, at or attachment(source, config.interface))


def _secret(_path: Path) -> bytes:
    return SECRET


def ips(*texts: str) -> tuple[IPAddress, ...]:
    return tuple(ip_address(text) for text in texts)


def speaker(ip: str = OTHER_IP, mac: str | None = OTHER_MAC, **given: Any) -> SpeakerInfo:
    """A VRRPv3 router with priority 150 that backs up 192.0.2.100 and is much like :func:`vrrp`'s."""
    defaults: dict[str, Any] = {
        "key": SpeakerKey(ip_address(ip), mac),
        "versions": (3,),
        "priority": 150,
        "advbase": None,
        "advskew": None,
        "demotion": None,
        "interval": 1.0,
        "adverts": 3,
        "first": 0,
        "last": 2_000_000_000,
        "addresses": ips(VIP),
        "auth": "none",
        "checksum": "pseudo-header",
        "implementation": None,
        "authentic": None,
    }
    return SpeakerInfo(**(defaults | given))


def carp_speaker(ip: str = OTHER_IP, mac: str | None = OTHER_MAC, **given: Any) -> SpeakerInfo:
    """A CARP host with advbase 1 and advskew 0, whose digest verifies."""
    defaults: dict[str, Any] = {
        "versions": (2,),
        "priority": None,
        "advbase": 1,
        "advskew": 0,
        "demotion": 0,
        "addresses": (),
        "auth": "carp",
        "checksum": "plain",
        "authentic": True,
    }
    return speaker(ip, mac, **(defaults | given))


def key(protocol: str = "vrrp", number: int = 51, family: int = 4, scope: str = "224.0.0.18") -> GroupKey:
    return GroupKey("eth0", "carp" if protocol == "carp" else "vrrp", 6 if family == 6 else 4, number, scope)


def group(*speakers: SpeakerInfo, of: GroupKey | None = None, peers: tuple[str, ...] = ()) -> GroupInfo:
    """What an engine says of a group; the first of the speakers is its master."""
    addresses = tuple(dict.fromkeys(address for one in speakers for address in one.addresses))
    return GroupInfo(
        key=of or key(),
        state="held",
        master=speakers[0].key,
        addresses=addresses,
        interval=speakers[0].interval,
        adverts=sum(one.adverts for one in speakers),
        first=0,
        last=2_000_000_000,
        speakers=speakers,
        successor=None,
        peers=ips(*peers),
    )


def finding(rule: str, severity: Severity, *, count: int = 1, subject: str = OTHER_IP, of: GroupKey) -> Finding:
    return Finding(rule, severity, of.segment, of, subject, 0, 3_000_000_000, count, f"what {rule} says", ())
