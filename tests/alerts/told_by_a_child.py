"""A process that tells one alert after another and prints how far it is acknowledged, to be killed at any moment."""

import sys
import time
from pathlib import Path

from tests.alerts.news import finding, news
from vrrpwatch.alerts.alerts import Alerts
from vrrpwatch.alerts.settings import load


def main() -> None:
    """Arguments: settings file, outbox, and the number of the first alert."""
    file, outbox, first = sys.argv[1:]
    alerts = Alerts(load(file), Path(outbox), "sensor-1", clock=time.time_ns, alarm=lambda _: None)
    print("ready", flush=True)
    number = int(first)
    # Told is (by then) how many of this process's alerts there are, so acknowledged ones are the first so many.
    said = 0
    while True:
        alerts.tell(news(number, finding(subject=f"n{number}")))
        number += 1
        alerts.flush(0.002)
        for known in range(said, alerts.acknowledged):
            print(int(first) + known, flush=True)
        said = alerts.acknowledged


if __name__ == "__main__":
    main()
