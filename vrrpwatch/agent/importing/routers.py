"""A ``vrrp_instance`` as a router of the settings."""

from typing import Any, Final

from vrrpwatch.agent.config.routers import VrrpRouter
from vrrpwatch.agent.importing import held
from vrrpwatch.agent.importing.absent import INSTANCE
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.agent.importing.hooks import hooks
from vrrpwatch.agent.importing.programs import Programs
from vrrpwatch.agent.importing.secrets import Secrets
from vrrpwatch.agent.importing.tracked import Heeded, Trackers
from vrrpwatch.core.machine.settings import OWNER_PRIORITY
from vrrpwatch.declared.keepalived import effective
from vrrpwatch.declared.keepalived_values import MULTICAST, Effective, Instance, Keepalived, SyncGroup
from vrrpwatch.declared.notes import Place, quoted
from vrrpwatch.wire.values import IPAddress

Table = dict[str, Any]

# vrrp.h: VRRP_GARP_REP and VRRP_GARP_DELAY (seconds).
_REPEAT: Final = 5
_DELAY: Final = 5.0
_LONGEST_DELAY: Final = 1_000.0
# Each is sent every advert; a frame's worth of routers on one segment is far more than anybody has.
MAX_PEERS: Final = 255
_TRACKS: Final = ("track_interface", "track_script", "track_file", "track_process")


