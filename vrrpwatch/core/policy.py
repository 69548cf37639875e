"""What belongs on the network: segments, groups and their speakers, as a policy file (TOML) says; no file is read here.

The same policy judges captures and drives firewall rules, so it also names interfaces, VLANs and state-sync peers.
"""

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.functional_validators import ModelWrapValidatorHandler, WrapValidator

from vrrpwatch.core.faults import with_repeats
from vrrpwatch.core.fields import Address, Addresses, MacAddress, Name, Table, filled, unique
from vrrpwatch.core.model import GroupKey, Protocol, SpeakerKey
from vrrpwatch.wire.values import IPAddress

# Where each protocol sends to by default: RFC 9568 §5.1, ip_carp.h, RFC 2281 §5.1, Cisco's HSRPv2 and GLBP guides.
SCOPES: dict[tuple[str, int], tuple[str, ...]] = {
    ("vrrp", 4): ("224.0.0.18",),
    ("vrrp", 6): ("ff02::12",),
    ("carp", 4): ("224.0.0.18",),
    ("carp", 6): ("ff02::12",),
    ("hsrp", 4): ("224.0.0.2", "224.0.0.102"),
    ("hsrp", 6): ("ff02::66",),
    ("glbp", 4): ("224.0.0.102",),
    ("glbp", 6): ("ff02::66",),
}
# VRRP: RFC 9568 §5.2.3, CARP: ip_carp.c refuses vhid 0; HSRPv2 and GLBP as Cisco's configuration guides give them.
IDS: dict[str, tuple[int, int]] = {"vrrp": (1, 255), "carp": (1, 255), "hsrp": (0, 4095), "glbp": (0, 1023)}
SYNC_DESTINATIONS: dict[str, str] = {"conntrackd": "225.0.0.50", "pfsync": "224.0.0.240", "ipvs": "224.0.0.81"}
SYNC_PORTS: dict[str, tuple[int, ...]] = {"conntrackd": (3780,), "pfsync": (), "ipvs": (8848,)}


def _no_repeats(*fields: str) -> WrapValidator:
    def validate(value: object, parse: ModelWrapValidatorHandler[Any]) -> Any:
        return with_repeats(value, parse, *fields)

    return WrapValidator(validate)


