"""Programs that the agent runs, by the process that starts them: ends, limits, rights, and what happens to it."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vrrpwatch.agent import launcher_process
from vrrpwatch.agent.launcher import Ending, Launcher, Program
from vrrpwatch.alerts.programs import ENVIRONMENT, identity

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
# Seconds that something may take which happens at once on an idle machine.
SOON = 30.0


@asynccontextmanager
async def launching() -> Any:
    launcher = Launcher()
    await launcher.start()
    try:
        yield launcher
    finally:
        await asyncio.wait_for(launcher.close(), SOON)


def shell(text: str, *, timeout: float = SOON, explain: bool = False, who: Any = None) -> Program:
    return Program(("/bin/sh", "-c", text), who, timeout, explain)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def written(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text().endswith("\n")


def test_how_a_program_ended_is_told() -> None:
    async def play() -> None:
        async with launching() as launcher:
            assert await launcher.run(shell("exit 0")) == Ending(0)
            assert await launcher.run(shell("exit 3")) == Ending(3, "exit status 3")
            assert await launcher.run(shell("kill -9 $$")) == Ending(None, "was killed by signal 9")
            missing = await launcher.run(Program(("/no/such/program",), None, 1.0))
            assert missing == Ending(None, "cannot be run (No such file or directory)")
            said = await launcher.run(shell("echo first; echo last >&2; exit 1", explain=True))
            assert said == Ending(1, "exit status 1", "last\n")

    asyncio.run(play())


def test_what_is_said_without_end_is_kept_in_part(tmp_path: Path) -> None:
    async def play() -> None:
        async with launching() as launcher:
            # What it leaves behind goes on writing, and nobody waits for that.
            text = f"head -c 1000000 /dev/zero >&2; echo end >&2; (echo $$ >{tmp_path}/pid; exec sleep 600) & exit 1"
            ending = await launcher.run(shell(text, explain=True))
            assert ending.said == "\0" * (launcher_process.MAX_SAID - 4) + "end\n"

    asyncio.run(play())


def test_programs_run_beside_one_another_and_one_that_is_late_is_killed_with_its_children(tmp_path: Path) -> None:
    async def play() -> None:
        async with launching() as launcher:
            hanging = f"sleep 600 & echo $! >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/child; wait"
            late = asyncio.create_task(launcher.run(shell(hanging, timeout=2)))
            await until(written(tmp_path / "child"))
            assert await launcher.run(shell("exit 0")) == Ending(0)
            assert await late == Ending(None, "took longer than 2 s and was killed")
            child = int((tmp_path / "child").read_text())
            await until(lambda: gone(child))

    asyncio.run(play())


def test_what_nobody_waits_for_any_more_is_killed(tmp_path: Path) -> None:
    async def play() -> None:
        async with launching() as launcher:
            task = asyncio.create_task(launcher.run(shell(f"echo $$ >{tmp_path}/pid; exec sleep 600")))
            await until(written(tmp_path / "pid"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: gone(int((tmp_path / "pid").read_text())))

    asyncio.run(play())


@pytest.mark.parametrize("end", ["close", "kill"])
def test_nothing_outlives_the_agent(tmp_path: Path, end: str) -> None:
    agent = f"""
import asyncio, os, signal
from vrrpwatch.agent.launcher import Launcher, Program
async def main():
    launcher = Launcher()
    command = ("/bin/sh", "-c", "echo $$ >{tmp_path}/pid; sleep 600")
    task = asyncio.create_task(launcher.run(Program(command, None, 600)))
    while not os.path.exists("{tmp_path}/pid"):
        await asyncio.sleep(0.01)
    await launcher.close() if "{end}" == "close" else os.kill(os.getpid(), signal.SIGKILL)
    print((await task).trouble)
