"""ucarp's command lines as a shell, a unit file or Debian's network configuration has them."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from vrrpwatch.declared.notes import DeclaredError, Notes, Place
from vrrpwatch.declared.ucarp import Ucarp, read_interfaces, read_ucarp, shell_words

PLACE = Place("line", 1)
FULL = "-i eth0 -s 10.0.0.1 -v 42 -p secret -a 10.0.0.3"


def told(declared: Ucarp) -> list[str]:
    return [note.text for note in declared.notes]


def test_a_command_line() -> None:
    found = read_ucarp(
        f"/usr/sbin/ucarp {FULL} -b 2 -k 50 -P -B --upscript=/etc/up.sh -d '/etc/down script'", host="alpha"
    )
    assert (found.host, found.interface, found.srcip, found.vhid) == ("alpha", "eth0", ip_address("10.0.0.1"), 42)
    assert (found.addr, found.advbase, found.advskew) == (ip_address("10.0.0.3"), 2, 50)
    assert (found.preempt, found.nomcast, found.password, found.passfile) == (True, False, True, None)
    assert (found.upscript, found.downscript) == ("/etc/up.sh", "/etc/down script")
    assert found.notes == ()
    assert "secret" not in repr(found)


def test_arguments_clusters_and_beginnings_of_names() -> None:
    words = [
        "ucarp",
        "--interf=eth0",
        "-zPMv42",
        "-s10.0.0.1",
        "--addr",
        "10.0.0.3",
        "-o/etc/pass",
        "--mcast=224.0.0.20",
    ]
    found = read_ucarp(words)
    assert (found.interface, found.vhid, found.srcip) == ("eth0", 42, ip_address("10.0.0.1"))
    assert (found.shutdown, found.preempt, found.nomcast) == (True, True, True)
    assert (found.addr, found.mcast) == (ip_address("10.0.0.3"), ip_address("224.0.0.20"))
    assert (found.password, found.passfile) == (False, "/etc/pass")
    assert found.notes == ()


def test_the_program_may_have_words_before_it() -> None:
    assert read_ucarp(f"nohup nice -n 5 ucarp {FULL}").notes == ()


def test_what_is_wrong_is_told_without_the_password() -> None:
    found = read_ucarp(
        "ucarp -i eth0 -v 300 -s 10.0.0 -p hunter2 and more -q -a 224.0.0.1 --ad=1 --nosuch=x -m 10.0.0.1 -b"
    )
    assert told(found) == [
        "option 'vhid' takes 1 to 255, not '300'",
        "option 'srcip' takes an IPv4 address, not '10.0.0'",
        "has arguments that belong to no option",
        "unknown option '-q'",
        "option 'addr' takes an IPv4 address, not '224.0.0.1'",
        "unknown option '--ad'",
        "unknown option '--nosuch'",
        "option 'mcast' takes a multicast address, not '10.0.0.1'",
        "option 'advbase' misses its value",
        "misses --vhid",
        "misses --addr",
        "misses --srcip",
    ]
    assert told(read_ucarp("ucarp -i eth0 -v 1 -s 10.0.0.1 -a 10.0.0.2 -b 0")) == [
        "has no password: ucarp does not start without",
        "advertises without pause: advbase and advskew are both 0",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a  b\t'c d' \"e f\"", ["a", "b", "c d", "e f"]),
        (r"a\ b 'c\d' \"e\"", ["a b", r"c\d", '"e"']),
        (r'"a\"b\c\$"', [r'a"b\c$']),
        ("a'b'\"c\" ''", ["abc", ""]),
        ("a \\\n b # c", ["a", "b"]),
        ("a#b", ["a#b"]),
    ],
)
def test_words_are_split_as_a_shell_splits_them(line: str, words: list[str]) -> None:
    notes = Notes()
    assert shell_words(line, PLACE, notes) == words
    assert notes.all() == ()


def test_nothing_is_expanded() -> None:
    notes = Notes()
    assert shell_words("$(reboot) `id` *", PLACE, notes) == ["$(reboot)", "`id`", "*"]
    assert [note.text for note in notes.all()] == ["holds what a shell would expand: it is read as it stands"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a 'b", "a ' without another"),
        ("a\0b", "holds a NUL character"),
        ("a" * 70_000, "longer than 65536 characters, which no ucarp command is"),
    ],
)
def test_what_is_no_line_is_refused(line: str, why: str) -> None:
    with pytest.raises(DeclaredError) as refused:
        read_ucarp(line)
    assert refused.value.faults == (f"ucarp command line:1: {why}",)


def test_debian_stanzas(tmp_path: Path) -> None:
    path = tmp_path / "interfaces"
    # The example of Debian's README, and what ifupdown allows around it.
    path.write_text(
        """auto eth0
iface eth0 inet static
\taddress 10.0.0.2/24
\tnetmask 255.255.255.0
\t# a comment
\tucarp-vid 3
\tucarp-vip \\
\t    10.0.0.1
\tucarp-password hunter2
\tucarp-advskew 7
\tucarp-master yes
\tucarp-nomcast no
\tucarp-nosuch x
iface eth0:ucarp inet static
\taddress 10.0.0.1
source /etc/network/interfaces.d/*
iface eth1 inet dhcp
"""
    )
    (found,) = read_interfaces(path, host="alpha")
    assert (found.interface, found.srcip, found.vhid) == ("eth0", ip_address("10.0.0.2"), 3)
    assert (found.addr, found.advskew) == (ip_address("10.0.0.1"), 7)
    assert (found.preempt, found.nomcast, found.password, found.place.line) == (True, False, True, 2)
    assert [str(note) for note in found.notes] == [f"{path}:13: unknown setting 'ucarp-nosuch'"]
    assert "hunter2" not in repr(found)
