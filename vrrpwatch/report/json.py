"""An analysis as the JSON document that other programs rely on: schema ``vrrpwatch/analysis/1``."""

import json
from collections.abc import Mapping
from typing import Any, Final

from vrrpwatch.core.analysis import (
    Analysis,
    GroupInfo,
    InterfaceInfo,
    Listener,
    Rate,
    Segment,
    SourceInfo,
    SpeakerInfo,
    Tenure,
    Totals,
    VolumeInfo,
)
from vrrpwatch.core.cures import Cure, Cures
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Event, Finding, Instant, SpeakerKey
from vrrpwatch.report.stretches import stretches

SCHEMA: Final = "vrrpwatch/analysis/1"

Object = dict[str, Any]


def to_json(analysis: Analysis) -> Object:
    """The document as plain dicts and lists, keys in the schema's order, every value JSON can hold.

    Times are RFC 3339 UTC with microseconds, durations seconds, packet numbers from 1, unknown values ``None``.
    """
    cures = Cures(analysis.groups, analysis.multicast)
    return {
        "schema": SCHEMA,
        "sources": [source_object(source) for source in analysis.sources],
        "segments": [segment_object(segment) for segment in analysis.segments],
        "groups": [group_object(group) for group in analysis.groups],
        "events": [event_object(event) for event in analysis.events],
        "findings": [finding_object(finding) | _cure(cures.of(finding)) for finding in analysis.findings],
        "multicast": [volume_object(volume) for volume in analysis.multicast],
        "totals": totals_object(analysis.totals),
        "skipped": _counts(analysis.skipped),
        "evicted": _counts(analysis.evicted),
    }


def render(document: Mapping[str, Any]) -> str:
    """A document as ASCII text with one line per list item: fit for ``jq``, ``grep``, ``diff`` and the eye."""
    parts = []
    for name, value in document.items():
        if isinstance(value, list) and value:
            text = "[\n    " + ",\n    ".join(json.dumps(item) for item in value) + "\n  ]"
        else:
            text = json.dumps(value)
        parts.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def unicode_text(text: str) -> str:
    """Text without lone surrogates, which file names may hold and JSON readers refuse."""
    return text.encode("utf-8", "replace").decode()


def source_object(source: SourceInfo) -> Object:
    """One capture; ``format`` is ``None`` where nothing of it could be read, ``damage`` says where it is damaged."""
    return {
        "path": unicode_text(source.path),
        "format": source.format or None,
        "packets": source.packets,
        "bytes": source.bytes,
        "first": _time(source.first),
        "last": _time(source.last),
        "truncated": source.damage is not None,
        "interfaces": [_interface(interface) for interface in source.interfaces],
        "damage": None if source.damage is None else unicode_text(source.damage),
    }


def _interface(interface: InterfaceInfo) -> Object:
    return {"name": unicode_text(interface.name), "linktype": interface.linktype, "dropped": interface.dropped}


def segment_object(segment: Segment) -> Object:
    """One segment; ``vlans`` outer to inner."""
    return {
        "id": unicode_text(segment.id),
        "interface": unicode_text(segment.interface),
        "vlans": list(segment.vlans),
    }


def group_object(group: GroupInfo) -> Object:
    """One virtual router; ``listeners`` joined but were never heard to advertise, ``timeline`` is who held it when."""
    return {
        "key": unicode_text(str(group.key)),
        "segment": unicode_text(group.key.segment),
        "protocol": group.key.protocol,
        "family": group.key.family,
        "id": group.key.id,
        "scope": unicode_text(group.key.scope),
        "state": group.state,
        "master": None if group.master is None else _speaker_key(group.master),
        "addresses": [str(address) for address in group.addresses],
        "interval": _number(group.interval),
        "adverts": group.adverts,
        "first": rfc3339(group.first),
        "last": rfc3339(group.last),
        "speakers": [_speaker(speaker) for speaker in group.speakers],
        "successor": None
        if group.successor is None
        else {"ip": str(group.successor.ip), "in_seconds": _number(group.successor.in_seconds)},
        "listeners": [_listener(listener) for listener in group.listeners],
        "timeline": [_tenure(tenure) for tenure in stretches(group.timeline)],
    }


