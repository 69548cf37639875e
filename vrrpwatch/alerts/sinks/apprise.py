"""Alerts to whatever the apprise library reaches: mail, chats, pagers."""

import importlib
import logging
from typing import Any, Final

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.settings import AppriseSink
from vrrpwatch.alerts.sinks.base import Plain, Retry, SinkError
from vrrpwatch.core.model import Severity
from vrrpwatch.wire.text import safe_text

# apprise.common.NotifyType
_TYPES: Final = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}


class AppriseSender(Plain):
    """The library says only whether it worked; why not goes to its own logger, which is kept quiet: it names URLs."""

    def __init__(self, settings: AppriseSink) -> None:
        try:
            apprise: Any = importlib.import_module("apprise")
        except ImportError:
            raise SinkError(
                f"sink {settings.name}: the apprise library is missing; run pip install 'vrrpwatch[apprise]'"
            ) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        self._name = settings.name
        self._apprise = apprise.Apprise()
        if not self._apprise.add(settings.url_file):
            raise SinkError(
                f"sink {settings.name}: url_file holds no URL that apprise knows; "
                "its forms are listed at https://github.com/caronc/apprise/wiki"
            )

    def deliver(self, alert: Alert) -> None:
        kind = "success" if alert.status == "resolved" else _TYPES[alert.severity]
        title = f"{alert.status}: {alert.rule} on {safe_text(alert.segment or 'several segments')}"
        if not self._apprise.notify(
            body=safe_text(alert.summary, 1024), title=title, notify_type=kind, body_format="text"
        ):
            raise Retry("apprise could not deliver")
