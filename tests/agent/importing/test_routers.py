"""Instances of keepalived as routers: every figure, and what is told of all that is not as it was."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.agent.importing.making import NEEDS, converted, lines, made, one
from vrrpwatch.agent.config.routers import Announcing


def test_what_keepalived_makes_of_an_instance_is_written_out(tmp_path: Path) -> None:
    found = one(tmp_path, "")
    router = found.router
    assert (router.name, router.interface, router.id, router.version) == ("V", "eth0", 51, 2)
    assert (router.priority, router.interval) == (100, 1.0)
    assert [str(address.address) for address in router.addresses] == ["192.0.2.100/24"]
    assert (router.preempt, router.accept, router.vmac, router.peers) == (True, True, False, ())
    # keepalived answers adverts of lower priority in both versions, and RFC 3768 in none.
    assert router.answers is True
    assert router.announce == Announcing(repeat=5, delay=5.0, refresh=0.0)
    assert found.lines == []


def test_the_file_says_where_each_thing_comes_from(tmp_path: Path) -> None:
    script = "vrrp_script check {\nscript /bin/true\nuser root\n}\n"
    found = made(tmp_path, script + "vrrp_instance V {\n" + NEEDS + "track_script {\ncheck\n}\n}\n")
    path = tmp_path / "keepalived.conf"
    assert (
        found.imported.text
        == f"""\
# Settings of vrrpwatch agent, made from the keepalived configuration in
# {path}

version = 1

# {path}:5
[[router]]
name = "V"
interface = "eth0"
id = 51
version = 2
priority = 100
interval = 1
addresses = ["192.0.2.100/24"]
answers = true
track = ["check"]

