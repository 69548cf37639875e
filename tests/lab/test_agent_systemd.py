"""The agent's unit under a real systemd, in a guest of its own: rights, hooks, reloads, a crash and the end."""

from pathlib import Path
from typing import Any

import pytest

from tests.agent.test_unit import MOST_EXPOSED
from tests.lab.guest import PROGRAMS
from tests.lab.guest_agent import UNIT, USER
from tests.lab.guest_systemd import observe
from tests.lab.network import missing

Seen = dict[str, Any]
# CAP_NET_ADMIN and CAP_NET_RAW (linux/capability.h).
RIGHTS = f"{1 << 12 | 1 << 13:016x}"


@pytest.fixture(scope="module")
def seen(root: Path) -> Seen:
    why = missing("systemctl", "journalctl", "systemd-analyze", "useradd", "setpriv", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    text = (root / "docs" / UNIT).read_text()
    # A guest is slow, and has one processor.
    changes = ("WatchdogSec=30",)
    return observe(text, changes, scenario="tests.lab.guest_agent", modules=("veth", "bridge", "macvlan"), name=UNIT)


def test_it_has_the_rights_for_the_network_and_no_other(seen: Seen) -> None:
    rights = dict(seen["rights"])
    assert int(rights.pop("Uid")) > 0
    # A filter of system calls is mode 2 (proc(5)).
    assert rights == {"CapEff": RIGHTS, "CapPrm": RIGHTS, "CapBnd": RIGHTS, "NoNewPrivs": "1", "Seccomp": "2"}
    assert float(seen["security"].split(": ")[1].split()[0]) <= MOST_EXPOSED


def test_it_holds_the_address_with_a_virtual_mac_in_time_and_watched(seen: Seen) -> None:
    assert (seen["start"], seen["started"]["ActiveState"]) == (0, "active")
    agent, router = seen["status"]["agent"], seen["status"]["routers"][0]
    assert (agent["realtime"], agent["audited"]) == (True, True)
    assert (router["state"], router["held"], router["faults"]) == ("master", True, [])
    complaints = ("not locked", "priority (", "not permitted", "cannot", "denied")
    assert [line for line in seen["log"] if any(words in line for words in complaints)] == []


def test_its_group_may_ask_it(seen: Seen) -> None:
    assert seen["socket"] == ["660", USER]


def test_hooks_run_as_its_user_without_any_right_and_the_last_ones_at_its_end(seen: Seen) -> None:
    assert all(line.endswith(f"uid={USER} caps={0:016x}") for line in seen["notes"])
    told = [" ".join(line.split()[2:4]) for line in seen["notes"]]
    life = ["BACKUP {0}", "MASTER {0}", "STOP {0}"]
    # The first took its reload on, and was ended by a kill that no hook hears of.
    lives = ((100, life[:2]), (120, life))
    assert told == [line.format(number) for number, lines in lives for line in lines]


def test_wrong_settings_are_refused_and_right_ones_taken(seen: Seen) -> None:
    assert (seen["broken reload"], seen["reload"], seen["reloaded"]) == (1, 0, 120)
    assert (seen["failed"]["ActiveState"], seen["failed"]["ExecMainStatus"]) == ("failed", "2")
    assert (seen["failed"]["NRestarts"], seen["wrong settings"]) == ("0", 1)


def test_after_a_crash_it_cleans_up_and_comes_back(seen: Seen) -> None:
    assert seen["restarted"]["NRestarts"] == "1"
    assert "vrrpwatch agent: it died: what it held was taken off this host, 0 parts could not be" in seen["log"]
    assert [line for line in seen["log"] if "was left" in line] == []


def test_a_stop_leaves_no_address(seen: Seen) -> None:
    assert (seen["stop"], seen["stopped"]["Result"], seen["held"]) == (0, "success", False)
