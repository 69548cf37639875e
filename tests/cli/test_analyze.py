"""``vrrpwatch analyze``: every output, every exit code, and what is asked of the engine."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Stand
from tests.report import sample
from vrrpwatch.capture import second_opinion
from vrrpwatch.capture.second_opinion import Disagreement, Reason, SecondOpinionError
from vrrpwatch.capture.session import Outcome
from vrrpwatch.cli.exits import Exit

# The sample holds a damaged capture; this is the same without the damage.
WHOLE = sample.sample()._replace(sources=sample.sample().sources[:1])


def test_table_is_the_default(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), False)
    result = run("analyze", "a.pcap")
    assert result.exit_code == Exit.CLEAN
    assert result.stdout.startswith("✖ 3 virtual routers")
    assert result.stderr == ""
    assert stand.paths == ("a.pcap",)


def test_json(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), False)
    assert json.loads(run("analyze", "--output", "json", "a.pcap").stdout)["schema"] == "vrrpwatch/analysis/1"


def test_ndjson_csv_and_html(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), False)
    lines = run("analyze", "--output", "ndjson", "a.pcap").stdout.splitlines()
    assert {json.loads(line)["type"] for line in lines} == {
        "source",
        "segment",
        "group",
        "event",
        "finding",
        "multicast",
        "totals",
    }
    rows = list(csv.DictReader(io.StringIO(run("analyze", "--output", "csv", "a.pcap").stdout)))
    assert rows[0]["name"] == "split-brain"
    assert run("analyze", "--output", "html", "a.pcap").stdout.startswith("<!DOCTYPE html>")


def test_options_reach_the_engine(run: Run, stand: Stand) -> None:
    run("analyze", "-n", "-r", "b.pcap", "--segment", "wan", "--budget", "7", "--workers", "3", "--reveal", "a.pcap")
    assert stand.paths == ("b.pcap", "a.pcap")
    options = stand.options
    assert (options.segment, options.budget, options.workers, options.reveal) == ("wan", 7.0, 3, True)


def test_the_default_budget_is_a_hundred_packets_a_second(run: Run, stand: Stand) -> None:
    run("analyze", "a.pcap")
    assert stand.options.budget == 100.0


@pytest.mark.parametrize(
    ("severity", "code"), [("info", Exit.FINDINGS), ("warning", Exit.FINDINGS), ("critical", Exit.CLEAN)]
)
def test_fail_on(run: Run, stand: Stand, severity: str, code: Exit) -> None:
    findings = tuple(finding for finding in WHOLE.findings if finding.severity.value == "warning")
    stand.outcome = Outcome(WHOLE._replace(findings=findings), (), False)
    assert run("analyze", "--fail-on", severity, "a.pcap").exit_code == code


def test_damage_is_told_and_the_rest_reported(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(sample.sample(), (), False)
    result = run("analyze", "--fail-on", "info", "--output", "json", "a.pcap", "b.pcapng")
    assert result.exit_code == Exit.DAMAGED
    assert json.loads(result.stdout)["totals"]["packets"] == 15_000
    assert result.stderr == (
        "vrrpwatch: /captures/b.pcapng: cut short at byte 2,400,100: the last packet is incomplete\n"
    )


def test_an_unreadable_capture_does_not_stop_the_others(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, ("x.pcap: is not a capture; give a pcap or pcapng file",), False)
    result = run("analyze", "a.pcap", "x.pcap")
    assert result.exit_code == Exit.UNREADABLE
    assert result.stdout.startswith("✖ 3 virtual routers")
    assert result.stderr == "vrrpwatch: x.pcap: is not a capture; give a pcap or pcapng file\n"


def test_file_names_cannot_steer_the_terminal(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, ("\x1b[2J\n\udcff.pcap: is empty",), False)
    assert run("analyze", "a.pcap").stderr == "vrrpwatch: \\x1b[2J\\x0a\\xff.pcap: is empty\n"


def test_nothing_readable_makes_no_report(run: Run, stand: Stand) -> None:
    source = sample.empty().sources[0]._replace(format="", packets=0)
    stand.outcome = Outcome(sample.empty()._replace(sources=(source,)), ("x.pcap: is a directory",), False)
    result = run("analyze", "x.pcap")
    assert (result.exit_code, result.stdout) == (Exit.UNREADABLE, "")


def test_no_permission(run: Run, stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = tmp_path / "secret.pcap"
    capture.touch()
    # Root may read everything, so what the system would say is put in its place.
    monkeypatch.setattr("os.access", lambda path, mode: str(path) != str(capture))  # noqa: ARG005
    stand.outcome = Outcome(sample.empty()._replace(sources=()), (f"{capture}: Permission denied",), False)
    assert run("analyze", str(capture)).exit_code == Exit.PERMISSION


def test_interrupted_tells_what_was_learnt(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), True)
    result = run("analyze", "a.pcap")
    assert result.exit_code == Exit.INTERRUPTED
    assert result.stdout.startswith("✖ 3 virtual routers")
    assert "interrupted" in result.stderr


def test_interrupted_before_anything_was_read(run: Run, stand: Stand) -> None:
    source = sample.empty().sources[0]._replace(format="", packets=0)
    stand.outcome = Outcome(sample.empty()._replace(sources=(source,)), (), True)
    result = run("analyze", "a.pcap")
    assert (result.exit_code, result.stdout) == (Exit.INTERRUPTED, "")
    assert result.stderr == "vrrpwatch: interrupted before anything was read\n"


def test_writes_to_a_file(run: Run, stand: Stand, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    result = run("analyze", "--output", "html", "-o", str(target), "a.pcap")
    assert result.stdout == ""
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert stand.paths == ("a.pcap",)


@pytest.mark.usefixtures("stand")
def test_a_file_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    result = run("analyze", "-o", str(tmp_path / "no" / "report"), "a.pcap")
    assert result.exit_code == Exit.SINK
    assert "cannot be written: No such file or directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("stand")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no capture given"),
        (("-", "-"), "only once"),
        (("--budget", "0", "a"), "--budget"),
        (("--workers", "0", "a"), "--workers"),
        (("--fail-on", "bad", "a"), "--fail-on"),
        (("--second-opinion", "-"), "--second-opinion reads a capture twice"),
    ],
)
def test_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("analyze", *arguments)
    assert result.exit_code == Exit.USAGE
    assert message in result.stderr


@pytest.mark.usefixtures("stand")
def test_a_policy_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    result = run("analyze", "--policy", str(tmp_path / "none.toml"), "a.pcap")
    assert result.exit_code == Exit.USAGE
    assert result.stderr.startswith(f"vrrpwatch: {tmp_path}/none.toml: cannot be read")


def test_colour(run: Run, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("analyze", "a.pcap").stdout
    assert "\x1b" in run("analyze", "--color", "always", "a.pcap").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("analyze", "a.pcap").stdout
    assert stand.paths == ("a.pcap",)


@pytest.fixture
def disagreeing(monkeypatch: pytest.MonkeyPatch) -> list[Disagreement]:
    found = [
        Disagreement(0, 3, "checksum", "plain", "bad", Reason.PLAIN_CHECKSUM),
        Disagreement(0, 4, "priority", "100", None, None),
    ]
    monkeypatch.setattr(second_opinion, "compare", lambda paths, options: iter(found))  # noqa: ARG005
    return found


@pytest.mark.usefixtures("disagreeing")
def test_second_opinion_in_every_output(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), False)
    text = " ".join(run("analyze", "--second-opinion", "a.pcap").stdout.split())
    assert "2 disagreements, 1 without a known reason" in text
    assert json.loads(run("analyze", "--second-opinion", "--output", "json", "a.pcap").stdout)["second_opinion"] == [
        {
            "source": 0,
            "packet": 3,
            "field": "checksum",
            "ours": "plain",
            "theirs": "bad",
            "reason": str(Reason.PLAIN_CHECKSUM),
        },
        {"source": 0, "packet": 4, "field": "priority", "ours": "100", "theirs": None, "reason": None},
    ]
    assert '"type":"disagreement"' in run("analyze", "--second-opinion", "--output", "ndjson", "a.pcap").stdout
    assert "\ndisagreement," in run("analyze", "--second-opinion", "--output", "csv", "a.pcap").stdout
    assert "Second opinion" in run("analyze", "--second-opinion", "--output", "html", "a.pcap").stdout


def test_no_second_opinion_unless_asked(run: Run, stand: Stand) -> None:
    stand.outcome = Outcome(WHOLE, (), False)
    assert "second_opinion" not in run("analyze", "--output", "json", "a.pcap").stdout


def test_a_second_opinion_that_is_not_to_be_had(run: Run, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(paths: object, options: object) -> None:  # noqa: ARG001
        raise SecondOpinionError("tshark is not installed; install it or leave --second-opinion out")

    monkeypatch.setattr(second_opinion, "compare", missing)
    stand.outcome = Outcome(WHOLE, (), False)
    result = run("analyze", "--second-opinion", "a.pcap")
    assert result.stderr.startswith("vrrpwatch: second opinion: tshark is not installed")
    # The report does not depend on it.
    assert result.stdout.startswith("✖ 3 virtual routers")
    assert result.exit_code == Exit.UNREADABLE
