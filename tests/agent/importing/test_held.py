"""What a master holds: keepalived's addresses, routes and rules, and what becomes of those that cannot be held."""

from pathlib import Path

from tests.agent.importing.making import made, one

TWICE = "keepalived advertises it as often as it is listed, and the agent once: list it once on all hosts"


def test_addresses_of_all_kinds(tmp_path: Path) -> None:
    text = """
    vrrp_instance V {
        interface eth0
        virtual_router_id 51
        virtual_ipaddress {
            192.0.2.100/24 dev eth0
            192.0.2.101/24 dev eth1 label eth1:7 scope link
            192.0.2.102
            192.0.2.102 label eth0:1
            192.0.2.103/24 brd + scope nowhere -nodad
        }
        virtual_ipaddress_excluded {
            2001:db8::1/64 label x
            192.0.2.104 scope 254
        }
    }
    """
    found = made(tmp_path, text)
    told = [(str(one.address), one.interface, one.label, one.scope, one.advertise) for one in found.router.addresses]
    assert told == [
        ("192.0.2.100/24", None, None, "global", True),
        ("192.0.2.101/24", "eth1", "eth1:7", "link", True),
        ("192.0.2.102/32", None, None, "global", True),
        ("192.0.2.103/24", None, None, "global", True),
        ("2001:db8::1/64", None, None, "global", False),
        ("192.0.2.104/32", None, None, "host", False),
    ]
    assert found.lines == [
        f"9: '192.0.2.102': {TWICE}",
        "10: '192.0.2.103': there is no scope 'nowhere': written as global",
        "10: '192.0.2.103': brd is not set by the agent: leave it out, or set it by a hook",
        "10: '192.0.2.103': there is no '-nodad': the agent adds the address without it",
        "13: '2001:db8::1': only IPv4 addresses have a label: it is left out",
    ]


def test_on_a_macvlan_the_interface_below_is_another_one(tmp_path: Path) -> None:
    inner = "interface eth0\nvirtual_router_id 51\nuse_vmac\nvirtual_ipaddress {\n192.0.2.1 dev eth0\n}\n"
    assert made(tmp_path, f"vrrp_instance V {{\n{inner}}}\n").router.addresses[0].interface == "eth0"


def test_an_address_stays_with_the_first_instance_that_holds_it(tmp_path: Path) -> None:
    text = """
    vrrp_instance A {
        interface eth0
        virtual_router_id 51
        virtual_ipaddress {
            192.0.2.100/24
        }
    }
    vrrp_instance B {
        interface eth1
        virtual_router_id 51
        virtual_ipaddress {
            192.0.2.100/24
            192.0.2.101/24
            192.0.2.100/32 dev eth0
        }
    }
    vrrp_instance C {
        interface eth0
        virtual_router_id 53
        virtual_ipaddress {
            192.0.2.100
        }
    }
    """
    found = made(tmp_path, text)
    assert {router.name: [str(one.address) for one in router.addresses] for router in found.settings.router} == {
        "A": ["192.0.2.100/24"],
        "B": ["192.0.2.100/24", "192.0.2.101/24"],
    }
    already = f"the instance of {tmp_path}/keepalived.conf:2 holds it on this interface already: left out"
    assert found.lines[-1] == f"22: '192.0.2.100': {already}"


def test_routes(tmp_path: Path) -> None:
    text = """virtual_routes {
        src 192.0.2.100 to 198.51.100.0/24 via 192.0.2.1 dev eth1 table 100 metric 5
        default gw 192.0.2.1
        default via inet6 2001:db8::1
        198.51.100.7 dev eth2 table main mtu lock 1400 no_track
        198.51.100.0/24 via 192.0.2.1 onlink
        blackhole 198.51.100.8
        198.51.100.0/24 via 192.0.2.1 table red
        198.51.100.0/24
        via 192.0.2.1
    }"""
    found = one(tmp_path, text)
    told = [(str(r.to), str(r.via), r.interface, str(r.source), r.table, r.metric) for r in found.router.routes]
    assert told == [
        ("198.51.100.0/24", "192.0.2.1", "eth1", "192.0.2.100", 100, 5),
        ("0.0.0.0/0", "192.0.2.1", None, "None", 254, None),
        ("::/0", "2001:db8::1", None, "None", 254, None),
        ("198.51.100.7/32", "None", "eth2", "None", 254, None),
    ]
    hook = "left out, so have a hook add and remove it"
    tuned = "11: '198.51.100.7 dev eth2 table main mtu lock 1400 no_track'"
    plain = "'198.51.100.0/24 via 192.0.2.1"
    assert found.lines == [
        f"{tuned}: there is no 'mtu': the route is held without it",
        f"{tuned}: there is no 'no_track': the route is held without it",
        f"12: {plain} onlink': there is no 'onlink': {hook}",
        f"13: 'blackhole 198.51.100.8': there is no 'blackhole': {hook}",
        f"14: {plain} table red': what table 'red' is stands in /etc/iproute2/rt_tables, so write its number: {hook}",
        "15: '198.51.100.0/24': leads nowhere: add via or interface; left out",
        f"16: 'via 192.0.2.1': it has no destination: {hook}",
    ]


def test_rules(tmp_path: Path) -> None:
    text = """virtual_rules {
        from 192.0.2.0/24 table 100 priority 1000
        from all to 198.51.100.0/24 lookup main
        from 2001:db8::/64 table 7
        to 192.0.2.0/24 table 8
        from 192.0.2.0/24 iif eth0 table 100
        from 192.0.2.0/24 table
        from all table 100
    }"""
    found = one(tmp_path, text)
    assert [(str(r.source), str(r.to), r.table, r.priority) for r in found.router.rules] == [
        ("192.0.2.0/24", "None", 100, 1000),
        ("None", "198.51.100.0/24", 254, 16384),
        ("2001:db8::/64", "None", 7, 16384),
        ("None", "192.0.2.0/24", 8, 16383),
    ]
    hook = "left out, so have a hook add and remove it"
    counts = "keepalived counts priorities down from 16384: written as"
    assert found.lines == [
        f"9: 'from all to 198.51.100.0/24 lookup main': {counts} 16384, so say which one is meant",
        f"10: 'from 2001:db8::/64 table 7': {counts} 16384, so say which one is meant",
        f"11: 'to 192.0.2.0/24 table 8': {counts} 16383, so say which one is meant",
        f"12: 'from 192.0.2.0/24 iif eth0 table 100': there is no 'iif': {hook}",
        f"13: 'from 192.0.2.0/24 table': 'table' misses its value: {hook}",
        "14: 'from all table 100': selects everything: add from or to; left out",
    ]
