"""The settings file: every fault at once, each at its line; what is refused, and what it says then."""

from pathlib import Path

import pytest

from vrrpwatch.agent.config.agent import load
from vrrpwatch.settings import SettingsError

FAULTY = """\
version = 1
[agent]
listen = -2
[[router]]
name = "web"
interface = "eth0"
id = 51
addresses = ["10.0.0.100/24"]
track = ["nothing", { name = "haproxy", weight = -20 }]
[[router]]
name = "web"
interface = "eth0"
id = 300
priority = 0
addresses = ["10.0.0.101/44"]
[[router]]
name = "bad name"
interface = "an interface"
id = 51
addresses = ["10.0.0.102/24"]
[[tracker]]
name = "haproxy"
type = "haproxy"
socket = "run/haproxy.sock"
[[sync]]
name = "both"
routers = ["web", "nobody"]
[conntrackd]
follows = "nobody"
"""


def complaints(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(path)
    return [line.removeprefix(f"{path}:") for line in refused.value.lines]


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    said = complaints(tmp_path, FAULTY)
    assert {line.partition(": ")[2].partition(": ")[0]: int(line.partition(":")[0]) for line in said} == {
        "agent.listen": 3,
        "router[2].id": 13,
        "router[2].priority": 14,
        "router[2].addresses[1].address": 15,
        "router[3].name": 17,
        "router[3].interface": 18,
        "tracker[1].socket": 24,
        "router[2]": 10,
        "router[1].track[1]": 9,
        "sync[1].routers[2]": 27,
        "conntrackd.follows": 29,
    }


WELL = """\
version = 1
[[router]]
name = "web"
interface = "eth0"
id = 51
addresses = ["192.0.2.100/24"]
"""


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("version = 4", "router[1].version"),
        ("interval = 0.001", "router[1].interval"),
        ("interval = 41", "router[1]: version 3 has intervals of 0.01 to 40.95 s"),
        ("version = 2\ninterval = 1.5", "router[1]: version 2 has intervals of whole seconds"),
        ('peers = ["192.0.2.2"]\nvmac = true', "router[1]: vmac and peers"),
        ('source = "fe80::1"', "router[1]: mixes IPv4 and IPv6"),
        ('auth = { type = "ah", secret_file = "none" }', "router[1].auth.secret_file: cannot read"),
        ('protocol = "hsrp"', "router[1]: is no protocol of routers"),
        ('protocol = "carp"', "router[1].passphrase_file: is missing"),
        ('routes = [{ to = "0.0.0.0/0" }]', "router[1].routes[1]: leads nowhere"),
        ("rules = [{ table = 5, priority = 7 }]", "router[1].rules[1]: selects everything"),
        ('notify = { master = ["on-master"] }', "router[1].notify.master: the program is no absolute path"),
        ("pritority = 3", "router[1].pritority: no such setting"),
        (
            '[[router]]\nname = "other"\ninterface = "eth0"\nid = 51\naddresses = ["192.0.2.101/24"]',
            "router[2].id: is router 1's on this interface already",
        ),
        (
            '[[router]]\nname = "other"\ninterface = "eth0"\nid = 52\naddresses = ["192.0.2.9/24", "192.0.2.100/32"]',
            "router[2].addresses[2]: 192.0.2.100 on eth0 is router 1's already: take another",
        ),
        (
            (
                '[[router]]\nname = "other"\ninterface = "eth1"\nid = 51\n'
                'addresses = ["192.0.2.9/24", { address = "192.0.2.100/24", interface = "eth0" }]'
            ),
            "router[2].addresses[2]: 192.0.2.100 on eth0 is router 1's already: take another",
        ),
        (
            (
                '[[router]]\nname = "a"\ninterface = "eth0"\nid = 61\naddresses = ["2001:db8::a/64"]\n'
                '[[router]]\nname = "b"\ninterface = "eth0"\nid = 62\naddresses = ["2001:DB8:0::A/64"]'
            ),
            "router[3].addresses[1]: 2001:db8::a on eth0 is router 2's already: take another",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, more: str, fault: str) -> None:
    said = complaints(tmp_path, WELL + more + "\n")
    assert [line for line in said if line.partition(": ")[2].startswith(fault)], said


def test_values_of_any_kind_are_faults(tmp_path: Path) -> None:
    router = '[[router]]\nname = ["a"]\ninterface = ["eth0"]\nid = [51]\naddresses = [{ address = [1] }, 3]\n'
    said = complaints(tmp_path, "version = 1\n" + router + router + "sync = [[]]\nconntrackd = { follows = {} }\n")
    assert [line for line in said if "router[2].interface: " in line], said


def test_one_address_on_two_interfaces_is_two(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(WELL + WELL.removeprefix("version = 1\n").replace("web", "other").replace("eth0", "eth1"))
    assert [str(one.addresses[0].address) for one in load(path).router] == ["192.0.2.100/24"] * 2
