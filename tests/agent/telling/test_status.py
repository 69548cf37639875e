"""The status as JSON: every key, in figures worked out by hand, and as documented."""

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.agent.telling.statuses import NOW, router, status
from vrrpwatch.agent.telling.status import Status, encode
from vrrpwatch.core.model import NANOSECONDS


def encoded(made: Status) -> Any:
    text = "".join(encode(made))
    assert text.count("\n") == 1
    return json.loads(text)


def test_every_key_of_the_schema() -> None:
    assert encoded(status()) == {
        "schema": "vrrpwatch/agent/1",
        "at": "2026-01-31T12:00:00.000000Z",
        "agent": {
            "pid": 711,
            "version": "1.2.3",
            "started": "2026-01-31T11:58:20.000000Z",
            "settings": "/etc/vrrpwatch/agent.toml",
            "draining": False,
            "realtime": True,
            "audited": True,
        },
        "routers": [
            {
                "name": "web",
                "interface": "eth0",
                "protocol": "vrrp",
                "version": 3,
                "family": 4,
                "id": 51,
                "state": "master",
                "since": "2026-01-31T11:58:30.000000Z",
                "priority": 150,
                "base_priority": 150,
                "advbase": None,
                "advskew": None,
                "demotion": None,
                "master": "192.0.2.11",
                "addresses": ["192.0.2.1"],
                "held": True,
                "draining": False,
                "faults": [],
                "sync": None,
                "deadline_in": 0.25,
                "adverts": {"sent": 91, "received": 2, "discarded": {"bad-ttl": 1}},
                "changes": 2,
                "last_change": {
                    "at": "2026-01-31T11:58:30.000000Z",
                    "from": "backup",
                    "to": "master",
                    "why": "its master was silent",
                },
                "trackers": [
                    {"name": "haproxy", "good": True, "detail": "2 servers up"},
                    {"name": "uplink", "good": None, "detail": None},
                ],
            }
        ],
        "syncs": [{"name": "lan", "state": "master", "since": "2026-01-31T11:58:30.000000Z", "routers": ["web"]}],
        "companions": [{"name": "conntrackd", "follows": "web", "good": True, "detail": "told master"}],
    }


def test_what_is_unknown_is_null_and_a_deadline_may_be_past() -> None:
    unknown: dict[str, Any] = {
        "master": None,
        "deadline": None,
        "last_change": None,
        "verdicts": {},
        "faults": ("eth0 is down",),
    }
    first, second = encoded(status((router(**unknown), router("late", deadline=NOW - NANOSECONDS))))["routers"]
    assert [first[key] for key in ("master", "deadline_in", "last_change", "trackers")] == [None, None, None, []]
    assert (first["faults"], second["deadline_in"]) == (["eth0 is down"], -1.0)


def test_text_from_outside_ends_no_line_and_needs_no_encoding() -> None:
    hostile = 'x\n"}\x1b[2J\u202e\ud800'
    found = encoded(status((router(faults=(hostile,), master=ip_address("2001:db8::1")),), settings=hostile))
    assert found["agent"]["settings"] == found["routers"][0]["faults"][0] == hostile
    assert "".join(encode(status(settings=hostile))).isascii()


def test_routers_are_asked_for_one_by_one() -> None:
    asked: list[int] = []

    def routers() -> Any:
        for number in range(3):
            asked.append(number)
            yield router(str(number))

    pieces = encode(status(routers()))
    assert (next(pieces)[-1], asked) == ("[", [])
    assert ('"name":"0"' in next(pieces), asked) == (True, [0])
    assert len(list(pieces)) == 3


def test_the_documentation_names_every_key_and_no_other(root: Path) -> None:
    text = (root / "docs" / "agent-status.md").read_text()
    documented = set(re.findall(r"^\| `([\w.\[\]]+)` \|", text, re.MULTILINE))

    def keys(value: Any, place: str = "") -> set[str]:
        if isinstance(value, list):
            return set().union(*(keys(item, f"{place}[]") for item in value))
        if not isinstance(value, dict) or place.endswith(".discarded"):
            return set()
        return set().union(
            *({f"{place}.{key}".lstrip(".")} | keys(item, f"{place}.{key}") for key, item in value.items())
        )

    assert documented == keys(encoded(status()))
