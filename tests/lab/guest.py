"""A second kernel for what this one lacks: user-mode-linux, booted over this machine's own files."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lab.network import temporary_folder
from tests.lab.waiting import LabError

# What booting needs beside what the lab needs.
PROGRAMS = ("linux.uml", "modprobe")
REPOSITORY = Path(__file__).resolve().parents[2]
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
modprobe -a -d {folder} {needed}
ip link set lo up
cd {repository}
{python} -m tests.lab.record --here --into {folder} {name} > {folder}/log 2>&1
echo $? > {folder}/status
sync
echo o > /proc/sysrq-trigger
"""


def boot(folder: Path, init: str, words: Mapping[str, object], *, writable: bool) -> str:
    """Boots a guest with ``init`` as its first process and returns what its console showed until it powered off.

    ``init`` is a shell script in which ``{words}`` stand for paths and the like; ``{folder}`` is the guest's own
    folder, whose lib/modules modprobe finds.  The guest may change this machine's files only where ``writable``.
    """
    (folder / "lib").mkdir()
    (folder / "lib" / "modules").symlink_to(_MODULES)
    script = folder / "init"
    quoted = {key: shlex.quote(str(word)) for key, word in {**words, "folder": folder}.items()}
    script.write_text(init.format_map(quoted))
    script.chmod(0o700)
    access = "rw" if writable else "ro"
    command = ["linux.uml", "rootfstype=hostfs", "rootflags=/", access, f"init={script}", "mem=512M", "con=null"]
    try:
        done = subprocess.run(
            [*command, "con0=null,fd:1", f"uml_dir={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=False,
            env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the guest did not finish within {_LIMIT} s: {_end(error.stdout or b'')}") from error
    return _end(done.stdout)


def record_in_guest(name: str, folder: Path) -> None:
    """Records one scenario to ``folder`` inside a guest; what it said is in the error if it fails."""
    with temporary_folder() as temporary:
        own = Path(temporary)
        words = {"repository": REPOSITORY, "python": sys.executable, "name": name}
        init = _INIT.replace("{needed}", " ".join(_NEEDED))
        shown = boot(own, init, words, writable=True)
        status, log = own / "status", own / "log"
        if not status.exists() or status.read_text().strip() != "0":
            said = log.read_text() if log.exists() else shown
            raise LabError(f"in the guest: {said.strip()[-2000:]}")
        (made,) = own.glob(f"{name}.pcap*")
        (folder / made.name).write_bytes(made.read_bytes())


def _end(shown: bytes) -> str:
    return shown.decode(errors="replace").strip()[-4000:]
