"""What is configured of virtual routers: the protocol's figures, the addresses and routes, and how both are told."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from vrrpwatch.agent.config.fields import (
    Command,
    Delay,
    Device,
    InterfaceAddress,
    Label,
    NetworkAddress,
    SecretFile,
    Timeout,
    UserName,
    whole,
)
from vrrpwatch.core.fields import Address, Addresses, Table, filled, unique
from vrrpwatch.core.machine.settings import OWNER_PRIORITY, CarpSettings, Settings, VrrpSettings
from vrrpwatch.wire.values import Camp, IPAddress

# What fits into one advertisement (RFC 9568 §5.2.5: an 8-bit count); a packet of 1,500 octets holds 90 of IPv6.
MAX_ADDRESSES = 255
# The fields' sizes: RFC 2338 §5.3.10 and keepalived's auth_pass, ip_carp.h CARP_KEY_LEN.
LONGEST = {"simple": 8, "ah": 8, "hmac": 4096}
CARP_PASSPHRASE = 20

Scope = Literal["global", "site", "link", "host"]


def _as_table(key: str) -> BeforeValidator:
    """Lets a plain text stand for a table that gives nothing but ``key``."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class VirtualAddress(Table):
    """One address that the master holds; without ``advertise`` it is no part of the advertisement.

    ``interface`` is the router's own unless it says otherwise; ``label`` is IPv4's only (ip-address(8)).
    """

    address: InterfaceAddress
    interface: Device | None = None
    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,15}$")] | None = None
    scope: Scope = "global"
    advertise: bool = True


class VirtualRoute(Table):
    """One route that the master holds (ip-route(8)); ``via`` or ``interface`` must say where to."""

    to: NetworkAddress
    via: Address | None = None
    interface: Device | None = None
    source: Address | None = None
    table: Annotated[int, whole(1, 2**32 - 1)] = 254
    metric: Annotated[int, whole(0, 2**32 - 1)] | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.via is None and self.interface is None:
            raise ValueError("leads nowhere: add via or interface")
        for other in (self.via, self.source):
            if other is not None and other.version != self.to.version:
                raise ValueError(f"{other} and {self.to} are of different families")
        return self


class VirtualRule(Table):
    """One policy rule that the master holds (ip-rule(8)): traffic from or to a network is routed by ``table``."""

    source: Annotated[NetworkAddress | None, Field(alias="from")] = None
    to: NetworkAddress | None = None
    table: Annotated[int, whole(1, 2**32 - 1)]
    priority: Annotated[int, whole(1, 32_765)]

    @model_validator(mode="after")
    def _selects_something(self) -> Self:
        if self.source is None and self.to is None:
            raise ValueError("selects everything: add from or to")
        return self


class Announcing(Table):
    """How gratuitous ARP and unsolicited neighbour advertisements are sent.

    ``repeat`` of each at a takeover, ``delay`` seconds later as many again (0: not again), and one of each every
    ``refresh`` seconds while master (0: never).
    """

    repeat: Annotated[int, whole(1, 100)] = 5
    delay: Delay = 5.0
    refresh: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0


class Hooks(Table):
    """Programs run at changes of state, in order, without a shell, after the arguments TYPE NAME STATE PRIORITY.

    TYPE is INSTANCE or GROUP, STATE is MASTER, BACKUP, FAULT or STOP (keepalived's notify scripts).  With ``arguments``
    "any" only ``any`` is given these, as keepalived's ``notify`` is, and its ``notify_master`` and the like are not.
    """

    master: Command | None = None
    backup: Command | None = None
    fault: Command | None = None
    stop: Command | None = None
    any: Command | None = None
    arguments: Literal["always", "any"] = "always"
    user: UserName | None = None
    timeout: Timeout = 30.0


class Tracked(Table):
    """A tracker that a router heeds: with ``weight`` 0 its failure is a fault, otherwise it changes the priority.

    A positive weight is added while all is well, a negative one while it is not.  ``reverse`` turns good and bad round.
    """

    name: Label
    weight: Annotated[int, whole(-253, 253)] = 0
    reverse: bool = False


class VrrpAuth(Table):
    """VRRPv2's two kinds of authentication (RFC 2338), and the HMAC trailer of keepalived 2.4 (both versions)."""

    type: Literal["simple", "ah", "hmac"]
    key_id: Annotated[int, whole(0, 255)] = 0
    secret_file: SecretFile

    @field_validator("secret_file", mode="after")
    @classmethod
    def _fits(cls, value: bytes, info: ValidationInfo) -> bytes:
        most = LONGEST.get(info.data.get("type", "hmac"), 0)
        if len(value) > most:
            raise ValueError(f"the secret is {len(value)} bytes long, but {most} is the most that is used: shorten it")
        return value


AddressTable = Annotated[VirtualAddress, _as_table("address")]
TrackedTable = Annotated[Tracked, _as_table("name")]


