"""Script and unit checks, with real programs: status, user, time, floods, and what they leave behind."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.agent.tracking.stage import SOON, first_result, gone, ready, until
from vrrpwatch.agent.config.trackers import ScriptTracker, UnitTracker
from vrrpwatch.agent.launcher import Launcher
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.checks.script import UnitCheck
from vrrpwatch.agent.tracking.poller import Poller

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
# Without a change of user, so that a test's own folder can be written.
MYSELF = "root" if os.geteuid() == 0 else None


def script(text: str, user: str | None = MYSELF, timeout: float = SOON, interval: float = 0.05) -> ScriptTracker:
    command = ("/bin/sh", "-c", text)
    return ScriptTracker(name="s", type="script", command=command, user=user, timeout=timeout, interval=interval)


def test_status_0_is_good_and_all_else_is_bad_for_what_it_says() -> None:
    assert first_result(script("exit 0")) == Result(True, "exit status 0")
    assert first_result(script("exit 3")) == Result(False, "exit status 3")
    assert first_result(script("echo first >&2; echo no license >&2; exit 3")) == Result(
        False, "exit status 3: no license"
    )
    assert first_result(script("kill -9 $$")) == Result(False, "was killed by signal 9")
    missing = script("").model_copy(update={"command": ("/no/such/program",)})
    assert first_result(missing) == Result(False, "cannot be run (No such file or directory)")


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned`"
    tracker = script("").model_copy(update={"command": ("/bin/test", hostile, "=", hostile)})
    assert first_result(tracker).good
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_root_runs_scripts_as_nobody_or_whom_the_settings_name() -> None:
    assert first_result(script('test "$(id -u) $(id -G)" = "65534 65534"', user=None)).good
    assert first_result(script('test "$(id -u) $(id -G)" = "1 1"', user="daemon")).good
    unknown = first_result(script("true", user="no-such-user"))
    assert unknown == Result(False, "there is no user 'no-such-user'; correct the settings")


def test_a_flood_of_output_is_drained_and_forgotten() -> None:
    flood = "head -c 50000000 /dev/zero; head -c 5000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2; exit 1"
    assert first_result(script(flood)) == Result(False, "exit status 1: end")


def test_beyond_the_timeout_the_script_is_killed_with_its_children_and_the_next_run_waits(tmp_path: Path) -> None:
    text = f"sleep 600 & echo $! $$ >>{tmp_path}/pids; sleep 600"

    async def play() -> None:
        told: list[Result] = []
        tracker = script(text, timeout=0.5)
        async with ready(tracker) as check:
            polling = asyncio.create_task(Poller(tracker, check, told.append).run())
            await until(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) >= 6)
            pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
            # Whoever is in the third run has seen the first two gone.
            assert all(gone(pid) for pid in pids[:4])
            polling.cancel()
            await asyncio.wait({polling})
            await until(lambda: all(gone(int(word)) for word in (tmp_path / "pids").read_text().split()))
        assert len(told) == 1
        assert told[0].detail in ("no result within 0.5 s", "took longer than 0.5 s and was killed")

    asyncio.run(play())


def test_a_script_that_ends_may_leave_something_running(tmp_path: Path) -> None:
    tracker = script(f"sleep 600 >/dev/null 2>&1 & echo $! >{tmp_path}/pid")
    assert first_result(tracker).good
    pid = int((tmp_path / "pid").read_text())
    assert not gone(pid)
    os.kill(pid, 9)


def test_a_check_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    async def play() -> None:
        tracker = script(f"echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 600")
        async with ready(tracker) as check:
            polling = asyncio.create_task(Poller(tracker, check, lambda _: None).run())
            await until((tmp_path / "pid").exists)
            polling.cancel()
            await asyncio.wait({polling})
            await until(lambda: gone(int((tmp_path / "pid").read_text())))

    asyncio.run(play())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("sys.exit(0 if sys.argv[1:] == ['is-active', '--quiet', '--', 'haproxy.service'] else 9)", (True, "active")),
        ("sys.exit(3)", (False, "not active")),
        ("sys.exit(7)", (False, "not active (exit status 7)")),
        ("sys.exit('Failed to connect to bus')", (False, "not active (Failed to connect to bus)")),
    ],
)
def test_systemctl_says_whether_a_unit_is_active(tmp_path: Path, body: str, expected: tuple[bool, str]) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!{sys.executable} -I\nimport sys\n{body}\n")
    program.chmod(0o755)

    async def play() -> Result:
        launcher = Launcher()
        check = UnitCheck(UnitTracker(name="u", type="systemd", unit="haproxy.service"), launcher, str(program))
        try:
            return await asyncio.wait_for(check.run(), SOON)
        finally:
            await check.close()
            await launcher.close()

    assert asyncio.run(play()) == Result(*expected)
