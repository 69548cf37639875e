"""Rules for iptables, ip6tables and ebtables: what they say, and that the real tools take them and say the same."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.firewall.kernel import Kernel, fresh
from tests.firewall.policies import ALPHA, HSRP, PFSYNC, SIX, SYNC, UNLISTED, group, policy
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall import ebtables, iptables
from vrrpwatch.firewall.flows import FlowError, plan

# As fast as a policy may ask for, and by a speaker of two MACs.
TWICE = [{"ip": "192.0.2.19"}, {"ip": "192.0.2.19", "mac": "02:00:00:00:00:19"}]
FAST = {"segment": "eth0", "protocol": "vrrp", "id": 53, "rate": 10_000, "speakers": TWICE}


def everything(**said: Any) -> Policy:
    segments = ({"name": "eth0"}, {"name": "eth1", "sync": [SYNC, PFSYNC]})
    return policy(group(), SIX, group("eth1", id=52, scope="unicast"), HSRP, FAST, segments=segments, **said)


def ports(**said: Any) -> Policy:
    lan = {"name": "lan", "interface": "p1", "interfaces": ["p2"], "sync": [SYNC, PFSYNC]}
    return policy(
        group("lan"), group("lan", id=52), SIX | {"segment": "lan"}, FAST | {"segment": "lan"}, segments=(lan,), **said
    )


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield from fresh("iptables-restore", "ip6tables-restore", "ebtables-restore")


def test_the_rules_of_one_group_word_for_word() -> None:
    text = iptables.render(plan(policy(group(speakers=[ALPHA])), "speaker"))
    said = [line for line in text.splitlines() if line.startswith("-A VRRPWATCH-IN-0")]
    ends = "-s 192.0.2.11 -d 224.0.0.18 -m mac --mac-source 02:00:00:00:00:11 -m ttl --ttl-eq 255"
    plain = f'{ends} ! -f -p 112 -m u32 --u32 "0>>22&0x3C@0>>16&0xFF=0x33"'
    ah = f'{ends} ! -f -p 51 -m u32 --u32 "0>>22&0x3C@0>>16&0xFFFF=0x7004&&0>>22&0x3C@24>>16&0xFF=0x33"'
    bucket = "-m limit --limit 5/sec --limit-burst 10"
    assert said == [
        f'-A VRRPWATCH-IN-0 {plain} {bucket} -m comment --comment "vrrp 51 on eth0" -j ACCEPT',
        f'-A VRRPWATCH-IN-0 {plain} -m comment --comment "vrrp 51 on eth0, too many" -j DROP',
        f'-A VRRPWATCH-IN-0 {ah} {bucket} -m comment --comment "vrrp 51 on eth0" -j ACCEPT',
        f'-A VRRPWATCH-IN-0 {ah} -m comment --comment "vrrp 51 on eth0, too many" -j DROP',
        "-A VRRPWATCH-IN-0 -g VRRPWATCH-REST",
    ]


def test_a_speaker_with_two_macs_has_one_rule_where_none_shows() -> None:
    text = iptables.render(plan(policy(group(speakers=[ALPHA, ALPHA | {"mac": "02:00:00:00:00:12"}])), "speaker"))
    plain = [line for line in text.splitlines() if "-p 112 " in line and "-j ACCEPT" in line]
    assert [(line.split()[1], re.findall(r"mac-source (\S+)", line)) for line in plain] == [
        ("VRRPWATCH-IN-0", ["02:00:00:00:00:11"]),
        ("VRRPWATCH-IN-0", ["02:00:00:00:00:12"]),
        ("VRRPWATCH-OUT-0", []),
    ]


@pytest.mark.parametrize("said", UNLISTED)
@pytest.mark.parametrize("role", ["speaker", "router", "bystander"])
def test_iptables_takes_every_rule(kernel: Kernel, role: Any, said: dict[str, Any]) -> None:
    made = plan(everything(**said), role)
    for name, render in (("iptables", iptables.render), ("ip6tables", iptables.render6)):
        text = render(made)
        kernel.run(f"{name}-restore", "--noflush", stdin=text)
        saved = kernel.run(f"{name}-save")
        appended = [line for line in text.splitlines() if line.startswith("-")]
        assert len([line for line in saved.splitlines() if line.startswith("-A")]) == len(appended)
        assert all(" VRRPWATCH" in line for line in appended)


@pytest.mark.parametrize("said", UNLISTED)
def test_ebtables_takes_every_rule(kernel: Kernel, said: dict[str, Any]) -> None:
    text = ebtables.render(plan(ports(**said), "bridge"))
    kernel.run("ebtables-restore", "--noflush", stdin=text)
    appended = [line for line in text.splitlines() if line.startswith("-")]
    saved = [line for line in kernel.run("ebtables-save").splitlines() if line.startswith("-A")]
    assert len(saved) == len(appended)


def test_what_others_have_stays_where_it_is(kernel: Kernel) -> None:
    kernel.run("iptables-restore", stdin="*filter\n:MINE - [0:0]\n-A INPUT -d 192.0.2.1/32 -j MINE\nCOMMIT\n")
    kernel.run("iptables-restore", "--noflush", stdin=iptables.render(plan(policy(), "speaker")))
    rules = [line for line in kernel.run("iptables-save").splitlines() if line.startswith("-A INPUT")]
    assert rules[1:] == ["-A INPUT -d 192.0.2.1/32 -j MINE"]
    assert rules[0].endswith("-j VRRPWATCH-IN")


def test_many_groups_are_looked_up_by_half_of_their_id() -> None:
    groups = [group(id=number, speakers=[ALPHA]) for number in range(1, 256)]
    text = iptables.render(plan(policy(*groups), "speaker"))
    chain = [line for line in text.splitlines() if line.startswith("-A VRRPWATCH-IN-0 ")]
    # Sixteen halves, plain and in AH, and the end.
    assert len(chain) == 33
    bucket = [line for line in text.splitlines() if line.startswith("-A VRRPWATCH-IN-0-F ")]
    assert len(bucket) == 16 * 4


def test_ebtables_shares_a_limit_among_what_it_cannot_tell_apart() -> None:
    text = ebtables.render(plan(ports(), "bridge"))
    mine = [line for line in text.splitlines() if "-i p1 -o p2" in line and "02:00:00:00:00:11" in line]
    assert [line.partition("--ip-proto ")[2] for line in mine] == [
        "112 --limit 10/sec --limit-burst 20 -j ACCEPT",
        "112 -j DROP",
        "51 --limit 10/sec --limit-burst 20 -j ACCEPT",
        "51 -j DROP",
    ]
    assert "# vrrp 51 on lan, vrrp 52 on lan" in text


def test_ebtables_refuses_what_it_cannot_see() -> None:
    tagged = {"name": "lan/10", "interface": "p1", "interfaces": ["p2"], "vlans": [10]}
    with pytest.raises(FlowError, match="cannot look behind a VLAN tag"):
        ebtables.render(plan(policy(group("lan/10"), segments=(tagged,)), "bridge"))


LINES: list[tuple[Callable[..., str], str, Any]] = [
    (iptables.render, "speaker", everything),
    (iptables.render6, "speaker", everything),
    (ebtables.render, "bridge", ports),
]


@pytest.mark.parametrize(("render", "role", "listed"), LINES)
def test_the_same_plan_gives_the_same_text(render: Any, role: Any, listed: Any) -> None:
    text = render(plan(listed(), role))
    assert text == render(plan(listed(), role))
    assert re.fullmatch(r"[\n -~]*", text)
