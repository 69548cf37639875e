"""A second kernel for scenarios that need VLAN devices: user-mode-linux, booted over this machine's own files."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.lab.network import temporary_folder
from tests.lab.waiting import LabError

_MODULES = Path("/usr/lib/uml/modules")
_NEEDED = ("8021q", "bridge", "veth")
# Booting takes two seconds; the rest is for the scenario, which has bounds of its own.
_LIMIT = 180

_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/mnt
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
modprobe -a -d {modules} {needed}
ip link set lo up
cd {repository}
{python} -m tests.lab.record --here --into {folder} {name} > {folder}/log 2>&1
echo $? > {folder}/status
sync
echo o > /proc/sysrq-trigger
"""


def record_in_guest(name: str, folder: Path) -> None:
    """Records one scenario to ``folder`` inside a guest; what it said is in the error if it fails."""
    repository = Path(__file__).resolve().parents[2]
    with temporary_folder() as temporary:
        own = Path(temporary)
        # modprobe looks below lib/modules of the folder it is given.
        (own / "lib").mkdir()
        (own / "lib" / "modules").symlink_to(_MODULES)
        init = own / "init"
        words = {"modules": own, "repository": repository, "python": sys.executable, "folder": own, "name": name}
        quoted = {key: shlex.quote(str(word)) for key, word in words.items()}
        init.write_text(_INIT.format(**quoted, needed=" ".join(_NEEDED)))
        init.chmod(0o700)
        boot = ["linux.uml", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}", "mem=512M", "con=null"]
        try:
            done = subprocess.run(
                [*boot, "con0=null,fd:1", f"uml_dir={own}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LIMIT,
                check=False,
                env={**os.environ, "HOME": temporary, "TMPDIR": temporary},
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"the guest did not finish within {_LIMIT} s") from error
        status, log = own / "status", own / "log"
        if not status.exists() or status.read_text().strip() != "0":
            said = log.read_text() if log.exists() else done.stdout.decode(errors="replace")
            raise LabError(f"in the guest: {said.strip()[-2000:]}")
        (made,) = own.glob(f"{name}.pcap*")
        (folder / made.name).write_bytes(made.read_bytes())
