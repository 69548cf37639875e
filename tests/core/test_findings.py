"""The register of findings when there are too many of one kind."""

from vrrpwatch.core.findings import MAX_FINDINGS, MAX_OF_RULE, Findings
from vrrpwatch.core.model import Finding


def raised(findings: Findings, rule: str, number: int) -> Finding | None:
    return findings.add(rule, segment="lan", group=None, subject=str(number), first=number, summary=rule)


def test_many_of_one_rule_leave_room_for_the_others() -> None:
    findings = Findings()
    for number in range(MAX_FINDINGS):
        assert raised(findings, "unauthenticated", number) is not None
    assert raised(findings, "unauthenticated", MAX_FINDINGS) is None
    for number in range(MAX_OF_RULE):
        assert raised(findings, "split-brain", number) is not None
    assert raised(findings, "split-brain", MAX_OF_RULE) is None
    # What is known goes on.
    assert raised(findings, "unauthenticated", 3) is not None
    assert findings.evicted == 2
