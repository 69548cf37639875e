"""Process checks: real processes, a /proc of files, and one of thousands."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.agent.tracking import virtual
from tests.agent.tracking.stage import SOON, first_result, gone, until
from vrrpwatch.agent.config.trackers import ProcessTracker
from vrrpwatch.agent.tracking.checks import process
from vrrpwatch.agent.tracking.checks.base import Result
from vrrpwatch.agent.tracking.checks.process import Processes


def found(name: str, count: int = 1) -> Result:
    return first_result(ProcessTracker(name="p", type="process", process=name, count=count))


def test_processes_are_counted_by_name_while_they_run(tmp_path: Path) -> None:
    # Longer than the 15 characters that the kernel keeps, and with what its format uses itself.
    program = tmp_path / "a name) S 1 (of more than 15"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    assert found(program.name) == Result(False, f"no process of {program.name}")
    with subprocess.Popen([str(program), "600"]) as first, subprocess.Popen([str(program), "600"]) as second:
        assert found(program.name) == Result(True, f"2 processes of {program.name}")
        assert found(program.name[:15], 2).good
        assert found(program.name, 3) == Result(False, f"2 processes of {program.name}")
        first.kill()
        # Nobody has waited for it: it is there, and does not run.
        asyncio.run(until(lambda: gone(first.pid)))
        assert found(program.name) == Result(True, f"1 process of {program.name}")
        second.kill()


class Host:
    """A /proc of ours."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.processes = Processes(root)

    def has(
        self, number: int, comm: str, arguments: str = "", state: str = "S", flags: int = 0, started: int = 7
    ) -> None:
        folder = self._root / str(number)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{number} ({comm}) {state} 1 1 1 0 -1 {flags} {'0 ' * 12}{started} 0 0\n")
        (folder / "cmdline").write_text(arguments)

    async def count(self, name: str, no_older: float = -1.0) -> int:
        return await self.processes.count(name, no_older)


def test_a_process_is_known_until_it_executes_something_else_or_its_number_is_anothers(tmp_path: Path) -> None:
    async def scene() -> None:
        host = Host(tmp_path)
        host.has(1, "python3", "/usr/bin/python3\0-m\0x")
        host.has(2, "kworker/0:1", flags=0x0020_0040)
        assert (await host.count("python3"), await host.count("kworker/0:1")) == (1, 1)
        host.has(1, "haproxy", "")
        assert (await host.count("python3"), await host.count("haproxy")) == (0, 1)
        # Its arguments were not there yet a moment ago.
        host.has(1, "haproxy", "/usr/sbin/haproxy-2\0")
        assert (await host.count("haproxy"), await host.count("haproxy-2")) == (1, 1)
        host.has(1, "haproxy", "/usr/sbin/haproxy-3\0", started=8)
        assert (await host.count("haproxy-2"), await host.count("haproxy-3")) == (0, 1)
        host.has(1, "haproxy", "/usr/sbin/haproxy-3\0", state="Z", started=8)
        assert await host.count("haproxy-3") == 0

    virtual.play(scene())


def test_one_scan_serves_all_who_ask_at_about_the_same_time(tmp_path: Path) -> None:
    async def scene() -> None:
        host = Host(tmp_path)
        host.has(1, "a")
        assert await host.count("a", no_older=1.0) == 1
        host.has(2, "a")
        await asyncio.sleep(0.9)
        assert await asyncio.gather(*(host.count("a", no_older=1.0) for _ in range(3))) == [1, 1, 1]
        await asyncio.sleep(0.2)
        assert await asyncio.gather(*(host.count("a", no_older=1.0) for _ in range(3))) == [2, 2, 2]

    virtual.play(scene())


def test_a_scan_gives_others_their_turn_and_ends_at_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_PROCESSES", 300)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scene() -> int:
        host = Host(tmp_path)
        for number in range(1, 401):
            host.has(number, "many")
        task = asyncio.create_task(others())
        count = await asyncio.wait_for(host.count("many"), SOON)
        task.cancel()
        return count

    assert virtual.play(scene()) == 300
    assert turns >= 2


@pytest.mark.parametrize("text", ["", "1", "1 (a", "1 (a) S", "x (a) S 1", "1 (a) S " + "x " * 2_000])
def test_what_is_no_process_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "stat").write_text(text)
    (tmp_path / "2").write_text("no folder")
    (tmp_path / "self").mkdir()

    async def scene() -> int:
        return await Processes(tmp_path).count("a", 0.0)

    assert virtual.play(scene()) == 0
