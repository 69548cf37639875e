"""The commands of the agent: asked of one that only answers, over its real socket."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.telling.statuses import Agent
from tests.cli.conftest import Run
from vrrpwatch.agent.telling.control import Control
from vrrpwatch.cli.exits import Exit

SETTINGS = """version = 1
[[router]]
name = "web"
interface = "eth0"
id = 51
addresses = ["192.0.2.1/24"]
"""


@contextmanager
def answering(path: Path) -> Iterator[Agent]:
    """An agent in a thread of its own, with its control socket at ``path``."""
    agent = Agent()
    loop = asyncio.new_event_loop()
    control = Control(path, None, agent)
    loop.run_until_complete(control.open())
    agent.relief.set()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield agent
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.sock"


def test_status_as_a_table_and_as_json(run: Run, path: Path) -> None:
    with answering(path):
        table = run("agent", "status", "--socket", str(path))
        told = run("agent", "--socket", str(path), "status", "--output", "json")
    assert (table.exit_code, told.exit_code) == (Exit.CLEAN, Exit.CLEAN)
    assert table.stdout.startswith("1 router: 1 master\nvrrpwatch 1.2.3, process 711, up 1 min 40 s\n")
    assert json.loads(told.stdout)["schema"] == "vrrpwatch/agent/1"


def test_a_drain_says_who_took_over_and_who_did_not(run: Run, path: Path) -> None:
    with answering(path) as agent:
        done = run("agent", "drain", "web", "db", "--wait", "5", "--socket", str(path))
        agent.relief.clear()
        left = run("agent", "drain", "--wait", "0.1", "--socket", str(path))
        wrong = run("agent", "drain", "nowhere", "--socket", str(path))
        assert agent.asked == [("drain", ("web", "db"), 5.0), ("drain", (), 0.1), ("drain", ("nowhere",), None)]
    assert (done.exit_code, done.stdout) == (
        Exit.CLEAN,
        "web: handed over to 192.0.2.12\ndb: nothing to hand over: it is a backup here\n",
    )
    assert (left.exit_code, left.stdout, left.stderr) == (
        Exit.FINDINGS,
        "web: not handed over: nobody took over within 0.1 s\n",
        "vrrpwatch: not handed over: web\n",
    )
    assert (wrong.exit_code, wrong.stderr) == (
        Exit.USAGE,
        "vrrpwatch: there is no router 'nowhere'\nvrrpwatch: there is no router 'x'\n",
    )


def test_undrain_and_reload(run: Run, path: Path) -> None:
    with answering(path):
        every = run("agent", "undrain", "--socket", str(path))
        reloaded = run("agent", "reload", "--socket", str(path))
    assert (every.exit_code, every.stdout) == (Exit.CLEAN, "takes part again: web, db\n")
    assert (reloaded.exit_code, reloaded.stdout) == (Exit.CLEAN, "db: removed\n")


@pytest.mark.parametrize("command", ["status", "drain", "undrain", "reload"])
def test_no_agent_to_ask(run: Run, path: Path, command: str) -> None:
    result = run("agent", command, "--socket", str(path))
    assert result.exit_code == Exit.UNREADABLE
    assert result.stderr == f"vrrpwatch: {path}: no agent answers: start it, or name its socket with --socket\n"


def test_the_socket_may_be_named_in_the_environment_and_in_settings(
    run: Run, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config" / "vrrpwatch").mkdir(parents=True)
    (tmp_path / "config" / "vrrpwatch" / "config.toml").write_text(f'[agent]\nsocket = "{path}"\n')
    with answering(path):
        assert run("agent", "reload").exit_code == Exit.CLEAN
        monkeypatch.setenv("VRRPWATCH_SOCKET", str(tmp_path / "elsewhere"))
        assert run("agent", "reload").exit_code == Exit.UNREADABLE


def test_no_right_to_ask(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What connect(2) says to a stranger, whoever runs the tests.
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", forbidden)
    result = run("agent", "status", "--socket", str(path))
    assert result.exit_code == Exit.PERMISSION
    assert "no right to ask the agent: run as root, or as a member of the socket's group" in result.stderr


def test_check_says_what_an_agent_would_do(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(SETTINGS + '[notify]\nany = ["/no/such/program"]\n')
    result = run("agent", "check", str(path))
    assert result.exit_code == Exit.CLEAN
    assert result.stdout.splitlines()[0].startswith(
        "web: VRRPv3 51 on eth0, priority 100; as master it holds 192.0.2.1"
    )
    assert result.stderr == "vrrpwatch: /no/such/program: there is no such program on this host\n"


def test_check_says_all_that_is_wrong(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(SETTINGS.replace("51", "0") + 'track = ["nothing"]\n[conntrackd]\nfollows = "nobody"\n')
    result = run("agent", "check", str(path))
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"vrrpwatch: {path}:") for line in lines)
    path.write_text(SETTINGS + '[notify]\nany = ["/bin/true"]\nuser = "no-such-user"\n')
    result = run("agent", "check", str(path))
    assert (result.exit_code, result.stderr) == (
        Exit.USAGE,
        "vrrpwatch: notify: hooks: there is no user 'no-such-user'; correct the settings\n",
    )
    assert run("agent", "check", str(tmp_path / "missing.toml")).exit_code == Exit.USAGE


RUN = """
import sys
from vrrpwatch.agent import daemon
def stand_in(path, *, force, told):
    told(f"{path} {force} \\x1b[2J")
    return 5
daemon.run = stand_in
sys.argv[0] = "vrrpwatch"
from vrrpwatch.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "/etc/vrrpwatch/agent.toml False"), (("here.toml", "--force"), "here.toml True")],
)
def test_run_hands_over_to_the_daemon(arguments: tuple[str, ...], said: str) -> None:
    command = (sys.executable, "-c", RUN, "agent", "run", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", f"vrrpwatch: {said} \\x1b[2J\n")


COMMANDS = ("run", "check", "status", "drain", "undrain", "reload")


def test_the_group_lists_its_commands_and_each_has_examples_and_exit_codes(run: Run) -> None:
    listed = run("agent", "--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in listed
        text = run("agent", command, "--help").stdout
        assert max(map(len, text.splitlines())) <= 80
        assert re.search(r"Examples?:\n +vrrpwatch agent", text)
        assert "Exit codes: 0 " in text
    assert run("agent", "dran").exit_code == Exit.USAGE


def test_completion_knows_the_commands() -> None:
    environment = {
        **os.environ,
        "_VRRPWATCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "vrrpwatch agent dr",
        "COMP_CWORD": "2",
    }
    code = "from vrrpwatch.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout == "plain,drain\n"
