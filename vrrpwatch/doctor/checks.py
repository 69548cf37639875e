"""What the doctor says: one check with its verdict, the figure it rests on, and what to do about it."""

from enum import Enum
from typing import NamedTuple

from vrrpwatch.core.model import Severity
from vrrpwatch.wire.text import safe_text

# Rules and names come from configurations that somebody else may write; a line of evidence is to be read by people.
MAX_TEXT = 600


class Verdict(Enum):
    """How a check ended; ``severity`` is what ``--fail-on`` compares."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"

    @property
    def severity(self) -> Severity | None:
        return _SEVERITIES.get(self)


_SEVERITIES = {
    Verdict.PROBLEM: Severity.CRITICAL,
    Verdict.WARNING: Severity.WARNING,
    Verdict.UNKNOWN: Severity.INFO,
}


class Check(NamedTuple):
    """One question answered: ``evidence`` is the very figure or line read, ``remedy`` the command or setting.

    Both are safe to print.  For ``unknown`` the remedy is the command that would tell.
    """

    name: str
    verdict: Verdict
    evidence: str
    remedy: str | None = None


def check(name: str, verdict: Verdict, evidence: str, remedy: str | None = None) -> Check:
    """A check with its texts made safe to print and cut to a readable length."""
    return Check(name, verdict, safe_text(evidence, MAX_TEXT), None if remedy is None else safe_text(remedy, MAX_TEXT))


def worst(checks: tuple[Check, ...]) -> Severity | None:
    """The gravest severity among the checks, ``None`` where all is well."""
    return max((c.verdict.severity for c in checks if c.verdict.severity), key=lambda s: s.rank, default=None)