class _Router(Table):
    """What routers of both protocols have."""

    name: Label
    interface: Device
    id: Annotated[int, whole(1, 255)]
    addresses: Annotated[tuple[AddressTable, ...], Field(max_length=MAX_ADDRESSES), filled, unique]
    routes: Annotated[tuple[VirtualRoute, ...], Field(max_length=1_000), unique] = ()
    rules: Annotated[tuple[VirtualRule, ...], Field(max_length=1_000), unique] = ()
    source: Address | None = None
    peers: Addresses = ()
    vmac: bool = False
    preempt: bool = True
    preempt_delay: Delay = 0.0
    start_delay: Delay = 0.0
    accept: bool = True
    announce: Announcing = Announcing()
    track: Annotated[tuple[TrackedTable, ...], Field(max_length=100), unique] = ()
    notify: Hooks = Hooks()

    @model_validator(mode="after")
    def _one_family(self) -> Self:
        advertised = self.advertised
        if not advertised:
            raise ValueError("advertises no address: let one be advertised")
        families = {address.version for address in (*advertised, *self.peers)}
        if self.source is not None:
            families.add(self.source.version)
        if len(families) > 1:
            raise ValueError("mixes IPv4 and IPv6 in advertised addresses, source and peers: make a router of each")
        if self.vmac and self.peers:
            raise ValueError("vmac and peers: the virtual MAC is for multicast on one segment; keep one of them")
        return self

    @property
    def advertised(self) -> tuple[IPAddress, ...]:
        """The addresses in the advertisement, in the order given."""
        return tuple(one.address.ip for one in self.addresses if one.advertise)

    @property
    def family(self) -> Literal[4, 6]:
        """That of the advertised addresses, which is that of the advertisements."""
        return self.advertised[0].version


class VrrpRouter(_Router):
    """A VRRP router; RFC 3768 (version 2) and RFC 9568 (version 3)."""

    protocol: Literal["vrrp"] = "vrrp"
    version: Literal[2, 3] = 3
    priority: Annotated[int, whole(1, 255)] = 100
    interval: Annotated[float, Field(ge=0.01, le=255, allow_inf_nan=False)] = 1.0
    checksum: Literal["pseudo-header", "plain"] = "pseudo-header"
    answers: bool | None = None
    auth: VrrpAuth | None = None

    @model_validator(mode="after")
    def _fits_version(self) -> Self:
        if self.version == 2:
            if self.family == 6:
                raise ValueError("version 2 has no IPv6: write version = 3")
            if self.interval != int(self.interval):
                raise ValueError("version 2 has intervals of whole seconds: correct interval, or write version = 3")
        else:
            if self.interval > 40.95 or abs(self.interval * 100 - round(self.interval * 100)) > 1e-6:
                raise ValueError("version 3 has intervals of 0.01 to 40.95 s in steps of 0.01: correct interval")
            if self.auth is not None and self.auth.type != "hmac":
                raise ValueError(f"version 3 has no {self.auth.type} authentication: remove auth, or write version = 2")
        return self

    @property
    def camp(self) -> Camp:
        """The checksum rule of what is sent."""
        return self.checksum

    def settings(self, source: IPAddress) -> Settings:
        """What the state machine needs; ``source`` is the address that adverts are sent from."""
        return VrrpSettings(
            version=self.version,
            vrid=self.id,
            priority=self.priority,
            interval=self.interval,
            address=source,
            addresses=self.advertised,
            preempt=self.preempt,
            preempt_delay=self.preempt_delay,
            start_delay=self.start_delay,
            accept=self.accept,
            answers=self.answers,
        )


class CarpRouter(_Router):
    """A CARP host; ``demoted_by`` is how trackers' demotion is told: as OpenBSD does, or as FreeBSD and ucarp do."""

    protocol: Literal["carp"]
    advbase: Annotated[int, whole(0, 254)] = 1
    advskew: Annotated[int, whole(0, 254)] = 0
    demoted_by: Literal["counter", "advskew"] = "advskew"
    passphrase_file: SecretFile

    @field_validator("passphrase_file", mode="after")
    @classmethod
    def _fits(cls, value: bytes) -> bytes:
        if len(value) > CARP_PASSPHRASE:
            raise ValueError(f"the passphrase is {len(value)} bytes long, but 20 is the most that is used: shorten it")
        return value

    def settings(self, source: IPAddress) -> Settings:
        """What the state machine needs; ``source`` is the address that adverts are sent from."""
        return CarpSettings(
            vhid=self.id,
            advbase=self.advbase,
            advskew=self.advskew,
            address=source,
            addresses=self.advertised,
            demoted_by=self.demoted_by,
            preempt=self.preempt,
            preempt_delay=self.preempt_delay,
            start_delay=self.start_delay,
            accept=self.accept,
        )


# What a router can take on while it runs.
_ADJUSTABLE = frozenset(
    {"priority", "advskew", "preempt", "preempt_delay", "start_delay", "answers", "announce", "track", "notify"}
)


def runs_on(old: "Router", new: "Router") -> bool:
    """Whether a router of the settings ``old`` can go on with ``new``, neither resigning nor beginning anew."""
    if old == new:
        return True
    if type(old) is not type(new) or _owns(old) != _owns(new):
        return False
    names = type(old).model_fields.keys() & _ADJUSTABLE
    return old.model_copy(update={name: getattr(new, name) for name in names}) == new


def _owns(router: "Router") -> bool:
    return isinstance(router, VrrpRouter) and router.priority == OWNER_PRIORITY


def _protocol(value: Any) -> str | None:
    if isinstance(value, VrrpRouter | CarpRouter):
        return value.protocol
    return value.get("protocol", "vrrp") if isinstance(value, dict) else "vrrp"


Router = VrrpRouter | CarpRouter
AnyRouter = Annotated[
    Annotated[VrrpRouter, Tag("vrrp")] | Annotated[CarpRouter, Tag("carp")],
    Discriminator(
        _protocol,
        custom_error_type="protocol",
        custom_error_message='is no protocol of routers: write protocol = "vrrp" or "carp"',
    ),
]
