"""The real Alertmanager: it shows what fires, holds it while it is reminded, and takes the end for the end."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.alerts.news import KEY, finding, news
from tests.alerts.receiver import until
from vrrpwatch.alerts.alerts import Alerts
from vrrpwatch.alerts.settings import AlertSettings

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Alertmanager (Debian: prometheus-alertmanager) is missing")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[str]:
    assert PROGRAM is not None
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={tmp_path}/am.yml",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _ready(url))
            yield url
        finally:
            process.kill()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def shown(url: str) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = httpx.get(f"{url}/api/v2/alerts", trust_env=False).json()
    return sorted(alerts, key=lambda alert: alert["labels"].get("group", ""))


def test_the_real_alertmanager_shows_what_fires_until_it_is_over(manager: str, tmp_path: Path) -> None:
    said: list[str] = []
    sink = {"name": "am", "type": "alertmanager", "url": manager, "resend": 1}
    settings = AlertSettings.model_validate({"version": 1, "sink": [sink]})
    alerts = Alerts(settings, tmp_path / "outbox.db", "sensor-1", clock=lambda: 0, alarm=said.append)
    other = finding("bad-ttl", "x", group=KEY._replace(id=52))
    alerts.tell(news(0, finding(), other))
    until(lambda: len(shown(manager)) == 2)
    first, second = shown(manager)
    assert first["labels"] == {
        "alertname": "split-brain",
        "severity": "critical",
        "segment": "eth0",
        "group": "eth0|vrrp|4|51|224.0.0.18",
        "sensor": "sensor-1",
    }
    assert first["annotations"]["summary"] == "two masters"
    assert second["labels"]["alertname"] == "bad-ttl"
    until(lambda: shown(manager)[0]["updatedAt"] > first["updatedAt"], "it was not reminded")
    alerts.tick(news(30).now)
    until(lambda: [alert["labels"]["alertname"] for alert in shown(manager)] == ["bad-ttl"])
    assert alerts.close()
    assert said == []