# {path}:1
[[tracker]]
name = "check"
type = "script"
command = ["/bin/true"]
user = "root"
interval = 1
timeout = 1
"""
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version 3\nadvert_int 0.333", {"version": 3, "interval": 0.33, "answers": None}),
        ("version 3\nlower_prio_no_advert", {"answers": False}),
        ("lower_prio_no_advert", {"answers": None}),
        ("state MASTER", {"priority": 255}),
        ("state MASTER\npriority 150", {"priority": 150, "preempt": True}),
        ("nopreempt", {"preempt": False}),
        ("state MASTER\npriority 150\nnopreempt", {"preempt": True}),
        ("preempt_delay 30.5", {"preempt_delay": 30.5}),
        ("no_accept", {"accept": False}),
        ("strict_mode", {"accept": False, "answers": None}),
        ("use_vmac", {"vmac": True}),
        ("mcast_src_ip 192.0.2.1", {"source": ip_address("192.0.2.1")}),
        ("version 3\nv3_checksum_as_v2", {"checksum": "plain"}),
        (
            "unicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.2\n192.0.2.3\n}",
            {"source": ip_address("192.0.2.1"), "peers": (ip_address("192.0.2.2"), ip_address("192.0.2.3"))},
        ),
        (
            "garp_master_delay 2.5\ngarp_master_repeat 3\ngarp_master_refresh 60",
            {"announce": Announcing(repeat=3, delay=2.5, refresh=60.0)},
        ),
    ],
)
def test_figures(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    found = one(tmp_path, text)
    assert {key: getattr(found.router, key) for key in expected} == expected
    assert found.lines == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vrrp_version 3", {"version": 3}),
        ("vrrp_startup_delay 5.5", {"start_delay": 5.5}),
        ("vrrp_strict", {"accept": False}),
        ("vrrp_min_garp", {"announce": Announcing(repeat=1, delay=0.0)}),
        ("vrrp_garp_master_delay 7\nvrrp_garp_master_refresh 60", {"announce": Announcing(delay=7.0, refresh=60.0)}),
        ("vrrp_lower_prio_no_advert", {"answers": None}),
    ],
)
def test_global_figures(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    found = one(tmp_path, "", before=f"global_defs {{\n{text}\n}}\n")
    assert {key: getattr(found.router, key) for key in expected} == expected
    assert found.lines == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("interface eth0\nvirtual_ipaddress {\n192.0.2.1\n}", "virtual_router_id is missing: add it; left out"),
        (
            "virtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}",
            "interface is missing, and a router needs one",
        ),
        (
            "interface eth0\nvirtual_router_id 1",
            "it has no virtual_ipaddress, and a router needs one",
        ),
        (
            f"{NEEDS}strict_mode\nunicast_peer {{\n192.0.2.2\n}}",
            "keepalived refuses peers in strict mode",
        ),
        (
            f"{NEEDS}mcast_dst_ip 224.0.0.99",
            "adverts go to 224.0.0.99, and the agent's to 224.0.0.18",
        ),
        (
            "interface eth0\nvirtual_router_id 1\nversion 2\nvirtual_ipaddress {\n2001:db8::1\n}",
            "version 2 has no IPv6: write version = 3; left out",
        ),
        (
            "interface very-long-interface\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}",
            "interface: is no",
        ),
    ],
)
def test_what_could_not_run_or_meet_its_peers_is_left_out(tmp_path: Path, text: str, why: str) -> None:
    done = converted(tmp_path, f"vrrp_instance V {{\n{text}\n}}\n")
    assert done.routers == 0
    assert [line for line in lines(done) if why in line]


def test_the_second_of_two_with_one_identity_is_left_out(tmp_path: Path) -> None:
    text = f"vrrp_instance A {{\n{NEEDS}}}\nvrrp_instance B {{\n{NEEDS}}}\n"
    found = made(tmp_path, text)
    assert [router.name for router in found.settings.router] == ["A"]
    path = tmp_path / "keepalived.conf"
    assert found.lines == [f"8: 'B': its virtual_router_id is that of {path}:1 on this interface: left out"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "use_vmac vrrp.51 02:00:5e:00:01",
            ["own, not 'vrrp.51'", "virtual MAC is the standard's"],
        ),
        ("use_vmac\nunicast_peer {\n192.0.2.2\n}", ["a router with peers has no virtual MAC here"]),
        ("unicast_peer {\n192.0.2.2 min_ttl 254\n}", ["the TTL of a peer's adverts is not looked at"]),
        ("use_ipvlan", ["the agent makes no ipvlan"]),
        ("smtp_alert\nsmtp_alert off", ["no mail is sent"]),
        (
            "version 3\n" + "authentication {\nauth_type PASS\nauth_pass s3cret\n}",
            ["keepalived does not use it (version 3, strict mode, or no password)"],
        ),
        ("state BACKUP\npriority 255", ["an owner (priority 255) starts as master here"]),
        ("state MASTER\npriority 100\npreempt_delay 5", ["keepalived does not use it with state MASTER"]),
        ("garp_master_repeat 200", ["200 is out of the agent's range: written as 100"]),
        ("garp_lower_prio_repeat 3", ["the agent spaces and repeats announcements by itself"]),
        ("vmac_garp_intvl 100", ["the agent spaces and repeats announcements by itself"]),
        ("frobnicate 3", ["unknown statement 'frobnicate'"]),
    ],
)
def test_what_is_not_as_it_was_is_told(tmp_path: Path, text: str, told: list[str]) -> None:
    found = one(tmp_path, text)
    assert len(found.lines) == len(told)
    assert all(part in line for part, line in zip(told, found.lines, strict=True))


def test_names_that_hooks_could_not_take_are_changed(tmp_path: Path) -> None:
    names = ("Y Z", "Y_Z", "y_z", "x" * 70)
    text = "".join(
        f'vrrp_instance "{name}" {{\n' + NEEDS.replace("51", str(number)).replace(".100", f".{number}") + "}\n"
        for number, name in enumerate(names, 1)
    )
    found = made(tmp_path, text + 'vrrp_sync_group Y_Z {\ngroup {\n"Y Z"\nY_Z\n}\n}\n')
    assert [router.name for router in found.settings.router] == ["Y_Z", "Y_Z-2", "y_z-3", "x" * 64]
    (sync,) = found.settings.sync
    assert (sync.name, sync.routers) == ("Y_Z-4", ("Y_Z", "Y_Z-2"))
    assert found.lines[0] == "1: 'Y Z': is called Y_Z here: change scripts that go by its name"
    assert len(found.lines) == 5


def test_lines_for_other_hosts_are_left_out(tmp_path: Path) -> None:
    text = f"vrrp_instance V {{\n{NEEDS}@high priority 170\n@low priority 85\n}}\n"
    assert [made(tmp_path, text, config_id=one).router.priority for one in ("high", "low")] == [170, 85]
    assert "# for the configuration id low" in made(tmp_path, text, config_id="low").imported.text
