"""What keepalived's instances and sync groups may track, declared in blocks of its own: scripts, files, processes."""

from typing import Any

from vrrpwatch.declared.keepalived_fields import first, integer, script, seconds, whole
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import CheckScript, TrackFile, TrackProcess
from vrrpwatch.declared.notes import Notes, quoted

# Wider ones are taken for these (vrrp_track.c), and a file's number makes more of any.
_MOST_WEIGHT = 254


def check_script(statement: Statement, name: str, notes: Notes) -> CheckScript:
    """A ``vrrp_script``."""
    values: dict[str, Any] = {}
    for inner in statement.inner:
        value: object = None
        match inner.keyword:
            case "script":
                value = script(inner, notes)
            case "interval" | "timeout":
                value = seconds(inner, notes, 0.001, 2**32 / 1e6)
            case "rise" | "fall":
                value = integer(inner, notes, 1, 2**31 - 1)
            case "weight":
                values |= _weight(inner, notes)
            case "user":
                value = inner.arguments
            case "init_fail":
                value = True
        if value is not None:
            values[inner.keyword] = value
    return CheckScript(statement.place, name, **values)


def track_file(statement: Statement, name: str, notes: Notes) -> TrackFile:
    """A ``track_file`` or ``vrrp_track_file`` that is no list of what an instance tracks."""
    values: dict[str, Any] = {}
    for inner in statement.inner:
        match inner.keyword:
            case "file":
                values["path"] = first(inner, notes)
            case "weight":
                values |= _weight(inner, notes)
            case "init_file":
                values["init"] = inner.arguments
    return TrackFile(statement.place, name, **values)


def track_process(statement: Statement, name: str, notes: Notes) -> TrackProcess:
    """A ``vrrp_track_process``."""
    values: dict[str, Any] = {}
    for inner in statement.inner:
        match inner.keyword:
            case "process":
                values["process"] = inner.arguments
            case "weight":
                values |= _weight(inner, notes)
            case "quorum":
                values["quorum"] = integer(inner, notes, 1, 65535)
            case "fork_delay" | "terminate_delay":
                values[inner.keyword] = seconds(inner, notes, 0, 3600)
            case "delay":
                values["fork_delay"] = values["terminate_delay"] = seconds(inner, notes, 0, 3600)
    return TrackProcess(statement.place, name, statement, **values)


def _weight(statement: Statement, notes: Notes) -> dict[str, Any]:
    text = statement.arguments[0] if statement.arguments else ""
    value = whole(text, -_MOST_WEIGHT, _MOST_WEIGHT)
    if value is None:
        notes.add(statement.place, f"'weight' takes -253 to 253, not {quoted(text)}")
        return {}
    for word in statement.arguments[1:]:
        if word != "reverse":
            notes.add(statement.place, f"'weight' does not take {quoted(word)}")
    return {"weight": value, "reverse": "reverse" in statement.arguments[1:]}
