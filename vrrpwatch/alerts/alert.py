"""What a receiver is told: one alert as a value, and as the payload of schema ``vrrpwatch/alert/1``."""

import hashlib
import json
from typing import Any, Final, Literal, NamedTuple, get_args

from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Event, Evidence, Finding, Instant, Severity

SCHEMA: Final = "vrrpwatch/alert/1"
DIGEST: Final = "digest"

Status = Literal["firing", "resolved"]
Payload = dict[str, Any]


class Alert(NamedTuple):
    """One thing to tell: that something is wrong (``firing``), or no longer is (``resolved``) under the same ``id``.

    ``at`` is when it began to fire or resolved.  ``segment`` is ``None`` for a digest that is about several, ``group``
    the key's text.  ``details`` holds what JSON can hold.
    """

    id: str
    status: Status
    at: Instant
    sensor: str
    rule: str
    severity: Severity
    segment: str | None
    group: str | None
    summary: str
    details: Payload
    evidence: tuple[Evidence, ...]


def of_finding(finding: Finding, id_: str, sensor: str, at: Instant, status: Status = "firing") -> Alert:
    """The alert of a finding as it is now; ``id_`` is its :attr:`Finding.id`, which takes time to work out."""
    details = {
        "subject": _text(finding.subject),
        "count": finding.count,
        "first": rfc3339(finding.first),
        "last": rfc3339(finding.last),
    }
    group = None if finding.group is None else _text(str(finding.group))
    return Alert(
        id_,
        status,
        at,
        sensor,
        finding.rule,
        finding.severity,
        _text(finding.segment),
        group,
        _text(finding.summary),
        details,
        finding.evidence,
    )


def of_event(event: Event, sensor: str, priority: int | None) -> Alert:
    """The alert of a change of mastership; ``priority`` is the new master's, where the protocol has one."""
    key = _text(str(event.group))
    details = {
        "subject": key,
        "from": None if event.old is None else str(event.old),
        "to": None if event.new is None else str(event.new),
        "cause": event.cause,
        "gap": event.gap,
        "expected_gap": event.expected_gap,
        "priority": priority,
    }
    return Alert(
        short_id(event.kind, key, str(event.at)),
        "firing",
        event.at,
        sensor,
        event.kind,
        Severity.INFO,
        _text(event.group.segment),
        key,
        _sentence(event),
        details,
        (Evidence(event.source, event.packet),),
    )


def _sentence(event: Event) -> str:
    what = f"{event.group.protocol.upper()} {event.group.id} on {_text(event.group.segment)}"
    match event.kind:
        case "master-appeared":
            return f"{event.new} is the master of {what}"
        case "master-changed":
            cause = "" if event.cause in (None, "unknown") else f" ({event.cause})"
            return f"{event.new} took over {what} from {event.old}{cause}"
        case "master-resigned":
            return f"{event.old} gives up {what}"
        case "master-lost":
            return f"nobody holds {what} any more; {event.old} was the last"


def short_id(*parts: str) -> str:
    """Sixteen hexadecimal digits that stand for ``parts``, as :attr:`Finding.id` does for a finding."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def payload(alert: Alert) -> Payload:
    """The document that hooks and webhooks get; the keys are those of the schema, in its order."""
    return {
        "schema": SCHEMA,
        "id": alert.id,
        "status": alert.status,
        "at": rfc3339(alert.at),
        "sensor": alert.sensor,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "segment": alert.segment,
        "group": alert.group,
        "summary": alert.summary,
        "details": alert.details,
        "evidence": [{"source": item.source, "packet": item.packet} for item in alert.evidence],
    }


def encode(alert: Alert) -> bytes:
    """The payload as one line of ASCII JSON, without its end."""
    return json.dumps(payload(alert), separators=(",", ":"), allow_nan=False).encode()


def pack(alert: Alert) -> str:
    """An alert as text for the outbox: instants keep their nanoseconds there."""
    return json.dumps([*alert[:5], alert.severity.value, *alert[6:10], alert.evidence], separators=(",", ":"))


def unpack(text: str) -> Alert:
    """What :func:`pack` made; raises :class:`ValueError` for anything else."""
    try:
        id_, status, at, sensor, rule, severity, segment, group, summary, details, evidence = json.loads(text)
        shown = tuple(Evidence(int(source), int(packet)) for source, packet in evidence)
        alert = Alert(id_, status, at, sensor, rule, Severity(severity), segment, group, summary, details, shown)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    texts = (id_, sensor, rule, summary, segment or "", group or "")
    if not all(isinstance(item, str) for item in texts) or not isinstance(details, dict):
        raise ValueError("is no alert")
    if status not in get_args(Status) or not isinstance(at, int):
        raise ValueError("is no alert")
    return alert


def _text(text: str) -> str:
    """Without lone surrogates, which names of interfaces and files may hold and JSON readers refuse."""
    return text.encode("utf-8", "replace").decode()
