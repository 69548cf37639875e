"""What is wrong with one speaker's advertisement by itself: pure judgement of its content."""

from collections.abc import Iterator
from typing import NamedTuple

from vrrpwatch.core.checks_pairs import listed, password
from vrrpwatch.core.model import Advert, GroupKey
from vrrpwatch.wire.macs import virtual_router

# RFC 9568 §5.2.4: the priority that only the owner of the addresses may use.
OWNER_PRIORITY = 255


class Fault(NamedTuple):
    """A finding's rule and its sentence."""

    rule: str
    summary: str


def faults(advert: Advert, reveal: bool) -> Iterator[Fault]:
    """Every fault that each packet of this content shows by itself."""
    ip = advert.speaker.ip
    if advert.group.protocol == "vrrp":
        if advert.version == 2 and advert.auth == "none":
            yield Fault(
                "unauthenticated", f"{ip} advertises without authentication: any host on the segment can take over"
            )
        if advert.version == 2 and advert.auth == "simple":
            shown = "" if advert.password is None else f" ({password(advert.password, reveal)})"
            yield Fault(
                "auth-cleartext",
                f"{ip} sends its password in clear text{shown}: any host on the segment can read it and take over",
            )
        if advert.priority == OWNER_PRIORITY and advert.addresses and ip not in advert.addresses:
            yield Fault(
                "owner-priority",
                f"{ip} advertises priority 255, the address owner's, but is none of {listed(advert.addresses)}: "
                "no backup can be preferred to it; configure 254 or less",
            )
    if advert.group.protocol in ("vrrp", "carp"):
        yield from _foreign_mac(advert)


def _foreign_mac(advert: Advert) -> Iterator[Fault]:
    if advert.speaker.mac is None:
        return
    owner = virtual_router(advert.speaker.mac)
    if owner is None or owner[1] == advert.group.id:
        return
    yield Fault(
        "mac-mismatch",
        f"{advert.speaker.ip} advertises {title(advert.group)} from {advert.speaker.mac}, "
        f"the virtual MAC of id {owner[1]}: switches send that router's traffic to it",
    )


def title(group: GroupKey) -> str:
    """A group as people call it: ``VRID 51``, ``vhid 1``."""
    name = {"vrrp": "VRID", "carp": "vhid", "hsrp": "HSRP group", "glbp": "GLBP group"}[group.protocol]
    return f"{name} {group.id}"
