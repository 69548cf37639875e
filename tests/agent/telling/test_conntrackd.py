"""conntrackd's commands at changes of state: which ones, in what order, and what is told when they fail."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.agent.telling.changes import SOON, change, launching, lines, script, until
from vrrpwatch.agent.config.companions import Conntrackd
from vrrpwatch.agent.telling.conntrackd import ConnectionTracking


def play(
    folder: Path, scene: Callable[[ConnectionTracking, list[str]], Coroutine[Any, Any, None]], **more: Any
) -> list[str]:
    """Plays a scene with the program ``conntrackd`` of the folder, and returns what was told."""
    told: list[str] = []
    settings = Conntrackd.model_validate({"follows": "lan", "command": [str(folder / "conntrackd")], **more})

    async def main() -> None:
        async with launching() as launcher:
            tracking = ConnectionTracking(settings, launcher, told.append)
            await scene(tracking, told)
            await tracking.close(SOON)

    asyncio.run(main())
    return told


async def done(tracking: ConnectionTracking, state: str) -> None:
    await until(lambda: tracking.status().detail.startswith(f"told {state}"))


def test_each_state_has_its_commands_in_their_order(tmp_path: Path) -> None:
    script(tmp_path, "conntrackd", 'printf "%s\\n" "$*" >>$folder/out')

    async def scene(tracking: ConnectionTracking, _: list[str]) -> None:
        assert tracking.status() == ("conntrackd", "lan", None, "")
        tracking.tell(change("web", "master"))
        for state in ("backup", "fault", "master"):
            tracking.tell(change("lan", state, 0, kind="GROUP"))
            await done(tracking, state)
        tracking.tell(change("lan", "stop", 0, kind="GROUP"))
        assert tracking.status() == ("conntrackd", "lan", True, "told master")

    assert play(tmp_path, scene) == []
    assert lines(tmp_path / "out") == ["-t", "-n", "-t", "-c", "-f internal", "-f external", "-R", "-B"]


def test_a_daemon_of_another_file_and_what_its_failures_look_like(tmp_path: Path) -> None:
    stamp = "[Mon Nov 23 02:03:19 2026] (pid=7700)"
    said = f'echo "{stamp} [warning] deprecated" >&2; echo "{stamp} [ERROR] is conntrackd running?" >&2; exit 1'
    script(tmp_path, "conntrackd", f'printf "%s\\n" "$*" >>$folder/out; case "$*" in *-c|*-B) {said};; esac')

    async def scene(tracking: ConnectionTracking, _: list[str]) -> None:
        tracking.tell(change("lan", "master"))
        await done(tracking, "master")
        reason = "could not commit the external cache to the kernel (-c): exit status 1: is conntrackd running?"
        assert tracking.status()[2:] == (False, f"told master; {reason}")

    (line,) = play(tmp_path, scene, config="/etc/conntrackd/second.conf")
    assert line == (
        "conntrackd, for MASTER: could not commit the external cache to the kernel (-c), and 1 more of its 5 steps: "
        "exit status 1: is conntrackd running?"
    )
    assert lines(tmp_path / "out")[0] == "-C /etc/conntrackd/second.conf -c"
    assert len(lines(tmp_path / "out")) == 5


def test_one_that_hangs_is_killed_and_what_is_out_of_date_is_left_out(tmp_path: Path) -> None:
    script(tmp_path, "conntrackd", 'printf "%s\\n" "$*" >>$folder/out; [ "$*" != -n ] || exec sleep 600')

    async def scene(tracking: ConnectionTracking, _: list[str]) -> None:
        tracking.tell(change("lan", "backup"))
        await until(lambda: lines(tmp_path / "out") == ["-t", "-n"])
        for state in ("master", "backup", "fault"):
            tracking.tell(change("lan", state))
        await done(tracking, "fault")

    assert play(tmp_path, scene, timeout=1) == [
        "conntrackd, for BACKUP: could not ask the master for its states (-n): took longer than 1 s and was killed"
    ]
    assert lines(tmp_path / "out") == ["-t", "-n", "-t"]


def test_whether_the_daemon_answers_is_told_once_if_it_does_not(tmp_path: Path) -> None:
    script(tmp_path, "conntrackd", '[ "$1" = -s ] && [ -e $folder/runs ] || { printf "x\\033[2J" >&2; exit 1; }')

    async def scene(tracking: ConnectionTracking, _: list[str]) -> None:
        assert not await tracking.check()
        assert tracking.status()[2:] == (False, "exit status 1: x\\x1b[2J")
        (tmp_path / "runs").touch()
        assert await tracking.check()
        assert tracking.status()[2:] == (True, "answers")

    assert play(tmp_path, scene) == [
        "conntrackd does not answer: exit status 1: x\\x1b[2J; connections will not be handed over: start it"
    ]


def test_the_end_waits_for_it_and_not_for_ever(tmp_path: Path) -> None:
    script(tmp_path, "conntrackd", "touch $folder/begun; exec sleep 600")
    told: list[str] = []

    async def main() -> None:
        async with launching() as launcher:
            settings = Conntrackd.model_validate({"follows": "lan", "command": [str(tmp_path / "conntrackd")]})
            tracking = ConnectionTracking(settings, launcher, told.append)
            tracking.tell(change("lan", "fault"))
            await until((tmp_path / "begun").exists)
            await asyncio.wait_for(tracking.close(0.1), SOON)

    asyncio.run(main())
    assert told == ["conntrackd: still busy 0.1 s after the stop: it may not have been told all"]
