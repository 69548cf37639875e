"""Runs the command in this process, with no settings of whoever runs the tests, over analyses made by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.report import sample
from vrrpwatch.capture import session
from vrrpwatch.capture.session import Options, Outcome
from vrrpwatch.cli import config
from vrrpwatch.cli.main import cli

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but those of the test, and a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "system.toml")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def run() -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, prog_name="vrrpwatch")

    return call


@dataclass
class Stand:
    """Stands in for the session: gives ``outcome`` and remembers what it was asked for."""

    outcome: Outcome = field(default_factory=lambda: Outcome(sample.sample(), (), False))
    paths: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)

    def analyse(self, paths: Sequence[str], options: Options, progress: object = None) -> Outcome:  # noqa: ARG002
        self.paths, self.options = tuple(paths), options
        return self.outcome


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand()
    monkeypatch.setattr(session, "analyse", made.analyse)
    return made