def _speaker_key(key: SpeakerKey) -> Object:
    return {"ip": str(key.ip), "mac": key.mac}


def _speaker(speaker: SpeakerInfo) -> Object:
    verified = speaker.authentic_addresses
    return {
        **_speaker_key(speaker.key),
        "versions": list(speaker.versions),
        "priority": speaker.priority,
        "advbase": speaker.advbase,
        "advskew": speaker.advskew,
        "demotion": speaker.demotion,
        "interval": _number(speaker.interval),
        "adverts": speaker.adverts,
        "first": rfc3339(speaker.first),
        "last": rfc3339(speaker.last),
        "addresses": [str(address) for address in speaker.addresses],
        "auth": speaker.auth,
        "checksum": speaker.checksum,
        "implementation": speaker.implementation,
        "authentic": speaker.authentic,
        "authentic_addresses": None if verified is None else [str(address) for address in verified],
    }


def _listener(listener: Listener) -> Object:
    return {"ip": str(listener.ip), "mac": listener.mac, "joined": rfc3339(listener.joined)}


def _tenure(tenure: Tenure) -> Object:
    return {
        "first": rfc3339(tenure.first),
        "last": rfc3339(tenure.last),
        "holders": [str(holder) for holder in tenure.holders],
    }


def event_object(event: Event) -> Object:
    """One change of mastership; ``source`` is the index of the capture that ``packet`` counts in."""
    return {
        "at": rfc3339(event.at),
        "kind": event.kind,
        "group": unicode_text(str(event.group)),
        "from": None if event.old is None else str(event.old),
        "to": None if event.new is None else str(event.new),
        "cause": event.cause,
        "gap": _number(event.gap),
        "expected_gap": _number(event.expected_gap),
        "packet": event.packet,
        "source": event.source,
    }


def finding_object(finding: Finding) -> Object:
    """One finding; ``id`` is the same wherever and whenever the same trouble is seen."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "segment": unicode_text(finding.segment),
        "group": None if finding.group is None else unicode_text(str(finding.group)),
        "subject": unicode_text(finding.subject),
        "first": rfc3339(finding.first),
        "last": rfc3339(finding.last),
        "count": finding.count,
        "summary": unicode_text(finding.summary),
        "evidence": [{"source": item.source, "packet": item.packet} for item in finding.evidence],
        "id": finding.id,
    }


def _cure(cure: Cure | None) -> Object:
    return {"cure": None if cure is None else {**cure._asdict(), "where": unicode_text(cure.where)}}


def volume_object(volume: VolumeInfo) -> Object:
    """The multicast of one destination on one segment."""
    return {
        "segment": unicode_text(volume.segment),
        "destination": volume.destination,
        "protocol": volume.protocol,
        "packets": volume.packets,
        "bytes": volume.bytes,
        "sources": list(volume.sources),
        "first": rfc3339(volume.first),
        "last": rfc3339(volume.last),
        "packets_per_second": _rate(volume.packets_per_second),
        "bits_per_second": _rate(volume.bits_per_second),
    }


def totals_object(totals: Totals) -> Object:
    """What the captures hold altogether; bytes are those on the wire."""
    return {
        "packets": totals.packets,
        "bytes": totals.bytes,
        "multicast_packets": totals.multicast_packets,
        "multicast_bytes": totals.multicast_bytes,
        "adverts": totals.adverts,
    }


def _rate(rate: Rate) -> Object:
    return {"mean": _number(rate.mean), "peak": _number(rate.peak)}


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {unicode_text(name): number for name, number in counts.items()}


def _time(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


def _number(value: float | None) -> float | None:
    # Nothing here is measured finer than a nanosecond; more decimals would be the noise of binary fractions.
    return None if value is None else round(value, 9)
