"""Rules written by hand, right ones and wrong ones, held against a plan in a real kernel; and the proof's reckoning."""

import json
import os
import subprocess

import pytest

from tests.firewall.packets import advert, ether, ip4, tagged, udp
from tests.firewall.policies import group, policy
from vrrpwatch.core.model import Evidence, Finding, Severity
from vrrpwatch.firewall import ebtables, proof_kernel
from vrrpwatch.firewall.flows import Plan, plan
from vrrpwatch.firewall.proof import prove
from vrrpwatch.firewall.proof_classes import Captured
from vrrpwatch.firewall.proof_values import Proof, document
from vrrpwatch.firewall.proof_ways import OUTSIDE
from vrrpwatch.firewall.replay_job import Answer, Job, RulesText
from vrrpwatch.firewall.replay_session import ProofError

SECOND = 1_000_000_000
ETHERNET = 1
SPEAKER = plan(policy(), "speaker")
BRAVO_MAC = "02:00:00:00:00:12"
IGMP = ether(ip4(bytes.fromhex("160009edE0000012"), 2, "192.0.2.11", "224.0.0.18", ttl=1), 0x0800)
UNICAST = ether(advert(destination="192.0.2.12")[14:], 0x0800, destination=BRAVO_MAC)

# By packet number: what a capture of eth0 holds, one packet a second.
ALPHA, BRAVO, REPORT, OTHER_ID, FAR, STRANGER, OTHER_MAC, STRAY = 1, 2, 3, 4, 5, 6, 7, 8
FRAMES = {
    ALPHA: advert(),
    BRAVO: advert(source="192.0.2.12", mac=BRAVO_MAC),
    REPORT: IGMP,
    OTHER_ID: advert(52),
    FAR: advert(ttl=254),
    STRANGER: advert(source="192.0.2.13"),
    OTHER_MAC: advert(mac="02:00:00:00:00:66"),
    STRAY: UNICAST,
}
INTRUDERS = {OTHER_ID, FAR, STRANGER, OTHER_MAC, STRAY}

LISTED = "ip daddr 224.0.0.18 ip ttl 255 @th,8,8 51"
BUCKET = "limit rate 5/second burst 10 packets"
RIGHT = f"""\
table inet byhand {{
  chain listed_in {{
    ip saddr 192.0.2.11 ether saddr 02:00:00:00:00:11 {LISTED} {BUCKET} accept
    ip saddr 192.0.2.12 {LISTED} {BUCKET} accept
    drop
  }}
  chain listed_out {{
    ip saddr 192.0.2.11 {LISTED} {BUCKET} accept
    ip saddr 192.0.2.12 {LISTED} {BUCKET} accept
    drop
  }}
  chain in {{
    type filter hook input priority 0
    iifname "eth0" ip protocol 112 jump listed_in
  }}
  chain out {{
    type filter hook output priority 0
    oifname "eth0" ip protocol 112 jump listed_out
  }}
  chain across {{
    type filter hook forward priority 0
    iifname "eth0" ip protocol 112 drop
    oifname "eth0" ip protocol 112 drop
  }}
}}
"""


@pytest.fixture(scope="module")
def kernel() -> None:
    """Skips where this machine makes no namespaces."""
    whole = ("unshare", "--net", "--pid", "--fork", *(() if os.geteuid() == 0 else ("--user", "-r")), "true")
    if subprocess.run(whole, capture_output=True, check=False).returncode:
        pytest.skip("needs network namespaces")


def capture(frames: dict[int, bytes] | None = None, segment: str = "eth0") -> list[Captured]:
    return [
        Captured(0, number, number * SECOND, segment, ETHERNET, frame, len(frame))
        for number, frame in (FRAMES if frames is None else frames).items()
    ]


def by_hand(text: str, made: Plan = SPEAKER, frames: list[Captured] | None = None) -> Proof:
    return prove(made, [RulesText("nft", text)], capture() if frames is None else frames)


def faults(proof: Proof) -> dict[str, set[int]]:
    """Packet numbers by what is wrong."""
    found: dict[str, set[int]] = {}
    for one in proof.violations:
        found.setdefault(one.fault, set()).update(evidence.packet for evidence in one.evidence)
    return found


def hooks(proof: Proof, fault: str) -> set[str]:
    return {way.course for one in proof.violations if one.fault == fault for way in one.ways}


