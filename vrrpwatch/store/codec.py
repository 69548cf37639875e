"""What the engine tells in the types of a database, and back: clean text, numbers of 64 bits, JSON."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from ipaddress import ip_address
from math import isfinite
from typing import Any, Final, cast

from vrrpwatch.core.analysis import GroupInfo, Listener, SpeakerInfo, Successor, Tenure
from vrrpwatch.core.model import Event, Evidence, Finding, GroupKey, Severity, SpeakerKey
from vrrpwatch.store.tables import EventRow, FindingRow
from vrrpwatch.wire.values import IPAddress, Mac

# Both databases count in signed 64 bits; times in a capture may be anything.
_GREATEST: Final = 2**63 - 1
# PostgreSQL indexes keys of 2,700 bytes at most, and characters take up to four of them; summaries are in no index.
MAX_KEY: Final = 400
MAX_TEXT: Final = 4_096
# An address, or a word.
_MAX_SCOPE: Final = 64

Object = dict[str, Any]


def clean(text: str, limit: int = MAX_TEXT) -> str:
    r"""``text`` as both databases take it: NUL and lone surrogates as escapes (``\x00``, ``\udc80``).

    What is longer than ``limit`` characters is cut and ends in a hash of it all: different texts stay different.
    """
    if "\0" in text or not text.isascii():
        # Only surrogates cannot be encoded.
        text = text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    if len(text) <= limit:
        return text
    return f"{text[: limit - 17]}~{sha256(text.encode()).hexdigest()[:16]}"


def whole(number: int) -> int:
    """A number cut to what 64 bits hold."""
    return max(-_GREATEST, min(number, _GREATEST))


def number(value: float | None) -> float | None:
    """A number that JSON has a form for, else ``None``."""
    return value if value is not None and isfinite(value) else None


def key_text(key: GroupKey) -> str:
    """A group's key as it is stored."""
    # The parts are cut one by one, so that it can be taken apart again.
    return str(key._replace(segment=clean(key.segment, MAX_KEY), scope=clean(key.scope, _MAX_SCOPE)))


def key_of(text: str, sensor: str | None = None) -> GroupKey:
    """The key back from its text, with the sensor's name in front of the segment if one is given.

    Raises :class:`ValueError` for what is no key.
    """
    segment, protocol, family, number_, scope = text.rsplit("|", 4)
    if protocol not in ("vrrp", "carp", "hsrp", "glbp") or family not in ("4", "6"):
        raise ValueError(f"{text}: is no group's key")
    name = segment if sensor is None else f"{sensor}:{segment}"
    return GroupKey(name, cast("Any", protocol), 6 if family == "6" else 4, int(number_), scope)


def group_object(group: GroupInfo) -> Object:
    """All of a group but its key."""
    return {
        "state": group.state,
        "master": None if group.master is None else _speaker_key(group.master),
        "addresses": _texts(group.addresses),
        "interval": number(group.interval),
        "adverts": whole(group.adverts),
        "first": whole(group.first),
        "last": whole(group.last),
        "speakers": [speaker_object(speaker) for speaker in group.speakers],
        "successor": None
        if group.successor is None
        else {"ip": str(group.successor.ip), "in_seconds": number(group.successor.in_seconds)},
        "listeners": [[str(item.ip), item.mac, whole(item.joined)] for item in group.listeners],
        "timeline": [[whole(item.first), whole(item.last), _texts(item.holders)] for item in group.timeline],
        "peers": _texts(group.peers),
    }


def settings_object(speaker: SpeakerInfo) -> Object:
    """What a speaker announces, without when and how often."""
    return {
        "versions": list(speaker.versions),
        "priority": speaker.priority,
        "advbase": speaker.advbase,
        "advskew": speaker.advskew,
        "demotion": speaker.demotion,
        "interval": number(speaker.interval),
        "addresses": _texts(speaker.addresses),
        "auth": speaker.auth,
        "checksum": speaker.checksum,
        "implementation": None if speaker.implementation is None else clean(speaker.implementation),
        "authentic": speaker.authentic,
    }


def speaker_object(speaker: SpeakerInfo) -> Object:
    """One speaker of a group."""
    verified = speaker.authentic_addresses
    return {
        **_speaker_key(speaker.key),
        **settings_object(speaker),
        "adverts": whole(speaker.adverts),
        "first": whole(speaker.first),
        "last": whole(speaker.last),
        "authentic_addresses": None if verified is None else _texts(verified),
    }


