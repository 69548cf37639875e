"""Rules for nftables as text and JSON: what they say, and that the real nft takes them and says the same."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.firewall.kernel import Kernel, fresh
from tests.firewall.policies import ALPHA, BRAVO, HSRP, PFSYNC, SIX, SYNC, UNLISTED, group, policy
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall import nftables, nftables_bridge, nftables_netdev
from vrrpwatch.firewall.flows import FlowError, Guard, Plan, plan
from vrrpwatch.firewall.nft_chains import confined

OTHERS = """table inet vrrpwatcher {
	chain input {
		type filter hook input priority filter; policy accept;
		meta l4proto 112 drop
	}
}
"""


def everything(**said: Any) -> Policy:
    segments = ({"name": "eth0"}, {"name": "eth1", "sync": [SYNC, PFSYNC]})
    twice = group(protocol="carp", speakers=[BRAVO])
    unicast = group("eth1", id=52, scope="unicast")
    return policy(group(), twice, group(id=53, interval=None), SIX, unicast, HSRP, segments=segments, **said)


def ports(**said: Any) -> Policy:
    lan = {"name": "lan", "interface": "p1", "interfaces": ["p2"], "sync": [SYNC, PFSYNC]}
    ten = {"name": "lan/10", "interface": "p1", "interfaces": ["p2", "p3"], "vlans": [10]}
    six = SIX | {"segment": "lan/10"}
    return policy(group("lan"), group("lan/10", id=52), six, segments=(lan, ten), **said)


def plans(**said: Any) -> list[tuple[str, str, Plan]]:
    roles: tuple[Any, ...] = ("speaker", "router", "bystander")
    routed = [(family, plan(everything(**said), role)) for family in ("inet", "netdev") for role in roles]
    bridged = plan(ports(**said), "bridge")
    render = {"inet": nftables.render, "netdev": nftables_netdev.render}
    made = [(family, render[family](one), one) for family, one in routed]
    return [*made, ("bridge", nftables_bridge.render(bridged), bridged)]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield from fresh("nft")


def with_devices(kernel: Kernel) -> Kernel:
    kernel.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    return kernel


def state(kernel: Kernel) -> list[str]:
    """The kernel's own words for its rules; sets have no order and handles no meaning."""
    said = kernel.run("nft", "--debug=netlink", "list", "ruleset").splitlines()
    return sorted(re.sub(r"( \d+)+ *$", "", line) for line in said)


def test_the_rules_of_one_group_word_for_word() -> None:
    said = policy(group(speakers=[ALPHA, BRAVO]), unlisted="limit", unlisted_rate=2.5)
    golden = Path(__file__).with_name("nftables.golden")
    assert nftables.render(plan(said, "speaker")) == golden.read_text()


def test_the_kernel_takes_all_rules_and_what_it_lists_means_the_same(kernel: Kernel) -> None:
    with_devices(kernel)
    for said in UNLISTED:
        for family, text, made in plans(**said):
            kernel.run("nft", "flush", "ruleset")
            kernel.run("nft", "--check", "-f", "-", stdin=text)
            kernel.run("nft", "-f", "-", stdin=text)
            before = state(kernel)
            assert any("lookup" in line for line in before)
            own = kernel.run("nft", "list", "table", family, "vrrpwatch")
            as_json = kernel.run("nft", "-j", "list", "ruleset")
            kernel.run("nft", "-f", "-", stdin=text)
            assert state(kernel) == before, (said, family, made.role)
            kernel.run("nft", "flush", "ruleset")
            kernel.run("nft", "-f", "-", stdin=own)
            assert state(kernel) == before, (said, family, made.role)
            if family == "netdev":
                # nft 1.0.6 leaves a chain's devices out of its JSON where there are several.
                continue
            kernel.run("nft", "flush", "ruleset")
            kernel.run("nft", "-j", "-f", "-", stdin=as_json)
            assert state(kernel) == before, (said, family, made.role)


def test_text_and_json_leave_the_same_kernel(kernel: Kernel) -> None:
    for said in UNLISTED:
        for role in ("speaker", "router", "bystander"):
            made = plan(everything(**said), role)
            kernel.run("nft", "-f", "-", stdin=nftables.render(made))
            by_text = listed(kernel)
            kernel.run("nft", "-j", "-f", "-", stdin=nftables.render_json(made))
            assert listed(kernel) == by_text
            assert len(by_text) > 20


def listed(kernel: Kernel) -> list[str]:
    """``nft -j list ruleset`` without handles; elements in anonymous sets come in any order."""
    found = json.loads(kernel.run("nft", "-j", "list", "ruleset"))["nftables"]
    return [json.dumps(_plain(one), sort_keys=True) for one in found if "metainfo" not in one]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key != "handle"}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def test_what_others_have_stays(kernel: Kernel) -> None:
    with_devices(kernel)
    kernel.run("nft", "-f", "-", stdin=OTHERS)
    before = kernel.run("nft", "list", "ruleset")
    for family, text, _ in plans():
        kernel.run("nft", "-f", "-", stdin=text)
        assert kernel.run("nft", "list", "table", "inet", "vrrpwatcher") == before
        kernel.run("nft", "delete", "table", family, "vrrpwatch")
        assert kernel.run("nft", "list", "ruleset") == before


def test_every_flow_is_named_in_the_rules() -> None:
    for _, text, made in plans():
        named = set(re.findall(r'comment "([^"]*)"', text))
        hooks = {flow for hook in made.hooks for flow in made.permitted(hook)}
        assert all(any(flow.serves in said for said in named) for flow in hooks)


