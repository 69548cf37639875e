"""What would end a finding about traffic that is where it should not be: one firewall rule, and what it would save.

The rules are nftables'; ``vrrpwatch rules`` makes whole sets of them, for every kind of firewall.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from vrrpwatch.core.analysis import GroupInfo, VolumeInfo
from vrrpwatch.core.model import MAX_DEVICE, NANOSECONDS, Finding
from vrrpwatch.wire.values import IPAddress

# What each protocol's packets are told by, beside their addresses (RFC 9568 §5.1; conntrackd's and IPVS's usual ports).
_MESSAGES: Final = {
    "vrrp": "meta l4proto 112",
    "carp": "meta l4proto 112",
    "conntrackd": "udp dport 3780",
    "ipvs": "udp dport 8848",
    "pfsync": "meta l4proto 240",
    "hsrp": "udp dport { 1985, 2029 }",
    "glbp": "udp dport 3222",
}
# Findings of these rules may have a cure.
CURABLE: Final = frozenset({"leak", "multicast-budget"})
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Cure(NamedTuple):
    """``rule`` belongs ``where``; it would save so much on average there."""

    rule: str
    where: str
    packets_per_second: float
    bits_per_second: float


class Cures:
    """Finds the cures of ``leak`` and ``multicast-budget`` findings among what else was found."""

    def __init__(self, groups: Iterable[GroupInfo], multicast: Iterable[VolumeInfo]) -> None:
        self._groups = {group.key: group for group in groups}
        self._volumes: dict[str, list[VolumeInfo]] = {}
        for volume in multicast:
            self._volumes.setdefault(volume.segment, []).append(volume)

    def of(self, finding: Finding) -> Cure | None:
        """``None`` for findings that no rule can end, and where it cannot be known."""
        if finding.rule == "leak" and finding.group in self._groups:
            source = _address(finding.subject)
            return None if source is None else self._leak(finding, source, self._groups[finding.group])
        if finding.rule == "multicast-budget":
            return self._budget(finding)
        return None

    def _leak(self, finding: Finding, source: IPAddress, info: GroupInfo) -> Cure:
        key = info.key
        speaker = next((item for item in info.speakers if item.key.ip == source), None)
        adverts = 0 if speaker is None else speaker.adverts
        seconds = (finding.last - finding.first) / NANOSECONDS
        each = max(adverts - 1, 0) / seconds if seconds > 0 else 0.0
        volume = next((item for item in self._volumes.get(key.segment, ()) if item.destination == key.scope), None)
        size = 8 * volume.bytes / volume.packets if volume is not None and volume.packets else 0.0
        ip = "ip" if key.family == 4 else "ip6"
        if speaker is not None and speaker.auth == "ah" and key.family == 4:
            # The advertisement begins behind 24 octets of AH (RFC 2338 §5.3.6.3).
            message = f"ip protocol 51 ah nexthdr 112 @th,200,8 {key.id}"
        elif key.protocol in ("vrrp", "carp"):
            message = f"{'ip protocol' if key.family == 4 else 'ip6 nexthdr'} 112 @th,8,8 {key.id}"
        else:
            # Their group is not in one place in all versions.
            message = _MESSAGES[key.protocol]
        rule = f"oifname {_device(key.segment)}{_tags(key.segment)} {ip} saddr {source} {message} drop"
        return Cure(rule, "the bridge or router that joins the segments (forward)", each, each * size)

    def _budget(self, finding: Finding) -> Cure | None:
        spent = [
            (item, address, message)
            for item in self._volumes.get(finding.segment, ())
            if (message := _message(item.protocol)) and (address := _address(item.destination))
        ]
        if not spent:
            return None
        most, address, message = max(spent, key=lambda one: (one[0].packets, one[0].destination))
        ip = "ip" if address.version == 4 else "ip6"
        ports = ", ".join(_ports(len(most.sources)))
        rule = f"oifname != {{ {ports} }} {ip} daddr {address} {message} drop"
        where = (
            f"the bridge of {finding.segment} (forward), with the ports of those who need it; saved on each other port"
        )
        return Cure(rule, where, most.packets_per_second.mean, most.bits_per_second.mean)


def _address(text: str) -> IPAddress | None:
    """An address that may stand in a rule: what a store holds, or the rest of a flood, may be any text."""
    try:
        # After a % the module takes anything as an IPv6 scope.
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _message(protocols: str) -> str:
    """What all packets to a destination are told by; empty where they are of several kinds, or of none that is known.

    ``protocols`` are those of a :class:`VolumeInfo`: VRRP and CARP share their destination, and their number too.
    """
    messages = {_MESSAGES.get(protocol, "") for protocol in protocols.split(",")}
    return messages.pop() if len(messages) == 1 else ""


def _ports(count: int) -> Iterator[str]:
    return (f'"PORT{number}"' for number in range(1, max(2, min(count, 4)) + 1))


def _device(segment: str) -> str:
    name = segment.partition("/")[0]
    plain = 0 < len(name) <= MAX_DEVICE and set(name) <= _PLAIN
    return f'"{name}"' if plain else '"DEVICE"'


def _tags(segment: str) -> str:
    tags = segment.partition("/")[2].split(".")
    return f" vlan id {tags[0]}" if len(tags) == 1 and tags[0].isascii() and tags[0].isdigit() else ""
