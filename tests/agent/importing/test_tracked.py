"""What keepalived tracks as trackers, and as what a router heeds of them: weights, their signs, and sync groups."""

from pathlib import Path
from typing import Any

import pytest

from tests.agent.importing.making import NEEDS, Made, made, one
from vrrpwatch.agent.config.trackers import FileTracker, LinkTracker, ProcessTracker, ScriptTracker

SCRIPT = "vrrp_script check {\nscript /bin/check\nuser root\n%s\n}\n"
FILE = "track_file load {\nfile /run/load\n%s\n}\n"
PROCESS = "vrrp_track_process proxy {\nprocess haproxy\n%s\n}\n"


def heeded(found: Made) -> list[tuple[str, int, bool]]:
    return [(each.name, each.weight, each.reverse) for each in found.router.track]


def test_a_script_is_run_as_keepalived_runs_it(tmp_path: Path) -> None:
    more = "interval 2\ntimeout 3\nrise 2\nfall 4\nweight -20"
    found = one(tmp_path, "track_script {\ncheck\n}", before=SCRIPT % more)
    assert found.settings.tracker == (
        ScriptTracker(
            type="script",
            name="check",
            command=("/bin/check",),
            user="root",
            interval=2.0,
            timeout=3.0,
            rise=2,
            fall=4,
        ),
    )
    assert heeded(found) == [("check", -20, False)]
    assert found.lines == []


def test_words_of_a_script_are_its_arguments_and_no_shell_is_asked(tmp_path: Path) -> None:
    script = "vrrp_script check {\nscript \"pidof 'a b' && echo $HOME\"\nuser root\n}\n"
    (tracker,) = one(tmp_path, "track_script {\ncheck\n}", before=script).settings.tracker
    assert isinstance(tracker, ScriptTracker)
    assert tracker.command == ("/usr/bin/env", "pidof", "a b", "&&", "echo", "$HOME")


@pytest.mark.parametrize("script", ["</dev/tcp/127.0.0.1/80", "A=b /bin/true", "-x", "./check", "''"])
def test_a_script_that_is_no_program_is_left_out(tmp_path: Path, script: str) -> None:
    before = f'vrrp_script check {{\nscript "{script}"\nuser root\n}}\n'
    found = one(tmp_path, "track_script {\ncheck\n}", before=before)
    assert (found.settings.tracker, found.router.track) == ((), ())
    assert [line for line in found.lines if "it begins with no program, and no shell reads it" in line]


@pytest.mark.parametrize(
    ("declared", "tracked", "expected"),
    [
        ("", "check", ("check", 0, False)),
        ("weight 20", "check", ("check", 20, False)),
        ("weight 20", "check weight -5", ("check", -5, False)),
        # To keepalived the weight changes its sign, to the agent good and bad change places.
        ("weight 20 reverse", "check", ("check", -20, True)),
        ("weight 20 reverse", "check weight 20 noreverse", ("check", 20, False)),
        ("", "check weight -7 reverse", ("check", 7, True)),
        ("weight 0 reverse", "check", ("check", 0, True)),
        ("weight 254", "check", ("check", 253, False)),
    ],
)
def test_weights(tmp_path: Path, declared: str, tracked: str, expected: tuple[str, int, bool]) -> None:
    found = one(tmp_path, f"track_script {{\n{tracked}\n}}", before=SCRIPT % declared)
    assert heeded(found) == [expected]


def test_interfaces(tmp_path: Path) -> None:
    found = one(tmp_path, "track_interface {\neth1 weight 2\neth2\neth1\n}")
    assert found.settings.tracker == (
        LinkTracker(type="interface", name="eth1", interface="eth1"),
        LinkTracker(type="interface", name="eth2", interface="eth2"),
    )
    assert heeded(found) == [("eth1", 2, False), ("eth2", 0, False)]
    assert found.lines == ["10: 'eth1': it is tracked twice: left out"]


@pytest.mark.parametrize(
    ("declared", "expected", "told"),
    [
        ("", ("load", 1, False), []),
        ("weight 5 reverse", ("load", -5, False), []),
        ("weight 0\ninit_file 0", ("load", 0, False), ["'init_file': the agent writes no file", "write -1"]),
    ],
)
def test_files(tmp_path: Path, declared: str, expected: tuple[str, int, bool], told: list[str]) -> None:
    found = one(tmp_path, "track_file {\nload\n}", before=FILE % declared)
    assert found.settings.tracker == (FileTracker(type="file", name="load", path=Path("/run/load"), number=True),)
    assert heeded(found) == [expected]
    assert all(any(part in line for line in found.lines) for part in (*told, "a file that is missing"))
    assert len(found.lines) == len(told) + 1