@pytest.mark.usefixtures("kernel")
def test_right_rules_are_proved() -> None:
    proof = by_hand(RIGHT)
    assert faults(proof) == {}
    assert proof.passed
    assert proof.untried == 0
    kept = {one.evidence[0].packet for one in proof.classes for sight in one.sights if sight.fate == "kept"}
    # What one host sends has no MAC address yet where rules see it: that packet may leave.
    assert kept >= {ALPHA, BRAVO, REPORT}
    assert proof.bursts == ("vrrp 51 on eth0 from 192.0.2.11", "vrrp 51 on eth0 from 192.0.2.12")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("right", "wrong", "expected", "where"),
    [
        ("ip ttl 255 ", "", {"leaked": {FAR}}, {"input", "output"}),
        ("@th,8,8 51", "@th,8,8 52", {"dropped": {ALPHA, BRAVO, OTHER_MAC}, "leaked": {OTHER_ID}}, {"input", "output"}),
        ("ether saddr 02:00:00:00:00:11 ", "", {"leaked": {OTHER_MAC}}, {"input"}),
        ("192.0.2.12", "192.0.2.13", {"dropped": {BRAVO}, "leaked": {STRANGER}}, {"input", "output"}),
        ('iifname "eth0" ip protocol 112 jump listed_in', "ip protocol 2 drop", None, {"input"}),
        ('oifname "eth0" ip protocol 112 jump listed_out', "", None, {"output"}),
        ('iifname "eth0" ip protocol 112 drop', "", {"leaked": {STRAY}}, {"forward"}),
    ],
)
def test_one_wrong_word_is_found_with_its_packets(
    right: str, wrong: str, expected: dict[str, set[int]] | None, where: set[str]
) -> None:
    assert right in RIGHT
    proof = by_hand(RIGHT.replace(right, wrong))
    assert not proof.passed
    found = faults(proof)
    found.pop("unlimited", None)
    if expected is not None:
        assert found == expected
    assert hooks(proof, "leaked") == where


@pytest.mark.usefixtures("kernel")
def test_rules_that_let_everything_pass_fail_with_every_intruder() -> None:
    proof = by_hand("table inet nothing {\n}\n")
    assert faults(proof) == {"leaked": INTRUDERS, "unlimited": {ALPHA, BRAVO}}
    assert hooks(proof, "leaked") == {"input", "output", "forward"}


@pytest.mark.usefixtures("kernel")
def test_rules_that_drop_everything_fail_with_all_that_belongs_and_all_that_is_none_of_theirs() -> None:
    chains = "".join(
        f"chain {hook} {{\n type filter hook {hook} priority 0; policy drop\n }}\n" for hook in SPEAKER.hooks
    )
    found = faults(by_hand(f"table inet everything {{\n{chains}}}\n"))
    # A host's own packet has no MAC address yet, so the other one's belongs there too.
    assert found["dropped"] == {ALPHA, BRAVO, OTHER_MAC}
    assert found["disturbed"] >= {REPORT}
    assert set(found) == {"dropped", "disturbed"}


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("bucket", "fault"), [("", "unlimited"), ("limit rate 5/second burst 2 packets", "limited-early")]
)
def test_a_limit_that_is_missing_or_too_tight_is_found(bucket: str, fault: str) -> None:
    assert set(faults(by_hand(RIGHT.replace(BUCKET, bucket)))) == {fault}


@pytest.mark.usefixtures("kernel")
def test_a_limit_that_many_packets_share_is_not_taken_for_a_refusal() -> None:
    """Twelve priorities of one speaker are twelve classes of one flow, whose bucket holds ten."""
    frames = {number: advert()[:36] + bytes((number,)) + advert()[37:] for number in range(1, 13)}
    proof = by_hand(RIGHT, frames=capture(frames))
    assert len(proof.classes) == 12
    assert proof.passed


@pytest.mark.usefixtures("kernel")
def test_other_devices_and_unknown_segments_are_tried_as_for_a_leak() -> None:
    two = plan(policy(group(), group(segment="eth1", id=60)), "speaker")
    text = RIGHT.replace('iifname "eth0"', 'iifname { "eth0", "eth1" }').replace(
        'oifname "eth0"', 'oifname { "eth0", "eth1" }'
    )
    own = capture({ALPHA: advert()})
    # On eth1 the rules let the group of eth0 pass: that is a leak, though the capture shows none.
    proof = by_hand(text, two, own)
    assert faults(proof) == {"leaked": {ALPHA}}
    assert {(way.incoming, way.outgoing) for one in proof.violations for way in one.ways} == {
        ("eth1", None),
        (None, "eth1"),
    }
    # What a segment of no policy carries is no business of the rules.
    elsewhere = by_hand(RIGHT, SPEAKER, [*own, *capture({2: advert(99)}, "eth7")])
    assert elsewhere.passed
    strange = next(one for one in elsewhere.classes if one.segment == "eth7")
    assert {sight.wanted for sight in strange.sights if sight.way.own} == {"ignore"}
    assert {sight.wanted for sight in strange.sights if sight.way.incoming == "eth0"} == {"drop"}


