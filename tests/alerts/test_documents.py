"""The documents keep their promises: schema, settings in the manual, Prometheus rules and Grafana dashboard."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.alerts.news import KEY, at, event, finding, group, news
from tests.alerts.test_decide import Play
from vrrpwatch.alerts.alert import encode
from vrrpwatch.alerts.metrics import Metrics
from vrrpwatch.alerts.quiet import QUIET
from vrrpwatch.alerts.settings import AlertSettings
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import EventKind, Severity
from vrrpwatch.core.news import Second

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")


@pytest.fixture(scope="module")
def docs(root: Path) -> Path:
    return root / "docs"


@pytest.fixture(scope="module")
def schema(docs: Path) -> jsonschema.Draft202012Validator:
    document = json.loads((docs / "alert.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def test_every_payload_fits_the_schema(schema: jsonschema.Draft202012Validator) -> None:
    play = Play(severity="info", events=["*"], rate={"messages": 60, "seconds": 1})
    kinds: tuple[EventKind, ...] = ("master-appeared", "master-changed", "master-lost", "master-resigned")
    play.hear(0, events=tuple(event(kind, number) for number, kind in enumerate(kinds)), groups=[group()])
    play.tick(60)
    play.hear(61, *(finding(rule, group=KEY if number % 2 else None) for number, rule in enumerate(RULES)))
    play.tick(64)
    play.tick(200_000)
    assert {alert.rule for alert in play.alerts} >= {*kinds, "digest", "split-brain"}
    assert {alert.status for alert in play.alerts} == {"firing", "resolved"}
    for alert in play.alerts:
        schema.validate(json.loads(encode(alert)))


@pytest.mark.parametrize(
    "wrong", [{"status": "open"}, {"id": "x"}, {"severity": "bad"}, {"details": {}}, {"at": "now"}, {"schema": "v/2"}]
)
def test_the_schema_refuses_what_is_no_alert(schema: jsonschema.Draft202012Validator, wrong: dict[str, Any]) -> None:
    (alert,) = Play().hear(0, finding())
    assert not schema.is_valid({**json.loads(encode(alert)), **wrong})


def test_the_payload_in_the_manual_fits_the_schema(docs: Path, schema: jsonschema.Draft202012Validator) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (docs / "alerts.md").read_text(), re.DOTALL)
    schema.validate(json.loads(block))


def test_every_setting_in_the_manual_is_understood(docs: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (docs / "alerts.md").read_text(), re.DOTALL)
    sinks = [sink for block in blocks for sink in tomllib.loads(block)["sink"]]
    assert {sink["type"] for sink in sinks} == {
        "hook",
        "webhook",
        "alertmanager",
        "syslog",
        "journald",
        "apprise",
        "fifo",
    }
    # Each example is a file of its own.
    for sink in sinks:
        AlertSettings.model_validate({"version": 1, "sink": [sink]}, context={"read": lambda _: b"https://a.example/"})


def test_the_manual_names_the_rules_with_a_quiet_time_of_their_own(docs: Path) -> None:
    text = (docs / "alerts.md").read_text()
    special = {rule for rule in RULES if QUIET[rule] != 300}
    section = text.split("**Quiet times**")[1].split("- **Events**")[0]
    assert set(re.findall(r"`([\w-]+)`", section)) == special


def metric_names() -> set[str]:
    registry = CollectorRegistry()
    metrics = Metrics(registry, "1")
    seconds = [Second("eth0", "224.0.0.18", 1, 1, 1)]
    metrics.update(news(0, groups=[group()], seconds=seconds))
    metrics.update(news(1, finding(), groups=[group(adverts=11, last=1)]))
    return set(re.findall(r"^(vrrpwatch_\w+)", generate_latest(registry).decode(), re.MULTILINE))


def test_the_manual_lists_every_metric(docs: Path) -> None:
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metric_names()}
    rows = [line for line in (docs / "metrics.md").read_text().splitlines() if line.startswith("| `vrrpwatch")]
    assert {name for row in rows for name in re.findall(r"`(vrrpwatch_\w+)`", row.split("|")[1])} == names


def test_the_rules_name_only_metrics_that_there_are_and_all_critical_findings(docs: Path) -> None:
    text = (docs / "prometheus-rules.yml").read_text()
    assert set(re.findall(r"vrrpwatch_\w+", text)) <= metric_names()
    (listed,) = re.findall(r'rule=~"([^"]+)"', text)
    assert set(listed.split("|")) == {rule for rule, severity in RULES.items() if severity is Severity.CRITICAL}


@promtool
def test_the_rules_are_rules(docs: Path) -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", docs / "prometheus-rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


RULE_TEST = """
rule_files: [RULES]
evaluation_interval: 10s
tests:
  - interval: 10s
    input_series:
      - series: 'vrrpwatch_masters{segment="eth0", protocol="vrrp", id="51"}'
        values: '1 1 2 2 2 1 1 0 0 0'
      - series: 'vrrpwatch_last_advertisement_timestamp_seconds{segment="eth0", protocol="vrrp", id="51"}'
        values: '0 10 20 30 40 50 60 60 60 60'
      - series: 'vrrpwatch_findings_total{segment="eth0", rule="bad-ttl"}'
        values: '0 0 0 0 3 3 3 3 3 3'
    alert_rule_test:
      - {eval_time: 20s, alertname: GroupContested, exp_alerts: []}
      - eval_time: 40s
        alertname: GroupContested
        exp_alerts:
          - exp_labels: {severity: critical, segment: eth0, protocol: vrrp, id: "51"}
            exp_annotations: {summary: 2 masters of vrrp 51 on eth0}
      - {eval_time: 60s, alertname: GroupContested, exp_alerts: []}
      - {eval_time: 60s, alertname: GroupLost, exp_alerts: []}
      - eval_time: 80s
        alertname: GroupLost
        exp_alerts:
          - exp_labels: {severity: critical, segment: eth0, protocol: vrrp, id: "51"}
            exp_annotations: {summary: nobody holds vrrp 51 on eth0}
      - {eval_time: 30s, alertname: CriticalFinding, exp_alerts: []}
      - eval_time: 60s
        alertname: CriticalFinding
        exp_alerts:
          - exp_labels: {severity: critical, segment: eth0, rule: bad-ttl}
            exp_annotations: {summary: bad-ttl on eth0}
