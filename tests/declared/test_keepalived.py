"""What a keepalived.conf declares, as typed values, and what keepalived makes of it."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.declared.configurations import read, told
from vrrpwatch.declared.keepalived import effective
from vrrpwatch.declared.keepalived_values import Effective, Garp, Instance, Keepalived


def instance(folder: Path, text: str, *, globals_: str = "") -> tuple[Keepalived, Instance]:
    declared = read(folder, f"global_defs {{\n{globals_}\n}}\nvrrp_instance V {{\n{text}\n}}\n")
    (found,) = declared.instances
    return declared, found


def made(folder: Path, text: str, *, globals_: str = "") -> Effective:
    return effective(*instance(folder, text, globals_=globals_))


def test_an_instance_keeps_what_the_file_says(tmp_path: Path) -> None:
    declared, found = instance(
        tmp_path,
        """
        state BACKUP
        interface eth0
        use_vmac vrrp7 02:00:5e:00:01
        dont_track_primary
        virtual_router_id 7
        priority 120
        advert_int 0.5
        version 3
        mcast_src_ip 10.0.0.1
        track_src_ip
        preempt_delay 4.12
        garp_master_delay 2
        garp_lower_prio_repeat 3
        vmac_garp_intvl all 100
        strict_mode off
        no_accept
        old_unicast_checksum never
        notify "/etc/k/notify.sh 'a b'" nobody nogroup
        notify_deleted
        smtp_alert
        track_interface {
            eth1 weight -20 reverse
            eth2
        }
        track_script {
            check
        }
        virtual_ipaddress {
            10.0.0.100/24 brd + dev eth0 scope global label eth0:7 -nodad preferred_lft forever
            10.0.0.101
        }
        virtual_ipaddress_excluded {
            2001:db8::1/64
        }
        virtual_routes {
            10.9.0.0/16 via 10.0.0.254 dev eth0
        }
        virtual_rules {
            from 10.0.0.0/24 table 1
        }
        """,
    )
    assert declared.notes == ()
    assert (found.state, found.interface, found.virtual_router_id, found.priority) == ("BACKUP", "eth0", 7, 120)
    assert (found.advert_int, found.version, found.mcast_src_ip) == (0.5, 3, ip_address("10.0.0.1"))
    assert found.virtual_interface is not None
    assert (found.virtual_interface.name, found.virtual_interface.mac) == ("vrrp7", "02:00:5e:00:01")
    assert (found.dont_track_primary, found.track_src_ip, found.strict, found.accept) == (True, True, False, False)
    assert (found.preempt, found.preempt_delay, found.smtp_alert) == (None, 4.12, True)
    assert found.garp == Garp(master_delay=2, lower_prio_repeat=3, extra_if=100, extra_if_all=True)
    assert found.old_unicast_checksum == "never"
    assert found.notify["notify"].command == ("/etc/k/notify.sh", "a b")
    assert (found.notify["notify"].user, found.notify["notify"].group) == ("nobody", "nogroup")
    tracked = [(one.name, one.weight, one.options) for one in found.tracks["track_interface"]]
    assert tracked == [("eth1", -20, ("reverse",)), ("eth2", None, ())]
    first, second = found.addresses
    assert (first.address, first.prefix, first.device) == (ip_address("10.0.0.100"), 24, "eth0")
    assert (first.broadcast, first.scope, first.label, first.options) == ("+", "global", "eth0:7", ("-nodad",))
    assert (second.address, second.prefix) == (ip_address("10.0.0.101"), None)
    assert [one.address for one in found.excluded] == [ip_address("2001:db8::1")]
    assert [line.text for line in found.routes] == ["10.9.0.0/16 via 10.0.0.254 dev eth0"]
    assert [line.words[0] for line in found.rules] == ["from"]
    assert len(found.statement.inner) == 26


def test_global_definitions(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """
        global_defs {
            router_id here
            vrrp_version 3
            vrrp_mcast_group4 224.0.0.200
            vrrp_mcast_group6 ff02::200
            vrrp_garp_master_refresh 60
            vrrp_garp_interval 0.001
            vrrp_vmac_garp_intvl 90
            vrrp_strict
            vrrp_iptables in out
            nftables
            lvs_sync_daemon eth1 inst V id 9 port 9000 ttl 2 group 224.0.0.90 maxlen 1400
        }
        static_ipaddress {
            10.0.0.9/24 dev eth0
        }
        virtual_server 10.0.0.100 80 {
            real_server 10.0.0.10 80 {
                HTTP_GET { url { path / } }
            }
        }
        vrrp_script check {
            script "/bin/true -x"
            interval 0.5
            weight -20
            user nobody
            init_fail
        }
        """,
    )
    found = declared.globals
    assert declared.notes == ()
    assert (found.router_id, found.vrrp_version, found.strict) == ("here", 3, True)
    assert (found.mcast_group4, found.mcast_group6) == (ip_address("224.0.0.200"), ip_address("ff02::200"))
    assert (found.garp.master_refresh, found.garp_interval, found.garp.extra_if) == (60, 0.001, 90)
    assert (found.iptables, found.nftables) == (("in", "out"), ())
    daemon = found.sync_daemon
    assert daemon is not None
    assert daemon[1:] == ("eth1", "V", 9, 1400, 9000, 2, ip_address("224.0.0.90"))
    assert [one.device for one in declared.static_addresses] == ["eth0"]
    assert declared.virtual_servers[0].arguments == ("10.0.0.100", "80")
    (script,) = declared.scripts
    assert (script.interval, script.weight, script.user, script.init_fail) == (0.5, -20, ("nobody",), True)
    assert script.script is not None
    assert script.script.command == ("/bin/true", "-x")


def test_older_ways_to_say_it(tmp_path: Path) -> None:
    old = read(tmp_path, "global_defs {\n lvs_sync_daemon eth1 V 9\n}\n").globals.sync_daemon
    assert old is not None
    assert (old.interface, old.instance, old.id) == ("eth1", "V", 9)
    older = read(tmp_path, "vrrp_instance V {\n lvs_sync_daemon_interface eth2\n}\n").globals.sync_daemon
    assert older is not None
    assert (older.interface, older.instance) == ("eth2", "V")


# Version 2 announces whole seconds, version 3 hundredths in 12 bits; halves round up (vrrp_complete_instance).
@pytest.mark.parametrize(
    ("version", "declared", "sent"),
    [
        (2, "1", 1.0),
        (2, "0.4", 1.0),
        (2, "1.5", 2.0),
        (2, "2.4", 2.0),
        (3, "0.333", 0.33),
        (3, "0.125", 0.13),
        (3, "0.014", 0.01),
        (3, "41", 40.95),
    ],
)
def test_intervals_as_sent(tmp_path: Path, version: int, declared: str, sent: float) -> None:
    assert made(tmp_path, f"version {version}\nadvert_int {declared}").interval == sent


@pytest.mark.parametrize(
    ("text", "globals_", "expected"),
    [
        ("", "", {"family": 4, "version": 2, "priority": 100, "state": "BACKUP", "interval": 1.0, "accept": True}),
        ("state MASTER", "", {"priority": 255, "state": "MASTER"}),
        ("state MASTER\npriority 150", "", {"priority": 150, "state": "MASTER", "preempt": True}),
        ("state MASTER\npriority 150\nnopreempt", "", {"preempt": True}),
        ("priority 150\nnopreempt", "", {"preempt": False}),
        ("state MASTER\npriority 150", "vrrp_strict", {"state": "BACKUP", "accept": False}),
        ("priority 255", "vrrp_strict", {"state": "MASTER", "accept": True}),
        ("accept", "vrrp_strict", {"accept": False}),
        ("accept", "vrrp_strict\nvrrp_version 3", {"accept": True}),
        ("native_ipv6", "", {"family": 6, "version": 3, "destination": ip_address("ff02::12")}),
        ("virtual_ipaddress { fe80::1 }", "vrrp_mcast_group6 ff02::99", {"destination": ip_address("ff02::99")}),
        ("version 2\nvirtual_ipaddress { fe80::1 }", "", {"version": 2}),
        ("version 2\nvirtual_ipaddress { fe80::1 }", "vrrp_strict", {"version": 3}),
        ("mcast_dst_ip 224.0.0.50", "vrrp_mcast_group4 224.0.0.60", {"destination": ip_address("224.0.0.50")}),
        ("unicast_peer { 10.0.0.2 }", "", {"destination": None}),
        ("authentication { auth_type PASS\nauth_pass x }", "", {"auth": "simple"}),
        (
            "authentication { auth_type AH\nauth_pass x }\nstate MASTER\npriority 9",
            "",
            {"auth": "ah", "state": "BACKUP"},
        ),
        ("authentication { auth_type PASS }", "", {"auth": "none"}),
        ("version 3\nauthentication { auth_type PASS\nauth_pass x }", "", {"auth": "none"}),
        ("authentication { auth_type PASS\nauth_pass x }", "vrrp_strict", {"auth": "none"}),
        ("auth_hmac { key 1 x }", "", {"auth": "hmac"}),
    ],
)
def test_what_keepalived_makes_of_it(tmp_path: Path, text: str, globals_: str, expected: dict[str, object]) -> None:
    found = made(tmp_path, text, globals_=globals_)._asdict()
    assert {name: found[name] for name in expected} == expected


def test_a_sync_group_starts_as_masters_only_if_all_own_their_addresses(tmp_path: Path) -> None:
    group = "vrrp_sync_group G {{\n group {{ A B }}\n}}\n"
    text = group + "vrrp_instance A {{\n state MASTER\n}}\nvrrp_instance B {{\n {}\n}}\n"
    for other, state in (("state MASTER", "MASTER"), ("state MASTER\npriority 200", "BACKUP"), ("", "BACKUP")):
        declared = read(tmp_path, text.format(other))
        assert effective(declared, declared.instances[0]).state == state


@pytest.mark.parametrize(
    ("written", "password"),
    [("1234", "1234"), ('"a b" c', "a b"), ("123456789", "12345678"), ("1234567é", "1234567\udcc3"), ("{ }", None)],
)
def test_the_password_is_what_fits_into_an_advertisement(tmp_path: Path, written: str, password: str | None) -> None:
    _, found = instance(tmp_path, f"authentication {{\n auth_type PASS\n auth_pass {written}\n}}")
    assert found.authentication is not None
    secret = found.authentication.password
    assert (None if secret is None else secret.get_secret_value()) == password


def test_an_instance_has_one_family(tmp_path: Path) -> None:
    text = "virtual_ipaddress {\n fe80::1\n 10.0.0.1\n}\nunicast_peer {\n 10.0.0.2\n}\nmcast_src_ip 10.0.0.3\nversion 2"
    declared, found = instance(tmp_path, text)
    assert found.family == 6
    assert [one.address for one in found.addresses] == [ip_address("fe80::1")]
    assert (found.unicast_peers, found.mcast_src_ip, found.version) == ((), None, None)
    other = "is left out, as keepalived does: the instance is an IPv6 one by what stands before"
    assert told(declared) == [
        f"7: 10.0.0.1 {other}",
        f"10: 10.0.0.2 {other}",
        f"12: 10.0.0.3 {other}",
        "13: it is an instance of version 3 already: left out",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("priority 0", "'priority' takes 1 to 255, not '0'"),
        ("priority 99999999999999999999999", "'priority' takes 1 to 255, not '99999999999999999999999'"),
        ("priority ٣", "'priority' takes 1 to 255, not '٣'"),
        ("virtual_router_id", "'virtual_router_id' misses its value"),
        ("advert_int 1e3", "'advert_int' takes 0.01 to 255 seconds, not '1e3'"),
        ("advert_int nan", "'advert_int' takes 0.01 to 255 seconds, not 'nan'"),
        ("strict_mode maybe", "'strict_mode' takes on or off, not 'maybe'"),
        ("state Master", "'state' takes MASTER or BACKUP, not 'Master': it means BACKUP"),
        ("mcast_src_ip fe80::1%eth0", "'mcast_src_ip' takes an IP address, not 'fe80::1%eth0'"),
        ("mcast_dst_ip 10.0.0.1", "'mcast_dst_ip' takes a multicast address, not 10.0.0.1"),
        ("virtual_ipaddress { 10.0.0.0/33 }", "no IP address: '10.0.0.0/33'"),
        ("virtual_ipaddress { 10.0.0.1 dev }", "'dev' misses its value"),
        ("virtual_ipaddress { 10.0.0.1 devv eth0 }", "unknown word 'devv' after 10.0.0.1"),
        (
            "unicast_peer { 10.0.0.2 max_ttl 256 }",
            "unicast_peer takes min_ttl and max_ttl from 0 to 255, not 'max_ttl'",
        ),
        ("track_script { a weight x }", "weight takes a number, not 'x'"),
        ("authentication { auth_type MD5 }", "'auth_type' takes PASS or AH, not 'MD5'"),
        ("notify", "'notify' misses its script"),
        ('notify "a \'b"', "the script of 'notify' has a quote that does not end"),
        ("state { }", "'state' takes no block"),
    ],
)
def test_wrong_values_are_told_and_left_open(tmp_path: Path, text: str, why: str) -> None:
    declared, _ = instance(tmp_path, text)
    assert why in [note.text for note in declared.notes]
    assert {note.line for note in declared.notes} == {5}


def test_of_two_with_one_name_the_first_counts(tmp_path: Path) -> None:
    declared = read(
        tmp_path, "vrrp_instance A {\n priority 1\n}\nvrrp_instance A {\n priority 2\n}\nvrrp_instance {\n}\n"
    )
    assert [one.priority for one in declared.instances] == [1]
    assert told(declared) == [
        f"4: 'A' is there already, see {tmp_path}/keepalived.conf:1: left out",
        "7: 'vrrp_instance' takes one name: left out",
    ]
