"""The unit that the documentation offers, as systemd itself judges it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# What the exposure may be at most, of ten.
MOST_EXPOSED = 2.0


def test_the_service_is_exposed_little(root: Path) -> None:
    if shutil.which("systemd-analyze") is None and not os.environ.get("VRRPWATCH_CI"):
        pytest.skip("there is no systemd-analyze")
    unit = str(root / "docs" / "vrrpwatch.service")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", unit]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= MOST_EXPOSED
