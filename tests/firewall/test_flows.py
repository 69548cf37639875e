"""What a policy lets flow on a host, with every figure worked out by hand."""

from ipaddress import ip_address
from typing import Any

import pytest

from tests.firewall.policies import group, policy
from vrrpwatch.firewall.flows import FlowError, Guard, Limit, Place, Role, plan


def test_a_group_is_one_flow_for_each_speaker_and_destination() -> None:
    made = plan(policy(), "speaker")
    assert made.places == (Place("eth0", ("eth0",), ()),)
    first, second = made.flows
    assert (str(first.source), first.mac, str(first.destination)) == ("192.0.2.11", "02:00:00:00:00:11", "224.0.0.18")
    assert (str(second.source), second.mac) == ("192.0.2.12", None)
    assert {(flow.id, flow.ttl, flow.ports, flow.routed, flow.serves) for flow in made.flows} == {
        (51, 255, (), False, "vrrp 51 on eth0")
    }


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        # Five times what is announced; at first two seconds of that.
        ({"interval": 1.0}, Limit(5, 10)),
        ({"interval": 0.01}, Limit(500, 1000)),
        # The tools know no more.
        ({"interval": 0.0001}, Limit(10_000, 10_000)),
        # Slow ones are let through at least once a second, and five at once.
        ({"interval": 40.0}, Limit(1, 5)),
        ({"interval": 1.0, "rate": 2}, Limit(2, 5)),
        ({"interval": None}, None),
    ],
)
def test_limits_have_room_above_what_is_announced(said: dict[str, Any], limit: Limit | None) -> None:
    assert {flow.limit for flow in plan(policy(group(**said)), "speaker").flows} == {limit}


def test_what_no_rule_can_tell_apart_is_one_flow_with_the_room_of_all() -> None:
    routers = [{"ip": "192.0.2.11"}]
    hsrp = [group(protocol="hsrp", id=number, scope="224.0.0.2", interval=3.0, speakers=routers) for number in (1, 2)]
    carp = group(protocol="carp", id=51, interval=1.0, speakers=routers)
    made = plan(policy(*hsrp, carp, group(interval=0.1, speakers=routers)), "speaker")
    assert [(flow.protocol, flow.serves, flow.limit) for flow in made.flows] == [
        # Two packets/s each for an announced third.
        ("hsrp", "hsrp 1, hsrp 2 on eth0", Limit(4, 10)),
        ("vrrp", "carp 51, vrrp 51 on eth0", Limit(5 + 50, 10 + 100)),
    ]
    (free,) = plan(policy(hsrp[0], hsrp[1] | {"interval": None}), "speaker").flows
    assert free.limit is None


def test_unicast_peers_send_to_each_other_and_may_be_behind_routers() -> None:
    made = plan(policy(group(scope="unicast", peers=["192.0.2.11", "192.0.2.12", "198.51.100.13"])), "router")
    ends = [(str(flow.source)[-2:], str(flow.destination)[-2:], flow.ttl, flow.routed) for flow in made.flows]
    assert ends == [
        ("11", "12", None, True),
        ("11", "13", None, True),
        ("12", "11", None, True),
        ("12", "13", None, True),
    ]
    assert made.permitted("forward") == made.flows
    assert made.permitted("input") == made.permitted("output") == ()


def test_who_hears_what_by_role() -> None:
    listed = policy(group(), group(id=52, scope="unicast", interval=None))
    speaker = plan(listed, "speaker")
    assert len(speaker.permitted("input")) == len(speaker.permitted("output")) == 4
    assert {flow.id for flow in speaker.permitted("forward")} == {52}
    bystander = plan(listed, "bystander")
    assert [bystander.permitted(hook) for hook in bystander.hooks] == [(), (), ()]


def test_hosts_filter_on_the_vlan_device_and_bridges_on_the_tag() -> None:
    listed = policy(
        group("eth0/10"), segments=({"name": "eth0/10", "interface": "eth0", "interfaces": ["eth1"], "vlans": [10]},)
    )
    assert plan(listed, "speaker").places == (Place("eth0/10", ("eth0.10", "eth1"), ()),)
    assert plan(listed, "bridge").places == (Place("eth0/10", ("eth0", "eth1"), (10,)),)
    assert plan(policy(group("eth0/10.20")), "speaker").places == (Place("eth0/10.20", ("eth0.10.20",), ()),)


