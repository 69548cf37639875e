"""Hooks, with real programs: order, exit status, timeout, user, environment, and text that means harm."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.news import at, finding
from tests.alerts.receiver import until
from vrrpwatch.alerts import programs
from vrrpwatch.alerts.alert import Alert, of_finding
from vrrpwatch.alerts.programs import ENVIRONMENT
from vrrpwatch.alerts.settings import Hook
from vrrpwatch.alerts.sinks.base import Retry, SinkError
from vrrpwatch.alerts.sinks.hook import HookSender, identity

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")


def alert(**more: Any) -> Alert:
    found = finding(**more)
    return of_finding(found, found.id, "sensor-1", at(0))


def sender(*command: str, **more: Any) -> HookSender:
    # Without a change of user, so that the test's own folder can be written.
    more.setdefault("user", "root" if os.geteuid() == 0 else None)
    return HookSender(Hook.model_validate({"name": "h", "type": "hook", "command": command, **more}))


def program(folder: Path, body: str) -> str:
    path = folder / "hook.py"
    path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\nfolder = {str(folder)!r}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_payload_is_one_line_on_standard_input_and_the_environment_is_bare(tmp_path: Path) -> None:
    path = program(
        tmp_path,
        "open(folder + '/out', 'w').write(json.dumps([sys.argv[1:], sys.stdin.read(), dict(os.environ), os.getcwd()]))",
    )
    os.environ["VRRPWATCH_INSIDE"] = "x"
    try:
        sender(path, "--level", "high").deliver(alert())
    finally:
        del os.environ["VRRPWATCH_INSIDE"]
    arguments, text, environment, folder = json.loads((tmp_path / "out").read_text())
    assert arguments == ["--level", "high"]
    assert text.endswith("}\n")
    assert json.loads(text)["rule"] == "split-brain"
    assert {name: value for name, value in environment.items() if name != "LC_CTYPE"} == ENVIRONMENT
    assert folder == "/"


def test_hostile_text_reaches_neither_a_shell_nor_an_argument(tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned`\n\0'\"; touch {tmp_path}/pwned \x1b[2J\u202e"
    path = program(tmp_path, "open(folder + '/out', 'w').write(json.dumps([sys.argv[1:], json.load(sys.stdin)]))")
    sender(path).deliver(alert(summary=hostile, subject=hostile, segment=hostile))
    arguments, body = json.loads((tmp_path / "out").read_text())
    assert arguments == []
    assert body["summary"] == hostile
    assert not (tmp_path / "pwned").exists()


def test_any_status_but_zero_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="exit status 3"):
        sender(program(tmp_path, "sys.exit(3)")).deliver(alert())
    with pytest.raises(Retry, match="was killed by signal 9"):
        sender(program(tmp_path, "os.kill(os.getpid(), 9)")).deliver(alert())
    with pytest.raises(Retry, match="cannot be run"):
        sender(str(tmp_path / "missing")).deliver(alert())


def test_a_program_that_reads_nothing_has_been_told_all_the_same() -> None:
    sender("/bin/true").deliver(alert(summary="x" * 200_000))


def test_beyond_the_timeout_the_program_is_killed_with_all_its_children(tmp_path: Path) -> None:
    path = program(
        tmp_path,
        "child = os.fork()\n"
        "if child == 0:\n    time.sleep(600)\n"
        "open(folder + '/new', 'w').write(str(child)); os.rename(folder + '/new', folder + '/child')\n"
        "time.sleep(600)",
    )
    with pytest.raises(Retry, match="took longer than 1 s and was killed"):
        sender(path, timeout=1).deliver(alert())
    child = int((tmp_path / "child").read_text())
    until(lambda: _gone(child), "the child lives on")


def _gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@needs_root
def test_root_runs_hooks_as_nobody_or_whom_the_settings_name_and_never_with_its_own_groups() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        out = folder / "out"
        out.touch()
        out.chmod(0o666)
        path = folder / "hook"
        path.write_text(f"#!/bin/sh\necho $(id -ru) $(id -u) $(id -g) $(id -G) >{out}\n")
        path.chmod(0o755)
        os.setgroups([4])
        try:
            sender(str(path), user=None).deliver(alert())
            assert out.read_text() == "65534 65534 65534 65534\n"
            sender(str(path), user="daemon", group="mail").deliver(alert())
            assert out.read_text() == "1 1 8 8\n"
        finally:
            os.setgroups([])


def test_a_user_that_cannot_be_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Hook.model_validate({"name": "h", "type": "hook", "command": ["/bin/true"], "user": "no-such-user"})
    with pytest.raises(SinkError, match="sink h: there is no user 'no-such-user'"):
        HookSender(settings)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(programs, "_may_switch", lambda: False)
    with pytest.raises(SinkError, match="only root with all its rights can run programs as daemon; start as root"):
        HookSender(settings.model_copy(update={"user": "daemon"}))
    assert identity(settings.model_copy(update={"user": None})) is None
