"""Policies of what hosts declare: who speaks where, what contradicts between hosts, and what no file tells."""

from ipaddress import ip_address
from pathlib import Path

from tests.declared.configurations import read
from vrrpwatch.core.policy import GroupPolicy, SpeakerPolicy
from vrrpwatch.declared.claims import Declaration, Interfaces
from vrrpwatch.declared.conntrackd import Conntrackd, read_conntrackd
from vrrpwatch.declared.frr import read_frr
from vrrpwatch.declared.policy import DeclaredPolicy, declared_policy
from vrrpwatch.declared.ucarp import read_ucarp
from vrrpwatch.wire.values import IPAddress

ALPHA, BRAVO, VIP = ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("10.0.0.100")
OWN: Interfaces = {"alpha": {"eth0": (VIP, ALPHA)}, "bravo": {"eth0": (BRAVO,)}}

INSTANCE = """
vrrp_instance V {{
    interface {interface}
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    {more}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"""


def host(folder: Path, name: str, **changed: str) -> Declaration:
    settings = {"interface": "eth0", "priority": "150", "interval": "1", "more": "", "addresses": "10.0.0.100/24"}
    return read(folder, INSTANCE.format(**(settings | changed)), name=f"{name}.conf", host=name)


def conntrackd(folder: Path, name: str, link: str, mode: str = "FTFW") -> Conntrackd:
    path = folder / f"{name}-conntrackd.conf"
    path.write_text(f"Sync {{\n Mode {mode} {{ }}\n {link}\n}}\n")
    return read_conntrackd(path, host=name)


def differences(folder: Path, made: DeclaredPolicy) -> list[str]:
    return [str(one).replace(f"{folder}/", "") for one in made.contradictions]


def gaps(folder: Path, made: DeclaredPolicy) -> list[str]:
    return [str(note).replace(f"{folder}/", "") for note in made.gaps]


def test_two_hosts_make_one_group(tmp_path: Path) -> None:
    made = declared_policy([host(tmp_path, "alpha"), host(tmp_path, "bravo", priority="100")], OWN)
    assert (made.contradictions, made.gaps) == ((), ())
    (group,) = made.policy.group
    assert group == GroupPolicy(
        segment="eth0",
        protocol="vrrp",
        family=4,
        id=51,
        addresses=(VIP,),
        interval=1.0,
        speakers=(SpeakerPolicy(ip=ALPHA, priority=150), SpeakerPolicy(ip=BRAVO, priority=100)),
    )
    (segment,) = made.policy.segment
    assert (segment.name, segment.interface, segment.role, segment.sync) == ("eth0", "eth0", "redundancy", ())


def test_hosts_that_contradict_one_another_are_told_with_both_lines(tmp_path: Path) -> None:
    simple = "authentication {{ auth_type PASS\nauth_pass {} }}"
    one = host(tmp_path, "alpha", more=simple.format("hunter2"))
    other = host(tmp_path, "bravo", interval="2", more=simple.format("hunter3"), addresses="10.0.0.101")
    made = declared_policy([one, other], OWN)
    start = "alpha.conf:2 and bravo.conf:2: vrrp 51 on eth0:"
    assert differences(tmp_path, made) == [
        f"{start} addresses 10.0.0.100 here, 10.0.0.101 there",
        f"{start} interval 1 s here, 2 s there",
        f"{start} the passwords differ",
        f"{start} both have priority 150: the greater IP address decides",
    ]
    # Both sets belong on the wire until somebody decides.
    assert made.policy.group[0].addresses == (VIP, ip_address("10.0.0.101"))
    third = host(tmp_path, "bravo", priority="255", more="version 3\nmcast_src_ip 10.0.0.1")
    made = declared_policy([host(tmp_path, "alpha", priority="255"), third], OWN)
    assert differences(tmp_path, made) == [
        f"{start} version 2 here, 3 there",
        f"{start} both have priority 255: both own the addresses",
        f"{start} both send from 10.0.0.1",
    ]


