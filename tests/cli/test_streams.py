"""Standard streams that are closed or full, and reports that would replace what they are about."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Stand
from vrrpwatch.cli.exits import Exit, unreadable
from vrrpwatch.cli.streams import Persistent

MAIN = (sys.executable, "-m", "vrrpwatch.cli.main")
FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("closed", "arguments", "code", "message"),
    [
        (0, ("analyze", "-"), Exit.UNREADABLE, "-: cannot be read ([Errno 9] Bad file descriptor)"),
        (0, ("decode", "-"), Exit.UNREADABLE, "-: cannot be read ([Errno 9] Bad file descriptor)"),
        (1, ("decode", "--output", "json", os.devnull), Exit.SINK, "standard output: cannot be written"),
        (1, ("--help",), Exit.SINK, "standard output: cannot be written: Bad file descriptor"),
        (2, ("analyze", "nothing"), Exit.UNREADABLE, ""),
    ],
)
def test_closed_standard_streams(closed: int, arguments: tuple[str, ...], code: Exit, message: str) -> None:
    script = (sys.executable, "-c", f"import os; os.close({closed}); os.execv({MAIN[0]!r}, {[*MAIN, *arguments]!r})")
    result = subprocess.run(script, capture_output=True, text=True, check=False)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "ignored" not in result.stderr


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("decode", "--help"), ("completion", "bash")])
def test_no_room_for_help(arguments: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        result = subprocess.run((*MAIN, *arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    message = "vrrpwatch: standard output: cannot be written: No space left on device\n"
    assert (result.returncode, result.stderr) == (Exit.SINK, message)


@pytest.mark.usefixtures("stand")
def test_a_report_does_not_replace_a_capture(run: Run, tmp_path: Path) -> None:
    capture, link = tmp_path / "a.pcap", tmp_path / "b"
    capture.write_bytes(b"precious")
    link.symlink_to(capture)
    for target in (capture, link):
        result = run("analyze", "-o", str(target), "missing.pcap", str(capture))
        assert result.exit_code == Exit.USAGE
        assert result.stderr == f"vrrpwatch: {target}: is one of the captures; write the report to another file\n"
    assert capture.read_bytes() == b"precious"


def test_a_report_may_replace_any_other_file(run: Run, stand: Stand, tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.touch()
    assert run("analyze", "-o", str(report), "-", "a.pcap").exit_code == Exit.DAMAGED
    assert stand.paths == ("-", "a.pcap")
    assert report.stat().st_size > 0


def test_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.stat", refuse)
    assert unreadable(("closed/a.pcap",)) == Exit.PERMISSION
    monkeypatch.undo()
    assert unreadable(("a.pcap\0", "-", "nowhere/a.pcap")) == Exit.UNREADABLE


def test_lines_are_written_again_as_soon_as_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        stream = Persistent(number)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        assert stream.write("first") is None
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, before[1]))
        try:
            # Only two octets of it fit, which is said once.
            assert stream.write("second") == "File too large"
            assert stream.write("third") is None
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert stream.write("\udcff fourth") is None
    finally:
        os.close(number)
    assert path.read_text() == "first\nse\n\\udcff fourth\n"


def test_a_reader_that_does_not_read_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    try:
        stream = Persistent(writing, patient=False)
        assert stream.write("first") is None
        # What it does not read is 64 KiB, and one page of it takes the next line until it reads again.
        for _ in range(100):
            stream.write("x" * 1000)
        assert stream.lost > 30
        assert stream.write("still none") is None, "it was said once"
        assert os.read(reading, 1 << 20).startswith(b"first\n")
        assert stream.write("last") is None
        assert os.read(reading, 1 << 20).endswith(b"last\n")
    finally:
        os.close(reading)
        os.close(writing)
