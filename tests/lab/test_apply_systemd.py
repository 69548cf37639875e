"""Rules that are applied under a real systemd, in a guest: the guardian is a unit, so no session takes it along."""

from pathlib import Path

import pytest

from tests.lab.guest import PROGRAMS
from tests.lab.guest_systemd import observe
from tests.lab.network import missing


def test_the_guardian_is_a_unit_of_its_own_and_is_started_anew_when_it_is_killed(root: Path) -> None:
    why = missing("iptables-legacy", "systemctl", "systemd-run", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    unit = (root / "docs" / "vrrpwatch.service").read_text()
    modules = ("ip_tables", "iptable_filter")
    seen = observe(unit, (), scenario="tests.lab.applying_guest", modules=modules)
    assert "-A INPUT -j VRRPWATCH-IN" in seen["loaded"]
    assert seen["guardian"]["ActiveState"] == "active"
    # Not in the control group of who applied them.
    assert seen["guardian"]["ControlGroup"] not in seen["own"]
    assert seen["restarted"]["MainPID"] != seen["guardian"]["MainPID"]
    assert seen["after"] == seen["before"]
    assert seen["log"] == "rules of /run/rules: rolled-back: not confirmed within 20 s\n"
