"""Which rules files are taken: all that our renderers write, and nothing that touches what is not ours."""

import json
from pathlib import Path

import pytest

from tests.firewall.policies import group, policy
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall.apply_files import Wanted, read_files
from vrrpwatch.firewall.backends import BACKENDS
from vrrpwatch.firewall.flows import Role, plan
from vrrpwatch.firewall.running_tools import RefusedError

PLAIN = [{"ip": "192.0.2.11"}, {"ip": "192.0.2.12"}]
GROUPS = (
    group(),
    group(id=7, protocol="carp", speakers=PLAIN),
    group(id=8, scope="unicast"),
    group(id=9, family=6, speakers=[{"ip": "fe80::1", "mac": "02:00:00:00:00:11"}, {"ip": "fe80::2"}]),
    group(segment="eth1", id=3, protocol="hsrp", speakers=PLAIN),
    group(segment="eth1", id=3, protocol="glbp", speakers=PLAIN),
    *(group(id=number, rate=None, interval=None) for number in range(100, 140)),
)
PEERS = ["192.0.2.1", "192.0.2.2"]
SYNC = [{"protocol": protocol, "peers": PEERS} for protocol in ("conntrackd", "pfsync", "ipvs")]
SEGMENTS = (
    {"name": "eth0", "interfaces": ["eth2"], "sync": SYNC},
    {"name": "eth1", "interfaces": ["eth3"]},
)
PROVABLE = [(name, role) for name, kind in BACKENDS.items() if kind.provable for role in kind.roles]
BASE = "type filter hook input priority filter - 10; policy accept;"
TABLE = f"table inet vrrpwatch {{\n\tchain input {{\n\t\t{BASE}\n%s\n\t}}\n}}\n"
IPTABLES = "*filter\n:VRRPWATCH-IN - [0:0]\n-I INPUT 1 -j VRRPWATCH-IN\n%s\nCOMMIT\n"


def rich(unlisted: str) -> Policy:
    more = {"unlisted_rate": 50} if unlisted == "limit" else {}
    return policy(*GROUPS, segments=SEGMENTS, unlisted=unlisted, **more)


def read(folder: Path, text: str, name: str = "rules") -> Wanted:
    path = folder / name
    path.write_text(text)
    return read_files([path])


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(RefusedError) as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize("unlisted", ["report", "log", "limit", "drop"])
@pytest.mark.parametrize(("backend", "role"), PROVABLE)
def test_all_that_is_generated_is_taken(tmp_path: Path, backend: str, role: Role, unlisted: str) -> None:
    text = BACKENDS[backend].render(plan(rich(unlisted), role))
    wanted = read(tmp_path, text)
    assert wanted.places == (
        {"nftables": "inet", "nftables-json": "inet", "nftables-netdev": "netdev"}.get(
            backend, {"nftables-bridge": "bridge"}.get(backend, backend)
        ),
    )
    (said,) = wanted.files
    assert (said.name, len(said.digest), said.places) == (str(tmp_path / "rules"), 64, wanted.places)


@pytest.mark.parametrize(
    ("rule", "line", "word"),
    [
        ("\t\tdnat to 192.0.2.1", 4, "dnat"),
        ("\t\tqueue num 0", 4, "queue"),
        ("\t\tip saddr $evil drop", 4, "$evil"),
        ("\t\tmeta mark set 1", 4, "mark"),
        ("\t\tdup to 192.0.2.1 device eth0", 4, "dup"),
        ("\t\tdrop \\", 4, "\\\\"),
        ("\t\taccept\n\t}\n}\nflush ruleset\ntable inet vrrpwatch {\n\tchain x {", 7, "flush ruleset"),
        ("\t\taccept\n\t}\n}\ndelete table inet mine\ntable inet vrrpwatch {\n\tchain x {", 7, "table inet mine"),
        ("\t\taccept\n\t}\n}\ntable ip vrrpwatch {\n\tchain x {", 7, "table ip vrrpwatch"),
        ("\t\taccept\n\t}\n}\ntable inet filter {\n\tchain x {", 7, "table inet filter"),
        ("\t\taccept\n\t} }\nflush ruleset", 5, "} }"),
        (
            "\t\taccept\n\t}\n\tchain x {\n\t\ttype nat hook output priority filter - 10; policy accept;",
            7,
            "base chain",
        ),
        (
            "\t\taccept\n\t}\n\tchain x {\n\t\ttype filter hook input priority filter - 10; policy drop;",
            7,
            "base chain",
        ),
        ("\t\taccept\n\t}\n\tflowtable x {", 6, "flowtable"),
    ],
)
def test_other_words_for_nft_are_refused_by_line(tmp_path: Path, rule: str, line: int, word: str) -> None:
    said = refusal(tmp_path, TABLE % rule)
    assert said.startswith(f"rules: line {line}: ")
    assert word in said


def test_an_include_is_refused(tmp_path: Path) -> None:
    assert "an include reads another file" in refusal(tmp_path, TABLE % '\t\tinclude "/etc/passwd"')