def test_a_pattern_stands_for_the_listed_segments_that_carry_advertisements() -> None:
    segments = ({"name": "eth0/10"}, {"name": "eth0/20", "role": "sync"}, {"name": "eth1"})
    made = plan(policy(group("eth0/*"), segments=segments), "speaker")
    assert {flow.place.segment for flow in made.flows} == {"eth0/10"}
    assert made.devices == ("eth0.10", "eth0.20", "eth1")


def test_state_flows_between_its_peers() -> None:
    sync = {"protocol": "conntrackd", "peers": ["10.9.0.1", "10.9.0.2"], "destinations": ["225.0.0.50", "10.9.0.2"]}
    pfsync = {"protocol": "pfsync", "peers": ["10.9.0.1"]}
    made = plan(policy(segments=({"name": "eth1", "role": "sync", "sync": [sync, pfsync]},)), "speaker")
    state = [flow for flow in made.flows if flow.place.segment == "eth1"]
    assert [
        (flow.protocol, str(flow.source), str(flow.destination), flow.ports, flow.ttl, flow.routed) for flow in state
    ] == [
        ("conntrackd", "10.9.0.1", "10.9.0.2", (3780,), None, True),
        ("conntrackd", "10.9.0.1", "225.0.0.50", (3780,), None, False),
        ("conntrackd", "10.9.0.2", "225.0.0.50", (3780,), None, False),
        ("pfsync", "10.9.0.1", "224.0.0.240", (), 255, False),
    ]
    assert Guard(4, 17, (ip_address("10.9.0.2"),), (3780,)) in made.guards
    assert Guard(4, 17, (ip_address("225.0.0.50"),), (3780,)) in made.guards


def test_the_usual_groups_are_confined_whatever_is_listed() -> None:
    guards = plan(policy(), "bystander").guards
    assert Guard(4, 112) in guards
    assert Guard(6, 112) in guards
    assert Guard(4, 17, (ip_address("225.0.0.50"),), (3780,)) in guards
    assert Guard(4, 17, (ip_address("224.0.0.2"), ip_address("224.0.0.102")), (1985,)) in guards
    assert Guard(6, None, (ip_address("ff02::12"),)) in guards


@pytest.mark.parametrize(
    ("segment", "role", "fault"),
    [
        ({"name": "a-very-long-segment-name"}, "speaker", "longer than the 15 octets"),
        ({"name": "eth0", "interface": 'x"; flush ruleset'}, "speaker", "longer than"),
        ({"name": "eth0", "interface": '"; drop'}, "speaker", "characters that rules cannot carry"),
        ({"name": "eth0", "interface": "-j"}, "speaker", "does not begin with a letter"),
        ({"name": "eth0/office"}, "speaker", "its name says no VLAN"),
        ({"name": "eth*"}, "speaker", "characters that rules cannot carry"),
        ({"name": "eth0"}, "bridge", "list all its ports"),
    ],
)
def test_a_segment_without_a_device_is_refused(segment: dict[str, object], role: Role, fault: str) -> None:
    with pytest.raises(FlowError) as raised:
        plan(policy(group(str(segment["name"])), segments=(segment,)), role)
    assert fault in raised.value.lines[0]
    assert len(raised.value.lines) == 1


def test_every_fault_is_told_at_once() -> None:
    segments = ({"name": "eth0", "interface": "a b"}, {"name": "eth1/x"})
    with pytest.raises(FlowError) as raised:
        plan(policy(group("eth0"), segments=segments), "speaker")
    assert len(raised.value.lines) == 2


def test_the_same_policy_in_another_order_gives_the_same_plan() -> None:
    groups = [group(id=number) for number in (9, 3, 200)]
    assert plan(policy(*groups), "speaker") == plan(policy(*reversed(groups)), "speaker")
