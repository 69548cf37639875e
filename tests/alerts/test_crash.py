"""Kill -9 at random moments: every alert that was acknowledged reaches its receiver, at least once."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.alerts.news import at
from tests.alerts.receiver import listening, until
from vrrpwatch.alerts.alerts import Alerts
from vrrpwatch.alerts.settings import load

ROOT = Path(__file__).parent.parent.parent
KILLS = 12


@contextmanager
def child(settings: Path, outbox: Path, first: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.alerts.told_by_a_child", str(settings), str(outbox), str(first)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_no_acknowledged_alert_is_lost_when_the_program_is_killed_again_and_again(tmp_path: Path) -> None:
    chance = random.Random(112)
    settings, outbox = tmp_path / "alerts.toml", tmp_path / "outbox.db"
    acknowledged: set[str] = set()
    first = 0
    away = threading.Event()
    # The receiver fails for half of the time, so that there is something to lose.
    with listening(answer=lambda _: 503 if away.is_set() else 200) as receiver:
        settings.write_text(
            f'version = 1\n[[sink]]\nname = "ops"\ntype = "webhook"\nurl = "{receiver.url}"\n'
            "rate = { messages = 0 }\n"
        )
        for turn in range(KILLS):
            (away.clear if turn % 2 else away.set)()
            with child(settings, outbox, first) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                for _ in range(chance.randrange(1, 60)):
                    line = process.stdout.readline()
                    acknowledged.add(f"n{int(line)}")
                process.kill()
                # What it had printed when it died counts, too, but for a line that was cut off.
                acknowledged.update(f"n{int(line)}" for line in process.stdout.read().split("\n")[:-1])
            first += 1_000_000
        away.clear()
        alerts = Alerts(load(settings), outbox, "sensor-1", clock=lambda: at(0), alarm=lambda _: None)
        until(lambda: alerts.waiting["ops"] == 0)
        assert alerts.close()
    received = {body["details"]["subject"] for body, status in receiver.statuses if status == 200}
    assert len(acknowledged) > KILLS * 5
    assert acknowledged - received == set()
