"""Posts alerts to Prometheus' Alertmanager, API v2, and reminds it of those that still fire."""

import json
from collections.abc import Iterable
from typing import Any, Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.settings import Alertmanager
from vrrpwatch.alerts.sinks.base import Plain
from vrrpwatch.alerts.sinks.http import Poster
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.wire.text import safe_text

PATH: Final = "/api/v2/alerts"
# Reminded of at once; Alertmanager takes megabytes, but a body that is refused is refused as a whole.
MAX_BATCH: Final = 500

Labels = tuple[tuple[str, str], ...]


class AlertmanagerSender(Plain):
    """Alertmanager knows an alert by its labels, which name no subject: it is over when none of those labels fires.

    ``firing`` are the alerts that an earlier process told of.
    """

    def __init__(self, settings: Alertmanager, firing: Iterable[Alert] = ()) -> None:
        self._poster = Poster(settings, settings.address.rstrip("/") + PATH)
        self._firing: dict[Labels, dict[str, Alert]] = {}
        self.every = settings.resend
        for alert in firing:
            self._firing.setdefault(labels(alert), {})[alert.id] = alert

    def deliver(self, alert: Alert) -> None:
        key = labels(alert)
        known = self._firing.get(key, {})
        others = {id_: other for id_, other in known.items() if id_ != alert.id}
        if alert.status == "firing":
            others[alert.id] = alert
            self._post([_posted(key, others)])
        elif not others:
            began = known.get(alert.id, alert).at
            over = {"startsAt": rfc3339(min(began, alert.at)), "endsAt": rfc3339(alert.at)}
            self._post([_posted(key, {alert.id: alert}) | over])
        if others:
            self._firing[key] = others
        else:
            self._firing.pop(key, None)

    def refresh(self) -> None:
        """Sent again, an alert goes on; without, Alertmanager holds it for over after its resolve_timeout."""
        posted = [_posted(key, alerts) for key, alerts in self._firing.items()]
        for start in range(0, len(posted), MAX_BATCH):
            self._post(posted[start : start + MAX_BATCH])

    def interrupt(self) -> None:
        self._poster.interrupt()

    def close(self) -> None:
        self._poster.close()

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        self._poster.post(json.dumps(alerts, separators=(",", ":")).encode())


def labels(alert: Alert) -> Labels:
    """What tells alerts apart for Alertmanager; an empty label is the same as none."""
    pairs = {
        "alertname": alert.rule,
        "severity": alert.severity.value,
        "segment": alert.segment or "",
        "group": alert.group or "",
        "sensor": alert.sensor,
    }
    # Every digest ends by itself.
    if alert.rule == "digest":
        pairs["digest"] = alert.id
    return tuple((name, safe_text(value)) for name, value in pairs.items() if value)


def _posted(key: Labels, alerts: dict[str, Alert]) -> dict[str, Any]:
    newest = max(alerts.values(), key=lambda alert: alert.at)
    subjects = [str(alert.details["subject"]) for alert in alerts.values() if "subject" in alert.details]
    return {
        "labels": dict(key),
        "annotations": {
            "summary": safe_text(newest.summary, 1024),
            "subjects": safe_text(", ".join(subjects[:5]), 1024),
            "alerts": str(len(alerts)),
        },
        "startsAt": rfc3339(min(alert.at for alert in alerts.values())),
    }
