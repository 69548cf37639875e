"""``watch`` and ``live``: what they refuse, with which code, before anything is opened."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.capture import frames
from tests.cli.conftest import Run
from tests.lab.live import wire
from tests.lab.network import missing
from tests.lab.waiting import wait_until
from vrrpwatch.cli.exits import Exit

FULL = Path("/dev/full")
COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("watch",), "no interface given"),
        (("watch", "-i", "lo", "-C", "1"), "rotate the file that -w names"),
        (("watch", "-i", "lo", "-w", "x", "-W", "3"), "say with -C or -G"),
        (("watch", "-i", "lo", "-w", "-"), "add --output none"),
        (("watch", "-i", "lo", "-w", "-", "-C", "1", "--output", "none"), "standard output cannot be rotated"),
        (("watch", "-i", "lo", "--join", "10.0.0.1"), "is no multicast address"),
        (("watch", "-i", "lo", "--metrics", "here"), "neither PORT nor ADDRESS:PORT"),
        (("watch", "-i", "lo", "--metrics", "70000"), "neither PORT nor ADDRESS:PORT"),
        (("watch", "-i", "lo", "--budget", "nan"), "must be a number"),
        (("watch", "-i", "lo", "--policy", "/nonexistent"), "cannot be read"),
        (("live",), "give one of -i"),
        (("live", "-i", "lo", "-r", "x"), "give one of -i"),
        (("live", "-r", "x", "vrrp"), "only what -i hears can be filtered"),
        (("live", "-r", "-"), "is read again when it is wound back"),
        (("live", "-i", "lo", "-w", "-"), "name a file"),
        (("live", "-i", "lo", "--theme", "pink"), "must be one of"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == Exit.USAGE
    assert message in result.stderr


def test_interfaces_are_listed(run: Run) -> None:
    result = run("watch", "-D")
    assert result.exit_code == Exit.CLEAN
    assert {"lo", "any"} <= set(result.stdout.split())


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.cli.live.need_terminal", lambda _instead: None)


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (("-i", "lo"), "vrrpwatch watch -i"),
        (("-r", "none.pcap"), "vrrpwatch analyze"),
        (("--store", "none.db"), "vrrpwatch store"),
    ],
)
def test_no_screen_is_drawn_into_a_pipe(run: Run, arguments: tuple[str, ...], instead: str) -> None:
    result = run("live", *arguments)
    assert result.exit_code == Exit.USAGE
    assert result.stderr == (f"vrrpwatch: live needs a terminal, and standard input is none; see '{instead}' instead\n")


@pytest.mark.usefixtures("on_a_terminal")
def test_a_capture_that_is_not_there_cannot_be_played(run: Run, tmp_path: Path) -> None:
    result = run("live", "-r", str(tmp_path / "none.pcap"))
    assert result.exit_code == Exit.UNREADABLE
    assert "none.pcap" in result.stderr


@pytest.mark.usefixtures("on_a_terminal")
def test_a_store_that_is_not_there_cannot_be_shown(run: Run, tmp_path: Path) -> None:
    result = run("live", "--store", str(tmp_path / "none.db"))
    assert result.exit_code == Exit.SINK
    assert "none.db" in result.stderr


@pytest.mark.parametrize("settings", ["version = 1\n[[sink]]\n", "version = 2\n", "=", None])
def test_alert_settings_are_judged_before_anything_runs(settings: str | None, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may listen")
    path = tmp_path / "alerts.toml"
    if settings is not None:
        path.write_text(settings)
    command = [COMMAND, "watch", "-i", "lo", "-c", "1", "--alerts", str(path), "--outbox", str(tmp_path / "outbox.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == Exit.USAGE, done.stderr
    assert f"vrrpwatch: {path}:" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_right_to_listen_the_command_that_gives_it_is_named(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give its rights up")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    keep = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    done = subprocess.run(
        [*keep, COMMAND, "watch", "-i", "lo"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == Exit.PERMISSION, done.stderr
    assert "setcap cap_net_raw+ep" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def watched(*options: str, **streams: Any) -> tuple[int, str]:
    """Exit code and messages of a watch that hears some advertisements and ends."""
    why = missing()
    if why is not None:
        pytest.skip(why)
    advert = frames.ethernet(frames.ipv4(frames.VRRP2))
    with wire("eth0") as made, made.sender("eth0") as sender:
        command = ["ip", "netns", "exec", made.near, COMMAND, "watch", "-i", "eth0", "-c", "3", *options]
        with subprocess.Popen(command, **{"stderr": subprocess.PIPE, **streams}, text=True) as watch:
            try:
                wait_until(
                    lambda: sender.send(advert) == 0 or watch.poll() is not None, at_most=30, what="the watch to end"
                )
            finally:
                watch.kill()
            return watch.returncode, "" if watch.stderr is None else watch.stderr.read()


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_what_is_written_of_the_packets_is_in_the_exit_code() -> None:
    code, said = watched("-w", str(FULL))
    assert code == Exit.SINK, said
    assert "/dev/full: cannot be written (No space left on device); it is watched on" in said
    assert "Traceback" not in said


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_messages_that_cannot_be_written_end_nothing() -> None:
    with FULL.open("w") as full:
        code, _ = watched(stdout=full, stderr=full)
    assert code == Exit.CLEAN


def test_an_evidence_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    for options in (("--evidence", str(folder)), ("-w", str(folder / "w"), "-C", "1")):
        code, said = watched(*options)
        assert code == Exit.SINK, said
        assert f"{folder}: user 0 may not write there" in said
    code, said = watched("--evidence", "/dev/null/evidence")
    assert code == Exit.SINK, said
    assert "/dev/null/evidence: no such folder can be made (Not a directory)" in said


def test_what_is_typed_goes_before_what_settings_say(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRRPWATCH_STORE", str(tmp_path / "none.db"))
    monkeypatch.setenv("VRRPWATCH_INTERFACE", "lo")
    result = run("live", "-r", str(tmp_path / "none.pcap"))
    assert "give one of" not in result.stderr
    assert "give one of" in run("live").stderr
