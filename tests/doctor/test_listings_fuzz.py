"""Listings that nobody wrote with care: whatever a filter's listing holds, judging it ends with a verdict."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.healthy import HEALTHY
from vrrpwatch.doctor import judge_filter
from vrrpwatch.doctor.facts import Listing

VOCABULARY = """
accept drop jump match vmap set elem range prefix payload meta left right op == target data key l4proto ip daddr
input t inet @t vrrp concat & xt limit goto queue ct state fib ether addr len
"""
WORDS = VOCABULARY.split()
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=4)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)


ANYTHING = st.recursive(LEAF, nested, max_leaves=12)
ARGUMENTS = """
-p -s -d -i -j -g ! -m --dst-type --ttl-lt --ttl-eq --comment vrrp DROP ACCEPT VR INPUT 224.0.0.0/4 0.0.0.0/99
" ' - -- \x1b 1-2-3 eth+ --src-range \u00b2 --ctstate
"""
OPTIONS = ARGUMENTS.split()
LINES = st.lists(st.sampled_from(OPTIONS) | st.text(max_size=5), max_size=8).map(" ".join)


def verdicts(nft: str, iptables: str = "") -> int:
    facts = HEALTHY._replace(
        nft=Listing("nft -j list ruleset", nft), iptables=(Listing("iptables-save", iptables),) if iptables else ()
    )
    return len([check for check in judge_filter.judge(facts) if check.evidence.isprintable()])


@given(st.lists(ANYTHING, max_size=4), ANYTHING, ANYTHING)
@settings(max_examples=300)
def test_any_rule_set_and_chain_is_judged(expressions: list[Any], elements: Any, priority: Any) -> None:
    place = {"family": "inet", "table": "t"}
    items: list[Any] = [
        {"chain": {**place, "name": "input", "hook": "input", "prio": priority, "policy": elements}},
        {"chain": {**place, "name": "t"}},
        {"set": {**place, "name": "t", "elem": elements}},
        {"rule": {**place, "chain": "input", "expr": expressions}},
        {"rule": {**place, "chain": "t", "expr": expressions}},
    ]
    assert verdicts(json.dumps({"nftables": items})) in (9, 10)


@given(ANYTHING)
def test_any_document_is_judged(document: Any) -> None:
    assert verdicts(json.dumps({"nftables": document})) in (9, 10)


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert verdicts(text, text or "*") in (9, 10)


@given(st.lists(LINES, max_size=5))
@settings(max_examples=300)
def test_any_iptables_rule_is_judged(lines: list[str]) -> None:
    listing = "\n".join(
        ("*filter", ":INPUT DROP [0:0]", ":VR - [0:0]", *(f"-A INPUT {line}" for line in lines), "COMMIT", "")
    )
    assert verdicts('{"nftables": []}', listing) == 10
