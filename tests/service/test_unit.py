"""The unit that the documentation offers: as systemd itself judges it, and whether the program can live under it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

# What the exposure may be at most, of ten.
MOST_EXPOSED = 2.0
COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))
# Runs a program with the system calls that it is given, any other refused with EPERM, and no memory that is both
# writable and executable: what systemd makes of SystemCallFilter and MemoryDenyWriteExecute (seccomp.h, prctl.h).
CONFINED = """
import ctypes, os, sys
from ctypes import c_uint32, c_void_p
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = c_void_p
allow, refuse = 0x7FFF0000, 0x00050001
rules = c_void_p(seccomp.seccomp_init(c_uint32(refuse)))
for name in sys.argv[1].split(","):
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert not seccomp.seccomp_rule_add(rules, c_uint32(allow), number, 0), name
# Older kernels know nothing of it.
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
assert not seccomp.seccomp_load(rules)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def unit(root: Path) -> Path:
    if shutil.which("systemd-analyze") is None and not os.environ.get("VRRPWATCH_CI"):
        pytest.skip("there is no systemd-analyze")
    return root / "docs" / "vrrpwatch.service"


def analyze(*arguments: str) -> str:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=True).stdout


def calls(name: str) -> set[str]:
    """The system calls of a set of systemd's, or the one of that name."""
    if not name.startswith("@"):
        return {name}
    lines = (line.strip() for line in analyze("syscall-filter", name).splitlines()[1:])
    return set().union(*(calls(line) for line in lines if line and not line.startswith("#")))


def allowed(text: str) -> set[str]:
    """What the unit's filter lets through, its lines taken in turn (systemd.exec(5))."""
    found: set[str] = set()
    for negated, names in re.findall(r"^SystemCallFilter=(~?)(.*)$", text, re.MULTILINE):
        named = set().union(*map(calls, names.split()))
        found = found - named if negated else found | named
    # Always allowed, whatever is named.
    return found | {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}


def test_the_service_is_exposed_little(unit: Path) -> None:
    said = analyze("security", "--no-pager", "--offline=true", str(unit))
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= MOST_EXPOSED


def test_the_program_lives_with_the_system_calls_of_the_unit(unit: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can hand out the right to watch")
    text = unit.read_text()
    # A call that is refused is to be an error, as below; without this it is the end.
    assert "SystemCallErrorNumber=EPERM" in text.splitlines()
    rights = ["--inh-caps=-all,+net_raw", "--ambient-caps=+net_raw", "--bounding-set=-all,+net_raw", "--no-new-privs"]
    confined = [sys.executable, "-c", CONFINED, ",".join(sorted(allowed(text)))]
    (tmp_path / "alerts.toml").write_text('version = 1\n[[sink]]\nname = "log"\ntype = "journald"\n')
    options = ["--store", "--metrics", "0", "--alerts", str(tmp_path / "alerts.toml"), "--evidence", str(tmp_path)]
    command = ["setpriv", *rights, *confined, COMMAND, "watch", "-i", "lo", "--output", "none", *options]
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "STATE_DIRECTORY": str(tmp_path)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        watch = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            told = manager.recv(1000)
            watch.terminate()
            _, said = watch.communicate(timeout=30)
        finally:
            watch.kill()
    assert (told, watch.returncode) == (b"READY=1", 0), said
    assert (tmp_path / "journal.db").exists()