def test_one_router_on_two_interfaces_is_asked_about(tmp_path: Path) -> None:
    made = declared_policy(
        [host(tmp_path, "alpha"), host(tmp_path, "bravo", interface="ens3", priority="1")],
        {"alpha": {"eth0": (ALPHA,)}, "bravo": {"ens3": (BRAVO,)}},
    )
    cure = "give one segment one name"
    assert differences(tmp_path, made) == [
        f"alpha.conf:2 and bravo.conf:2: vrrp 51 with 10.0.0.100 is on eth0 here, on ens3 there: {cure}"
    ]
    other = host(tmp_path, "bravo", more="mcast_dst_ip 224.0.0.99", priority="1")
    made = declared_policy([host(tmp_path, "alpha"), other], OWN)
    assert differences(tmp_path, made) == [
        "alpha.conf:2 and bravo.conf:2: vrrp 51 with 10.0.0.100 goes to its multicast here, to 224.0.0.99 there"
    ]
    assert [group.scope for group in made.policy.group] == [None, "224.0.0.99"]


def test_unicast_peers_are_speakers(tmp_path: Path) -> None:
    one = host(tmp_path, "alpha", more="unicast_src_ip 10.0.0.1\nunicast_peer { 10.0.0.2\n10.0.0.3 }")
    other = host(tmp_path, "bravo", priority="100", more="unicast_src_ip 10.0.0.2\nunicast_peer { 10.0.0.9 }")
    made = declared_policy([one, other])
    (group,) = made.policy.group
    assert group.scope == "unicast"
    assert [(one.ip.packed[-1], one.priority) for one in group.speakers] == [(1, 150), (2, 100), (3, None), (9, None)]
    assert [peer.packed[-1] for peer in group.peers] == [1, 2, 3, 9]
    assert differences(tmp_path, made) == [
        "alpha.conf:2 and bravo.conf:2: vrrp 51 on eth0: 10.0.0.1 sends here, and is no peer there"
    ]
    assert gaps(tmp_path, made) == [
        "alpha.conf:2: peer 10.0.0.3 is listed here only: its own configuration is not given",
        "bravo.conf:2: peer 10.0.0.9 is listed here only: its own configuration is not given",
    ]


def test_what_no_file_tells_is_a_gap(tmp_path: Path) -> None:
    made = declared_policy([host(tmp_path, "alpha"), host(tmp_path, "bravo", interface="a*b")])
    assert (made.policy.group, made.policy.segment) == ((), ())
    assert gaps(tmp_path, made) == [
        "alpha.conf:2: nothing tells the IPv4 address of 'alpha' on eth0: give it, or add mcast_src_ip",
        "bravo.conf:2: 'a*b' is no interface's name: left out",
        "alpha.conf:2: vrrp 51 is left out: none of its speakers is known",
    ]
    no_interface = read(tmp_path, "vrrp_instance V {\n virtual_router_id 1\n}\nvrrp_instance W {\n interface eth0\n}\n")
    assert [note.text for note in declared_policy([no_interface], {"keepalived": {"eth0": (ALPHA,)}}).gaps] == [
        "names no interface: keepalived takes 'eth0'",
        "'W' has no virtual_router_id: left out",
    ]
    peers_only = read(tmp_path, "vrrp_instance V {\n unicast_peer { 10.0.0.2 }\n}\n")
    assert [note.text for note in declared_policy([peers_only]).gaps] == [
        "names no interface, so its segment is not known: left out"
    ]


def test_ipv6_speaks_from_link_local_addresses_in_one_family(tmp_path: Path) -> None:
    local: tuple[IPAddress, ...] = (ip_address("2001:db8::1"), ALPHA, ip_address("fe80::1"))
    six = host(tmp_path, "alpha", addresses="fe80::100\n10.0.0.100\n2001:db8::100")
    (group,) = declared_policy([six], {"alpha": {"eth0": local}}).policy.group
    assert (group.family, group.scope) == (6, None)
    assert group.addresses == (ip_address("fe80::100"), ip_address("2001:db8::100"))
    assert [one.ip for one in group.speakers] == [ip_address("fe80::1")]


