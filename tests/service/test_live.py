"""A live run and the signals that come while it begins and goes on, in processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.waiting import wait_until
from tests.service.watched import Watch
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.news import News
from vrrpwatch.service.live import LiveOptions, LiveRun
from vrrpwatch.service.sinks import Lines
from vrrpwatch.store.journal import Journal

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may listen")

ALERTS = 'version = 1\n[[sink]]\nname = "{}"\ntype = "journald"\n'
STOPPED = """
from vrrpwatch.service.live import LiveOptions, LiveRun
run = LiveRun(LiveOptions(("lo",)), print)
run.stop()
run.open()
run.run()
run.close()
print(run.complete)
"""


def test_a_run_that_is_stopped_before_it_begins_ends_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.splitlines() == ["lo: is watched", "True"], done.stderr


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "alerts.toml").write_text(ALERTS.format("first"))
    (tmp_path / "policy.toml").write_text("version = 1\n")
    with Watch(
        tmp_path,
        *("-i", "lo", "--output", "none"),
        *("--alerts", str(tmp_path / "alerts.toml"), "--outbox", str(tmp_path / "outbox.db")),
        *("--policy", str(tmp_path / "policy.toml")),
    ) as watch:
        yield watch


def test_settings_are_read_again_and_wrong_ones_left_alone(watch: Watch, tmp_path: Path) -> None:
    for name, wrong, right in (("alerts", "version = 2\n", ALERTS.format("second")), ("policy", "=", "version = 1\n")):
        path = tmp_path / f"{name}.toml"
        before = len(watch.lines())
        path.write_text(wrong)
        watch.process.send_signal(signal.SIGHUP)
        watch.until(f"{path}:")
        path.write_text(right)
        watch.process.send_signal(signal.SIGHUP)
        wait_until(lambda: watch.lines()[-1] == "settings read again", at_most=30, what=name, seen=watch.said)
        refused, why, *_ = watch.lines()[before:]
        assert refused == "the settings stay as they were, for:"
        assert why.startswith(f"{path}:")
    assert watch.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_how_it_was_ended_is_in_the_exit_code(watch: Watch, number: int, code: int) -> None:
    assert watch.stop(number) == code
    assert " packets heard, " in watch.lines()[-1]


def test_what_went_on_before_is_known_from_the_journal(root: Path, tmp_path: Path) -> None:
    found = analyse([str(root / "captures" / "split-brain.pcap")], Options()).analysis
    last = max(source.last or 0 for source in found.sources)
    path = str(tmp_path / "journal.db")
    said: list[str] = []
    run = LiveRun(LiveOptions(("lo",), store=path, sensor="north"), said.append)
    assert run.known() == frozenset()
    journal = Journal(path, "north", clock=lambda: last)
    journal.record(News(last, found.events, found.findings, found.groups, (), found.totals, 0, {}))
    assert journal.close()
    assert run.known() == {finding.id for finding in found.findings}
    assert LiveRun(LiveOptions(("lo",), store=path, sensor="south"), said.append).known() == frozenset()
    assert LiveRun(LiveOptions(("lo",)), said.append).known() == frozenset()
    (tmp_path / "broken.db").write_text("no database")
    broken = LiveOptions(("lo",), store=str(tmp_path / "broken.db"), sensor="north")
    assert LiveRun(broken, said.append).known() == frozenset()
    assert len(said) == 1
    # And what is known is not printed again.
    printed: list[str] = []
    lines = Lines(lambda _news, fresh: printed.extend(finding.id for finding in fresh))
    lines.expect(finding.id for finding in found.findings if finding.rule == "split-brain")
    lines.tell(News(last, (), found.findings, (), (), found.totals, 0, {}))
    assert printed == [finding.id for finding in found.findings if finding.rule != "split-brain"]
