"""Names that are crafted to become rules stay names, whatever backend writes them."""

import random
import re
import tomllib
from typing import Any

import pytest

from tests.firewall.policies import ALPHA, BRAVO, policy
from vrrpwatch.core.analysis import Segment, VolumeInfo
from vrrpwatch.core.model import Finding
from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall.backends import BACKENDS, Backend
from vrrpwatch.firewall.flows import FlowError, plan
from vrrpwatch.firewall.learn import learn
from vrrpwatch.firewall.policy_text import policy_text

CASES = 1_000
# What ends a string, a line, a statement, a comment or a block somewhere, and what would do harm after it.
PIECES = (
    *"\"'`\\;#!{}()<>|&$%^*?~= \t,./:@-_[]",
    "\n",
    "\r",
    "\x00",
    "\x1b]0;",
    "\u2028",
    "\u202e",
    "\N{FULLWIDTH QUOTATION MARK}",
    "é",
    "\n-A INPUT -j ACCEPT",
    '" -j ACCEPT\n-I INPUT 1 -j ACCEPT #',
    '" accept; flush ruleset; #',
    "}; table inet evil { chain x { type filter hook input priority 0; accept; } }",
    'include "/etc/shadow"',
    "$(reboot)",
    "`reboot`",
    "\\\n",
    "*/",
    "/*",
    "COMMIT\n*nat",
    "pass quick all",
    "permit ip any any",
    "eth0",
    "10",
    "lan",
)
COMMENTS = re.compile(r'comment "[^"\n]*"|--comment "[^"\n]*"|label "[^"\n]*"|"comment": "[^"\n]*"')
REMARKS = re.compile(r"^ *(?:#|!|remark ).*$", re.MULTILINE)


def hostile(chance: random.Random) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 8)))[:128]


def bare(text: str, name: str) -> str:
    """Rules without their comments; access lists are named after their segment."""
    text = REMARKS.sub("", COMMENTS.sub("", text))
    return (
        re.sub(r"(VRRPWATCH6?-\d+-)[A-Za-z0-9-]*", r"\1X", text)
        if name in ("cisco-ios", "junos", "arista-eos")
        else text
    )


def listed(name: str) -> dict[str, Any]:
    group = {"segment": name, "protocol": "vrrp", "id": 51, "interval": 1.0, "speakers": [ALPHA, BRAVO]}
    sync = {"protocol": "conntrackd", "peers": ["10.0.0.1", "10.0.0.2"]}
    segment = {"name": name, "interface": "eth0", "interfaces": ["eth1"], "vlans": [10], "sync": [sync]}
    return {"version": 1, "unlisted": "drop", "segment": [segment], "group": [group]}


def rendered(name: str, backend: Backend, made: Policy) -> str | None:
    try:
        return bare(backend.render(plan(made, backend.roles[0])), name)
    except FlowError:
        return None


@pytest.mark.parametrize(("name", "backend"), BACKENDS.items())
def test_a_segments_name_is_never_more_than_a_comment(name: str, backend: Backend) -> None:
    chance = random.Random(f"segments of {name}")
    plain = rendered(name, backend, Policy.model_validate(listed("lan")))
    taken = 0
    for _ in range(CASES):
        try:
            made = Policy.model_validate(listed(hostile(chance)))
        except ValueError:
            continue
        if "*" in made.segment[0].name or "?" in made.segment[0].name or "[" in made.segment[0].name:
            # A pattern: it may match no segment, or several.
            continue
        taken += 1
        assert rendered(name, backend, made) == plain
    assert taken > CASES // 4


def test_a_device_is_a_plain_name_or_refused() -> None:
    chance = random.Random("devices")
    taken = 0
    for _ in range(4 * CASES):
        device = hostile(chance)
        try:
            made = plan(policy(listed("lan")["group"][0], segments=({"name": "lan", "interface": device},)), "speaker")
        except (FlowError, ValueError):
            continue
        taken += 1
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}", made.devices[0]), device
    assert taken > 10


class Seen:
    """Traffic on an interface of some name."""

    def __init__(self, name: str) -> None:
        volume = VolumeInfo(name, "225.0.0.50", "conntrackd", 1, 1, ("10.0.0.1",), 0, 0, RATE, RATE)
        self.segments = (Segment(name, name, ()),)
        self.groups = ()
        self.findings: tuple[Finding, ...] = ()
        self.multicast = (volume,)


RATE: Any = type("Rate", (), {"mean": 1.0, "peak": 1.0})()


def test_what_is_learned_from_hostile_names_reads_back_as_it_is() -> None:
    chance = random.Random("captures")
    taken = 0
    for _ in range(CASES):
        try:
            policy_, remarks = learn(Seen(hostile(chance)))
        except ValueError:
            continue
        taken += 1
        assert Policy.model_validate(tomllib.loads(policy_text(policy_, remarks))) == policy_
    assert taken > CASES // 4
