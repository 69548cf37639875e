"""Metrics: names and labels of the contract, figures worked out by hand, bounds, and the server."""

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.alerts.news import KEY, START, A, B, at, event, finding, group, news
from vrrpwatch.alerts import exporter, metrics
from vrrpwatch.alerts.exporter import Exporter, ExporterError
from vrrpwatch.alerts.metrics import Metrics
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.news import Second

LABELS = {"segment": "eth0", "protocol": "vrrp", "family": "4", "id": "51", "destination": "224.0.0.18"}
PLACE = {"segment": "eth0", "protocol": "vrrp", "family": "4"}


class Scraped:
    """A registry with our metrics; a value that is not there is ``None``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, "1.2.3")

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def test_names_and_labels_are_those_of_the_contract(scraped: Scraped) -> None:
    flow = Second("eth0", "224.0.0.18", START, 4, 240)
    scraped.metrics.update(
        news(1, finding(), events=[event()], groups=[group(adverts=10, last=1)], seconds=[flow], dropped=3)
    )
    scraped.metrics.update(news(2, groups=[group(adverts=11, last=2)]))
    families = {
        family.name: {frozenset(sample.labels) for sample in family.samples}
        for family in text_string_to_metric_families(generate_latest(scraped.registry).decode())
    }
    key = frozenset(LABELS)
    place = frozenset(PLACE)
    assert families == {
        "vrrpwatch_advertisements": {key},
        "vrrpwatch_masters": {key},
        "vrrpwatch_master_changes": {key},
        "vrrpwatch_last_advertisement_timestamp_seconds": {key},
        "vrrpwatch_advertisement_interval_seconds": {place, place | {"le"}},
        "vrrpwatch_multicast_bytes": {frozenset({"segment", "destination"})},
        "vrrpwatch_multicast_packets": {frozenset({"segment", "destination"})},
        "vrrpwatch_findings": {frozenset({"segment", "rule"})},
        "vrrpwatch_metrics_evicted": {frozenset({"table"})},
        "vrrpwatch_capture_dropped": {frozenset()},
        "vrrpwatch_build_info": {frozenset({"version"})},
    }
    text = generate_latest(scraped.registry).decode()
    assert str(A) not in text
    assert str(B) not in text
    assert scraped.value("vrrpwatch_capture_dropped_total") == 0
    assert scraped.value("vrrpwatch_build_info", version="1.2.3") == 1


def test_groups_flows_and_findings_are_counted(scraped: Scraped) -> None:
    flow = Second("eth0", "224.0.0.18", START, 4, 240)
    scraped.metrics.update(news(1, finding(count=2), groups=[group(adverts=10, last=1.5)], seconds=[flow, flow]))
    scraped.metrics.update(news(2, finding(count=5), finding(subject="x"), events=[event()], dropped=7))
    assert scraped.value("vrrpwatch_advertisements_total", **LABELS) == 10
    assert scraped.value("vrrpwatch_master_changes_total", **LABELS) == 1
    assert scraped.value("vrrpwatch_last_advertisement_timestamp_seconds", **LABELS) == START + 1.5
    assert scraped.value("vrrpwatch_multicast_packets_total", segment="eth0", destination="224.0.0.18") == 8
    assert scraped.value("vrrpwatch_multicast_bytes_total", segment="eth0", destination="224.0.0.18") == 480
    assert scraped.value("vrrpwatch_findings_total", segment="eth0", rule="split-brain") == 6
    # A counter that is not there before its first step shows no increase.
    assert scraped.value("vrrpwatch_findings_total", segment="eth0", rule="bad-ttl") == 0
    assert scraped.value("vrrpwatch_capture_dropped_total") == 7


def test_masters_are_none_one_or_several(scraped: Scraped) -> None:
    three = Tenure(at(0), at(1), (A, B, A))
    for state, timeline, expected in (("held", (), 1), ("contested", (), 2), ("contested", (three,), 3)):
        scraped.metrics.update(news(1, groups=[group(state=state, timeline=timeline)]))  # type: ignore[arg-type]
        assert scraped.value("vrrpwatch_masters", **LABELS) == expected
    # A lost group is heard no more: only its event tells.
    scraped.metrics.update(news(9, events=[event("master-lost")]))
    assert scraped.value("vrrpwatch_masters", **LABELS) == 0


def test_intervals_are_the_time_between_advertisements_and_their_mean_where_several_came(scraped: Scraped) -> None:
    def bucket(le: str) -> float | None:
        return scraped.value("vrrpwatch_advertisement_interval_seconds_bucket", **PLACE, le=le)

    for adverts, last in ((10, 0.0), (11, 1.0), (11, 1.0), (12, 2.0), (14, 2.25), (15, 5.85), (3, 6.0), (4, 7.0)):
        scraped.metrics.update(news(last, groups=[group(adverts=adverts, last=last)]))
    # 1.0, 1.0, twice 0.125, 3.6, nothing where the engine began to count anew, 1.0
    assert [bucket(le) for le in ("0.1", "0.2", "0.9", "1.1", "3.1", "4.1", "+Inf")] == [0, 2, 2, 5, 5, 6, 6]
    assert scraped.value("vrrpwatch_advertisement_interval_seconds_sum", **PLACE) == pytest.approx(6.85)
    assert scraped.value("vrrpwatch_advertisement_interval_seconds_count", **PLACE) == 6


def test_a_flood_is_bounded_and_what_is_forgotten_is_counted(scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MAX_GROUPS", 20), ("MAX_DESTINATIONS", 10), ("MAX_SEGMENTS", 5), ("MAX_FINDINGS", 15)):
        monkeypatch.setattr(metrics, name, most)
    scraped = Scraped()
    for number in range(50):
        key = KEY._replace(segment=f"eth0/{number}", id=number)
        scraped.metrics.update(
            news(
                number,
                finding("malformed", f"s{number}", segment=f"eth0/{number}"),
                groups=[group(key, last=number)],
                seconds=[Second("eth0", f"239.0.0.{number}", START, 1, 1)],
            )
        )
    evicted = {
        table: scraped.value("vrrpwatch_metrics_evicted_total", table=table)
        for table in ("groups", "destinations", "segments", "findings")
    }
    assert evicted == {"groups": 30, "destinations": 40, "segments": 45, "findings": 35}
    text = generate_latest(scraped.registry).decode()
    assert len(re.findall("^vrrpwatch_masters{", text, re.MULTILINE)) == 20
    assert 'id="49"' in text


def test_hostile_names_stay_label_values(scraped: Scraped) -> None:
    hostile = 'eth0"} 1\nvrrpwatch_masters{x="\udcff'
    scraped.metrics.update(news(1, groups=[group(KEY._replace(segment=hostile))]))
    (sample,) = [
        sample
        for family in text_string_to_metric_families(generate_latest(scraped.registry).decode())
        for sample in family.samples
        if sample.name == "vrrpwatch_masters"
    ]
    assert sample.labels["segment"] == hostile.replace("\udcff", "?")


@contextmanager
def served(registry: CollectorRegistry, **more: Any) -> Iterator[Exporter]:
    server = Exporter(registry, port=0, **more)
    server.start()
    try:
        yield server
    finally:
        server.close()


def get(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/metrics")
    with connection.getresponse() as response:
        status, body = response.status, response.read().decode()
    connection.close()
    return status, body


def test_the_server_answers_on_loopback_and_closes_cleanly(scraped: Scraped) -> None:
    with served(scraped.registry) as server:
        status, body = get(server.port)
        assert status == 200
        assert 'vrrpwatch_build_info{version="1.2.3"} 1.0' in body
        with pytest.raises(ExporterError, match=f"127.0.0.1 port {server.port}: cannot listen for metrics"):
            Exporter(scraped.registry, port=server.port)
    with pytest.raises(ConnectionRefusedError):
        get(server.port)
    with pytest.raises(ExporterError, match=r"192\.0\.2\.1 port 9112: cannot listen"):
        Exporter(scraped.registry, "192.0.2.1", 9112)
    for name in ("\udcff", "x" * 70):
        with pytest.raises(ExporterError, match="no host can have this name"):
            Exporter(scraped.registry, name, 9112)


def test_a_server_that_was_never_started_lets_go_of_its_port(scraped: Scraped) -> None:
    server = Exporter(scraped.registry, port=0)
    server.close()
    Exporter(scraped.registry, port=server.port).close()


def test_clients_that_say_nothing_cannot_take_all_threads(scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(exporter._Handler, "timeout", 0.5)
    with served(scraped.registry) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(5)]
        # Beyond the third they are turned away at once, the others when their time is over.
        assert [client.recv(1) for client in reversed(silent)] == [b""] * 5
        for client in silent:
            client.close()
        assert get(server.port)[0] == 200


def test_every_rule_has_a_counter_for_each_segment_that_was_heard(scraped: Scraped) -> None:
    scraped.metrics.update(news(1, groups=[group()]))
    assert {scraped.value("vrrpwatch_findings_total", segment="eth0", rule=rule) for rule in RULES} == {0.0}
