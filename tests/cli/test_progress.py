"""The progress bar: only for someone who watches, and only once reading takes a while."""

import io
import sys

import pytest

from vrrpwatch.cli import progress
from vrrpwatch.cli.progress import ReadingProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch, patience: float) -> Terminal:
    """A terminal in place of standard error (set by the test itself: pytest takes what a fixture sets for its own)."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", patience)
    return made


def test_a_long_reading_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch, 0.0)
    with ReadingProgress() as bar:
        bar(1_000_000, 2_000_000)
        bar(2_000_000, 2_000_000)
    assert "reading" in terminal.getvalue()
    assert "2.0/2.0 MB" in terminal.getvalue()


def test_a_stream_has_no_end_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch, 0.0)
    with ReadingProgress() as bar:
        bar(1_000_000, None)
    assert "1.0/? MB" in terminal.getvalue()


def test_a_short_reading_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch, 1e9)
    with ReadingProgress() as bar:
        bar(1, 2)
    assert terminal.getvalue() == ""


def test_nothing_is_drawn_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with ReadingProgress() as bar:
        bar(1, 2)
    assert log.getvalue() == ""
