"""A fleet: real sensors at three sites write to one PostgreSQL, which goes away for a while, as does one of them."""

import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest
import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from tests.lab.daemons import Instance, keepalived
from tests.lab.network import Host, Lab, Process, missing
from tests.lab.stage import ALPHA, BRAVO, CHARLIE, GATEWAY, address
from tests.lab.waiting import wait_until
from tests.lab.watching import COMMAND
from tests.store.postgresql import Server, programs
from vrrpwatch.service.fleet import FleetRun
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.places import place
from vrrpwatch.store.tables import EventRow, SensorRow

SITES: Final = ("berlin", "paris", "rome")
A, B = address(ALPHA), address(BRAVO)


@pytest.fixture
def server() -> Generator[Server]:
    why = missing("keepalived")
    folder = programs()
    if why is None and folder is None:
        why = "PostgreSQL's server is not installed"
        assert not os.environ.get("VRRPWATCH_CI"), why
    if why is not None or folder is None:
        pytest.skip(str(why))
    with Server(folder) as running:
        # A sensor has given up the right to pass where only others may.
        running.home.chmod(0o755)
        yield running


class Site:
    """A segment with a pair of routers, and the sensor that watches it."""

    def __init__(self, lab: Lab, name: str, url: str) -> None:
        self.name = name
        self._url = url
        lan = name[:6]
        lab.bridge(lan)
        self.master = lab.host(f"{name}-a", ALPHA, bridge=lan, port=f"{lan}-a")
        self.backup = lab.host(f"{name}-b", BRAVO, bridge=lan, port=f"{lan}-b")
        self._host: Host = lab.host(f"{name}-s", CHARLIE, bridge=lan, port=f"{lan}-s")
        self.sensor: Process = self.watch()

    def watch(self) -> Process:
        """Starts the sensor."""
        options = ("--sensor", self.name, "--store", self._url, "--output", "ndjson")
        self.sensor = self._host.start(COMMAND, "watch", "-i", "eth0", *options)
        return self.sensor

    def route(self) -> None:
        """Starts the routers, first the one that is to be master."""
        for host, priority in ((self.master, 150), (self.backup, 100)):
            keepalived(
                host, Instance(vrid=51, priority=priority, addresses=(f"{GATEWAY}/24",), version=3, interval=0.3)
            )

    @property
    def said(self) -> str:
        return self.sensor.log.read_text()

    def told(self) -> list[tuple[str, str, str]]:
        """What the sensor printed of events: when, what, and the new master."""
        events = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return sorted((one["at"], one["kind"], str(one["to"])) for one in events if one["type"] == "event")


def store(*arguments: str, url: str) -> str:
    return subprocess.run(
        [COMMAND, "store", *arguments, "--store", url], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def stored(url: str) -> list[tuple[str, str, str | None]]:
    """Sensor, kind and new master of the events that are there already."""
    engine = connect(place(url))
    columns = sqlalchemy.select(SensorRow.name, EventRow.kind, EventRow.new).join(
        SensorRow, SensorRow.id == EventRow.sensor_id
    )
    try:
        with engine.connect() as connection:
            return [(name, kind, new) for name, kind, new in connection.execute(columns)]
    except SQLAlchemyError:
        # It has no tables yet, or is away.
        return []
    finally:
        engine.dispose()


def shown(url: str) -> set[str]:
    """The words that ``live --store`` draws until it has drawn every site, or for 30 s."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 120))
    environment = os.environ | {"TERM": "xterm-256color", "NO_COLOR": "1"}
    command = [COMMAND, "live", "--store", url]
    words: set[str] = set()
    output = b""
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        end = time.monotonic() + 30
        while time.monotonic() < end and not {f"{name}:eth0" for name in SITES} <= words:
            if select.select([master], [], [], 0.1)[0]:
                output += os.read(master, 65_536)
                words = set(re.split(r"[^\w:]+", output.decode(errors="replace")))
        process.terminate()
        while process.poll() is None:
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 65_536)
    os.close(master)
    os.close(slave)
    return words


def written(url: str) -> dict[str, list[tuple[str, str, str]]]:
    """The events in the store, by sensor."""
    found: dict[str, list[tuple[str, str, str]]] = {name: [] for name in SITES}
    for line in store("export", "--table", "events", url=url).splitlines():
        event: dict[str, Any] = json.loads(line)
        found[event["sensor"]].append((event["at"], event["kind"], str(event["to"])))
    return {name: sorted(events) for name, events in found.items()}


def test_three_sensors_share_a_database_that_is_away_for_a_while(server: Server) -> None:
    url = server.database()
    with Lab() as lab:
        # All at once: one of them makes the tables.
        sites = berlin, paris, rome = [Site(lab, name, url) for name in SITES]
        for site in sites:
            site.route()

        def wait(condition: Callable[[], bool], what: str) -> None:
            wait_until(condition, at_most=30, what=what, seen=lambda: "\n".join(site.said for site in sites))

        def has(site: Site, kind: str, to: str, times: int = 1) -> bool:
            return stored(url).count((site.name, kind, to)) == times

        for site in sites:
            wait(lambda site=site: has(site, "master-appeared", A), f"{site.name}'s master")  # type: ignore[misc]
        berlin.master.power_off()
        wait(lambda: has(berlin, "master-changed", B), "berlin's takeover")

        paris.sensor.kill()
        server.stop()
        rome.master.power_off()
        wait(lambda: "master-changed" in rome.said, "rome's takeover")
        wait(lambda: "journal: " in rome.said, "rome's sensor to miss the database")
        paris.watch()
        wait(lambda: paris.said.count("master-appeared") == 2, "paris to be watched again")
        server.start()
        wait(lambda: has(rome, "master-changed", B), "rome's takeover in the store")
        wait(lambda: has(paris, "master-appeared", A, times=2), "paris's second start in the store")
        paris.master.power_off()
        wait(lambda: has(paris, "master-changed", B), "paris's takeover")

        run = FleetRun(url, "ann")
        try:
            rows = {row.key.segment: (row.state, str(row.master)) for row in run.view.rows()}
            assert rows == {f"{name}:eth0": ("held", B) for name in SITES}
            assert {sensor.name for sensor in run.fleet.sensors()} == set(SITES)
        finally:
            run.close()
        assert not {f"{name}:eth0" for name in SITES} - shown(url)
        for site in sites:
            site.sensor.stop()
            assert site.sensor.popen.returncode == 0, site.said
        # Nothing lost, nothing twice.
        assert written(url) == {site.name: site.told() for site in sites}
        status = json.loads(store("status", "--output", "json", url=url))
        assert {sensor["name"] for sensor in status["sensors"]} == set(SITES)
        assert status["rows"]["groups"] == len(SITES)
        assert status["rows"]["events"] == sum(len(site.told()) for site in sites)