@pytest.mark.usefixtures("kernel")
def test_a_bridge_is_proved_port_by_port_and_vlan_by_vlan() -> None:
    ports = {"interface": "port0", "interfaces": ["port1"]}
    bridge = plan(
        policy(
            group(segment="v/10"),
            group(segment="v/20", id=20),
            segments=({"name": "v/10", "vlans": [10]} | ports, {"name": "v/20", "vlans": [20]} | ports),
        ),
        "bridge",
    )
    frames = capture({1: tagged(advert(), 10)}, "v/10")
    listed = "ether saddr 02:00:00:00:00:11 ip saddr 192.0.2.11 @th,8,8 51"
    text = f"""\
table bridge byhand {{
  chain own {{
    {listed} limit rate 5/second burst 10 packets accept
    drop
  }}
  chain across {{
    type filter hook forward priority 0
    vlan id 10 ip protocol 112 iifname {{ "port0", "port1" }} oifname {{ "port0", "port1" }} jump own
    vlan id {{ 10, 20 }} ip protocol 112 drop
  }}
}}
"""
    assert faults(by_hand(text, bridge, frames)) == {}
    leaking = by_hand(text.replace("vlan id { 10, 20 }", "vlan id 10"), bridge, frames)
    assert faults(leaking) == {"leaked": {1}}
    assert {way.vlans for one in leaking.violations for way in one.ways} == {(20,)}
    open_port = by_hand(text.replace('iifname { "port0", "port1" } oifname { "port0", "port1" } ', ""), bridge, frames)
    # Every port that a frame goes out by takes a token, so that the bucket of ten is empty after five frames.
    assert [one.fault for one in open_port.violations] == ["leaked", "limited-early"]
    assert {(way.incoming, way.outgoing) for way in open_port.violations[0].ways} == {
        (OUTSIDE, "port0"),
        (OUTSIDE, "port1"),
        ("port0", OUTSIDE),
        ("port1", OUTSIDE),
    }


@pytest.mark.usefixtures("kernel")
def test_what_the_kernel_never_lets_reach_a_hook_is_no_merit_of_the_rules() -> None:
    proof = by_hand(RIGHT)
    across = {
        (one.evidence[0].packet, sight.fate)
        for one in proof.classes
        for sight in one.sights
        if sight.way.course == "forward"
    }
    # A kernel routes unicast; link-local groups it never does.
    assert {number for number, fate in across if fate == "dropped"} == {STRAY}
    assert {number for number, fate in across if fate == "unreached"} >= {ALPHA, FAR}


class Scripted:
    """Stands for a kernel: without rules everything passes, with them what ``rule`` says of a frame and its turn."""

    def __init__(self, passing: int) -> None:
        self.jobs: list[Job] = []
        self._passing = passing

    def __call__(self, job: Job) -> list[Answer]:
        self.jobs.append(job)
        answers = []
        for turn, trial in enumerate(job.trials):
            through = (
                trial.copies
                if not job.rules
                else min(trial.copies, 10)
                if trial.copies > 1
                else int(turn < self._passing)
            )
            answers.append(Answer({trial.outgoing or "": through} if through else {}, 0.0))
        return answers


