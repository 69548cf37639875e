"""A guest in which systemd is the first process: its files lie over this machine's own, which it cannot change."""

import json
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.guest import REPOSITORY, boot
from tests.lab.network import temporary_folder
from tests.lab.waiting import LabError

# Where the guest finds the interpreter, its packages, the repository, and a folder of this machine to write to.  They
# are mounted there since the service may not look where they often are: into home folders and /tmp.
_PYTHON, _PACKAGES, _SOURCE, _OUT = "/lab/python", "/lab/packages", "/lab/source", "/lab/out"

_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec > /dev/console 2>&1
set -e
mount -t proc proc /proc
# What fails is to be the last thing on the console, and not a kernel's that has lost its first process.
trap 'echo o > /proc/sysrq-trigger; sleep 10' EXIT
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
modprobe -a -d {folder} overlay {modules}
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
# The units of this machine are not wanted, nor what says that it is a container; what is wanted, nobody else asks for.
rm -rf .dockerenv etc/fstab etc/systemd/system usr/lib/systemd/system/*.wants
mkdir -p etc/systemd/system/{unit}.d etc/vrrpwatch lab/python lab/packages lab/source lab/out lab/old
cp {folder}/{unit} {folder}/lab.service etc/systemd/system
cp {folder}/lab.conf etc/systemd/system/{unit}.d
cp {folder}/vrrpwatch usr/local/bin
mount -t devtmpfs devtmpfs dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t hostfs -o ro,{prefix} none lab/python
mount -t hostfs -o ro,{packages} none lab/packages
mount -t hostfs -o ro,{repository} none lab/source
mount -t hostfs -o {folder}/out none lab/out
pivot_root . lab/old
exec chroot . /lib/systemd/systemd --unit=lab.service --show-status=0 < /dev/console
"""

_PROGRAM = f"""#!/bin/sh
export LD_LIBRARY_PATH={_PYTHON}/lib PYTHONPATH={_SOURCE}:{_PACKAGES} PYTHONDONTWRITEBYTECODE=1
exec {_PYTHON}/bin/{{python}} -c 'from vrrpwatch.cli.main import main; main()' "$@"
"""

# Ends the guest however it ends.
_LAB = f"""[Unit]
Wants=systemd-journald.service
After=systemd-journald.service
DefaultDependencies=no
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
TimeoutStartSec=150
WorkingDirectory={_SOURCE}
Environment=LD_LIBRARY_PATH={_PYTHON}/lib PYTHONPATH={_SOURCE}:{_PACKAGES} PYTHONDONTWRITEBYTECODE=1
ExecStart={_PYTHON}/bin/{{python}} -m {{scenario}} {_OUT}/seen.json
StandardOutput=file:{_OUT}/log
StandardError=inherit
"""


def observe(
    unit: str,
    changes: Sequence[str],
    *,
    scenario: str = "tests.lab.guest_service",
    modules: Sequence[str] = ("veth", "bridge"),
    name: str = "vrrpwatch.service",
) -> dict[str, Any]:
    """Lets the module ``scenario`` try the text of a unit in a guest with kernel ``modules``, and returns what it saw.

    The unit is called ``name``, and ``changes`` are the lines of a drop-in for it.  Raises :class:`LabError` with what
    was said where that fails.
    """
    with temporary_folder() as temporary:
        own = Path(temporary)
        (own / "out").mkdir()
        python = f"python{sysconfig.get_python_version()}"
        (own / name).write_text(unit)
        (own / "lab.service").write_text(_LAB.format(python=python, scenario=scenario))
        (own / "lab.conf").write_text("\n".join(("[Service]", *changes, "")))
        program = own / "vrrpwatch"
        program.write_text(_PROGRAM.format(python=python))
        program.chmod(0o755)
        packages = sysconfig.get_path("platlib")
        words = {"prefix": sys.base_prefix, "packages": packages, "repository": REPOSITORY, "unit": name}
        shown = boot(own, _INIT.replace("{modules}", " ".join(modules)), words, writable=False)
        seen, log = own / "out" / "seen.json", own / "out" / "log"
        if not seen.exists():
            said = log.read_text() if log.exists() else ""
            raise LabError(f"in the guest: {(said or shown).strip()[-4000:]}")
        found: dict[str, Any] = json.loads(seen.read_text())
        return found
