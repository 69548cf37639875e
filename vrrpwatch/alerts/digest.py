"""Many alerts as one message that says how many there are, of what, and what it leaves out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vrrpwatch.alerts.alert import DIGEST, Alert, Payload, short_id
from vrrpwatch.core.model import Instant, Severity

# A message is read by a person and has to fit a pager; the rest is counted.
MAX_KINDS: Final = 20
MAX_SUBJECTS: Final = 5
# Named in the one-line summary.
_NAMED: Final = 3


@dataclass(slots=True)
class Unlisted:
    """Alerts that no digest can list: ``over`` were over too soon, at least ``untracked`` were too many."""

    over: int = 0
    untracked: int = 0

    def __bool__(self) -> bool:
        return bool(self.over or self.untracked)


def digest(alerts: Sequence[Alert], unlisted: Unlisted, *, sink: str, sensor: str, at: Instant) -> Alert:
    """One alert for ``alerts``, counted by rule and segment, the gravest kinds first, with their first subjects."""
    kinds: dict[tuple[str, str | None], list[Alert]] = {}
    for alert in alerts:
        kinds.setdefault((alert.rule, alert.segment), []).append(alert)
    ranked = sorted(kinds.values(), key=lambda members: (-members[0].severity.rank, -len(members), members[0].rule))
    listed = ranked[:MAX_KINDS]
    segments = {alert.segment for alert in alerts}
    gravest = max((alert.severity for alert in alerts), key=lambda severity: severity.rank, default=Severity.WARNING)
    details: Payload = {
        "count": len(alerts),
        "severities": dict(sorted(Counter(alert.severity.value for alert in alerts).items())),
        "kinds": [_kind(members) for members in listed],
        "kinds_left_out": len(ranked) - len(listed),
        "alerts_left_out": len(alerts) - sum(map(len, listed)),
        "over": unlisted.over,
        "untracked": unlisted.untracked,
    }
    return Alert(
        short_id(DIGEST, sink, sensor, str(at), *(alert.id for alert in alerts)),
        "firing",
        at,
        sensor,
        DIGEST,
        gravest,
        segments.pop() if len(segments) == 1 else None,
        None,
        _summary(ranked, len(alerts), unlisted),
        details,
        (),
    )


def resolved(digest: Alert, at: Instant) -> Alert:
    """The end of a digest: all that it told of is over."""
    return digest._replace(status="resolved", at=at, summary=f"over: {digest.summary}")


def _kind(members: Sequence[Alert]) -> Payload:
    return {
        "rule": members[0].rule,
        "severity": members[0].severity.value,
        "segment": members[0].segment,
        "count": len(members),
        "subjects": [_subject(alert) for alert in members[:MAX_SUBJECTS]],
    }


def _subject(alert: Alert) -> str:
    subject = str(alert.details.get("subject", ""))
    return subject if alert.group is None or alert.group == subject else f"{alert.group}: {subject}"


def _summary(ranked: Sequence[Sequence[Alert]], count: int, unlisted: Unlisted) -> str:
    parts = [f"{len(members)} {members[0].rule} on {members[0].segment}" for members in ranked[:_NAMED]]
    if rest := sum(map(len, ranked[_NAMED:])):
        parts.append(f"{rest} of {len(ranked) - _NAMED} other kinds")
    text = f"{count} alert{'' if count == 1 else 's'} in one message"
    if parts:
        text += f": {', '.join(parts)}"
    if unlisted.over:
        text += f"; {unlisted.over} more were over before they could be told"
    if unlisted.untracked:
        text += f"; at least {unlisted.untracked} more were too many to follow"
    return text
