"""What becomes of adverts in packet filters: nft's JSON as nft prints it, iptables-save's lines, hostile listings."""

from typing import Any

import pytest

from tests.doctor.healthy import HEALTHY, LINK, found
from tests.doctor.rulesets import ACCEPT, DROP, VRRP, chain, guarded, match, meta, nft, payload, rule, saved, set_of
from vrrpwatch.doctor import iptables, nftables
from vrrpwatch.doctor.checks import Verdict
from vrrpwatch.doctor.facts import Bridge, Facts, Listing, Port
from vrrpwatch.doctor.judge import judge
from vrrpwatch.doctor.packet_filter import MAX_DEPTH, Condition, Sample, Span, evaluate, truth

OK, WARNING, PROBLEM = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM
UNKNOWN, NONE = Verdict.UNKNOWN, Verdict.NOT_APPLICABLE

LOCAL_NET = {"prefix": {"addr": "192.0.2.0", "len": 24}}
PREFIX4 = {"prefix": {"addr": "224.0.0.0", "len": 4}}
CASES = [
    # An empty ruleset, and the classic mistake: a policy that drops without a word about protocol 112.
    (nft(), OK, "pass (0 rules read)"),
    (guarded(), PROBLEM, "are dropped by nft inet t input: policy drop"),
    (guarded((match(payload("tcp", "dport"), 22), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((VRRP, ACCEPT)), OK, "pass (1 rule read)"),
    (guarded((match(meta("l4proto"), 112), ACCEPT)), OK, "pass"),
    (guarded((match(meta("l4proto"), {"set": ["tcp", "vrrp"]}), ACCEPT)), OK, "pass"),
    (guarded((match(meta("l4proto"), {"set": [{"range": [100, 120]}]}), ACCEPT)), OK, "pass"),
    (guarded((match(meta("l4proto"), "vrrp", "!="), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match(payload("ip6", "nexthdr"), 112), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match(payload("ip6", "nexthdr"), "tcp", "!="), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match(payload("ip", "daddr"), PREFIX4), ACCEPT)), OK, "pass"),
    (guarded((match(payload("ip", "daddr"), "224.0.0.18"), ACCEPT)), OK, "pass"),
    (guarded((match(payload("ip", "daddr"), "224.0.0.5"), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match(meta("iifname"), "eth*"), ACCEPT)), OK, "pass"),
    (guarded((match(meta("iif"), "lo"), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match(meta("pkttype"), "multicast"), ACCEPT)), OK, "pass"),
    (guarded((match(payload("ip", "ttl"), 255, "<"), DROP), (VRRP, ACCEPT)), OK, "pass"),
    (guarded((match(payload("ip", "ttl"), 255, ">="), DROP), (VRRP, ACCEPT)), PROBLEM, "ip ttl >= 255 drop"),
    (guarded((match({"ct": {"key": "state"}}, ["established", "related"], "in"), ACCEPT)), PROBLEM, "policy drop"),
    (guarded((match({"ct": {"key": "state"}}, {"set": ["new"]}), ACCEPT)), OK, "pass"),
    (guarded((match({"fib": {"result": "type", "flags": ["daddr"]}}, "multicast"), ACCEPT)), OK, "pass"),
    (guarded((match(meta("nfproto"), "ipv4"), {"counter": {"packets": 1, "bytes": 2}}, ACCEPT)), OK, "pass"),
    # A list of peers: within the interface's own network it holds, beyond it nobody here knows.
    (guarded((match(payload("ip", "saddr"), LOCAL_NET), VRRP, ACCEPT)), OK, "pass (1"),
    (guarded((match(payload("ip", "saddr"), "192.0.2.2"), VRRP, ACCEPT)), OK, "pass only where"),
    (guarded((match(payload("ip", "saddr"), "198.51.100.2"), VRRP, ACCEPT)), PROBLEM, "policy drop"),
    # A condition that this program does not follow decides nothing by itself.
    (guarded((match(meta("mark"), 7), VRRP, ACCEPT)), WARNING, "pass only where"),
    (guarded(({"limit": {"rate": 5, "per": "second"}}, VRRP, ACCEPT)), WARNING, "pass only where"),
    (nft(chain("input", "input"), rule("input", match(meta("mark"), 7), VRRP, DROP)), WARNING, "may be dropped by"),
    (nft(chain("input", "input"), rule("input", VRRP, {"queue": {"num": 1}})), WARNING, "may be dropped by"),
    (nft(chain("input", "input"), rule("input", VRRP, {"reject": {"type": "icmp"}})), PROBLEM, "reject"),
    # Another hook, another priority, another family.
    (nft(chain("pre", "prerouting", "drop", -300)), PROBLEM, "t pre: policy drop"),
    (nft(chain("forward", "forward", "drop")), OK, "pass"),
    (nft(chain("output", "output", "drop")), OK, "pass"),
    (nft(chain("i", "input", "drop", family="ip6")), OK, "pass"),
    (nft(chain("i", "input", "drop", family="bridge")), PROBLEM, "bridge t i"),
    (
        nft(
            {"chain": {"family": "netdev", "table": "t", "name": "i", "hook": "ingress", "prio": 0, "dev": "eth0"}},
            rule("i", VRRP, DROP, family="netdev"),
        ),
        PROBLEM,
        "netdev t i",
    ),
    (
        nft(
            {"chain": {"family": "netdev", "table": "t", "name": "i", "hook": "ingress", "prio": 0, "dev": "eth9"}},
            rule("i", VRRP, DROP, family="netdev"),
        ),
        OK,
        "pass",
    ),
    # An accept ends its own base chain only.
    (
        nft(
            chain("first", "input", prio=-10),
            rule("first", VRRP, ACCEPT),
            chain("second", "input", "drop"),
        ),
        PROBLEM,
        "t second: policy drop",
    ),
    # Jumps return, gotos do not.
    (
        nft(
            chain("input", "input", "drop"),
            chain("vr"),
            rule("input", VRRP, {"jump": {"target": "vr"}}),
            rule("input", VRRP, ACCEPT),
            rule("vr", {"return": None}),
            rule("vr", DROP),
        ),
        OK,
        "pass",
    ),
    (
        nft(
            chain("input", "input", "drop"),
            chain("vr"),
            rule("input", VRRP, {"goto": {"target": "vr"}}),
            rule("input", VRRP, ACCEPT),
        ),
        PROBLEM,
        "policy drop",
    ),
    (
        nft(
            chain("input", "input"),
            chain("vr"),
            rule("input", {"jump": {"target": "vr"}}),
            rule("vr", VRRP, DROP),
        ),
        PROBLEM,
        "nft inet t vr (from input): ip protocol vrrp drop",
    ),
    # A return on a condition: what follows holds on a condition too.
    (
        nft(
            chain("input", "input", "drop"),
            chain("vr"),
            rule("input", {"jump": {"target": "vr"}}),
            rule("vr", match(meta("mark"), 7), {"return": None}),
            rule("vr", VRRP, ACCEPT),
        ),
        WARNING,
        "pass only where",
    ),
    # Verdict maps and named sets.
    (
        guarded(({"vmap": {"key": meta("l4proto"), "data": {"set": [["tcp", DROP], ["vrrp", ACCEPT]]}}},)),
        OK,
        "pass",
    ),
    (
        nft(
            chain("input", "input"),
            {"map": {"family": "inet", "table": "t", "name": "vm", "elem": [[112, {"jump": {"target": "vr"}}]]}},
            chain("vr"),
            rule("vr", DROP),
            rule("input", {"vmap": {"key": meta("l4proto"), "data": "@vm"}}),
        ),
        PROBLEM,
        "t vr (from input)",
    ),
    (
        nft(
            set_of("peers", LOCAL_NET, {"elem": {"val": "198.51.100.1", "timeout": 60}}),
            chain("input", "input", "drop"),
            rule("input", match(payload("ip", "saddr"), "@peers"), VRRP, ACCEPT),
        ),
        OK,
        "pass (1",
    ),
    (guarded((match(payload("ip", "saddr"), "@nowhere"), VRRP, ACCEPT)), WARNING, "pass only where"),
    (guarded((match({"concat": [payload("ip", "saddr")]}, "@x"), ACCEPT)), WARNING, "pass only where"),
    # iptables
    (saved(":INPUT ACCEPT [0:0]"), OK, "pass"),
    (saved(":INPUT DROP [0:0]"), PROBLEM, "iptables ip filter INPUT: policy drop"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -p vrrp -j ACCEPT"), OK, "pass"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -p 112 -d 224.0.0.0/8 -i eth+ -j ACCEPT"), OK, "pass"),
    (saved(":INPUT DROP [0:0]", "-A INPUT ! -i lo -p vrrp -j ACCEPT"), OK, "pass"),
    (saved(":INPUT DROP [0:0]", "-A INPUT ! -p vrrp -j ACCEPT"), PROBLEM, "policy drop"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT ! -d 224.0.0.0/4 -j DROP"), OK, "pass"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -m addrtype --dst-type MULTICAST -j DROP"), PROBLEM, "MULTICAST -j DROP"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -m pkttype --pkt-type multicast -j DROP"), PROBLEM, "pkt-type"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -p vrrp -m ttl --ttl-lt 255 -j DROP"), OK, "pass"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -p vrrp -m ttl --ttl-gt 64 -j DROP"), PROBLEM, "--ttl-gt 64"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -p vrrp -m ttl --ttl-lt \u00b2 -j DROP"), WARNING, "may be dropped"),
    (saved(":INPUT ACCEPT [0:0]", "-A INPUT -p tcp -m tcp --dport 22 -j DROP"), OK, "pass"),
    (saved(":INPUT DROP [0:0]", '-A INPUT -m comment --comment "-j DROP" -p vrrp -j ACCEPT'), OK, "pass"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -s 192.0.2.2/32 -p vrrp -j ACCEPT"), OK, "pass only where"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -m iprange --src-range 192.0.2.0-192.0.2.255 -j ACCEPT"), OK, "pass (1"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -p vrrp -m recent --rcheck --name x -j ACCEPT"), WARNING, "pass only where"),
    (saved(":INPUT DROP [0:0]", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"), PROBLEM, "policy"),
    (
        saved(":INPUT ACCEPT [0:0]", ":VR - [0:0]", "-A INPUT -p vrrp -g VR", "-A VR -j RETURN", "-A INPUT -j DROP"),
        OK,
        "pass",
    ),
    (
        saved(":INPUT ACCEPT [0:0]", ":VR - [0:0]", "-A INPUT -j VR", "-A VR -p vrrp -j REJECT"),
        PROBLEM,
        "VR (from INPUT)",
    ),
    (saved(":INPUT ACCEPT [0:0]", '-A INPUT -m comment --comment "open -j DROP'), WARNING, "may be dropped"),
    (saved(":INPUT ACCEPT [0:0]", '-A INPUT -j LOG --log-prefix "-p vrrp "'), OK, "pass"),
]


@pytest.mark.parametrize(
    ("facts", "verdict", "evidence"), CASES, ids=[f"{n}-{verdict.name}" for n, (_, verdict, _) in enumerate(CASES)]
)
def test_what_becomes_of_an_advert_that_arrives(facts: Facts, verdict: Verdict, evidence: str) -> None:
    one = found(facts, "filter-in-ipv4")
    assert (one.verdict, evidence in one.evidence) == (verdict, True), one


def test_each_direction_and_family_is_judged_alone() -> None:
    facts = nft(chain("o", "output", "drop"), rule("o", match(payload("ip6", "nexthdr"), "vrrp"), ACCEPT))
    verdicts = {c.name: c.verdict for c in judge(facts) if c.name.startswith("filter-")}
    assert verdicts == {
        "filter-in-ipv4": OK,
        "filter-out-ipv4": PROBLEM,
        "filter-in-ipv6": OK,
        "filter-out-ipv6": OK,
        "filter-in-ah": OK,
        "filter-in-igmp": OK,
        # Without its reports a snooping switch forgets the host, but adverts still flow.
        "filter-out-igmp": WARNING,
        "filter-bridge": NONE,
        "filter-arp": OK,
        "filter-rules": OK,
    }


def test_where_ipv6_is_off_its_rules_do_not_matter() -> None:
    facts = guarded()._replace(sysctls={**HEALTHY.sysctls, "ipv6.if.disable_ipv6": 1})
    assert found(facts, "filter-in-ipv6").verdict is NONE


def test_the_remedy_is_the_rule_in_the_very_chain() -> None:
    assert found(guarded(), "filter-in-ipv4").remedy == (
        "nft insert rule inet t input iifname eth0 ip daddr 224.0.0.18 ip protocol 112 accept"
    )
    assert found(guarded(), "filter-in-ipv6").remedy == (
        "nft insert rule inet t input iifname eth0 ip6 daddr ff02::12 meta l4proto 112 accept"
    )
    assert found(saved(":INPUT DROP [0:0]"), "filter-in-ipv4").remedy == (
        "iptables -I INPUT -i eth0 -p 112 -d 224.0.0.18 -j ACCEPT"
    )
    six = saved(":OUTPUT DROP [0:0]", command="ip6tables-save")
    assert found(six, "filter-out-ipv6").remedy == "ip6tables -I OUTPUT -o eth0 -p 112 -d ff02::12 -j ACCEPT"


@pytest.mark.parametrize(
    ("facts", "handed_up", "verdict", "words"),
    [
        (nft(), 0, OK, "pass (bridge-nf-call-iptables 0)"),
        (nft(chain("f", "forward", "drop", family="bridge")), 0, PROBLEM, "bridge t f: policy drop"),
        # Docker's classic: FORWARD drops, and br_netfilter shows it what the bridge forwards.
        (saved(":FORWARD DROP [0:0]"), 1, PROBLEM, "iptables ip filter FORWARD: policy drop"),
        (saved(":FORWARD DROP [0:0]"), 0, OK, "pass"),
        (saved(":FORWARD DROP [0:0]", "-A FORWARD -i br0 -o br0 -j ACCEPT"), 1, OK, "pass"),
        (saved(":FORWARD DROP [0:0]", "-A FORWARD -m physdev --physdev-in p0 -j ACCEPT"), 1, WARNING, "on conditions"),
        (saved(":INPUT DROP [0:0]"), 1, OK, "pass"),
    ],
)
def test_what_becomes_of_adverts_that_a_bridge_forwards(
    facts: Facts, handed_up: int, verdict: Verdict, words: str
) -> None:
    settings = {**HEALTHY.sysctls, "net.bridge.bridge-nf-call-iptables": handed_up}
    port = facts._replace(bridge=Bridge("br0", snooping=False, querier=False), port=Port(), sysctls=settings)
    one = found(port, "filter-bridge")
    assert (one.verdict, words in one.evidence) == (verdict, True), one
    assert found(facts, "filter-bridge").verdict is NONE


def test_arp_that_is_dropped_is_a_problem() -> None:
    one = found(nft(chain("i", "input", "drop", family="arp")), "filter-arp")
    assert (one.verdict, one.remedy) == (PROBLEM, "review: nft -a list chain arp t i")


def test_rules_that_name_the_protocols_or_groups_are_listed() -> None:
    assert found(nft(), "filter-rules").verdict is NONE
    facts = nft(
        chain("input", "input"),
        rule("input", match(payload("ip", "protocol"), 240), ACCEPT),
        rule("input", match(payload("ip", "daddr"), "224.0.0.18"), ACCEPT),
        rule("input", match(payload("ip", "daddr"), PREFIX4), ACCEPT),
    )
    assert found(facts, "filter-rules").evidence == (
        "nft inet t input: ip protocol 240 accept; nft inet t input: ip daddr 224.0.0.18 accept"
    )


def test_what_iptables_keeps_in_nftables_is_read_from_its_own_listing() -> None:
    # nft shows the extension as {"xt": …}: only iptables-save tells that it asks for multicast.
    shown = nft(chain("INPUT", "input", family="ip"), rule("INPUT", {"xt": {"type": "match"}}, DROP, family="ip"))
    shown = shown._replace(nft=shown.nft._replace(text=str(shown.nft.text).replace('"t"', '"filter"')))
    assert found(shown, "filter-in-ipv4").verdict is WARNING
    own = saved(":INPUT ACCEPT [0:0]", "-A INPUT -m addrtype --dst-type MULTICAST -j DROP", legacy=False)
    assert found(shown._replace(iptables=own.iptables), "filter-in-ipv4").verdict is PROBLEM


def test_a_listing_that_cannot_be_read_is_no_free_way() -> None:
    denied = Listing("nft -j list ruleset", None, "needs CAP_NET_ADMIN")
    one = found(HEALTHY._replace(nft=denied), "filter-in-ipv4")
    assert (one.verdict, one.evidence) == (UNKNOWN, "nft -j list ruleset: needs CAP_NET_ADMIN")
    assert one.remedy == "sudo nft -j list ruleset"
    # What another listing shows to be dropped is dropped all the same.
    both = saved(":INPUT DROP [0:0]")._replace(nft=denied)
    assert found(both, "filter-in-ipv4").verdict is PROBLEM
    assert found(both, "filter-out-ipv4").verdict is UNKNOWN


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"nftables": 3}', '{"nftables": [3]}', '{"nftables": null}', "[" * 100_000, '"nftables"'],
    ids=range(8),
)
def test_a_listing_that_is_none_is_said_to_be_none(text: str) -> None:
    with pytest.raises(nftables.RulesetError):
        nftables.parse(text)
    one = found(HEALTHY._replace(nft=Listing("nft -j list ruleset", text)), "filter-in-ipv4")
    assert one.verdict is UNKNOWN


