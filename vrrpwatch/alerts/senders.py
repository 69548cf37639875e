"""Makes the sender of a sink; each kind is imported only where the settings ask for it."""

from collections.abc import Sequence
from typing import assert_never

from vrrpwatch.alerts.alert import Alert
from vrrpwatch.alerts.settings import (
    Alertmanager,
    AnySink,
    AppriseSink,
    Fifo,
    Hook,
    Journald,
    Syslog,
    Webhook,
)
from vrrpwatch.alerts.sinks.base import Sender


def make_sender(sink: AnySink, firing: Sequence[Alert]) -> Sender:
    """The sender for a sink that was told of ``firing`` and of no end of it; raises :class:`SinkError`."""
    match sink:
        case Hook():
            from vrrpwatch.alerts.sinks.hook import HookSender

            return HookSender(sink)
        case Webhook():
            from vrrpwatch.alerts.sinks.webhook import WebhookSender

            return WebhookSender(sink)
        case Alertmanager():
            from vrrpwatch.alerts.sinks.alertmanager import AlertmanagerSender

            return AlertmanagerSender(sink, firing)
        case Syslog():
            from vrrpwatch.alerts.sinks.syslog import SyslogSender

            return SyslogSender(sink)
        case Journald():
            from vrrpwatch.alerts.sinks.journald import JournaldSender

            return JournaldSender(sink)
        case AppriseSink():
            from vrrpwatch.alerts.sinks.apprise import AppriseSender

            return AppriseSender(sink)
        case Fifo():
            from vrrpwatch.alerts.sinks.fifo import FifoSender

            return FifoSender(sink)
    assert_never(sink)
