"""What is read from /proc and /sys: trees written by hand, as the kernel prints them, and spoilt ones."""

from pathlib import Path

import pytest

from vrrpwatch.doctor import probe_proc
from vrrpwatch.doctor.facts import Memberships, Platform

IGMP = """Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
2\teth0      :     2      V3
\t\t\t\t120000E0     1 0:00000000\t\t0
\t\t\t\t010000E0     1 0:00000000\t\t0
12\teth1      :     1      V2
\t\t\t\tF00000E0     1 0:00000000\t\t0
"""
IGMP6 = """1    lo              ff020000000000000000000000000001     1 0000000C 0
2    eth0            ff020000000000000000000000000012     1 00000004 0
"""
DEV_MCAST = """2    eth0            1     0     01005e000012
2    eth0            1     0     333300000012
12   eth1            1     0     01005e000001
"""


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_memberships_are_those_of_the_interface(tmp_path: Path) -> None:
    proc = tree(tmp_path, {"net/igmp": IGMP, "net/igmp6": IGMP6, "net/dev_mcast": DEV_MCAST})
    assert probe_proc.memberships(2, proc) == Memberships(
        frozenset({"224.0.0.18", "224.0.0.1"}),
        frozenset({"ff02::12"}),
        frozenset({"01:00:5e:00:00:12", "33:33:00:00:00:12"}),
    )
    assert probe_proc.memberships(12, proc).ipv4 == frozenset({"224.0.0.240"})
    assert probe_proc.memberships(99, proc) == Memberships(frozenset(), frozenset(), frozenset())


def test_what_cannot_be_read_is_unknown_and_not_empty(tmp_path: Path) -> None:
    assert probe_proc.memberships(2, tmp_path) == Memberships(None, None, None)
    assert probe_proc.sysctls("eth0", tmp_path) == {}
    assert probe_proc.capabilities(tmp_path) is None
    assert probe_proc.platform(tmp_path, tmp_path) == Platform("", "", None)


@pytest.mark.parametrize("text", ["", "\n\n", "2 eth0\n\tzzzz", "x" * 9000, "2\n\t120000E0", "\x00\xff\n2 a ff02 1"])
def test_spoilt_tables_do_no_harm(tmp_path: Path, text: str) -> None:
    proc = tree(tmp_path, dict.fromkeys(("net/igmp", "net/igmp6", "net/dev_mcast"), text))
    assert "224.0.0.5" not in (probe_proc.memberships(2, proc).ipv4 or ())


def test_settings_by_scope(tmp_path: Path) -> None:
    conf = "sys/net/ipv4/conf"
    proc = tree(
        tmp_path,
        {
            f"{conf}/all/rp_filter": "1\n",
            f"{conf}/eth0.10/rp_filter": "2\n",
            f"{conf}/all/arp_ignore": "no number\n",
            "sys/net/ipv4/ip_nonlocal_bind": "0\n",
        },
    )
    assert probe_proc.sysctls("eth0.10", proc) == {
        "ipv4.all.rp_filter": 1,
        "ipv4.if.rp_filter": 2,
        "net.ipv4.ip_nonlocal_bind": 0,
    }


def test_daemons_of_this_network_only(tmp_path: Path) -> None:
    proc = tree(tmp_path, {"7/comm": "keepalived\n", "8/comm": "ucarp\n", "9/comm": "bash\n", "10/comm": "vrrpd\n"})
    for process, namespace in (("self", 1), ("7", 1), ("8", 2), ("9", 1)):
        (proc / process / "ns").mkdir(parents=True)
        (proc / process / "ns/net").symlink_to(f"net:[{namespace}]")
    (proc / "11").mkdir()
    # ucarp is in another network; whose vrrpd is may not be asked, so it may be ours.
    assert probe_proc.daemons(proc) == {"keepalived", "vrrpd"}


def test_capabilities_and_platform(tmp_path: Path) -> None:
    files = {
        "self/status": "Name:\tx\nCapEff:\t0000000000002000\n",
        "cpuinfo": "processor: 0\nflags\t\t: fpu hypervisor sse\n",
        "class/dmi/id/sys_vendor": "VMware, Inc.\n",
        "class/dmi/id/product_name": "VMware7,1\n",
    }
    folder = tree(tmp_path, files)
    assert probe_proc.capabilities(folder) == 1 << 13
    assert probe_proc.platform(folder, folder) == Platform("VMware, Inc.", "VMware7,1", True)


def test_the_clock_is_asked_without_being_set() -> None:
    clock = probe_proc.clock()
    assert clock is not None
    assert clock.max_error >= 0