def group_of(key: GroupKey, info: Mapping[str, Any]) -> GroupInfo:
    """A group back from its object; raises :class:`KeyError`, `TypeError` or `ValueError` for what is none."""
    successor = info["successor"]
    return GroupInfo(
        key=key,
        state=info["state"],
        master=None if info["master"] is None else _speaker_key_of(info["master"]),
        addresses=_ips(info["addresses"]),
        interval=info["interval"] or 0.0,
        adverts=info["adverts"],
        first=info["first"],
        last=info["last"],
        speakers=tuple(_speaker_of(speaker) for speaker in info["speakers"]),
        successor=None if successor is None else Successor(ip_address(successor["ip"]), successor["in_seconds"]),
        listeners=tuple(Listener(ip_address(ip), mac, joined) for ip, mac, joined in info["listeners"]),
        timeline=tuple(Tenure(first, last, _ips(holders)) for first, last, holders in info["timeline"]),
        # Stores of earlier versions do not have it.
        peers=_ips(info.get("peers", ())),
    )


def _speaker_of(item: Mapping[str, Any]) -> SpeakerInfo:
    verified = item["authentic_addresses"]
    return SpeakerInfo(
        key=_speaker_key_of(item),
        versions=tuple(item["versions"]),
        priority=item["priority"],
        advbase=item["advbase"],
        advskew=item["advskew"],
        demotion=item["demotion"],
        interval=item["interval"] or 0.0,
        adverts=item["adverts"],
        first=item["first"],
        last=item["last"],
        addresses=_ips(item["addresses"]),
        auth=item["auth"],
        checksum=item["checksum"],
        implementation=item["implementation"],
        authentic=item["authentic"],
        authentic_addresses=None if verified is None else _ips(verified),
    )


def event_values(event: Event) -> Object:
    """An event's columns, apart from sensor and revision."""
    return {
        "group": key_text(event.group),
        "at": whole(event.at),
        "kind": event.kind,
        "source": whole(event.source),
        "packet": whole(event.packet),
        "old": None if event.old is None else str(event.old),
        "new": None if event.new is None else str(event.new),
        "cause": event.cause,
        "gap": number(event.gap),
        "expected_gap": number(event.expected_gap),
    }


def event_of(row: EventRow, sensor: str | None = None) -> Event:
    """An event back from its row."""
    return Event(
        at=row.at,
        kind=cast("Any", row.kind),
        group=key_of(row.group, sensor),
        source=row.source,
        packet=row.packet,
        old=None if row.old is None else ip_address(row.old),
        new=None if row.new is None else ip_address(row.new),
        cause=cast("Any", row.cause),
        gap=row.gap,
        expected_gap=row.expected_gap,
    )


def finding_values(finding: Finding) -> Object:
    """A finding's columns, apart from sensor, session, revision and what people noted on it."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "segment": clean(finding.segment, MAX_KEY),
        "group": None if finding.group is None else key_text(finding.group),
        "subject": clean(finding.subject),
        "first": whole(finding.first),
        "last": whole(finding.last),
        "count": whole(finding.count),
        "summary": clean(finding.summary),
        "evidence": [[whole(item.source), whole(item.packet)] for item in finding.evidence],
    }


def finding_of(row: FindingRow, sensor: str | None = None) -> Finding:
    """A finding back from its row."""
    return Finding(
        rule=row.rule,
        severity=Severity(row.severity),
        segment=row.segment if sensor is None else f"{sensor}:{row.segment}",
        group=None if row.group is None else key_of(row.group, sensor),
        subject=row.subject,
        first=row.first,
        last=row.last,
        count=row.count,
        summary=row.summary,
        evidence=tuple(Evidence(source, packet) for source, packet in row.evidence),
    )


def _speaker_key(key: SpeakerKey) -> Object:
    return {"ip": str(key.ip), "mac": key.mac}


def _speaker_key_of(item: Mapping[str, Any]) -> SpeakerKey:
    mac: Mac | None = item["mac"]
    return SpeakerKey(ip_address(item["ip"]), mac)


def _texts(addresses: Iterable[IPAddress]) -> list[str]:
    return [str(address) for address in addresses]


def _ips(texts: Iterable[str]) -> tuple[IPAddress, ...]:
    return tuple(ip_address(text) for text in texts)