@pytest.mark.parametrize(
    ("process", "expected", "told"),
    [
        (PROCESS % "quorum 2\ndelay 1.5", {"count": 2, "rise": 3, "fall": 3}, []),
        (PROCESS % "terminate_delay 2", {"rise": 1, "fall": 3}, []),
        ("vrrp_track_process proxy {\nprocess /usr/sbin/haproxy -D\n}\n", {}, ["its parameters are left out"]),
        (PROCESS % "quorum_max 3\nfull_command", {}, ["too many processes are no fault here", "by their name alone"]),
    ],
)
def test_processes(tmp_path: Path, process: str, expected: dict[str, Any], told: list[str]) -> None:
    found = one(tmp_path, "track_process {\nproxy weight 10\n}", before=process)
    assert found.settings.tracker == (ProcessTracker(type="process", name="proxy", process="haproxy", **expected),)
    assert heeded(found) == [("proxy", 10, False)]
    assert len(found.lines) == len(told)
    assert all(part in line for part, line in zip(told, found.lines, strict=True))


@pytest.mark.parametrize(
    ("before", "text", "said"),
    [
        ("", "track_script {\nother\n}", "'other': it is declared nowhere, so keepalived does not track it: left out"),
        (SCRIPT % "", "", "'check': nobody tracks it: left out"),
        ("vrrp_script check {\n}\n", "track_script {\ncheck\n}", "'check': it has no script"),
        ("track_file load {\n}\n", "track_file {\nload\n}", "'load': it names no file"),
        (
            "track_file load {\nfile load\n}\n",
            "track_file {\nload\n}",
            "'load': path: is no absolute path",
        ),
        ("vrrp_track_process p {\n}\n", "track_process {\np\n}", "'p': it names no process"),
        ("bfd_instance b {\nneighbor_ip 192.0.2.2\n}\n", "track_bfd {\nb\n}", "'track_bfd': the agent has no BFD"),
        (
            SCRIPT % "weight 5",
            "priority 255\ntrack_script {\ncheck\n}",
            "'check': an owner's priority stays",
        ),
    ],
)
def test_what_is_not_tracked_is_told(tmp_path: Path, before: str, text: str, said: str) -> None:
    found = one(tmp_path, text, before=before)
    assert found.router.track == ()
    assert [line for line in found.lines if said in line]


def test_one_name_of_two_kinds_is_two_trackers(tmp_path: Path) -> None:
    before = SCRIPT.replace("check", "eth1", 1) % ""
    found = one(tmp_path, "track_script {\neth1\n}\ntrack_interface {\neth1\n}", before=before)
    assert [(each.name, each.type) for each in found.settings.tracker] == [("eth1-2", "script"), ("eth1", "interface")]
    assert [name for name, _, _ in heeded(found)] == ["eth1", "eth1-2"]


GROUP = """
vrrp_sync_group G {
    group {
        V
    }
    %s
}
"""
FOLLOWS = "track_script {\ncheck weight 20\n}\ntrack_interface {\neth1 weight 5\n}\ntrack_file {\nload\n}"


def test_a_sync_group_takes_weights_away(tmp_path: Path) -> None:
    found = one(tmp_path, FOLLOWS, before=GROUP % "" + SCRIPT % "" + FILE % "")
    # As keepalived has it: what is weighted counts as a fault, or not at all.
    assert heeded(found) == [("eth1", 0, False), ("load", 0, False)]
    assert [line for line in found.lines if "keepalived does not track it with a weight in a sync group" in line]


def test_a_sync_group_with_weights_of_its_own(tmp_path: Path) -> None:
    group = GROUP % "sync_group_tracking_weight\ntrack_script {\ncheck weight -9\n}\ntrack_interface {\neth2\n}"
    found = one(tmp_path, FOLLOWS, before=group + SCRIPT % "" + FILE % "")
    assert heeded(found) == [("eth1", 5, False), ("check", -9, False), ("load", 1, False), ("eth2", 0, False)]


def test_all_routers_of_a_group_heed_its_trackers(tmp_path: Path) -> None:
    routers = "".join(
        f"vrrp_instance {name} {{\n{NEEDS.replace('eth0', device)}}}\n"
        for name, device in (("A", "eth0"), ("B", "eth1"))
    )
    group = "vrrp_sync_group G {\ngroup {\nA\nB\n}\ntrack_script {\ncheck\n}\n}\n"
    found = made(tmp_path, group + SCRIPT % "" + routers)
    assert [[each.name for each in router.track] for router in found.settings.router] == [["check"], ["check"]]