"""


@promtool
def test_the_rules_fire_and_end_when_they_should(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text((docs / "prometheus-rules.yml").read_text())
    (tmp_path / "test.yml").write_text(RULE_TEST.replace("RULES", "rules.yml"))
    done = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def dashboard(docs: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((docs / "grafana-dashboard.json").read_text())
    return document


def expressions(docs: Path) -> list[str]:
    return [target["expr"] for panel in dashboard(docs)["panels"] for target in panel["targets"]]


def test_the_dashboard_can_be_imported_and_names_only_metrics_that_there_are(docs: Path) -> None:
    document = dashboard(docs)
    assert (document["id"], document["title"]) == (None, "vrrpwatch")
    numbers = [panel["id"] for panel in document["panels"]]
    assert sorted(set(numbers)) == sorted(numbers)
    used = set(re.findall(r"vrrpwatch_\w+", " ".join(expressions(docs))))
    assert len(used) > 8
    assert used <= metric_names()
    variables = {item["name"] for item in document["templating"]["list"]}
    assert variables == {"datasource", "segment"}
    places = [panel["gridPos"] for panel in document["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


@promtool
def test_the_dashboard_asks_what_prometheus_understands(docs: Path, tmp_path: Path) -> None:
    rules = []
    for number, expression in enumerate(expressions(docs)):
        query = re.sub(r"\$__(range|rate_interval)", "5m", expression).replace("$segment", ".*")
        rules.append(f"      - record: q{number}\n        expr: {json.dumps(query)}\n")
    (tmp_path / "rules.yml").write_text("groups:\n  - name: dashboard\n    rules:\n" + "".join(rules))
    done = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_figure_in_the_manual_for_a_flood_is_true() -> None:
    play = Play()
    play.hear(0, *(finding("bad-ttl", f"x{number}") for number in range(10_000)))
    play.tick(2)
    play.tick(400)
    assert [(alert.status, alert.rule) for alert in play.alerts] == [
        *[("firing", "bad-ttl")] * 3,
        ("firing", "digest"),
        *[("resolved", "bad-ttl")] * 3,
        ("resolved", "digest"),
    ]
    assert play.alerts[3].at == at(2)