@pytest.mark.parametrize(
    "expression",
    [
        3,
        None,
        [],
        {},
        {"match": 3},
        {"match": {"op": "==", "left": 3, "right": None}},
        match(meta("l4proto"), {"range": [1]}),
        match(meta("l4proto"), {"range": ["a", {}]}),
        match(payload("ip", "daddr"), {"prefix": {"addr": 3, "len": "x"}}),
        match(payload("ip", "daddr"), {"set": [[["x"]]]}),
        match(meta("l4proto"), "no-such-protocol"),
        match(meta("iifname"), "eth0", "<"),
        {"vmap": {"key": meta("l4proto"), "data": 7}},
        {"vmap": {"key": meta("l4proto"), "data": {"set": [["vrrp"], 3, ["vrrp", 3]]}}},
        {"jump": {"target": "nowhere"}},
        {"jump": None},
    ],
    ids=range(16),
)
def test_odd_expressions_neither_crash_nor_decide(expression: Any) -> None:
    one = found(nft(chain("input", "input"), rule("input", expression)), "filter-in-ipv4")
    assert one.verdict is OK


def test_jumps_in_a_ring_come_to_an_end() -> None:
    ring = nft(
        chain("input", "input"),
        chain("a"),
        *[rule("a", {"jump": {"target": "a"}}) for _ in range(3)],
        rule("input", {"jump": {"target": "a"}}),
    )
    one = found(ring, "filter-in-ipv4")
    assert (one.verdict, one.remedy) == (UNKNOWN, "nft list ruleset")


