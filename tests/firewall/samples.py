"""The reviewed rule sets of the sample captures: ``python -m tests.firewall.samples`` writes them from the policies.

A policy is written by hand; everything beside it is generated.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from vrrpwatch.core.policy import Policy
from vrrpwatch.firewall.backends import BACKENDS
from vrrpwatch.firewall.flows import plan

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
CAPTURES = ROOT / "captures"
# What each sample's rules are written for, by the file's name.
WRITTEN = {
    "speaker.nft": "nftables",
    "speaker.iptables": "iptables",
    "speaker.ip6tables": "ip6tables",
    "bridge.nft": "nftables-bridge",
}


def names() -> list[str]:
    return sorted(path.parent.name for path in RULES.glob("*/policy.toml"))


def capture(name: str) -> Path:
    """The sample that the rules are about."""
    return next(path for path in CAPTURES.glob(f"{name}.pcap*") if path.stem == name)


def policy(name: str) -> Policy:
    return Policy.model_validate(tomllib.loads((RULES / name / "policy.toml").read_text()))


def bridged(listed: Policy) -> Policy:
    """The same for the bridge between the hosts: each segment has two ports of it instead of a host's device."""
    segments = tuple(
        segment.model_copy(update={"interface": f"port{2 * index}", "interfaces": (f"port{2 * index + 1}",)})
        for index, segment in enumerate(listed.segment)
    )
    return listed.model_copy(update={"segment": segments})


def of_role(listed: Policy, backend: str) -> Policy:
    return bridged(listed) if BACKENDS[backend].roles == ("bridge",) else listed


def generated(name: str) -> Iterator[tuple[str, str]]:
    """Files and their texts; none for IPv6 where there is no group of it."""
    listed = policy(name)
    for file, backend in WRITTEN.items():
        if backend != "ip6tables" or any(group.family == 6 for group in listed.group):
            kind = BACKENDS[backend]
            yield file, kind.render(plan(of_role(listed, backend), kind.roles[0]))


def main() -> None:
    for name in names():
        for file, text in generated(name):
            (RULES / name / file).write_text(text)


if __name__ == "__main__":
    main()