def test_virtual_macs_and_their_interfaces(tmp_path: Path) -> None:
    for more, mac, devices in (
        ("use_vmac", "00:00:5e:00:01:33", ("vrrp.51",)),
        ("use_vmac vm1 02:00:00:00:00", "02:00:00:00:00:33", ("vm1",)),
        ("use_vmac vm1 02:00:00:00:00:99", "02:00:00:00:00:99", ("vm1",)),
        ("use_vmac vm1\nvmac_xmit_base", None, ("vm1",)),
        ("use_ipvlan iv1", None, ()),
    ):
        policy = declared_policy([host(tmp_path, "alpha", more=more)], OWN).policy
        assert policy.group[0].speakers[0].mac == mac
        assert policy.segment[0].interfaces == devices
    six = host(tmp_path, "alpha", more="use_vmac", addresses="fe80::100")
    policy = declared_policy([six], {"alpha": {"eth0": (ip_address("fe80::1"),)}}).policy
    assert policy.group[0].speakers[0].mac == "00:00:5e:00:02:33"
    assert policy.segment[0].interfaces == ("vrrp.51", "vrrp6.51")


def test_static_addresses_tell_the_source_too(tmp_path: Path) -> None:
    text = "static_ipaddress {\n 10.0.0.7/24 dev eth0\n}\n" + INSTANCE.format(
        interface="eth0", priority="1", interval="1", more="", addresses="10.0.0.100"
    )
    (group,) = declared_policy([read(tmp_path, text)]).policy.group
    assert [one.ip for one in group.speakers] == [ip_address("10.0.0.7")]


def test_ucarp_and_frr(tmp_path: Path) -> None:
    carp = "ucarp -i eth1 -s 10.0.0.{} -v 42 -o /etc/pass -a 10.0.0.200 -b 2 -k {} {}"
    path = tmp_path / "frr.conf"
    path.write_text(
        "interface eth2\n ip address 10.2.0.1/24\n vrrp 9 priority 120\n vrrp 9 ip 10.2.0.100\n vrrp 9 ipv6 fe80::9\n"
        " vrrp 10\n vrrp 10 ip 10.2.0.101\n vrrp 10 shutdown\n"
    )
    made = declared_policy(
        [
            read_ucarp(carp.format(1, 0, ""), host="alpha"),
            read_ucarp(carp.format(2, 50, ""), host="bravo"),
            read_ucarp(carp.format(3, 50, "-M -v 43"), host="bravo"),
            read_frr(path, host="charlie"),
        ]
    )
    first, second, third = made.policy.group
    assert (first.protocol, first.id, first.interval, first.scope) == ("carp", 42, 2.0, None)
    assert [(one.ip, one.mac, one.priority) for one in first.speakers] == [
        (ALPHA, "00:00:5e:00:00:2a", None),
        (BRAVO, "00:00:5e:00:00:2a", None),
    ]
    assert (second.id, second.scope) == (43, "broadcast")
    assert (third.segment, third.family, third.interval) == ("eth2", 4, 1.0)
    assert third.speakers == (SpeakerPolicy(ip=ip_address("10.2.0.1"), mac="00:00:5e:00:01:09", priority=120),)
    assert gaps(tmp_path, made) == [
        "frr.conf:3: FRR sends from its macvlan's link-local address, which no file names: learn it",
        "frr.conf:6: vrrp 10 is shut down: left out",
        "frr.conf:3: vrrp 9 is left out: none of its speakers is known",
    ]