def test_words_in_comments_and_quotes_say_nothing(tmp_path: Path) -> None:
    wanted = read(
        tmp_path, "# flush ruleset\n" + TABLE % '\t\tdrop comment "} flush ruleset; include"  # delete table inet x'
    )
    assert wanted.rules["inet"].splitlines()[3] == 'drop comment "} flush ruleset; include"'


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ({"flush": {"ruleset": None}}, "is no add"),
        ({"add": {"table": {"family": "inet", "name": "mine"}}}, "table inet mine is not ours"),
        ({"delete": {"table": {"family": "ip", "name": "vrrpwatch"}}}, "table ip vrrpwatch is not ours"),
        ({"delete": {"chain": {"family": "inet", "table": "vrrpwatch", "name": "x"}}}, "deletes something"),
        ({"add": {"chain": {"family": "inet", "table": "vrrpwatch", "name": "x", "type": "nat"}}}, "base chain"),
        ({"add": {"chain": {"family": "inet", "table": "vrrpwatch", "name": "x", "policy": "drop"}}}, "base chain"),
        ({"add": {"ct helper": {"family": "inet", "table": "vrrpwatch", "name": "x"}}}, "'ct helper' is refused"),
        (
            {"add": {"rule": {"family": "inet", "table": "vrrpwatch", "chain": "x", "expr": [{"queue": {"num": 0}}]}}},
            "'queue' is refused",
        ),
        (
            {
                "add": {
                    "rule": {"family": "inet", "table": "vrrpwatch", "chain": "x", "expr": [{"match": {"socket": 1}}]}
                }
            },
            "'socket' is refused",
        ),
        ({"add": {"table": {"family": "inet", "name": "vrrpwatch"}, "chain": {}}}, "is no add"),
        ("flush ruleset", "is no add"),
    ],
)
def test_other_commands_for_nft_are_refused_by_number(tmp_path: Path, command: object, word: str) -> None:
    metainfo = {"metainfo": {"json_schema_version": 1}}
    said = refusal(tmp_path, json.dumps({"nftables": [metainfo, command]}))
    assert said.startswith("rules: command 2: ")
    assert word in said


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"nftables": [], "nftables": []}', "a key comes twice"),
        ('{"nftables": [NaN]}', "NaN is no number"),
        ('{"nftables": ' + "[" * 100_000, "nested too deeply"),
        ('{"nftables": [1}', "no JSON"),
        ('{"other": []}', "no rules in it"),
        ('{"nftables": []}', "no rules in it"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str, word: str) -> None:
    assert word in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("-A INPUT -j DROP", "'-A INPUT -j' is not a rule of ours"),
        ("-I INPUT 1 -j DROP", "is not a jump of ours"),
        ("-I INPUT 2 -j VRRPWATCH-IN", "is not a rule of ours"),
        ("-I INPUT 1 -p tcp -j VRRPWATCH-IN", "is not a jump of ours"),
        ("-I mine 1 -j VRRPWATCH-IN", "is not a rule of ours"),
        ("-D INPUT -j VRRPWATCH-IN", "is not a rule of ours"),
        ("-F INPUT", "'-F INPUT' is refused"),
        ("-P INPUT DROP", "is refused"),
        (":INPUT DROP [0:0]", "chain 'INPUT' is not ours"),
        (":VRRPWATCHX - [0:0]", "chain 'VRRPWATCHX' is not ours"),
        ("-A VRRPWATCH-IN -j REJECT", "-j 'REJECT' is refused"),
        ("-A VRRPWATCH-IN -j mine", "-j 'mine' is refused"),
        ("-A VRRPWATCH-IN -m bpf --object-pinned /sys/fs/bpf/x -j DROP", "is refused"),
        ("-A VRRPWATCH-IN --modprobe=/tmp/x -j DROP", "is refused"),
        ("-A VRRPWATCH-IN -m set --match-set x src -j DROP", "-m 'set' is refused"),
        ('-A VRRPWATCH-IN -p 112 -j DROP "x', "a quote is not closed"),
        ("*nat", "'*nat' is refused"),
        ("COMMIT\n*filter", "'*filter' is refused"),
        ("COMMIT\n-F", "outside of *filter"),
    ],
)
def test_other_lines_for_iptables_are_refused(tmp_path: Path, line: str, word: str) -> None:
    said = refusal(tmp_path, IPTABLES % line)
    assert word in said
    assert "line " in said


def test_a_jump_to_a_chain_that_is_not_in_the_file_is_refused(tmp_path: Path) -> None:
    assert "VRRPWATCH-OUT, which is not in the file" in refusal(tmp_path, IPTABLES % "-I OUTPUT 1 -j VRRPWATCH-OUT")


def test_several_files_are_one_load_but_not_for_one_place(tmp_path: Path) -> None:
    for name in ("nftables", "nftables-netdev", "iptables", "nftables-json"):
        (tmp_path / name).write_text(BACKENDS[name].render(plan(rich("drop"), "speaker")))
    names = ("nftables", "nftables-netdev", "iptables")
    (load,) = read_files([tmp_path / name for name in names]).loads
    assert set(load.rules) == {"inet", "netdev", "iptables"}
    with pytest.raises(RefusedError, match=r"has rules for inet, and so has .*nftables: give one of them"):
        read_files([tmp_path / "nftables", tmp_path / "nftables-json"])


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is no file"):
        read_files([Path("/dev/zero")])
    with pytest.raises(FileNotFoundError):
        read_files([tmp_path / "nothing"])
    (tmp_path / "empty").write_text("")
    with pytest.raises(RefusedError, match="no rules in it"):
        read_files([tmp_path / "empty"])