def test_jumps_that_multiply_come_to_an_end() -> None:
    # Each chain jumps twice to the next: 2^30 ways, and no rule says anything.
    depth = MAX_DEPTH - 2
    chains = [chain(f"c{n}") for n in range(depth)]
    rules = [rule(f"c{n}", {"jump": {"target": f"c{n + 1}"}}) for n in range(depth - 1) for _ in range(2)]
    facts = nft(chain("input", "input"), rule("input", {"jump": {"target": "c0"}}), *chains, *rules)
    assert found(facts, "filter-in-ipv4").verdict is UNKNOWN


def test_rules_with_hostile_texts_are_safe_to_print() -> None:
    facts = saved(":INPUT ACCEPT [0:0]", '-A INPUT -p vrrp -m comment --comment "\x1b]0;owned\x07\u202e" -j DROP')
    one = found(facts, "filter-in-ipv4")
    assert one.verdict is PROBLEM
    assert one.evidence.isprintable()
    assert "\\x1b]0;owned\\x07\\u202e" in one.evidence
    named = nft(chain("in$(reboot)", "input", "drop"))._replace(link=LINK._replace(name="e'0"))
    remedy = found(named, "filter-in-ipv4").remedy
    assert remedy is not None
    assert """'in$(reboot)' iifname 'e'"'"'0'""" in remedy


