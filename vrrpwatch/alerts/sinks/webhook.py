"""Posts each alert's payload to a web service."""

from vrrpwatch.alerts.alert import Alert, encode
from vrrpwatch.alerts.settings import Webhook
from vrrpwatch.alerts.sinks.base import Plain
from vrrpwatch.alerts.sinks.http import Poster


class WebhookSender(Plain):
    """An answer of 2xx is a delivery, of 4xx (but 408 and 429) a refusal; all else is tried again."""

    def __init__(self, settings: Webhook) -> None:
        self._poster = Poster(settings, settings.address)

    def deliver(self, alert: Alert) -> None:
        self._poster.post(encode(alert))

    def interrupt(self) -> None:
        self._poster.interrupt()

    def close(self) -> None:
        self._poster.close()
