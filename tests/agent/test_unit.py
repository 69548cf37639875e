"""The unit that the documentation offers for the agent, as systemd itself judges it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vrrpwatch.agent import places

# What the exposure may be at most, of ten; a network of one's own, for one, would be half a point less.
MOST_EXPOSED = 2.3


@pytest.fixture
def unit(root: Path) -> Path:
    if shutil.which("systemd-analyze") is None and not os.environ.get("VRRPWATCH_CI"):
        pytest.skip("there is no systemd-analyze")
    return root / "docs" / "vrrpwatch-agent.service"


def test_the_service_is_exposed_little(unit: Path) -> None:
    command = ("systemd-analyze", "security", "--no-pager", "--offline=true", str(unit))
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= MOST_EXPOSED


def test_it_has_two_rights_and_its_files_where_the_program_looks_for_them(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    for setting in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert [line for line in lines if line.startswith(setting)] == [f"{setting}=CAP_NET_ADMIN CAP_NET_RAW"]
    assert f"ExecStart=/usr/local/bin/vrrpwatch agent run {places.SETTINGS}" in lines
    folder = places.SOCKET.parent
    assert folder == places.STATE.parent
    assert f"RuntimeDirectory={folder.name}" in lines