asyncio.run(main())
"""

    async def play() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", agent, stdout=asyncio.subprocess.PIPE)
        said, _ = await asyncio.wait_for(process.communicate(), SOON)
        assert said.decode() == ("the process that runs programs has ended\n" if end == "close" else "")
        await until(lambda: gone(int((tmp_path / "pid").read_text())))

    asyncio.run(play())


def test_where_the_process_is_killed_the_next_program_has_a_new_one(tmp_path: Path) -> None:
    async def play() -> None:
        async with launching() as launcher:
            task = asyncio.create_task(launcher.run(shell(f"echo $PPID >{tmp_path}/pid; sleep 2")))
            await until(written(tmp_path / "pid"))
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            assert await task == Ending(None, "the process that runs programs has ended")
            both = tuple(await asyncio.gather(launcher.run(shell("exit 0")), launcher.run(shell("exit 4"))))
            assert both == (Ending(0), Ending(4, "exit status 4"))

    asyncio.run(play())


def test_what_ends_all_processes_of_a_service_leaves_this_one_to_the_agent(tmp_path: Path) -> None:
    async def play() -> None:
        async with launching() as launcher:
            text = f"echo $PPID >{tmp_path}/pid; until [ -e {tmp_path}/go ]; do sleep 0.01; done"
            task = asyncio.create_task(launcher.run(shell(text)))
            await until(written(tmp_path / "pid"))
            parent = int((tmp_path / "pid").read_text())
            os.kill(parent, signal.SIGTERM)
            assert await launcher.run(shell(f"[ $PPID = {parent} ]")) == Ending(0)
            # Programs are ended by it as ever.
            assert (await launcher.run(shell("kill $$"))).trouble == "was killed by signal 15"
            (tmp_path / "go").touch()
            assert await task == Ending(0)

    asyncio.run(play())


def test_more_programs_than_may_run_at_once_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(launcher_process, "MAX_RUNNING", 1)

    class Writer:
        """Keeps what would be sent."""

        def __init__(self) -> None:
            self.told: list[Any] = []

        def write(self, data: bytes) -> None:
            self.told.append(json.loads(data))

    async def play() -> list[Any]:
        writer = Writer()
        runner = launcher_process.Runner(writer)  # type: ignore[arg-type]  # all that is used of it
        base = {"who": None, "timeout": SOON, "explain": False, "network": False}
        runner.heed(
            {"run": 1, "command": ["/bin/sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.01; done"], **base}
        )
        runner.heed({"run": 2, "command": ["/bin/sh", "-c", "exit 2"], **base})
        runner.heed({"run": 3, "command": ["/bin/sh", "-c", "exit 3"], **base})
        runner.heed({"kill": 2})
        assert writer.told == []
        (tmp_path / "go").touch()
        await until(lambda: len(writer.told) == 3)
        return writer.told

    told = asyncio.run(play())
    assert [(one["ended"], one["trouble"]) for one in told] == [
        (1, ""),
        (2, "was no longer wanted and was killed"),
        (3, "exit status 3"),
    ]


REPORT = """
import json, os, sys, pathlib, resource
status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
told = {
    "environment": dict(os.environ), "folder": os.getcwd(), "arguments": sys.argv[1:], "rights": status["CapEff"],
    "ambient": status["CapAmb"], "policy": os.sched_getscheduler(0), "blocked": status["SigBlk"],
    "ignored": status["SigIgn"], "files": sorted(int(n) for n in os.listdir("/proc/self/fd")), "ids": os.getresuid(),
    "groups": os.getgroups(), "realtime": resource.getrlimit(resource.RLIMIT_RTPRIO)}
with open(sys.argv[1], "w") as file:
    file.write(json.dumps(told) + "\\n")
"""
# Priority before all others, signals blocked and ignored, an environment: what an agent has.
AGENT = """
import asyncio, os, signal, sys
from vrrpwatch.agent.launcher import Launcher, Program
from vrrpwatch.alerts.programs import identity
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
except PermissionError:
    pass
async def main():
    launcher = Launcher()
    who = identity(sys.argv[2] or None)
    network = "--network" in sys.argv
    print(await launcher.run(Program((sys.executable, "-c", sys.argv[1], *sys.argv[3:]), who, 60, network=network)))
    await launcher.close()
