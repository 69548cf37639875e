"""Reads keepalived.conf: the tree of its statements, and from it what it declares; no command of it is executed."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal

from vrrpwatch.declared.keepalived_fields import (
    boolean,
    first,
    integer,
    multicast,
    names,
    parsed_address,
    seconds,
    virtual_address,
    whole,
)
from vrrpwatch.declared.keepalived_instance import InstanceReader, garp, notified, tracks
from vrrpwatch.declared.keepalived_lines import Expansion
from vrrpwatch.declared.keepalived_trackers import check_script, track_file, track_process
from vrrpwatch.declared.keepalived_tree import Statement, canonical, tree
from vrrpwatch.declared.keepalived_values import (
    INTERVAL,
    MULTICAST,
    OWNER,
    PRIORITY,
    VERSION,
    CheckScript,
    Effective,
    Globals,
    Instance,
    Keepalived,
    SyncDaemon,
    SyncGroup,
    TrackFile,
    TrackProcess,
    VirtualAddress,
)
from vrrpwatch.declared.notes import Notes, quoted
from vrrpwatch.wire.values import IPAddress

_BOOLEANS: Final = {
    "vrrp_min_garp": "min_garp",
    "vrrp_lower_prio_no_advert": "lower_prio_no_advert",
    "vrrp_higher_prio_send_advert": "higher_prio_send_advert",
    "vrrp_check_unicast_src": "check_unicast_src",
    "vrrp_skip_check_adv_addr": "skip_check_adv_addr",
    "v3_checksum_as_v2": "v3_checksum_as_v2",
}
_TEXTS: Final = frozenset({"router_id", "default_interface", "vmac_prefix"})
_TIMES: Final = {
    "vrrp_garp_interval": "garp_interval",
    "vrrp_gna_interval": "gna_interval",
    "vrrp_startup_delay": "startup_delay",
}
_ARGUMENTS: Final = {"vrrp_iptables": "iptables", "nftables": "nftables", "script_user": "script_user"}
_SYNC_NUMBERS: Final = {"id": (0, 255), "maxlen": (1, 65535 - 28), "port": (1, 65535), "ttl": (1, 255)}
# The widest interval each version's field holds: 8 bits of seconds, 12 bits of hundredths (RFC 3768, RFC 5798 §5.2.7).
_WIDEST: Final = {2: 255.0, 3: 40.95}


def read_keepalived(path: Path, *more: Path, host: str | None = None, config_id: str | None = None) -> Keepalived:
    """What the configuration ``path`` declares, with everything it includes, and with ``more`` files after it.

    ``host`` names the host it is from (the file's name by default).  ``config_id`` is what keepalived is started with
    as ``--config-id`` there, which by default is the host's name; lines for other ids are left out.  Raises
    :class:`DeclaredError` where the file cannot be read, or unfolds beyond any real configuration.
    """
    notes = Notes()
    chosen = config_id if config_id is not None else host
    expansion = Expansion((path, *more), chosen, notes)
    statements = tree(expansion, notes)
    reader = _Reader(notes)
    for statement in statements:
        reader.take(statement)
    return Keepalived(
        host=host if host is not None else path.stem,
        files=tuple(expansion.files),
        config_id=chosen,
        config_ids=tuple(expansion.ids),
        globals=reader.globals,
        static_addresses=tuple(reader.static_addresses),
        sync_groups=tuple(reader.sync_groups.values()),
        scripts=tuple(reader.scripts.values()),
        track_files=tuple(reader.track_files.values()),
        track_processes=tuple(reader.track_processes.values()),
        instances=tuple(reader.instances.values()),
        virtual_servers=tuple(reader.virtual_servers),
        tree=statements,
        notes=notes.all(),
    )


def effective(declared: Keepalived, instance: Instance) -> Effective:
    """What keepalived makes of ``instance`` (vrrp.c, vrrp_complete_instance and vrrp_complete_init)."""
    made = _alone(declared, instance)
    if made.state == "MASTER" and not all(_owner(declared, other) for other in _synchronised(declared, instance.name)):
        # A sync group starts as one, and only address owners start as masters at once.
        return made._replace(state="BACKUP")
    return made


def _alone(declared: Keepalived, instance: Instance) -> Effective:
    """What keepalived makes of an instance, whatever sync group it is in."""
    defaults = declared.globals
    family: Literal[4, 6] = instance.family or 4
    strict = instance.strict if instance.strict is not None else bool(defaults.strict)
    version = instance.version or (3 if family == 6 else defaults.vrrp_version or VERSION)
    if family == 6 and strict:
        version = 3
    priority = instance.priority or (OWNER if instance.state == "MASTER" else PRIORITY)
    master = instance.state == "MASTER" if instance.state is not None and not strict else priority == OWNER
    destination: IPAddress | None = None
    if not instance.unicast_peers:
        general = defaults.mcast_group4 if family == 4 else defaults.mcast_group6
        destination = instance.mcast_dst_ip or general or ip_address(MULTICAST[family])
    auth = _auth(instance, family, version, strict)
    if auth == "ah" and priority != OWNER:
        # It has to hear an advertisement first, for the sequence number.
        master = False
    accept = instance.accept if instance.accept is not None else priority == OWNER or not strict
    if accept and strict and version == 2 and priority != OWNER:
        accept = False
    return Effective(
        family=family,
        version=version,
        state="MASTER" if master else "BACKUP",
        priority=priority,
        interval=_interval(instance.advert_int, version),
        destination=destination,
        auth=auth,
        preempt=instance.preempt is not False or master or priority == OWNER,
        accept=accept,
        strict=strict,
    )


def _synchronised(declared: Keepalived, name: str) -> list[Instance]:
    """All instances of the sync group that the instance ``name`` is in; none where it is in none."""
    members = next((group.members for group in declared.sync_groups if name in group.members), ())
    return [instance for instance in declared.instances if instance.name in members]


def _owner(declared: Keepalived, instance: Instance) -> bool:
    made = _alone(declared, instance)
    return made.state == "MASTER" and made.priority == OWNER


def _interval(declared: float | None, version: int) -> float:
    """Seconds as sent: version 2 has whole ones, version 3 hundredths, halves rounded up."""
    value = INTERVAL if declared is None else declared
    parts = 1 if version == 2 else 100
    rounded = int(round(value * 1e6) * parts / 1e6 + 0.5) / parts
    return min(max(rounded, 1 / parts), _WIDEST[version])


def _auth(instance: Instance, family: int, version: int, strict: bool) -> Literal["none", "simple", "ah", "hmac"]:
    declared = instance.authentication
    if declared is None:
        return "none"
    if declared.kind == "HMAC":
        return "hmac"
    if strict or version == 3 or declared.password is None:
        return "none"
    match declared.kind:
        case "PASS":
            return "simple"
        case "AH" if family == 4:
            return "ah"
        case _:
            return "none"


class _Reader:
    """The blocks of a configuration, one after another; of two with one name keepalived takes the first."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.globals = Globals()
        self.static_addresses: list[VirtualAddress] = []
        self.sync_groups: dict[str, SyncGroup] = {}
        self.scripts: dict[str, CheckScript] = {}
        self.track_files: dict[str, TrackFile] = {}
        self.track_processes: dict[str, TrackProcess] = {}
        self.instances: dict[str, Instance] = {}
        self.virtual_servers: list[Statement] = []

    def take(self, statement: Statement) -> None:
        notes = self._notes
        match statement.keyword:
            case "global_defs":
                for inner in statement.inner:
                    self._global(inner)
            case "static_ipaddress":
                found = (virtual_address(line, notes) for line in statement.inner)
                self.static_addresses += [one for one in found if one]
            case "vrrp_sync_group":
                if (name := self._named(statement, self.sync_groups)) is not None:
                    self.sync_groups[name] = _sync_group(statement, name, notes)
            case "vrrp_script":
                if (name := self._named(statement, self.scripts)) is not None:
                    self.scripts[name] = check_script(statement, name, notes)
            case "track_file" | "vrrp_track_file":
                if (name := self._named(statement, self.track_files)) is not None:
                    self.track_files[name] = track_file(statement, name, notes)
            case "vrrp_track_process":
                if (name := self._named(statement, self.track_processes)) is not None:
                    self.track_processes[name] = track_process(statement, name, notes)
            case "vrrp_instance":
                if (name := self._named(statement, self.instances)) is not None:
                    self.instances[name] = InstanceReader(statement, name, notes).read()
                    self._old_sync_daemon(statement, name)
            case "virtual_server" | "virtual_server_group":
                self.virtual_servers.append(statement)

    def _named(self, statement: Statement, known: dict[str, Any]) -> str | None:
        if len(statement.arguments) != 1:
            self._notes.add(statement.place, f"{quoted(statement.keyword)} takes one name: left out")
            return None
        name = statement.arguments[0]
        if name in known:
            before = known[name].place
            self._notes.add(statement.place, f"{quoted(name)} is there already, see {before}: left out")
            return None
        return name

    def _old_sync_daemon(self, instance: Statement, name: str) -> None:
        for statement in instance.inner:
            if statement.keyword == "lvs_sync_daemon_interface" and self.globals.sync_daemon is None:
                interface = first(statement, self._notes)
                if interface is not None:
                    daemon = SyncDaemon(statement.place, interface, name)
                    self.globals = self.globals._replace(sync_daemon=daemon)

    def _global(self, statement: Statement) -> None:
        notes, known = self._notes, self.globals
        keyword = canonical(statement.keyword)
        value: Any = None
        field = keyword
        if keyword in _BOOLEANS:
            field, value = _BOOLEANS[keyword], boolean(statement, notes)
        elif keyword in _TEXTS:
            value = first(statement, notes)
        elif keyword in _TIMES:
            field, value = _TIMES[keyword], seconds(statement, notes, 0, 86_400)
        elif keyword in _ARGUMENTS:
            field, value = _ARGUMENTS[keyword], statement.arguments
        elif (timing := garp(statement, "vrrp_garp_", known.garp, notes)) is not None:
            field, value = "garp", timing
        elif keyword == "vrrp_strict":
            field, value = "strict", True
        elif keyword == "vrrp_version":
            value = integer(statement, notes, 2, 3)
        elif keyword == "vrrp_down_timer_adverts":
            field, value = "down_timer_adverts", integer(statement, notes, 1, 100)
        elif keyword in ("vrrp_mcast_group4", "vrrp_mcast_group6"):
            field = keyword.removeprefix("vrrp_")
            value = multicast(statement, notes, int(keyword[-1]))
        elif keyword == "lvs_sync_daemon":
            field, value = "sync_daemon", self._sync_daemon(statement)
        if value is not None:
            self.globals = known._replace(**{field: value})

    def _sync_daemon(self, statement: Statement) -> SyncDaemon | None:
        if self.globals.sync_daemon is not None:
            self._notes.add(statement.place, "'lvs_sync_daemon' is there already: left out")
            return None
        if not statement.arguments:
            self._notes.add(statement.place, "'lvs_sync_daemon' misses its interface")
            return None
        daemon = SyncDaemon(statement.place, statement.arguments[0])
        words = iter(enumerate(statement.arguments[1:]))
        for index, word in words:
            if word in ("inst", "group") or word in _SYNC_NUMBERS:
                daemon = self._sync_option(statement, daemon, word, next(words, (0, ""))[1])
            elif index == 0:
                daemon = daemon._replace(instance=word)
            elif index == 1:
                daemon = self._sync_option(statement, daemon, "id", word)
            else:
                self._notes.add(statement.place, f"'lvs_sync_daemon' does not take {quoted(word)}")
        return daemon

    def _sync_option(self, statement: Statement, daemon: SyncDaemon, word: str, text: str) -> SyncDaemon:
        if word == "inst":
            return daemon._replace(instance=text)
        value: Any
        if word == "group":
            group = parsed_address(text)
            value = group if group is not None and group.is_multicast else None
        else:
            value = whole(text, *_SYNC_NUMBERS[word])
        if value is None:
            self._notes.add(statement.place, f"{quoted(word)} of 'lvs_sync_daemon' cannot be {quoted(text)}")
            return daemon
        return daemon._replace(**{word: value})


def _sync_group(statement: Statement, name: str, notes: Notes) -> SyncGroup:
    members: list[str] = []
    notify = {}
    followed = {}
    for inner in statement.inner:
        if inner.keyword == "group":
            members += names(inner.inner)
        elif (notice := notified(inner, notes)) is not None:
            notify[notice[0]] = notice[1]
        elif (found := tracks(inner, notes)) is not None:
            followed[found[0]] = found[1]
    return SyncGroup(statement.place, name, tuple(members), notify, followed, statement)
