"""Writes a policy as the TOML file that people review and edit: in a settled order, with remarks as comments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from vrrpwatch.core.policy import GroupPolicy, Policy, SegmentPolicy, SpeakerPolicy, SyncPolicy
from vrrpwatch.wire.text import safe_text

# What a remark is about: the policy's head ("head", 0), a segment or a group by its index.
Subject = tuple[str, int]
HEAD: Final[Subject] = ("head", 0)


def policy_text(policy: Policy, remarks: Mapping[Subject, Sequence[str]] | None = None) -> str:
    """The file, which :class:`Policy` reads back as the same value; what has its default is left out.

    ``remarks`` are lines of free text: they stand as comments before what they are about.
    """
    remarks = remarks or {}
    blocks = [_block(_remarks(remarks, HEAD), _head(policy))]
    blocks += [
        _block(_remarks(remarks, ("segment", index)), _segment(segment)) for index, segment in enumerate(policy.segment)
    ]
    blocks += [_block(_remarks(remarks, ("group", index)), _group(group)) for index, group in enumerate(policy.group)]
    return "\n".join(blocks)


def _block(*parts: Iterator[str]) -> str:
    return "".join(f"{line}\n" for part in parts for line in part)


def _remarks(remarks: Mapping[Subject, Sequence[str]], subject: Subject) -> Iterator[str]:
    for line in remarks.get(subject, ()):
        yield f"# {safe_text(line, 1000)}"


def _head(policy: Policy) -> Iterator[str]:
    yield f"version = {policy.version}"
    yield f"unlisted = {_value(policy.unlisted)}"
    if policy.unlisted_rate is not None:
        yield f"unlisted_rate = {_value(policy.unlisted_rate)}"


def _segment(segment: SegmentPolicy) -> Iterator[str]:
    yield "[[segment]]"
    yield from _settings(segment, SegmentPolicy, ("name", "interface", "interfaces", "vlans", "role", "budget"))
    for sync in segment.sync:
        yield ""
        yield "[[segment.sync]]"
        yield from _settings(sync, SyncPolicy, ("protocol", "peers", "destinations", "ports", "rate"))


def _group(group: GroupPolicy) -> Iterator[str]:
    yield "[[group]]"
    names = ("segment", "protocol", "family", "id", "scope", "addresses", "interval", "rate", "peers")
    yield from _settings(group, GroupPolicy, names)
    yield "speakers = ["
    for speaker in group.speakers:
        said = ", ".join(_settings(speaker, SpeakerPolicy, ("ip", "mac", "priority")))
        yield f"  {{ {said} }},"
    yield "]"


def _settings(table: Any, kind: Any, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = getattr(table, name)
        if value != kind.model_fields[name].default:
            yield f"{name} = {_value(value)}"


def _value(value: object) -> str:
    match value:
        case tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case IPv4Address() | IPv6Address():
            return f'"{value}"'
        case str():
            # TOML's basic strings and JSON's strings agree on whatever is printable.
            return json.dumps(value, ensure_ascii=False)
        case _:
            return repr(value)
