"""The command as a whole: help, version, completion, and what happens to its output at the other end of a pipe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vrrpwatch import __version__
from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.cli.streams import Output, OutputClosedError

HEAVY = ("numpy", "rich", "pydantic", "scapy", "pyshark", "asyncio", "vrrpwatch.core", "vrrpwatch.capture")


CAPTURES = Path(__file__).resolve().parents[2] / "captures"
# What an analysis as JSON has no use for, as long as the capture is plain and clean and no file is given beside it.
UNUSED = (
    *("asyncio", "bz2", "hashlib", "lzma", "multiprocessing", "pydantic", "pyshark", "rich", "scapy", "subprocess"),
    *("tomllib", "zstandard", "vrrpwatch.cli.completion", "vrrpwatch.cli.decode", "vrrpwatch.capture.workers"),
    *("vrrpwatch.capture.second_opinion", "vrrpwatch.core.authenticity", "vrrpwatch.core.keys"),
    *("vrrpwatch.core.policy", "vrrpwatch.report.csv", "vrrpwatch.report.html", "vrrpwatch.report.table"),
)


def python(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=env)


def modules_imported_by(*arguments: str) -> set[str]:
    """The names of all modules that the command imports."""
    result = python("-X", "importtime", "-m", "vrrpwatch.cli.main", *arguments)
    assert result.returncode == Exit.CLEAN
    return {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), *((name, "--help") for name in ("analyze", "decode", "agent"))],
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    imported = modules_imported_by(*arguments)
    assert "click" in imported
    assert not [name for name in imported if name.startswith(HEAVY)]


def test_a_short_analysis_imports_only_what_it_uses() -> None:
    imported = modules_imported_by("analyze", "--output", "json", str(CAPTURES / "frr-v3-healthy.pcap"))
    assert "vrrpwatch.report.json" in imported
    assert not [name for name in imported if name.startswith(UNUSED)]


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"vrrpwatch {__version__}\n"


def test_help_fits_eighty_columns_and_names_every_command(run: Run) -> None:
    text = run("--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    for command in ("analyze", "decode", "completion"):
        assert f"\n  {command} " in text
        assert max(map(len, run(command, "--help").stdout.splitlines())) <= 80


def test_unknown_command(run: Run) -> None:
    result = run("analyse", "a.pcap")
    assert result.exit_code == Exit.USAGE
    assert "No such command 'analyse'" in result.stderr


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o nosort -F _vrrpwatch_completion vrrpwatch"),
        ("zsh", "#compdef vrrpwatch"),
        ("fish", "complete --no-files --command vrrpwatch"),
    ],
)
def test_completion_scripts(run: Run, shell: str, line: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == Exit.CLEAN
    assert line in result.stdout


def test_completion_completes() -> None:
    environment = {
        **os.environ,
        "_VRRPWATCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "vrrpwatch analyze --out",
        "COMP_CWORD": "2",
    }
    result = python("-c", "from vrrpwatch.cli.main import main; main()", env=environment)
    assert result.stdout == "plain,--output\n"


def test_a_reader_that_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "from vrrpwatch.cli.streams import Output\nwith Output() as file:\n  for _ in range(9999): file.write('x' * 99)"
    )
    with os.fdopen(writing, "wb") as pipe:
        result = subprocess.run([sys.executable, "-c", code], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_an_error_of_its_own() -> None:
    with pytest.raises(Failure) as raised, Output(Path("/dev/full")) as file:
        file.write("x" * 100_000)
    assert raised.value.exit_code == Exit.SINK
    assert raised.value.message == "/dev/full: cannot be written: No space left on device"


def test_leaving_early_is_told_apart_from_failing() -> None:
    with Output() as file:
        assert file.writable()
    with pytest.raises(ValueError, match="ours"), Output() as file:
        raise ValueError("ours")
    with Output() as file:
        raise OutputClosedError