def test_packets_above_their_limit_fail_with_their_numbers() -> None:
    """Bucket of ten, five a second: of thirty in one instant twenty are above, and half a second later room for two."""
    frames = [Captured(0, number, 0, "eth0", ETHERNET, advert(), 60) for number in range(1, 31)]
    frames += [Captured(0, number, SECOND // 2, "eth0", ETHERNET, advert(), 60) for number in range(31, 35)]
    proof = prove(SPEAKER, [RulesText("nft", "")], frames, replayer=Scripted(1_000))
    over = [one for one in proof.violations if one.fault == "over-limit"]
    assert [(one.packets, one.serves) for one in over] == [(22, "vrrp 51 on eth0")]
    assert [one.packet for one in over[0].evidence] == [*range(11, 31), 33, 34]


@pytest.mark.usefixtures("kernel")
def test_a_limit_that_the_policy_does_not_ask_for_is_found() -> None:
    free = plan(policy(group(interval=None)), "speaker")
    assert by_hand(RIGHT.replace(BUCKET, ""), free).passed
    # Enough for all copies that a capture of a second a packet needs.
    assert faults(by_hand(RIGHT.replace(BUCKET, "limit rate 20/second burst 100 packets"), free)) == {
        "limited-early": {ALPHA, BRAVO}
    }


@pytest.mark.usefixtures("kernel")
def test_what_a_host_sends_has_its_limit_tried_too() -> None:
    there, sep, out = RIGHT.partition("chain listed_out")
    proof = by_hand(there + sep + out.replace(BUCKET, ""))
    assert faults(proof) == {"unlimited": {ALPHA, BRAVO}}
    assert hooks(proof, "unlimited") == {"output"}


@pytest.mark.usefixtures("kernel")
def test_rules_that_see_no_id_may_let_all_groups_of_a_speaker_share_a_limit() -> None:
    segment = {"name": "lan", "interface": "p1", "interfaces": ["p2", "p3"]}
    groups = [group("lan", id=number, speakers=[{"ip": "192.0.2.11"}]) for number in (51, 52, 53)]
    made = plan(policy(*groups, segments=(segment,)), "bridge")
    frames = capture({number: advert(50 + number) for number in (1, 2, 3)}, "lan")
    proof = prove(made, [RulesText("ebtables", ebtables.render(made))], frames)
    assert faults(proof) == {}
    assert proof.bursts == ("vrrp 51 on lan from 192.0.2.11",)


def finding(*packets: int) -> Finding:
    evidence = tuple(Evidence(0, packet) for packet in packets)
    return Finding("leak", Severity.WARNING, "eth0", None, "someone", 0, 0, len(packets), "", evidence)


@pytest.mark.usefixtures("kernel")
def test_findings_and_savings_say_what_becomes_of_the_packets_that_arrive() -> None:
    findings = (finding(OTHER_ID, FAR), finding(ALPHA), finding(ALPHA, STRANGER), finding(), finding(999))
    proof = prove(SPEAKER, [RulesText("nft", RIGHT)], capture(), findings)
    assert [(one.fate, [each.packet for each in one.dropped]) for one in proof.findings] == [
        ("dropped", [OTHER_ID, FAR]),
        ("kept", []),
        ("partly", [STRANGER]),
        ("unknown", []),
        ("unknown", []),
    ]
    (saving,) = proof.savings
    # Seven advertisements in seven seconds, two of them listed; membership reports are none of the plan's.
    assert (saving.segment, saving.seconds) == ("eth0", 7.0)
    assert (saving.packets_before, saving.packets_after) == (7, 2)
    assert saving.octets_before == sum(len(frame) for number, frame in FRAMES.items() if number != REPORT)
    assert saving.octets_after == len(FRAMES[ALPHA]) + len(FRAMES[BRAVO])
    assert saving.rate(7) == 1.0
    assert json.loads(json.dumps(document(proof)))["passed"] is True


def test_what_was_never_tried_alone_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_kernel, "MAX_ROUNDS", 2)
    frames = {number: advert()[:36] + bytes((number,)) + advert()[37:] for number in range(1, 7)}
    alone = plan(policy(), "bystander")
    # A bystander's flows are let through nowhere, so nothing of them is ever tried again.
    assert prove(alone, [RulesText("nft", "")], capture(frames), replayer=Scripted(0)).untried == 0
    ask = Scripted(1)
    proof = prove(SPEAKER, [RulesText("nft", "")], capture(frames), replayer=ask)
    # Six classes, each heard and sent by its own device, are one flow's, whose bucket holds ten: five go together in
    # each of two rounds.  The first frame of a round passes, in the first one a frame of no policy's; the others of
    # those ten would go alone next, and two have not gone at all.
    assert proof.untried == 9 + 2
    assert [bool(job.rules) for job in ask.jobs] == [False, True, True, True, True, True]
    monkeypatch.setattr(proof_kernel, "MAX_ROUNDS", 16)
    # Then one passes in each round that it has to itself.
    ask = Scripted(1)
    assert prove(SPEAKER, [RulesText("nft", "")], capture(frames), replayer=ask).untried == 0


def test_rules_for_one_family_are_judged_by_that_family() -> None:
    six = ether(
        bytes.fromhex("6000000000087040") + bytes(15) + b"\1" + b"\xff\2" + bytes(13) + b"\x12" + bytes(8), 0x86DD
    )
    frames = capture({1: advert(), 2: six})
    proof = prove(SPEAKER, [RulesText("iptables", "")], frames, replayer=Scripted(1_000))
    assert (proof.families, proof.uncovered) == ((4,), 1)
    with pytest.raises(ProofError, match="nothing to prove"):
        prove(SPEAKER, [RulesText("ip6tables", "")], capture({1: advert()}), replayer=Scripted(1_000))


def test_a_proof_of_nothing_does_not_pass() -> None:
    other = ether(ip4(udp(53), 17, "192.0.2.11", "192.0.2.12"), 0x0800, destination=BRAVO_MAC)
    proof = prove(SPEAKER, [RulesText("nft", "")], capture({1: other}), replayer=Scripted(1_000))
    assert proof.violations == ()
    assert not proof.passed
    with pytest.raises(ProofError, match="nothing to prove"):
        prove(SPEAKER, [RulesText("nft", "")], [], replayer=Scripted(0))
