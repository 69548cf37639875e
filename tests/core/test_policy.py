"""Policy files: what they say, how groups and speakers match, and every fault told at once with its place."""

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.core.builders import ips
from vrrpwatch.cli.settings import load_policy
from vrrpwatch.core.model import GroupKey, SpeakerKey
from vrrpwatch.core.policy import Policy
from vrrpwatch.settings import SettingsError

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "policy.md").read_text().split("```toml\n")[1].split("```")[0]
ONE = '[[group]]\nsegment = "eth0"\nprotocol = "vrrp"\nid = 51\nspeakers = [{ ip = "10.0.0.1" }]\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> list[str]:
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load_policy(path)
    assert all(line.startswith(f"{path}:") for line in caught.value.lines)
    # The line, where it is known, is the business of tests of its own.
    return [re.sub(r"^:(\d+:)? ", "", line.removeprefix(str(path))) for line in caught.value.lines]


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, DOCUMENTED))
    assert (policy.unlisted, policy.unlisted_rate) == ("limit", 20.0)
    assert [(s.name, s.vlans, s.role, s.budget) for s in policy.segment] == [
        ("eth0/10", (10,), "redundancy", 50.0),
        ("eth1", (), "sync", None),
    ]
    sync = policy.segment[1].sync[0]
    assert (sync.peers, sync.destinations, sync.ports) == (ips("10.9.0.1", "10.9.0.2"), ips("225.0.0.50"), (3780,))
    first, second = policy.group
    assert (first.speakers[0].mac, first.speakers[0].priority, first.scopes) == (
        "02:00:00:00:00:01",
        150,
        ("224.0.0.18",),
    )
    assert (second.scopes, second.peers) == (("unicast",), ips("10.0.0.1", "10.0.1.1"))


@pytest.mark.parametrize(
    ("protocol", "destination", "ports"),
    [("conntrackd", "225.0.0.50", (3780,)), ("pfsync", "224.0.0.240", ()), ("ipvs", "224.0.0.81", (8848,))],
)
def test_sync_has_its_usual_destination(protocol: str, destination: str, ports: tuple[int, ...]) -> None:
    sync = {"protocol": protocol, "peers": ["10.0.0.1"]}
    policy = Policy.model_validate({"version": 1, "segment": [{"name": "eth1", "sync": [sync]}]})
    assert (policy.segment[0].sync[0].destinations, policy.segment[0].sync[0].ports) == (ips(destination), ports)


@pytest.mark.parametrize(
    ("key", "listed"),
    [
        (GroupKey("eth0/10", "vrrp", 4, 51, "224.0.0.18"), True),
        (GroupKey("eth0/20", "vrrp", 4, 51, "224.0.0.18"), True),
        (GroupKey("eth1/10", "vrrp", 4, 51, "224.0.0.18"), False),
        (GroupKey("eth0/10", "carp", 4, 51, "224.0.0.18"), False),
        (GroupKey("eth0/10", "vrrp", 6, 51, "ff02::12"), False),
        (GroupKey("eth0/10", "vrrp", 4, 52, "224.0.0.18"), False),
        (GroupKey("eth0/10", "vrrp", 4, 51, "unicast"), False),
        (GroupKey("eth0/10", "vrrp", 4, 60, "unicast"), True),
        (GroupKey("eth0/10", "vrrp", 4, 60, "unicast#2"), True),
        (GroupKey("eth0/10", "hsrp", 4, 300, "224.0.0.102"), True),
        (GroupKey("eth0/10", "hsrp", 4, 300, "224.0.0.2"), True),
        (GroupKey("eth0/10", "vrrp", 6, 9, "ff02::12"), True),
    ],
)
def test_groups_match(key: GroupKey, listed: bool) -> None:
    tables = [
        {"segment": "eth0/*", "protocol": "vrrp", "id": 51, "speakers": [{"ip": "10.0.0.1"}]},
        {"segment": "*", "protocol": "vrrp", "id": 60, "scope": "unicast", "speakers": [{"ip": "10.0.0.1"}]},
        {"segment": "*", "protocol": "hsrp", "id": 300, "speakers": [{"ip": "10.0.0.1"}]},
        {"segment": "*", "protocol": "vrrp", "family": 6, "id": 9, "speakers": [{"ip": "fe80::1"}]},
    ]
    policy = Policy.model_validate({"version": 1, "group": tables})
    assert (policy.group_for(key) is not None) is listed


def test_segments_are_covered_by_segments_and_groups() -> None:
    policy = Policy.model_validate(tomllib.loads('version = 1\n[[segment]]\nname = "lan/*"\nbudget = 7\n' + ONE))
    assert [policy.covers(segment) for segment in ("lan/1", "eth0", "eth1", "lan")] == [True, True, False, False]
    assert (policy.budget_for("lan/1"), policy.budget_for("eth0")) == (7.0, None)


def test_speakers_match_by_address_and_mac() -> None:
    text = ONE.replace('"10.0.0.1" }', '"10.0.0.1", mac = "02-00-00-00-00-0A" }, { ip = "10.0.0.2" }')
    group = Policy.model_validate(tomllib.loads("version = 1\n" + text)).group[0]

    def lists(ip: str, mac: str | None) -> bool:
        return group.lists(SpeakerKey(ip_address(ip), mac))

    assert lists("10.0.0.1", "02:00:00:00:00:0a")
    assert not lists("10.0.0.1", "02:00:00:00:00:0b")
    assert lists("10.0.0.1", None)
    assert lists("10.0.0.2", "02:00:00:00:00:0b")
    assert not lists("10.0.0.3", None)