def test_a_condition_on_half_of_what_is_possible_is_open() -> None:
    sample = Sample("x", (), "eth0", {"protocol": (Span(10, 20),), "iif": frozenset({"eth0"}), "none": ()})
    assert truth(Condition("protocol", (Span(0, 255),)), sample) == "yes"
    assert truth(Condition("protocol", (Span(15, 255),)), sample) == "perhaps"
    assert truth(Condition("protocol", (Span(15, 255),), negated=True), sample) == "perhaps"
    assert truth(Condition("protocol", (Span(21, 255),)), sample) == "no"
    assert truth(Condition("protocol", (Span(21, 255),), negated=True), sample) == "yes"
    assert truth(Condition("iif", names=("eth*",)), sample) == "yes"
    assert truth(Condition("none", (Span(0, 9),), negated=True), sample) == "no"
    assert truth(Condition("elsewhere", (Span(0, 9),)), sample) == "perhaps"


def test_tables_and_chains_of_iptables() -> None:
    text = (
        "*raw\n:PREROUTING ACCEPT [1:2]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A X -j ACCEPT\n-A Y -j DROP\n"
    )
    (raw,) = iptables.parse(text, "ip", "iptables")
    assert (raw.name, raw.chains["PREROUTING"].hook, raw.chains["PREROUTING"].priority) == ("raw", "prerouting", -300)
    raw, listed = iptables.parse(text + "COMMIT\n", "ip", "iptables")
    assert listed.chains["INPUT"].policy == "drop"
    assert (listed.chains["X"].hook, len(listed.chains["X"].rules)) == (None, 1)


def test_no_chain_at_all_accepts() -> None:
    path = ((frozenset({"ip"}), "input"),)
    assert evaluate((), Sample("x", path, "eth0", {})).state == "accepted"
