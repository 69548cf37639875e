"""From packets to alerts: a dispute of two speakers is told once while it lasts, and is over soon after it ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.capture.files import kept
from tests.conformance.stage import START
from tests.conformance.test_findings import SEGMENT, cut_at, whole
from vrrpwatch.alerts.decide import Desk
from vrrpwatch.alerts.settings import AlertSettings
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.sources import read_here
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.core.monitor import Monitor

RED, BLUE = ({"version": 2, "password": password} for password in ("red", "blue"))
SINK = {"name": "s", "type": "webhook", "url": "http://127.0.0.1/", "severity": "warning"}


def told(script: list[dict[str, Any]], rule: str, directory: Path) -> list[tuple[str, int]]:
    """The messages about ``rule``: status and the second of the script after which it was sent."""
    whole({"hear": script}, directory)
    monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: SEGMENT))
    desk = Desk(AlertSettings.model_validate({"version": 1, "sink": [SINK]}), "sensor-1")
    messages = []
    for batch in kept(read_here(str(directory / f"{SEGMENT}.pcap"), 0, WANTED, lambda _source, _facts: None)):
        for part in cut_at(batch, list(range(1, len(batch.frames)))):
            monitor.feed(part)
            messages += desk.tell(monitor.news())["s"].messages + desk.tick(monitor.now)["s"].messages
    return [(alert.status, (alert.at - START) // NANOSECONDS) for alert in messages if alert.rule == rule]


def test_passwords_that_differ_are_told_once_and_over_five_minutes_after_one_was_changed(tmp_path: Path) -> None:
    # Both are master until B is given A's password at 1000 s, accepts A and is silent.
    script = [{"who": "A", "from": 0.0, "count": 1500, **RED}, {"who": "B", "from": 10.0, "count": 990, **BLUE}]
    # Its last advertisement but one was told of at 998 s, and its last with the next of A's, at 1000 s.
    assert told(script, "auth-mismatch", tmp_path) == [("firing", 10), ("resolved", 1300)]


@pytest.mark.parametrize("silent", [20, 2000])
def test_an_interval_that_differs_is_told_until_it_is_changed(silent: int, tmp_path: Path) -> None:
    # B steps in for a moment with another interval, and is seen with A's own long after.
    script = [
        {"who": "A", "from": 0.0, "count": 11},
        {"who": "B", "from": 14.0, "count": 3, "interval": 2.0},
        {"who": "A", "from": 20.0, "count": silent},
        {"who": "B", "from": 24.0 + silent, "count": 600},
    ]
    # Growth is told every two seconds, so that of A's last advertisements is told with the packet that mends it.
    assert told(script, "interval-mismatch", tmp_path) == [("firing", 14), ("resolved", 324 + silent)]
