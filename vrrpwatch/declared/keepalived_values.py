"""What a keepalived.conf declares, as typed values: global definitions, instances, sync groups; nothing is parsed here.

``None`` is what the file does not say; ``keepalived.effective`` gives what keepalived makes of it.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from pydantic import SecretStr

from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.notes import Note, Place
from vrrpwatch.wire.values import IPAddress

# keepalived's defaults: vrrp.h (VRRP_PRIO_DFL, VRRP_PRIO_OWNER, VRRP_ADVER_DFL), and its manual.
PRIORITY: Final = 100
OWNER: Final = 255
INTERVAL: Final = 1.0
VERSION: Final = 2
MULTICAST: Final[Mapping[int, str]] = {4: "224.0.0.18", 6: "ff02::12"}


class VirtualAddress(NamedTuple):
    """A line of ``virtual_ipaddress``, ``virtual_ipaddress_excluded`` or ``static_ipaddress``.

    ``options`` are its words without a value (``home``, ``no_track``, ``use_vmac``, …).
    """

    place: Place
    address: IPAddress
    prefix: int | None = None
    device: str | None = None
    scope: str | None = None
    label: str | None = None
    broadcast: str | None = None
    peer: str | None = None
    preferred_lft: str | None = None
    track_group: str | None = None
    options: tuple[str, ...] = ()


class UnicastPeer(NamedTuple):
    """A line of ``unicast_peer``, with the TTLs (hop limits) it takes advertisements with."""

    place: Place
    address: IPAddress
    min_ttl: int | None = None
    max_ttl: int | None = None


class Tracked(NamedTuple):
    """A line of a ``track_…`` block: an interface, script, file, process or BFD instance."""

    place: Place
    name: str
    weight: int | None = None
    options: tuple[str, ...] = ()


class Script(NamedTuple):
    """What a ``notify`` or ``script`` statement runs, as arguments, and as whom."""

    place: Place
    command: tuple[str, ...]
    user: str | None = None
    group: str | None = None


class VirtualInterface(NamedTuple):
    """``use_vmac`` or ``use_ipvlan``; ``mac`` may have five octets, to which keepalived adds the id."""

    place: Place
    kind: Literal["vmac", "ipvlan"]
    name: str | None = None
    mac: str | None = None
    options: tuple[str, ...] = ()


class Authentication(NamedTuple):
    """``authentication`` (``PASS`` or ``AH``) or ``auth_hmac`` (``HMAC``: its keys are in the tree)."""

    place: Place
    kind: Literal["PASS", "AH", "HMAC"] | None
    password: SecretStr | None = None


class Garp(NamedTuple):
    """Gratuitous ARP and unsolicited NA: delays and refresh in seconds, repeats as numbers of messages.

    ``extra_if`` is how often, in seconds, they go out of the addresses' other interfaces: of macvlans, or of all.
    """

    master_delay: float | None = None
    master_repeat: int | None = None
    master_refresh: float | None = None
    master_refresh_repeat: int | None = None
    lower_prio_delay: float | None = None
    lower_prio_repeat: int | None = None
    extra_if: float | None = None
    extra_if_all: bool = False


class SyncDaemon(NamedTuple):
    """``lvs_sync_daemon``: the IPVS connection synchronisation (ipvsadm(8)); ``id`` defaults to the VRID."""

    place: Place
    interface: str
    instance: str | None = None
    id: int | None = None
    maxlen: int | None = None
    port: int | None = None
    ttl: int | None = None
    group: IPAddress | None = None


class Globals(NamedTuple):
    """What ``global_defs`` say that concerns VRRP and IPVS; garp and gna intervals in seconds."""

    router_id: str | None = None
    vrrp_version: int | None = None
    mcast_group4: IPAddress | None = None
    mcast_group6: IPAddress | None = None
    default_interface: str | None = None
    strict: bool | None = None
    garp: Garp = Garp()
    min_garp: bool | None = None
    garp_interval: float | None = None
    gna_interval: float | None = None
    lower_prio_no_advert: bool | None = None
    higher_prio_send_advert: bool | None = None
    down_timer_adverts: int | None = None
    check_unicast_src: bool | None = None
    skip_check_adv_addr: bool | None = None
    v3_checksum_as_v2: bool | None = None
    startup_delay: float | None = None
    vmac_prefix: str | None = None
    iptables: tuple[str, ...] | None = None
    nftables: tuple[str, ...] | None = None
    script_user: tuple[str, ...] | None = None
    sync_daemon: SyncDaemon | None = None


class SyncGroup(NamedTuple):
    """A ``vrrp_sync_group`` and the names of its instances."""

    place: Place
    name: str
    members: tuple[str, ...]
    notify: Mapping[str, Script]
    tracks: Mapping[str, tuple[Tracked, ...]]
    statement: Statement


class CheckScript(NamedTuple):
    """A ``vrrp_script``; interval and timeout in seconds, ``reverse`` changes the sign of the weight."""

    place: Place
    name: str
    script: Script | None = None
    interval: float | None = None
    timeout: float | None = None
    weight: int | None = None
    rise: int | None = None
    fall: int | None = None
    user: tuple[str, ...] = ()
    init_fail: bool = False
    reverse: bool = False


class TrackFile(NamedTuple):
    """A ``track_file`` block of the configuration itself: a file that holds a number."""

    place: Place
    name: str
    path: str | None = None
    weight: int | None = None
    reverse: bool = False
    init: tuple[str, ...] | None = None


class TrackProcess(NamedTuple):
    """A ``vrrp_track_process``: ``process`` is its name and the parameters it is to have; delays in seconds."""

    place: Place
    name: str
    statement: Statement
    process: tuple[str, ...] = ()
    weight: int | None = None
    reverse: bool = False
    quorum: int | None = None
    fork_delay: float | None = None
    terminate_delay: float | None = None


class Instance(NamedTuple):
    """A ``vrrp_instance`` as declared; intervals and delays in seconds.

    ``family`` is the one that its first address of any kind gives it, as keepalived decides; addresses of the other
    family are in no list, but noted.  Whatever has no field is in ``statement``.
    """

    place: Place
    name: str
    statement: Statement
    family: Literal[4, 6] | None = None
    state: str | None = None
    interface: str | None = None
    vrf: str | None = None
    virtual_interface: VirtualInterface | None = None
    vmac_xmit_base: bool = False
    dont_track_primary: bool = False
    virtual_router_id: int | None = None
    priority: int | None = None
    advert_int: float | None = None
    version: int | None = None
    native_ipv6: bool = False
    mcast_src_ip: IPAddress | None = None
    unicast_src_ip: IPAddress | None = None
    mcast_dst_ip: IPAddress | None = None
    track_src_ip: bool = False
    unicast_peers: tuple[UnicastPeer, ...] = ()
    unicast_ttl: int | None = None
    unicast_fault_no_peer: bool = False
    check_unicast_src: bool | None = None
    authentication: Authentication | None = None
    addresses: tuple[VirtualAddress, ...] = ()
    excluded: tuple[VirtualAddress, ...] = ()
    routes: tuple[Statement, ...] = ()
    rules: tuple[Statement, ...] = ()
    preempt: bool | None = None
    preempt_delay: float | None = None
    garp: Garp = Garp()
    down_timer_adverts: int | None = None
    lower_prio_no_advert: bool | None = None
    higher_prio_send_advert: bool | None = None
    strict: bool | None = None
    accept: bool | None = None
    skip_check_adv_addr: bool | None = None
    promote_secondaries: bool = False
    old_unicast_checksum: str | None = None
    v3_checksum_as_v2: bool | None = None
    notify: Mapping[str, Script] = {}
    tracks: Mapping[str, tuple[Tracked, ...]] = {}
    smtp_alert: bool | None = None


class Effective(NamedTuple):
    """What keepalived makes of an instance and the global definitions: no value is left open.

    ``interval`` is in seconds, ``destination`` is ``None`` where it advertises to its peers only.
    """

    family: Literal[4, 6]
    version: int
    state: Literal["MASTER", "BACKUP"]
    priority: int
    interval: float
    destination: IPAddress | None
    auth: Literal["none", "simple", "ah", "hmac"]
    preempt: bool
    accept: bool
    strict: bool


class Keepalived(NamedTuple):
    """One host's keepalived configuration; ``config_ids`` are those that its conditional lines name."""

    host: str
    files: tuple[str, ...]
    config_id: str | None
    config_ids: tuple[str, ...]
    globals: Globals
    static_addresses: tuple[VirtualAddress, ...]
    sync_groups: tuple[SyncGroup, ...]
    scripts: tuple[CheckScript, ...]
    track_files: tuple[TrackFile, ...]
    track_processes: tuple[TrackProcess, ...]
    instances: tuple[Instance, ...]
    virtual_servers: tuple[Statement, ...]
    tree: tuple[Statement, ...]
    notes: tuple[Note, ...]
