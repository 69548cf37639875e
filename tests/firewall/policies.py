"""Policies that tests of the rules are made with."""

from typing import Any

from vrrpwatch.core.policy import Policy

ALPHA = {"ip": "192.0.2.11", "mac": "02:00:00:00:00:11", "priority": 150}
BRAVO = {"ip": "192.0.2.12"}
SIX = {"segment": "eth0", "protocol": "vrrp", "family": 6, "id": 61, "speakers": [{"ip": "fe80::11"}], "interval": 0.5}
HSRP = {"segment": "eth1", "protocol": "hsrp", "id": 3, "speakers": [{"ip": "192.0.2.11"}]}
SYNC = {"protocol": "conntrackd", "peers": ["10.0.0.1", "10.0.0.2"]}
PFSYNC = {"protocol": "pfsync", "peers": ["10.0.0.1"], "rate": 100}
# All that may be done with what a policy does not list.
UNLISTED: list[dict[str, Any]] = [
    {"unlisted": "report"},
    {"unlisted": "log"},
    {"unlisted": "limit", "unlisted_rate": 2.5},
    {"unlisted": "drop"},
]


def group(segment: str = "eth0", **said: Any) -> dict[str, Any]:
    return {"segment": segment, "protocol": "vrrp", "id": 51, "interval": 1.0, "speakers": [ALPHA, BRAVO]} | said


def policy(*groups: dict[str, Any], segments: tuple[dict[str, Any], ...] = (), **said: Any) -> Policy:
    data = {"version": 1, "unlisted": "drop", "segment": list(segments), "group": list(groups or (group(),))}
    return Policy.model_validate(data | said)