def test_state_synchronisation_over_multicast(tmp_path: Path) -> None:
    link = "Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.9.0.{} Interface eth1 }}"
    ipvs = "global_defs {\n lvs_sync_daemon eth1 id 1\n}\n"
    made = declared_policy(
        [
            conntrackd(tmp_path, "alpha", link.replace("{}", "1").replace("}}", "}")),
            conntrackd(tmp_path, "bravo", link.replace("{}", "2").replace("}}", "}")),
            read(tmp_path, ipvs, host="alpha"),
            read(tmp_path, ipvs, host="bravo"),
        ],
        {"alpha": {"eth1": (ip_address("10.9.0.1"),)}, "bravo": {"eth1": (ip_address("10.9.0.2"),)}},
    )
    assert (made.contradictions, made.gaps) == ((), ())
    (segment,) = made.policy.segment
    assert (segment.name, segment.role) == ("eth1", "sync")
    hosts = (ip_address("10.9.0.1"), ip_address("10.9.0.2"))
    tracking, balancing = segment.sync
    assert (tracking.protocol, tracking.peers, tracking.ports) == ("conntrackd", hosts, (3780,))
    assert tracking.destinations == (ip_address("225.0.0.50"),)
    assert (balancing.protocol, balancing.peers, balancing.ports) == ("ipvs", hosts, (8848,))
    assert balancing.destinations == (ip_address("224.0.0.81"),)


def test_state_synchronisation_over_udp(tmp_path: Path) -> None:
    link = "UDP {{ IPv4_address 10.9.0.{} IPv4_Destination_Address 10.9.0.{} Port 3790 {} }}"
    made = declared_policy(
        [
            conntrackd(tmp_path, "alpha", link.format(1, 2, "Interface eth1")),
            conntrackd(tmp_path, "bravo", link.format(2, 1, "")),
        ],
        {"bravo": {"eth1": (ip_address("10.9.0.2"),)}},
    )
    assert (made.contradictions, made.gaps) == ((), ())
    (sync,) = made.policy.segment[0].sync
    hosts = (ip_address("10.9.0.1"), ip_address("10.9.0.2"))
    assert (sync.peers, sync.destinations, sync.ports) == (hosts, hosts, (3790,))


def test_state_synchronisation_that_contradicts_itself_or_is_not_known(tmp_path: Path) -> None:
    group = "Multicast { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 10.9.0.1 Interface eth1 }"
    made = declared_policy(
        [
            conntrackd(tmp_path, "alpha", group),
            conntrackd(tmp_path, "bravo", group.replace("3780", "3781"), mode="ALARM"),
            conntrackd(tmp_path, "charlie", "TCP { IPv4_address 10.9.0.1 }"),
            conntrackd(tmp_path, "delta", "Multicast { IPv6_address ff02::50 Interface eth2 }"),
            conntrackd(tmp_path, "echo", "Multicast { Interface eth2 }\nUDP { Interface eth2 }"),
        ]
    )
    start = "alpha-conntrackd.conf:3 and bravo-conntrackd.conf:3: conntrackd on eth1"
    assert differences(tmp_path, made) == [
        f"{start} goes to 225.0.0.50 port 3780 here, to 225.0.0.50 port 3781 there",
        f"{start}: mode FTFW here, ALARM there",
        f"{start}: both send from 10.9.0.1",
    ]
    assert gaps(tmp_path, made) == [
        "charlie-conntrackd.conf:3: state goes over TCP, which a policy's sync is not about: left out",
        "delta-conntrackd.conf:3: nothing tells the IPv6 address of 'delta' on eth2: give it, or add IPv6_interface",
        "echo-conntrackd.conf:3: names no multicast address: left out",
        "echo-conntrackd.conf:4: names no destination: left out",
        "alpha-conntrackd.conf:3: conntrackd has one peer, 10.9.0.1: give the other host's too",
        "bravo-conntrackd.conf:3: conntrackd has one peer, 10.9.0.1: give the other host's too",
        "delta-conntrackd.conf:3: conntrackd is left out: none of its peers is known",
    ]


def test_one_host_cannot_have_one_router_twice(tmp_path: Path) -> None:
    twice = "".join(
        INSTANCE.format(interface="eth0", priority="9", interval="1", more="", addresses="10.0.0.100") for _ in "ab"
    )
    declared = read(tmp_path, twice.replace("vrrp_instance V", "vrrp_instance W", 1), name="alpha.conf", host="alpha")
    made = declared_policy([declared], OWN)
    assert differences(tmp_path, made) == [
        "alpha.conf:2 and alpha.conf:13: vrrp 51 on eth0 is declared twice for one host"
    ]
    assert len(made.policy.group[0].speakers) == 1
