"""What every test shares: repeatable property tests, the optional corpus, and no silent skips in continuous runs."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CORPUS = os.environ.get("VRRPWATCH_CORPUS")
CORPUS_REASON = "VRRPWATCH_CORPUS names no corpus of captures"

# The same examples on every machine and in every run; how long one takes is no reason to fail.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

# What the terminal of whoever runs the tests is like is nothing to the programs that they start in others of their own.
for exported in ("COLUMNS", "LINES"):
    os.environ.pop(exported, None)

# What a shell runs in the background ignores interrupts, and so would the programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of third-party captures; the test skips where there is none."""
    if not CORPUS:
        pytest.skip(CORPUS_REASON)
    return Path(CORPUS)


def _excused(reason: str) -> bool:
    return not CORPUS and CORPUS_REASON in reason


def _unskipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Makes a skip a failure where ``VRRPWATCH_CI`` promises that everything needed is installed."""
    if not os.environ.get("VRRPWATCH_CI") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not _excused(reason):
        report.outcome = "failed"
        report.longrepr = f"{reason} (nothing may be skipped under VRRPWATCH_CI)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _unskipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _unskipped(report)
    return report