asyncio.run(main())
"""


def report(out: Path, user: str = "", *prefix: str, last: str = "$(id)") -> Any:
    async def play() -> Any:
        process = await asyncio.create_subprocess_exec(
            *prefix,
            *(sys.executable, "-c", AGENT, REPORT, user, str(out), "a b", last),
            env={**os.environ, "SECRET": "x"},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(process.communicate(), SOON)
        assert said == b"Ending(status=0, trouble='', said='')\n"
        return json.loads(out.read_text())

    return asyncio.run(play())


def test_programs_inherit_nothing_of_the_agent(tmp_path: Path) -> None:
    found = report(tmp_path / "out", "root" if os.geteuid() == 0 else "")
    assert {name: value for name, value in found["environment"].items() if name != "LC_CTYPE"} == ENVIRONMENT
    assert (found["folder"], found["arguments"]) == ("/", [str(tmp_path / "out"), "a b", "$(id)"])
    assert (found["policy"], found["realtime"]) == (os.SCHED_OTHER, [0, 0])
    # Python ignores SIGPIPE and SIGXFSZ itself.
    assert (int(found["blocked"], 16), int(found["ignored"], 16)) == (0, 1 << 12 | 1 << 24)
    # 3 is the folder that is read for this.
    assert found["files"] == [0, 1, 2, 3]


def test_a_process_that_is_killed_in_the_middle_of_a_word_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with launching() as launcher:
            assert await launcher.run(shell("exit 0")) == Ending(None, "the process that runs programs has ended")
            monkeypatch.undo()
            assert await launcher.run(shell("exit 0")) == Ending(0)

    monkeypatch.setattr("vrrpwatch.agent.launcher._MODULE", "tests.agent.stammerer")
    asyncio.run(play())


@needs_root
def test_programs_run_as_whom_the_settings_name() -> None:
    async def play(out: Path) -> None:
        async with launching() as launcher:
            program = shell(f"cat /proc/self/status >{out}", who=identity("daemon"))
            assert await launcher.run(program) == Ending(0)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        asyncio.run(play(folder / "out"))
        text = (folder / "out").read_text()
        status = dict(line.split(":\t", 1) for line in text.splitlines())
        assert (folder / "out").stat().st_mode & 0o777 == 0o600
    daemon = identity("daemon")
    assert daemon is not None
    assert (status["Uid"], status["Gid"]) == ("1\t1\t1\t1", "1\t1\t1\t1")
    assert status["Groups"].split() == [str(number) for number in daemon.groups]
    assert (int(status["CapEff"], 16), int(status["CapPrm"], 16)) == (0, 0)


@needs_root
def test_an_agent_that_has_its_rights_from_its_unit_hands_none_of_them_on(tmp_path: Path) -> None:
    # As for a user of its own: here root has no rights but those that were given.
    rights = ("--inh-caps=-all,+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw", "--securebits=+noroot")
    found = report(tmp_path / "out", "root", "setpriv", *rights)
    assert (int(found["rights"], 16), int(found["ambient"], 16)) == (0, 0)
    # But those to whom the agent leaves a part of its own work, such as nft(8).
    found = report(tmp_path / "out", "root", "setpriv", *rights, last="--network")
    assert int(found["rights"], 16) == 1 << 12


@needs_root
def test_one_that_may_not_be_killed_keeps_nobody_waiting() -> None:
    """As sudo is, for an agent that is not root's: here the process that runs programs loses the right to kill."""
    code = (
        "import os, signal, sys, asyncio; from vrrpwatch.agent import launcher_process as p\n"
        "p.os.killpg = lambda *_: (_ for _ in ()).throw(PermissionError())\n"
        "class W:\n"
        "  def write(self, data): print(data.decode(), end='', flush=True)\n"
        "async def main():\n"
        "  r = p.Runner(W())\n"
        "  more = {'who': None, 'timeout': 0.1, 'explain': False, 'network': False}\n"
        "  r.heed({'run': 1, 'command': ['/bin/sleep', '2'], **more})\n"
        "  while r._running: await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
    )

    async def play() -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        said, _ = await asyncio.wait_for(process.communicate(), SOON)
        told: dict[str, Any] = json.loads(said)
        return told

    told = asyncio.run(play())
    assert told["trouble"] == "took longer than 0.1 s and could not be killed (no right to)"
