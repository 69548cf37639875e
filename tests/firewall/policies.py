"""Policies that tests of the rules are made with."""

from typing import Any

from vrrpwatch.core.policy import Policy

ALPHA = {"ip": "192.0.2.11", "mac": "02:00:00:00:00:11", "priority": 150}
BRAVO = {"ip": "192.0.2.12"}


def group(segment: str = "eth0", **said: Any) -> dict[str, Any]:
    return {"segment": segment, "protocol": "vrrp", "id": 51, "interval": 1.0, "speakers": [ALPHA, BRAVO]} | said


def policy(*groups: dict[str, Any], segments: tuple[dict[str, Any], ...] = (), **said: Any) -> Policy:
    data = {"version": 1, "unlisted": "drop", "segment": list(segments), "group": list(groups or (group(),))}
    return Policy.model_validate(data | said)