def test_the_same_policy_gives_the_same_octets() -> None:
    # Made anew, so that nothing depends on identities or on the order of sets.
    assert [text for _, text, _ in plans()] == [text for _, text, _ in plans()]
    made = [plan(everything(), "speaker") for _ in range(2)]
    assert nftables.render_json(made[0]) == nftables.render_json(made[1])


def test_the_number_of_groups_adds_no_rule_for_ordinary_packets_or_plain_advertisements() -> None:
    def rules(count: int) -> list[str]:
        made = plan(policy(*(group(id=number + 1) for number in range(count))), "speaker")
        text = nftables.render(made)
        chains = re.findall(r"\tchain (input\w*) \{\n(.*?)\n\t\}", text, re.DOTALL)
        return [f"{name}: {body}" for name, body in chains if "_ah" not in name]

    assert rules(200) == rules(2)


def test_a_bridge_says_what_it_cannot_tell_apart() -> None:
    double = {"name": "lan", "interface": "p1", "interfaces": ["p2"], "vlans": [10, 20]}
    shared = [{"name": name, "interface": "p1", "interfaces": [f"p{name}"]} for name in ("2", "3")]
    with pytest.raises(FlowError, match=r"segment 'lan': .* 2 VLAN tags"):
        nftables_bridge.render(plan(policy(group("lan"), segments=(double,)), "bridge"))
    with pytest.raises(FlowError, match="segment '3': port 'p1' is on '2' with the same VLAN tag"):
        nftables_bridge.render(plan(policy(group("2"), segments=tuple(shared)), "bridge"))


def test_rules_are_for_the_hosts_that_they_are_for() -> None:
    speaker = plan(everything(), "speaker")
    bridge = plan(ports(), "bridge")
    with pytest.raises(ValueError, match="frames"):
        nftables_bridge.render(speaker)
    with pytest.raises(ValueError, match="bridge"):
        nftables.render(bridge)
    with pytest.raises(ValueError, match="bridge"):
        nftables_netdev.render(bridge)


def test_a_guard_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="no rules are known"):
        confined((Guard(4, 17),))


ADDRESSES = some.ip_addresses(v=4).map(str)
ADDRESSES6 = some.ip_addresses(v=6).map(str)
DEVICES = some.from_regex(r"\A[a-z][a-z0-9._@-]{0,10}\Z")
NAMES = some.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and not set(name) & set("*?[/"))
MACS = some.one_of(some.none(), some.from_regex(r"\A02(:[0-9a-f]{2}){5}\Z"))


@some.composite
def policies(draw: some.DrawFn) -> dict[str, Any]:
    """Policies of a few segments with unlike names, whose groups have all parts that rules are made from."""
    names = draw(some.lists(NAMES, min_size=1, max_size=3, unique=True))
    devices = draw(some.lists(DEVICES, min_size=2 * len(names), max_size=2 * len(names), unique=True))
    groups = {}
    for _ in range(draw(some.integers(1, 6))):
        family = draw(some.sampled_from((4, 6)))
        one = {
            "segment": draw(some.sampled_from(names)),
            "protocol": draw(some.sampled_from(("vrrp", "carp", "hsrp", "glbp"))),
            "family": family,
            "id": draw(some.integers(1, 255)),
            "scope": draw(some.sampled_from((None, "unicast"))),
            "rate": draw(some.one_of(some.none(), some.integers(1, 10_000))),
            "interval": draw(some.one_of(some.none(), some.floats(0.01, 255))),
            "speakers": [
                {"ip": ip, "mac": draw(MACS)}
                for ip in draw(
                    some.lists(ADDRESSES6 if family == 6 else ADDRESSES, min_size=1, max_size=3, unique=True)
                )
            ],
        }
        groups[one["segment"], one["protocol"], family, one["id"], one["scope"]] = one
    segments = []
    for index, name in enumerate(names):
        sync = {
            "protocol": draw(some.sampled_from(("conntrackd", "pfsync", "ipvs"))),
            "peers": draw(some.lists(ADDRESSES, min_size=1, max_size=2, unique=True)),
            "destinations": draw(some.lists(ADDRESSES, max_size=2, unique=True)),
            "rate": draw(some.one_of(some.none(), some.integers(1, 10_000))),
        }
        segments.append(
            {
                "name": name,
                "interface": devices[2 * index],
                "interfaces": [devices[2 * index + 1]],
                "sync": draw(some.sampled_from(([], [sync]))),
            }
        )
    unlisted = draw(some.sampled_from(UNLISTED))
    return {"version": 1, "segment": segments, "group": [_said(one) for one in groups.values()], **unlisted}


def _said(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if value is not None}


@pytest.fixture(scope="module")
def lasting() -> Iterator[Kernel]:
    yield from fresh("nft")


@given(said=policies())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_any_policy_loads_and_stays_in_its_own_table(lasting: Kernel, said: dict[str, Any]) -> None:
    made = Policy.model_validate(said)
    lasting.run("nft", "flush", "ruleset")
    for role in ("speaker", "router"):
        text = nftables.render(plan(made, role))
        assert text == nftables.render(plan(Policy.model_validate(said), role))
        lasting.run("nft", "-f", "-", stdin=text)
        state(lasting)
        lasting.run("nft", "-j", "-f", "-", stdin=nftables.render_json(plan(made, role)))
    lasting.run("nft", "-f", "-", stdin=nftables_bridge.render(plan(made, "bridge")))
    assert sorted(lasting.run("nft", "list", "tables").splitlines()) == [
        "table bridge vrrpwatch",
        "table inet vrrpwatch",
    ]