Vid = Annotated[int, Field(strict=True, ge=1, le=4094)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


# nft and iptables take whole packets a second; iptables' limit knows none above (net/netfilter/xt_limit.c).
PacketRate = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class SyncPolicy(Table):
    """State synchronisation that belongs on a segment: who sends it, to where, on which UDP ports.

    ``rate`` is the most packets/s that firewall rules let each peer send to each destination; any number without it.
    """

    protocol: Literal["conntrackd", "pfsync", "ipvs"]
    peers: Annotated[Addresses, filled]
    destinations: Annotated[Addresses, Field(validate_default=True)] = ()
    ports: Annotated[tuple[Port, ...], unique, Field(validate_default=True)] = ()
    rate: PacketRate | None = None

    @field_validator("destinations", mode="after")
    @classmethod
    def _usual_destination(cls, value: tuple[IPAddress, ...], info: ValidationInfo) -> tuple[IPAddress, ...]:
        protocol = info.data.get("protocol")
        return value or ((IPv4Address(SYNC_DESTINATIONS[protocol]),) if protocol else ())

    @field_validator("ports", mode="after")
    @classmethod
    def _usual_ports(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        protocol = info.data.get("protocol")
        if value and protocol == "pfsync":
            raise ValueError("pfsync is IP protocol 240 and has no ports: remove them")
        return value or (SYNC_PORTS[protocol] if protocol else ())


class SegmentPolicy(Table):
    """One layer-2 segment, or several by a pattern: ``name`` matches segment ids such as ``eth0/10``.

    ``role`` says what belongs there: advertisements (``redundancy``), state synchronisation (``sync``), ``both`` or
    ``none``.  ``vlans`` are the tags from outer to inner; ``budget`` is in packets/s of redundancy and state-sync
    multicast.  ``interfaces`` are more devices of one host on the segment: bridge ports, a virtual router's macvlan.
    """

    name: Name
    interface: Name | None = None
    interfaces: Annotated[tuple[Name, ...], unique] = ()
    vlans: Annotated[tuple[Vid, ...], Field(max_length=4)] = ()
    role: Literal["redundancy", "sync", "both", "none"] = "both"
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    sync: tuple[SyncPolicy, ...] = ()

    @field_validator("sync", mode="after")
    @classmethod
    def _sync_belongs(cls, value: tuple[SyncPolicy, ...], info: ValidationInfo) -> tuple[SyncPolicy, ...]:
        if value and info.data.get("role") in ("redundancy", "none"):
            raise ValueError(f"the segment's role is {info.data['role']!r}: make it 'sync' or 'both', or remove this")
        return value


class SpeakerPolicy(Table):
    """A host that may advertise; without ``mac`` from any source MAC, without ``priority`` with any."""

    ip: Address
    mac: MacAddress | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None


class GroupPolicy(Table):
    """One virtual router that belongs on the segments that ``segment`` matches.

    ``rate`` is the most packets/s that firewall rules let each speaker send to each destination; without it they take
    it from ``interval``, and without both there is no limit.
    """

    segment: Name
    protocol: Protocol
    family: Literal[4, 6] = 4
    id: Annotated[int, Field(strict=True, ge=0)]
    scope: Name | None = None
    addresses: Addresses = ()
    interval: Annotated[float, Field(gt=0, le=255, allow_inf_nan=False)] | None = None
    rate: PacketRate | None = None
    speakers: Annotated[tuple[SpeakerPolicy, ...], _no_repeats("ip", "mac"), filled]
    peers: Addresses = ()

    @field_validator("id", mode="after")
    @classmethod
    def _id_in_range(cls, value: int, info: ValidationInfo) -> int:
        protocol = info.data.get("protocol")
        if protocol is None:
            return value
        least, most = IDS[protocol]
        if not least <= value <= most:
            raise ValueError(f"{protocol} has ids {least} to {most}: correct {value}")
        return value

    @field_validator("scope", mode="after")
    @classmethod
    def _scope_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or value in ("unicast", "broadcast"):
            return value
        try:
            address = (IPv6Address if info.data.get("family") == 6 else IPv4Address)(value)
        except ValueError:
            address = None
        if address is None or not address.is_multicast:
            family = info.data.get("family", 4)
            raise ValueError(f"give an IPv{family} multicast address, 'unicast' or 'broadcast'")
        return str(address)

    @field_validator("addresses", "peers", mode="after")
    @classmethod
    def _addresses_of_family(cls, value: tuple[IPAddress, ...], info: ValidationInfo) -> tuple[IPAddress, ...]:
        for address in value:
            if "family" in info.data and address.version != info.data["family"]:
                raise ValueError(f"{address} is no IPv{info.data['family']} address, as the group's family asks")
        if value and info.field_name == "peers" and info.data.get("scope", "unicast") != "unicast":
            raise ValueError("only a group of scope 'unicast' has peers: set scope = \"unicast\", or remove them")
        return value

    @field_validator("speakers", mode="after")
    @classmethod
    def _speakers_of_family(cls, value: tuple[SpeakerPolicy, ...], info: ValidationInfo) -> tuple[SpeakerPolicy, ...]:
        for speaker in value:
            if "family" in info.data and speaker.ip.version != info.data["family"]:
                raise ValueError(f"{speaker.ip} is no IPv{info.data['family']} address, as the group's family asks")
            if speaker.priority is not None and info.data.get("protocol") == "carp":
                raise ValueError(f"CARP has no priority: remove it from {speaker.ip}")
        return value

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the group may use: the one given, else the protocol's multicast destinations."""
        return (self.scope,) if self.scope is not None else SCOPES[self.protocol, self.family]

    def matches(self, key: GroupKey) -> bool:
        """Whether ``key`` is this group; every set of unicast peers on a segment (``unicast#2``) is ``unicast``."""
        return (
            (key.protocol, key.family, key.id) == (self.protocol, self.family, self.id)
            and key.scope.partition("#")[0] in self.scopes
            and fnmatchcase(key.segment, self.segment)
        )

    def lists(self, speaker: SpeakerKey) -> bool:
        """Whether ``speaker`` may advertise here; a MAC that the capture does not show is not held against it."""
        return any(
            listed.ip == speaker.ip and (listed.mac is None or speaker.mac is None or listed.mac == speaker.mac)
            for listed in self.speakers
        )


class Policy(Table):
    """A policy file.  ``unlisted``: what firewall rules do with what it does not list; ``unlisted_rate``: packets/s."""

    version: Literal[1]
    unlisted: Literal["report", "log", "limit", "drop"] = "report"
    unlisted_rate: Annotated[float, Field(gt=0, le=10_000)] | None = Field(None, validate_default=True)
    segment: Annotated[tuple[SegmentPolicy, ...], _no_repeats("name")] = ()
    group: Annotated[
        tuple[GroupPolicy, ...],
        _no_repeats("segment", "protocol", "family", "id", "scope"),
    ] = ()

    @field_validator("unlisted_rate", mode="after")
    @classmethod
    def _rate_for_limit(cls, value: float | None, info: ValidationInfo) -> float | None:
        limit = info.data.get("unlisted") == "limit"
        if limit and value is None:
            raise ValueError('unlisted = "limit" needs a rate: add unlisted_rate = PACKETS_PER_SECOND')
        if value is not None and not limit:
            raise ValueError('only unlisted = "limit" has a rate: remove it, or set unlisted = "limit"')
        return value

    @field_validator("group", mode="after")
    @classmethod
    def _groups_belong(cls, value: tuple[GroupPolicy, ...], info: ValidationInfo) -> tuple[GroupPolicy, ...]:
        segments: tuple[SegmentPolicy, ...] = info.data.get("segment", ())
        for index, group in enumerate(value):
            for segment in segments:
                if segment.name == group.segment and segment.role in ("sync", "none"):
                    raise ValueError(
                        f"number {index + 1} is on segment {segment.name}, whose role is {segment.role!r}: "
                        "make that role 'redundancy' or 'both'"
                    )
        return value

    def group_for(self, key: GroupKey) -> GroupPolicy | None:
        """The first listed group that ``key`` is, or ``None``."""
        return next((group for group in self.group if group.matches(key)), None)

    def advertises_on(self, segment: str) -> bool:
        """Whether advertisements belong on ``segment``, by its role."""
        listed = self.segment_for(segment)
        return listed is None or listed.role in ("redundancy", "both")

    def segment_for(self, segment: str) -> SegmentPolicy | None:
        """The first listed segment that the id ``segment`` matches, or ``None``."""
        return next((listed for listed in self.segment if fnmatchcase(segment, listed.name)), None)

    def covers(self, segment: str) -> bool:
        """Whether the policy speaks about ``segment``, so that whatever it does not list there does not belong."""
        return self.segment_for(segment) is not None or any(fnmatchcase(segment, group.segment) for group in self.group)

    def budget_for(self, segment: str) -> float | None:
        """The multicast budget of ``segment`` in packets/s, where the policy sets one."""
        listed = self.segment_for(segment)
        return None if listed is None else listed.budget