class Routers:
    """Makes routers of instances; one that could not meet its peers, or that keepalived does not run, is left out."""

    def __init__(
        self, declared: Keepalived, programs: Programs, trackers: Trackers, secrets: Secrets, gaps: Gaps
    ) -> None:
        self._declared = declared
        self._programs = programs
        self._trackers = trackers
        self._secrets = secrets
        self._gaps = gaps
        self._priorities = held.Priorities()
        self._holders: dict[tuple[str, IPAddress], Place] = {}
        self._groups: dict[str, SyncGroup] = {}
        for group in declared.sync_groups:
            for member in group.members:
                self._groups.setdefault(member, group)

    def router(self, instance: Instance, name: str) -> Table | None:
        """The table; ``None`` where there is to be no such router, which is told."""
        made = effective(self._declared, instance)
        self._gaps.absent(instance.statement.inner, INSTANCE)
        if not self._can_run(instance, made):
            return None
        table = self._figures(instance, made, name)
        vmac = bool(table.get("vmac"))
        table["addresses"] = held.addresses(instance, vmac, self._holders, self._gaps)
        if routes := held.routes(instance, self._gaps):
            table["routes"] = routes
        if rules := held.rules(instance, self._priorities, self._gaps):
            table["rules"] = rules
        if track := self._trackers.track(self._heeded(instance), made.priority):
            table["track"] = track
        if not self._gaps.fits(VrrpRouter, table, instance.place, instance.name):
            return None
        if made.auth != "none":
            auth = self._secrets.auth(name, instance, made.auth)
            if auth is None:
                self._gaps.add(instance.place, instance.name, f"its adverts could not be signed: {LEFT_OUT}")
                return None
            table["auth"] = auth
        elif instance.authentication is not None:
            self._gaps.add(
                instance.authentication.place,
                "authentication",
                "keepalived does not use it (version 3, strict mode, or no password), nor does the agent: leave it out",
            )
        if announce := self._announce(instance):
            table["announce"] = announce
        if notify := hooks(instance.notify, self._programs, self._gaps):
            table["notify"] = notify
        self._holders |= held.holders(instance, table["addresses"])
        return table

    def _can_run(self, instance: Instance, made: Effective) -> bool:
        why = None
        if instance.virtual_router_id is None:
            why = "virtual_router_id is missing: add it"
        elif instance.interface is None:
            why = "interface is missing, and a router needs one: add it"
        elif not instance.addresses:
            why = "it has no virtual_ipaddress, and a router needs one: add it"
        elif made.strict and instance.unicast_peers:
            why = "keepalived refuses peers in strict mode: remove either"
        elif made.destination is not None and str(made.destination) != MULTICAST[made.family]:
            why = (
                f"adverts go to {made.destination}, and the agent's to {MULTICAST[made.family]}: change its peers first"
            )
        if why is not None:
            self._gaps.add(instance.place, instance.name, f"{why}; {LEFT_OUT}")
        return why is None

    def _figures(self, instance: Instance, made: Effective, name: str) -> Table:
        gaps, place, defaults = self._gaps, instance.place, self._declared.globals
        table: Table = {
            "name": name,
            "interface": instance.interface,
            "id": instance.virtual_router_id,
            "version": made.version,
            "priority": made.priority,
            "interval": made.interval,
            "addresses": [],
        }
        source = (instance.unicast_src_ip if instance.unicast_peers else None) or instance.mcast_src_ip
        source = source or instance.unicast_src_ip
        if source is not None:
            table["source"] = str(source)
        if instance.unicast_peers:
            peers = list(dict.fromkeys(str(peer.address) for peer in instance.unicast_peers))
            table["peers"] = list(gaps.capped(peers, MAX_PEERS, place, "unicast_peer"))
            for peer in instance.unicast_peers:
                if peer.min_ttl is not None or peer.max_ttl is not None:
                    gaps.add(
                        peer.place, str(peer.address), "the TTL of a peer's adverts is not looked at: use the firewall"
                    )
        if self._vmac(instance):
            table["vmac"] = True
        if not made.preempt:
            table["preempt"] = False
        elif instance.preempt_delay:
            if made.strict or self._starts_as_master(instance):
                gaps.add(
                    place, "preempt_delay", f"keepalived does not use it with state MASTER or strict mode: {LEFT_OUT}"
                )
            else:
                table["preempt_delay"] = gaps.bounded(
                    instance.preempt_delay, 0.0, _LONGEST_DELAY, place, "preempt_delay"
                )
        if made.priority == OWNER_PRIORITY and made.state == "BACKUP":
            gaps.add(
                place, instance.name, "an owner (priority 255) starts as master here: lower the priority if it must not"
            )
        if defaults.startup_delay:
            table["start_delay"] = gaps.bounded(
                defaults.startup_delay, 0.0, _LONGEST_DELAY, place, "vrrp_startup_delay"
            )
        if not made.accept:
            table["accept"] = False
        plain = instance.v3_checksum_as_v2 if instance.v3_checksum_as_v2 is not None else defaults.v3_checksum_as_v2
        if plain and made.version == 3 and made.family == 4:
            table["checksum"] = "plain"
        silent = instance.lower_prio_no_advert
        silent = made.strict or bool(defaults.lower_prio_no_advert if silent is None else silent)
        if silent is (made.version == 3):
            table["answers"] = not silent
        return table

    def _starts_as_master(self, instance: Instance) -> bool:
        """Whatever its sync group makes of that."""
        return effective(self._declared._replace(sync_groups=()), instance).state == "MASTER"

    def _vmac(self, instance: Instance) -> bool:
        declared = instance.virtual_interface
        if declared is None or declared.kind != "vmac":
            return False
        place = declared.place
        if instance.unicast_peers:
            self._gaps.add(place, "use_vmac", "a router with peers has no virtual MAC here: its hosts learn the card's")
            return False
        if declared.name is not None:
            self._gaps.add(place, "use_vmac", f"the macvlan has a name of the agent's own, not {quoted(declared.name)}")
        if declared.mac is not None:
            self._gaps.add(place, "use_vmac", "the virtual MAC is the standard's: let other hosts use that too")
        for option in declared.options:
            self._gaps.add(place, "use_vmac", f"there is no {quoted(option)}: the macvlan is made without it")
        return True

    def _heeded(self, instance: Instance) -> list[Heeded]:
        """Its own trackers, and those of its group (vrrp.c, vrrp_complete_instance and sync_group_tracking_init)."""
        group = self._groups.get(instance.name)
        own = [one for kind in _TRACKS for one in self._trackers.heeded(kind, instance.tracks.get(kind, ()))]
        if group is None:
            return own
        if not any(inner.keyword == "sync_group_tracking_weight" for inner in group.statement.inner):
            own = [kept for one in own if (kept := self._weightless(one)) is not None]
        made = {(one.kind, one.name): one for one in own}
        for kind in _TRACKS:
            for one in self._trackers.heeded(kind, group.tracks.get(kind, ())):
                mine = made.get((one.kind, one.name))
                made[one.kind, one.name] = one if mine is None or mine.weight else mine
        return list(made.values())

    def _weightless(self, one: Heeded) -> Heeded | None:
        """What keepalived makes of a weight in a sync group without sync_group_tracking_weight."""
        if not one.weight or one.kind == "track_process":
            return one
        if one.kind == "track_interface" or (one.kind == "track_file" and one.weight == 1):
            self._gaps.add(one.place, one.name, "its weight counts as 0 in a sync group: a failure is a fault")
            return one._replace(weight=0)
        self._gaps.add(one.place, one.name, f"keepalived does not track it with a weight in a sync group: {LEFT_OUT}")
        return None

    def _announce(self, instance: Instance) -> Table:
        own, general, place = instance.garp, self._declared.globals.garp, instance.place
        few = bool(self._declared.globals.min_garp)
        repeat = _first(own.master_repeat, general.master_repeat, 1 if few else _REPEAT)
        delay = _first(own.master_delay, general.master_delay, 0.0 if few else _DELAY)
        refresh = _first(own.master_refresh, general.master_refresh, 0.0)
        table: Table = {}
        # keepalived takes 0 for 1.
        repeat = self._gaps.bounded(max(repeat, 1), 1, 100, place, "garp_master_repeat")
        delay = self._gaps.bounded(delay, 0.0, _LONGEST_DELAY, place, "garp_master_delay")
        refresh = self._gaps.bounded(refresh, 0.0, 86_400.0, place, "garp_master_refresh")
        for key, value, usual in (("repeat", repeat, _REPEAT), ("delay", delay, _DELAY), ("refresh", refresh, 0.0)):
            if value != usual:
                table[key] = value
        return table


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
