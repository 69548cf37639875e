"""A module that is run in a guest with kernel modules that this machine lacks, and what it saw there."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.guest import REPOSITORY, boot
from tests.lab.network import temporary_folder
from tests.lab.waiting import LabError

_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/mnt PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
modprobe -a -d {folder} {modules} > {folder}/log 2>&1
ip link set lo up
cd {repository}
{python} -m {scenario} {folder}/seen.json >> {folder}/log 2>&1
sync
echo o > /proc/sysrq-trigger
# The first process must not end before the power does.
sleep 10
"""


def observe(scenario: str, modules: Sequence[str]) -> dict[str, Any]:
    """Runs ``python -m SCENARIO FILE`` in a guest, and returns the JSON that it wrote to the file.

    Raises :class:`LabError` with what was said where there is none.
    """
    with temporary_folder() as temporary:
        own = Path(temporary)
        words = {"repository": REPOSITORY, "python": sys.executable, "scenario": scenario}
        shown = boot(own, _INIT.replace("{modules}", " ".join(modules)), words, writable=True)
        seen, log = own / "seen.json", own / "log"
        if not seen.exists():
            said = log.read_text() if log.exists() else ""
            raise LabError(f"in the guest: {(said or shown).strip()[-4000:]}")
        found: dict[str, Any] = json.loads(seen.read_text())
        return found
