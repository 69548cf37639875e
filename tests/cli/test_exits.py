"""What is said on standard error, with levels in front where that is systemd's journal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vrrpwatch.cli.exits import Exit, Level, complaint
from vrrpwatch.core.notice import Notice

MAIN = (sys.executable, "-m", "vrrpwatch.cli.main")


def stream(descriptor: int) -> str:
    """What systemd sets JOURNAL_STREAM to where that is the service's standard error (systemd.exec(5))."""
    status = os.fstat(descriptor)
    return f"{status.st_dev}:{status.st_ino}"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        # An error ends the program.
        (("watch", "-i", "lo", "--policy", "nothing"), Exit.USAGE, "<3>vrrpwatch: nothing: "),
        (("watch", "--intreface", "lo"), Exit.USAGE, "<3>vrrpwatch: No such option '--intreface'"),
        # A warning is about what it goes on without.
        (("analyze", "nothing"), Exit.UNREADABLE, "<4>vrrpwatch: nothing: "),
    ],
)
def test_the_journal_gets_lines_with_their_levels_and_nobody_else_does(
    pipe: tuple[int, int], tmp_path: Path, arguments: tuple[str, ...], code: Exit, said: str
) -> None:
    reader, writer = pipe
    environment = {**os.environ, "JOURNAL_STREAM": stream(writer)}

    def run(stderr: int) -> int:
        return subprocess.run((*MAIN, *arguments), stderr=stderr, env=environment, cwd=tmp_path, check=False).returncode

    assert run(writer) == code
    journal = os.read(reader, 65_536).decode()
    assert journal.startswith(said)
    assert all(line.startswith("<") for line in journal.splitlines())
    with (tmp_path / "file").open("w") as file:
        # A service whose standard error was sent elsewhere inherits the variable all the same.
        assert run(file.fileno()) == code
    assert "<" not in (tmp_path / "file").read_text()


def test_what_is_well_is_information(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (Notice("sink pager: delivers again"), "sink pager: <2> no answer")
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert [complaint(line) for line in lines] == [f"vrrpwatch: {line}" for line in lines]
    monkeypatch.setenv("JOURNAL_STREAM", stream(2))
    assert [complaint(line) for line in lines] == [
        "<6>vrrpwatch: sink pager: delivers again",
        "<4>vrrpwatch: sink pager: <2> no answer",
    ]
    assert complaint("cannot listen", Level.ERROR) == "<3>vrrpwatch: cannot listen"
    for other in ("", "0:0", f"{stream(2)}0", "nonsense"):
        monkeypatch.setenv("JOURNAL_STREAM", other)
        assert complaint(lines[0]) == f"vrrpwatch: {lines[0]}"
