"""Alertmanager, API v2: what is posted, what its labels tell apart, and that it is reminded."""

import json
from typing import Any

import pytest

from tests.alerts.news import KEY, at, finding
from tests.alerts.receiver import Receiver, listening
from vrrpwatch.alerts.alert import Alert, Status, of_finding
from vrrpwatch.alerts.settings import Alertmanager
from vrrpwatch.alerts.sinks.alertmanager import AlertmanagerSender
from vrrpwatch.alerts.sinks.base import Refused, Retry


def alert(second: float = 0, status: Status = "firing", **more: Any) -> Alert:
    found = finding(**more)
    return of_finding(found, found.id, "sensor-1", at(second), status)


def sender(receiver: Receiver, *firing: Alert, **more: Any) -> AlertmanagerSender:
    url = f"http://127.0.0.1:{receiver.server_port}/prefix/"
    return AlertmanagerSender(
        Alertmanager.model_validate({"name": "am", "type": "alertmanager", "url": url, **more}), firing
    )


LABELS = {
    "alertname": "split-brain",
    "severity": "critical",
    "segment": "eth0",
    "group": "eth0|vrrp|4|51|224.0.0.18",
    "sensor": "sensor-1",
}


def test_firing_and_resolved_carry_the_same_labels_and_the_right_times() -> None:
    with listening() as receiver:
        manager = sender(receiver)
        manager.deliver(alert())
        manager.deliver(alert(30, "resolved"))
        manager.close()
    assert receiver.paths == ["/prefix/api/v2/alerts"] * 2
    (fired,), (resolved,) = receiver.bodies
    assert fired == {
        "labels": LABELS,
        "annotations": {"summary": "two masters", "subjects": "192.0.2.11, 192.0.2.12", "alerts": "1"},
        "startsAt": "2026-01-31T12:00:00.000000Z",
    }
    assert resolved["labels"] == LABELS
    assert resolved["startsAt"] == "2026-01-31T12:00:00.000000Z"
    assert resolved["endsAt"] == "2026-01-31T12:00:30.000000Z"


def test_two_subjects_with_one_set_of_labels_are_over_when_both_are() -> None:
    with listening() as receiver:
        manager = sender(receiver)
        manager.deliver(alert(0, subject="a"))
        manager.deliver(alert(5, subject="b"))
        manager.deliver(alert(40, "resolved", subject="a"))
        assert [body[0]["annotations"]["alerts"] for body in receiver.bodies] == ["1", "2"]
        manager.deliver(alert(50, "resolved", subject="b"))
        manager.close()
        ((over,),) = receiver.bodies[2:]
        assert over["endsAt"] == "2026-01-31T12:00:50.000000Z"


def test_what_still_fires_is_sent_again_even_after_a_restart() -> None:
    with listening() as receiver:
        manager = sender(receiver, alert(subject="old"), resend=7)
        assert manager.every == 7
        manager.deliver(alert(group=KEY._replace(id=52)))
        manager.refresh()
        manager.deliver(alert(30, "resolved", subject="old"))
        manager.refresh()
        manager.close()
    groups = [[item["labels"]["group"].split("|")[3] for item in body] for body in receiver.bodies]
    assert groups == [["52"], ["51", "52"], ["51"], ["52"]]
    assert "endsAt" not in receiver.bodies[1][0]


def test_hostile_text_stays_a_value_of_bounded_length() -> None:
    with listening() as receiver:
        manager = sender(receiver, token_file=None)
        manager.deliver(alert(segment='eth0"}\r\nX: y' + "z" * 5000, summary="\x1b[2J\n" + "s" * 5000))
        manager.close()
    (posted,) = receiver.bodies[0]
    assert posted["labels"]["segment"].startswith('eth0"}\\x0d\\x0aX: yzz')
    assert len(posted["labels"]["segment"]) < 300
    assert len(posted["annotations"]["summary"]) < 1100
    assert "X" not in receiver.headers[0]
    json.dumps(posted).encode("ascii")


def test_errors_are_told_apart() -> None:
    with listening(answer=lambda before: (500, 400)[before]) as receiver:
        manager = sender(receiver)
        with pytest.raises(Retry, match="answered 500 Internal Server Error"):
            manager.deliver(alert())
        with pytest.raises(Refused, match="answered 400 Bad Request"):
            manager.deliver(alert())
        manager.close()
