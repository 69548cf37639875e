"""Rights that are missing, and rights that are given up: each in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.lab.live import wire
from tests.lab.network import missing
from vrrpwatch.capture.live_privileges import missing_right

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

NET_RAW = 1 << 13
_REPORT = """
import json, os, pathlib
from vrrpwatch.capture import bpf
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.live_privileges import RightsError, drop_privileges

def rights():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return {name: int(value, 16) for name, value in (line.split(":") for line in lines) if name.startswith("Cap")}

def opens():
    sniffer = Sniffer(["eth0"], program=bpf.kept(96))
    try:
        sniffer.open()
        return "opened"
    except RightsError as error:
        return str(error)
    finally:
        sniffer.close()

result = {}
"""


def told(script: str, space: str) -> Any:
    whole = f"{_REPORT}{script}\nprint(json.dumps(result))"
    command = ("ip", "netns", "exec", space, sys.executable, "-c", whole)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_only_the_right_to_watch_is_kept() -> None:
    with wire("eth0") as made:
        result = told("drop_privileges(); result = {**rights(), 'opens': opens(), 'uid': os.getuid()}", made.near)
    assert result["opens"] == "opened"
    assert result["uid"] == os.getuid()
    assert (result["CapEff"], result["CapPrm"], result["CapInh"], result["CapAmb"]) == (NET_RAW, NET_RAW, 0, 0)
    assert result["CapBnd"] == NET_RAW


def test_another_user_may_watch_still() -> None:
    with wire("eth0") as made:
        script = """
drop_privileges("nobody")
result = {**rights(), "opens": opens(), "uid": os.getresuid(), "gids": os.getgroups()}
"""
        result = told(script, made.near)
    assert result["opens"] == "opened"
    assert len(set(result["uid"])) == 1
    assert result["uid"][0] != 0
    assert 0 not in result["gids"]
    assert (result["CapEff"], result["CapPrm"]) == (NET_RAW, NET_RAW)


def test_who_lacks_the_right_is_told_the_command() -> None:
    with wire("eth0") as made:
        script = "os.setresuid(65534, 65534, 65534); result = {'opens': opens()}"
        line = told(script, made.near)["opens"]
        made.unplug("eth0")
        # Also where there is nothing to open yet.
        assert told(script, made.near) == {"opens": line}
    assert line.startswith("no right to watch interfaces (CAP_NET_RAW): `sudo setcap cap_net_raw+ep /")
    assert "\n" not in line


def test_the_command_names_the_file_behind_all_links() -> None:
    assert f"cap_net_raw+ep {os.path.realpath(sys.executable)}`" in missing_right()


def test_a_user_that_cannot_be() -> None:
    with wire("eth0") as made:
        script = """
for name, user in (("unknown", "no-such-user"), ("forbidden", "nobody")):
    try:
        drop_privileges(user)
    except RightsError as error:
        result[name] = str(error)
    os.setresuid(65534, 65534, 65534) if name == "unknown" else None
"""
        result = told(script.replace('"nobody"', '"root"'), made.near)
    assert result["unknown"] == "there is no user no-such-user: name one that there is, or leave --user out"
    assert result["forbidden"] == "no right to change to user root: start as root, or leave --user out"