FAULTS = {
    "version": ("version = 2", ["version: Input should be 1"]),
    "no version": (ONE, ["version: is missing: add it"]),
    "unknown setting": ("version = 1\nspam = 1", ["spam: no such setting: check the spelling, or remove it"]),
    "no rate": (
        'version = 1\nunlisted = "limit"',
        ['unlisted_rate: unlisted = "limit" needs a rate: add unlisted_rate = PACKETS_PER_SECOND'],
    ),
    "rate without limit": (
        "version = 1\nunlisted_rate = 5",
        ['unlisted_rate: only unlisted = "limit" has a rate: remove it, or set unlisted = "limit"'],
    ),
    "id": ("version = 1\n" + ONE.replace("51", "256"), ["group[1].id: vrrp has ids 1 to 255: correct 256"]),
    "id zero": ("version = 1\n" + ONE.replace("51", "0"), ["group[1].id: vrrp has ids 1 to 255: correct 0"]),
    "id true": ("version = 1\n" + ONE.replace("51", "true"), ["group[1].id: Input should be a valid integer"]),
    "family of a speaker": (
        "version = 1\n" + ONE.replace("10.0.0.1", "fe80::1"),
        ["group[1].speakers: fe80::1 is no IPv4 address, as the group's family asks"],
    ),
    "no speakers": (
        "version = 1\n" + ONE.replace('{ ip = "10.0.0.1" }', ""),
        ["group[1].speakers: is empty: list at least one"],
    ),
    "speakers that are no tables": (
        "version = 1\n" + ONE.replace('{ ip = "10.0.0.1" }', '"10.0.0.1"'),
        ["group[1].speakers[1]: is no table: write { setting = value, … }"],
    ),
    "priority in CARP": (
        "version = 1\n" + ONE.replace("vrrp", "carp").replace('"10.0.0.1" }', '"10.0.0.1", priority = 1 }'),
        ["group[1].speakers: CARP has no priority: remove it from 10.0.0.1"],
    ),
    "peers of a multicast group": (
        "version = 1\n" + ONE + 'scope = "224.0.0.18"\npeers = ["10.0.0.2"]',
        ["group[1].peers: only a group of scope 'unicast' has peers: set scope = \"unicast\", or remove them"],
    ),
    "an address that is none": (
        "version = 1\n" + ONE + 'addresses = ["10.0.0.{x}", 5]',
        [
            'group[1].addresses[1]: is no IP address: write "192.0.2.1" or "2001:db8::1"',
            'group[1].addresses[2]: is no IP address: write "192.0.2.1" or "2001:db8::1"',
        ],
    ),
    "control characters": (
        'version = 1\n[[segment]]\nname = "eth\\u001b0"',
        ["segment[1].name: holds control characters: remove them"],
    ),
    "a group where none belongs": (
        'version = 1\n[[segment]]\nname = "eth0"\nrole = "none"\n' + ONE,
        ["group: number 1 is on segment eth0, whose role is 'none': make that role 'redundancy' or 'both'"],
    ),
    "sync where none belongs": (
        'version = 1\n[[segment]]\nname = "a"\nrole = "none"\n[[segment.sync]]\nprotocol = "ipvs"\npeers = ["1.1.1.1"]',
        ["segment[1].sync: the segment's role is 'none': make it 'sync' or 'both', or remove this"],
    ),
    "many faults, and repeats beside them": (
        "version = 1\nspam = 1\n" + ONE.replace("10.0.0.1", "x") + ONE + "scope = 'nowhere'\n" + ONE,
        [
            'group[1].speakers[1].ip: is no IP address: write "192.0.2.1" or "2001:db8::1"',
            "group[2].scope: give an IPv4 multicast address, 'unicast' or 'broadcast'",
            "group[3]: has the same segment, protocol, family, id, scope as number 1: keep one of them",
            "spam: no such setting: check the spelling, or remove it",
        ],
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_told_with_their_places(case: str, tmp_path: Path) -> None:
    text, expected = FAULTS[case]
    assert faults(tmp_path, text) == expected


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    assert faults(tmp_path, "version = ") == ["is no TOML: Invalid value (at end of document)"]
    assert faults(tmp_path, "a = " + "[" * 100_000)[0].startswith("is no TOML: ")
    with pytest.raises(SettingsError, match=r"cannot be read \(No such file or directory\): check the path"):
        load_policy(tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match=r"cannot be read \(is no regular file\)"):
        load_policy("/dev/zero")
    (tmp_path / "latin").write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match="byte 6 is not UTF-8"):
        load_policy(tmp_path / "latin")


def test_an_id_of_no_known_protocol_is_not_judged(tmp_path: Path) -> None:
    told = faults(tmp_path, 'version = 1\n[[group]]\nsegment = "eth0"\nid = 5000\nspeakers = [{ ip = "10.0.0.1" }]\n')
    assert told == ["group[1].protocol: is missing: add it"]
