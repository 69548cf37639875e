"""The reviewed rules of every sample are what the generators write, and a real kernel does by them what is meant."""

import subprocess
from pathlib import Path

import pytest

from tests.firewall import samples
from tests.firewall.kernel import need
from tests.lab.watching import COMMAND
from vrrpwatch.capture.kept import kept_frames
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.firewall.backends import BACKENDS
from vrrpwatch.firewall.drift import drift
from vrrpwatch.firewall.flows import FlowError, plan
from vrrpwatch.firewall.proof import prove
from vrrpwatch.firewall.proof_classes import Captured
from vrrpwatch.firewall.proof_rules import read_rules
from vrrpwatch.firewall.proof_values import Proof

NAMES = samples.names()
SIX = {name for name in NAMES if any(group.family == 6 for group in samples.policy(name).group)}
# Every sample is proved with the kinds that its rules are kept in; every other kind and role is on a few of them.
FEW = ("conntrackd-sync", "keepalived-unicast", "keepalived-v3-dual-stack-healthy", "leak-across-vlans")
PROVABLE = [
    (name, backend, role)
    for backend, kind in BACKENDS.items()
    if kind.provable
    for role in kind.roles
    for name in (NAMES if backend in samples.WRITTEN.values() and role == kind.roles[0] else FEW)
    if backend != "ip6tables" or name in SIX
]
# What a policy says and the sample contradicts: that is what the sample is about.
DIFFERENT = {
    "leak-across-vlans": {"unknown-group"},
    "vrid-collision": {"unknown-speaker", "other-addresses"},
}


def test_every_sample_has_its_rules() -> None:
    assert sorted(path.stem for path in samples.CAPTURES.glob("*.pcap*")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_are_what_the_policy_gives(name: str) -> None:
    written = {path.name: path.read_text() for path in (samples.RULES / name).iterdir() if path.name != "policy.toml"}
    assert written == dict(samples.generated(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_is_what_the_sample_shows(name: str) -> None:
    analysis = analyse((str(samples.capture(name)),), Options()).analysis
    found = {each.kind for each in drift(samples.policy(name), analysis) if not each.expected}
    assert found == DIFFERENT.get(name, set())


def proved(name: str, backend: str, role: str) -> Proof:
    kind = BACKENDS[backend]
    made = plan(samples.of_role(samples.policy(name), backend), role)  # type: ignore[arg-type]
    path = str(samples.capture(name))
    findings = analyse((path,), Options()).analysis.findings
    rules = read_rules(f"{backend} rules", kind.render(made).encode())
    return prove(made, [rules], (Captured(*frame) for frame in kept_frames([path])), findings)


@pytest.mark.parametrize(("name", "backend", "role"), PROVABLE)
def test_the_rules_prove_themselves(name: str, backend: str, role: str) -> None:
    need("nft", "iptables-restore", "ebtables-restore")
    if (name, backend) == ("leak-across-vlans", "ebtables"):
        with pytest.raises(FlowError, match="cannot look behind a VLAN tag"):
            proved(name, backend, role)
        return
    proof = proved(name, backend, role)
    assert proof.violations == ()
    assert proof.passed


def test_a_leak_and_a_stranger_are_dropped_and_the_owners_kept() -> None:
    need("nft")
    leak = proved("leak-across-vlans", "nftables-bridge", "bridge")
    assert {(one.rule, one.fate) for one in leak.findings if one.rule == "leak"} == {("leak", "partly")}
    collision = proved("vrid-collision", "nftables", "speaker")
    fates = {
        (one.source, sight.fate) for one in collision.classes for sight in one.sights if one.id == 51 and sight.way.own
    }
    assert ("192.0.2.11", "kept") in fates
    assert ("192.0.2.13", "dropped") in fates
    assert ("192.0.2.13", "kept") not in fates


def test_the_command_writes_them_anew(tmp_path: Path) -> None:
    name = NAMES[0]
    before = (samples.RULES / name / "speaker.nft").read_text()
    command = (COMMAND, "rules", "generate", "--policy", str(samples.RULES / name / "policy.toml"))
    done = subprocess.run((*command, "-o", str(tmp_path / "rules")), capture_output=True, text=True, check=True)
    assert (done.stderr, (tmp_path / "rules").read_text()) == ("", before)
