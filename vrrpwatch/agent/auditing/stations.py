"""Routers as others on the segment would meet them, and what an engine has to know in order to judge them."""

from collections.abc import Iterable, Sequence
from glob import escape
from typing import Any, NamedTuple

from vrrpwatch.agent.config.routers import CarpRouter, Router
from vrrpwatch.agent.ports import Attachment
from vrrpwatch.core.keys import Keys
from vrrpwatch.core.model import GroupKey
from vrrpwatch.core.policy import SCOPES, Policy
from vrrpwatch.wire.values import IPAddress

UNICAST = "unicast"


class Station(NamedTuple):
    """A router of the settings, and where it meets its network."""

    config: Router
    attachment: Attachment

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def key(self) -> GroupKey:
        """Its group as observers name it; on a segment with several sets of unicast peers they add a number."""
        config = self.config
        scope = UNICAST if config.peers else SCOPES[config.protocol, config.family][0]
        return GroupKey(self.attachment.interface, config.protocol, config.family, config.id, scope)

    def is_of(self, group: GroupKey, peers: Iterable[IPAddress]) -> bool:
        """Whether it is a router of ``group``; ``peers`` are both ends of that group's unicast advertisements."""
        mine = self.key
        if group[:4] != mine[:4] or is_unicast(group) != is_unicast(mine):
            return False
        return not is_unicast(mine) or not {self.attachment.source, *self.config.peers}.isdisjoint(peers)


def is_unicast(group: GroupKey) -> bool:
    """Whether its speakers advertise to each other directly."""
    return group.scope.startswith(UNICAST)


def interfaces(stations: Iterable[Station]) -> tuple[str, ...]:
    """Where the routers are heard, each interface once."""
    return tuple(dict.fromkeys(station.attachment.interface for station in stations))


def keys(stations: Iterable[Station]) -> Keys | None:
    """The routers' secrets, each for its own group; ``None`` where there are none."""
    found = [key for station in stations if (key := _key(station)) is not None]
    return Keys.model_validate({"version": 1, "key": found}) if found else None


def _key(station: Station) -> dict[str, Any] | None:
    config = station.config
    # A device's name may hold what a pattern has a meaning for.
    place = {"segment": escape(station.attachment.interface), "id": config.id, "family": config.family}
    if isinstance(config, CarpRouter):
        addresses = (config.advertised,)
        return {"protocol": "carp", "secret_hex": config.passphrase_file.hex(), "addresses": addresses, **place}
    if config.auth is None:
        return None
    key = {"protocol": f"vrrp-{config.auth.type}", "secret_hex": config.auth.secret_file.hex(), **place}
    return key | ({"key_id": config.auth.key_id} if config.auth.type == "hmac" else {})


class OwnPolicy(Policy):
    """A policy about the routers' own groups: that it lists no others does not make those out of place."""

    def covers(self, segment: str) -> bool:  # noqa: ARG002
        return False


def policy(stations: Sequence[Station]) -> Policy | None:
    """Who may advertise in groups of which all speakers are known: those with unicast peers."""
    speakers: dict[GroupKey, dict[IPAddress, None]] = {}
    for station in stations:
        if station.config.peers:
            known = speakers.setdefault(station.key, {})
            known.update(dict.fromkeys((station.attachment.source, *station.config.peers)))
    groups = [
        {
            "segment": escape(key.segment),
            "protocol": key.protocol,
            "family": key.family,
            "id": key.id,
            "scope": UNICAST,
            "speakers": [{"ip": ip} for ip in known],
        }
        for key, known in speakers.items()
    ]
    return OwnPolicy.model_validate({"version": 1, "group": groups}) if groups else None
