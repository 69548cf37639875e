"""The doctor's answer as a JSON document: schema ``vrrpwatch/doctor/1``."""

from typing import Any, Final, NamedTuple

from vrrpwatch.doctor.checks import Check
from vrrpwatch.wire.text import safe_text

SCHEMA: Final = "vrrpwatch/doctor/1"


class Examination(NamedTuple):
    """What was found about one interface, and the peer that it was probed with."""

    interface: str
    checks: tuple[Check, ...]
    peer: str | None = None


def document(examinations: tuple[Examination, ...]) -> dict[str, Any]:
    """The whole answer; ``severity`` is what ``--fail-on`` compares, ``null`` for ok and not applicable."""
    return {
        "schema": SCHEMA,
        "interfaces": [
            {
                "interface": safe_text(examination.interface),
                "peer": examination.peer,
                "checks": [
                    {
                        "name": check.name,
                        "verdict": check.verdict.value,
                        "severity": None if check.verdict.severity is None else check.verdict.severity.value,
                        "evidence": check.evidence,
                        "remedy": check.remedy,
                    }
                    for check in examination.checks
                ],
            }
            for examination in examinations
        ],
    }
