"""Mutated declarations: every reader ends, with values or with one line per fault, and work bounded by its limits."""

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.declared.configurations import WHOLE_LANGUAGE, bare
from vrrpwatch.core.policy import Policy
from vrrpwatch.declared import keepalived_lines
from vrrpwatch.declared.claims import Declaration
from vrrpwatch.declared.conntrackd import read_conntrackd
from vrrpwatch.declared.files import matching
from vrrpwatch.declared.frr import read_frr
from vrrpwatch.declared.keepalived import effective, read_keepalived
from vrrpwatch.declared.keepalived_tree import written
from vrrpwatch.declared.notes import DeclaredError, Note
from vrrpwatch.declared.policy import declared_policy
from vrrpwatch.declared.ucarp import read_interfaces, read_ucarp

# How many mutations of each kind of file; as many as asked for in a long run.
CASES = int(os.environ.get("VRRPWATCH_FUZZ", "8000")) // 20

KEEPALIVED = WHOLE_LANGUAGE.encode() + b"include *.conf\ninclude {a,b}/*\n~LST({A,B},{1,2}) x${A}\n"
CONNTRACKD = b"""Sync {
    Mode FTFW { }
    Multicast Default { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.9.0.1 Interface eth1 }
    UDP { IPv6_address fe80::1%eth1
        IPv6_Destination_Address fe80::2
        Port 3780 Interface "eth1" }
}
"""
FRR = b"""hostname a
vrrp default priority 90
interface eth0
 ip address 10.0.0.1/24
 vrrp 5 version 2
 vrrp 5 advertisement-interval 1500
 vrrp 5 ip 10.0.0.100
 no vrrp 5 ip 10.0.0.100
 vrrp 5 ipv6 fe80::1
exit
"""
INTERFACES = b"""auto eth0
iface eth0 inet static
 address 10.0.0.2/24
 ucarp-vid 3
 ucarp-vip \\
 10.0.0.1
 ucarp-password 'x y'
"""
UCARP = b"ucarp -i eth0 -s 10.0.0.1 -v 42 -p 'secret word' -a 10.0.0.3 --advbase=2 -k \"5\" -zPM -B"
# What the languages are made of; mutations put it where it does not belong.
PARTS = [
    *b"{}\"'\\#!$@~^%=,()\0\r\n\t *?[-",
    *(b"${", b"$A", b"${A}", b"$A=\\\n", b"$A=${A}x\n", b"~SEQ(A,1,9)", b"~SEQ(A,1,99999)", b"~LST(A,1,2)", b"@main "),
    *(
        b"include /\n",
        b"include *\n",
        b"\xff\xfe",
        b"0x7fffffffffffffff",
        b"9" * 30,
        b"fe80::1",
        b"a" * 2000,
        b"\x1b[2J",
    ),
]
SAFE = frozenset(map(chr, range(32)))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """``data`` with a few pieces removed, doubled, swapped or put in."""
    for _ in range(chance.randint(1, 8)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 4, 30)))
        part = chance.choice(PARTS)
        piece = bytes([part]) if isinstance(part, int) else part
        other = data[chance.randint(0, len(data)) :][: end - start]
        data = data[:start] + chance.choice((b"", piece, piece, data[start:end] * 2, other)) + data[end:]
    return data


def conforms(declared: Declaration) -> None:
    """What holds for every declaration: its notes are safe lines, and its policy is one, or has its gaps."""
    made = declared_policy([declared, declared])
    assert isinstance(made.policy, Policy)
    notes: tuple[Note, ...] = (*declared.notes, *made.gaps)
    for line in (*map(str, notes), *map(str, made.contradictions)):
        assert not set(line) & SAFE
        assert len(line) < 1000


def keepalived(path: Path) -> None:
    declared = read_keepalived(path, config_id="main")
    for instance in declared.instances:
        effective(declared, instance)
    conforms(declared)
    again = path.with_suffix(".again")
    again.write_text("".join(f"{line}\n" for line in written(declared.tree, reveal=True)), errors="surrogateescape")
    if declared.notes == ():
        assert bare(read_keepalived(again, config_id="main").tree) == bare(declared.tree)


def interfaces(path: Path) -> None:
    for declared in read_interfaces(path):
        conforms(declared)


def ucarp(path: Path) -> None:
    conforms(read_ucarp(path.read_text(errors="surrogateescape")))


@pytest.mark.parametrize(
    ("data", "reader"),
    [
        (KEEPALIVED, keepalived),
        (CONNTRACKD, lambda path: conforms(read_conntrackd(path))),
        (FRR, lambda path: conforms(read_frr(path))),
        (INTERFACES, interfaces),
        (UCARP, ucarp),
    ],
    ids=["keepalived", "conntrackd", "frr", "interfaces", "ucarp"],
)
def test_mutated_files_give_values_or_faults(
    data: bytes, reader: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a file may unfold to is tested elsewhere: here many files are to be tried.
    monkeypatch.setattr(keepalived_lines, "MAX_LINES", 2000)
    path = tmp_path / "mutated"
    chance = random.Random(4)
    faults: list[str] = []
    for _ in range(CASES):
        path.write_bytes(mutated(data, chance))
        try:
            reader(path)
        except DeclaredError as error:
            faults += error.faults
    assert not [fault for fault in faults if set(fault) & SAFE]
    # A reader that refuses everything would pass the rest.
    assert len(faults) < CASES / 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="ab{}$=~()\\\"'#!@^, \t\n012SEQLTxinclude_*", max_size=200))
def test_any_text_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any"
    path.write_text(text)
    for read in (read_keepalived, read_conntrackd, read_frr, read_interfaces, ucarp):
        with contextlib.suppress(DeclaredError):
            read(path)


def test_wildcards_do_not_wander_through_a_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.declared.files.MAX_NAMES", 100)
    for number in range(60):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "a").touch()
    assert len(list(matching(tmp_path, "*"))) == 60
    with pytest.raises(ValueError, match=r"^has to look at more than 100 names: name the folder$"):
        list(matching(tmp_path, "*/*"))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("{foo/{,cat,dog},bar}", ["foo", "foo/cat", "foo/dog", "bar"]),
        ("a{b", ["a{b"]),
        ("f*/[cd]*", ["foo/cat", "foo/dog"]),
        ("foo/?at", ["foo/cat"]),
        (".h*", [".hidden"]),
        ("foo/none", ["foo/none"]),
        ("none/*", []),
        ("", []),
    ],
)
def test_wildcards_are_those_of_glob(tmp_path: Path, pattern: str, found: list[str]) -> None:
    (tmp_path / "foo").mkdir()
    for name in ("foo/cat", "foo/dog", "bar", ".hidden"):
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in matching(tmp_path, pattern)] == found
    absolute = (
        [str(path) for path in matching(Path("/nowhere"), f"{tmp_path}/{pattern}")] if pattern == "foo/?at" else []
    )
    assert absolute == ([f"{tmp_path}/foo/cat"] if pattern == "foo/?at" else [])
