"""Makes a policy from what was observed, with remarks on everything that a person must decide before it is enforced.

What is seen is not what is right: a backup that never spoke, a forger and a leak look like the rest.  So leaks are
left out, what is doubtful is said, and nothing is dropped by rules of this policy unless the caller asks for it.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from math import ceil
from typing import Final, Literal, NamedTuple, Protocol

from vrrpwatch.core.analysis import GroupInfo, Segment, SpeakerInfo, VolumeInfo
from vrrpwatch.core.model import Finding, GroupKey
from vrrpwatch.core.policy import (
    SCOPES,
    SYNC_DESTINATIONS,
    GroupPolicy,
    Policy,
    SegmentPolicy,
    SpeakerPolicy,
    SyncPolicy,
)
from vrrpwatch.firewall.flows import Unlisted
from vrrpwatch.firewall.policy_text import HEAD, Subject
from vrrpwatch.wire.values import IPAddress

SyncProtocol = Literal["conntrackd", "pfsync", "ipvs"]

# Room above the busiest second that was seen.
BUDGET_HEADROOM: Final = 2
LEAST_BUDGET: Final = 10
# A master is heard every interval: so few advertisements among many are worth a question.
FEW: Final = 3
# Findings that make what was heard doubtful: a person must say which side is right.
DOUBTFUL: Final = frozenset(
    {"split-brain", "vrid-collision", "auth-mismatch", "auth-failed", "version-mismatch", "rogue-speaker"}
)


class Observed(Protocol):
    """What was seen: an analysis is one, and so is what a store holds."""

    @property
    def segments(self) -> tuple[Segment, ...]: ...

    @property
    def groups(self) -> tuple[GroupInfo, ...]: ...

    @property
    def findings(self) -> tuple[Finding, ...]: ...

    @property
    def multicast(self) -> tuple[VolumeInfo, ...]: ...


class Learned(NamedTuple):
    """A policy, and remarks for its file (see :func:`vrrpwatch.firewall.policy_text.policy_text`)."""

    policy: Policy
    remarks: Mapping[Subject, tuple[str, ...]]


def learn(seen: Observed, devices: Mapping[str, str] | None = None, unlisted: Unlisted = "report") -> Learned:
    """``devices`` names the host's device of a segment's interface, where the capture calls it otherwise."""
    devices = devices or {}
    remarks: dict[Subject, tuple[str, ...]] = {}
    groups, left_out = _groups(seen, remarks)
    segments = tuple(_segments(seen, groups, devices, remarks))
    head = ["Learned from traffic: what was seen, not what is right. Read it before rules are made of it."]
    head += [f"left out: {line}" for line in left_out]
    if unlisted in ("drop", "limit"):
        head.append(
            f'With unlisted = "{unlisted}" whoever was silent is cut off: list every backup before rules are made.'
        )
    else:
        head.append('Set unlisted to "drop" once every speaker is listed, also those that were silent.')
    remarks[HEAD] = tuple(head)
    rate = 20.0 if unlisted == "limit" else None
    policy = Policy(version=1, unlisted=unlisted, unlisted_rate=rate, segment=segments, group=tuple(groups))
    return Learned(policy, remarks)


def _groups(seen: Observed, remarks: dict[Subject, tuple[str, ...]]) -> tuple[list[GroupPolicy], list[str]]:
    leaks = {(finding.group, finding.subject): finding for finding in seen.findings if finding.rule == "leak"}
    doubts: dict[GroupKey, list[Finding]] = {}
    for finding in seen.findings:
        if finding.group is not None and finding.rule in DOUBTFUL:
            doubts.setdefault(finding.group, []).append(finding)
    groups: dict[tuple[object, ...], GroupPolicy] = {}
    said: dict[tuple[object, ...], list[str]] = {}
    left_out: list[str] = []
    for info in seen.groups:
        speakers = [speaker for speaker in info.speakers if (info.key, str(speaker.key.ip)) not in leaks]
        left_out += [
            f"{speaker.key.ip} of {info.key}: it leaks there from another segment"
            for speaker in info.speakers
            if (info.key, str(speaker.key.ip)) in leaks
        ]
        if not speakers:
            continue
        group = _group(info, speakers)
        # Every set of unicast peers is a group on the wire, and one entry in a policy.
        place: tuple[object, ...] = group.segment, group.protocol, group.family, group.id, group.scope
        if (before := groups.get(place)) is not None:
            group = _joined(before, group)
        groups[place] = group
        said.setdefault(place, []).extend(_group_remarks(info, speakers, doubts.get(info.key, [])))
    for index, place in enumerate(groups):
        if said[place]:
            remarks["group", index] = tuple(dict.fromkeys(said[place]))
    return list(groups.values()), left_out


def _group(info: GroupInfo, speakers: list[SpeakerInfo]) -> GroupPolicy:
    key = info.key
    scope = key.scope.partition("#")[0]
    listed: dict[tuple[IPAddress, str | None], SpeakerPolicy] = {}
    for speaker in speakers:
        ip, mac = speaker.key
        listed[ip, mac] = SpeakerPolicy(ip=ip, mac=mac, priority=speaker.priority)
    return GroupPolicy(
        segment=key.segment,
        protocol=key.protocol,
        family=key.family,
        id=key.id,
        scope=None if (scope,) == SCOPES[key.protocol, key.family] else scope,
        addresses=tuple(sorted(set(info.addresses), key=int)),
        interval=info.interval if 0 < info.interval <= 255 else None,
        speakers=tuple(listed[name] for name in sorted(listed, key=lambda name: (int(name[0]), name[1] or ""))),
        peers=tuple(sorted({*info.peers, *(ip for ip, _ in listed)}, key=int)) if scope == "unicast" else (),
    )


def _joined(one: GroupPolicy, other: GroupPolicy) -> GroupPolicy:
    speakers = {(speaker.ip, speaker.mac): speaker for speaker in (*one.speakers, *other.speakers)}
    return one.model_copy(
        update={
            "addresses": tuple(sorted({*one.addresses, *other.addresses}, key=int)),
            "speakers": tuple(
                speakers[name] for name in sorted(speakers, key=lambda name: (int(name[0]), name[1] or ""))
            ),
            "peers": tuple(sorted({*one.peers, *other.peers}, key=int)),
        }
    )


def _group_remarks(info: GroupInfo, speakers: list[SpeakerInfo], doubts: list[Finding]) -> Iterable[str]:
    yield from (f"{finding.rule}: {finding.summary}" for finding in doubts)
    if len({speaker.key.ip for speaker in speakers}) == 1:
        yield "Only one speaker was heard: a backup that is not listed is cut off when it takes over. Add it."
    for peer in sorted(set(info.peers) - {speaker.key.ip for speaker in speakers}, key=int):
        yield f"{peer} is sent to and was not heard to speak: a backup? List it as a speaker."
    for listener in info.listeners:
        mac = listener.mac or "MAC unknown"
        yield f"{listener.ip} ({mac}) listens without speaking: a backup? List it as a speaker."
    for ip in sorted({speaker.key.ip for speaker in speakers}, key=int):
        macs = sorted({speaker.key.mac for speaker in speakers if speaker.key.ip == ip and speaker.key.mac})
        if len(macs) > 1:
            yield f"{ip} spoke from {len(macs)} MAC addresses, {', '.join(macs)}: list only those that are its own."
    most = max(speaker.adverts for speaker in speakers)
    for speaker in speakers:
        if speaker.adverts <= FEW < most:
            times = f"{speaker.adverts} time{'s'[: speaker.adverts != 1]}"
            yield f"{_named(speaker)} was heard only {times}: a takeover that did not last, or a forger?"
    if all(speaker.auth in ("none", "simple", None) for speaker in speakers):
        yield "Nothing here was authenticated: anyone on the segment could have sent it."
    elif unchecked := [speaker for speaker in speakers if speaker.authentic is not True]:
        who = ", ".join(_named(speaker) for speaker in unchecked)
        yield f"The authentication of {who} was not checked: anyone on the segment could have sent it."


def _named(speaker: SpeakerInfo) -> str:
    ip, mac = speaker.key
    return str(ip) if mac is None else f"{ip} ({mac})"


def _segments(
    seen: Observed,
    groups: list[GroupPolicy],
    devices: Mapping[str, str],
    remarks: dict[Subject, tuple[str, ...]],
) -> Iterable[SegmentPolicy]:
    volumes: dict[str, list[VolumeInfo]] = {}
    for volume in seen.multicast:
        volumes.setdefault(volume.segment, []).append(volume)
    named = {group.segment for group in groups}
    index = 0
    for segment in sorted(seen.segments):
        mine = volumes.get(segment.id, [])
        syncs = tuple(_syncs(mine))
        if segment.id not in named and not syncs:
            continue
        yield _segment(segment, segment.id in named, syncs, devices, _budget(mine))
        said = []
        if any(len(sync.peers) == 1 for sync in syncs):
            said.append("Only one host was heard to send state: add its peer.")
        if said:
            remarks["segment", index] = tuple(said)
        index += 1


def _segment(
    segment: Segment, advertises: bool, syncs: tuple[SyncPolicy, ...], devices: Mapping[str, str], budget: float
) -> SegmentPolicy:
    return SegmentPolicy(
        name=segment.id,
        interface=devices.get(segment.interface, segment.interface),
        vlans=segment.vlans,
        role="both" if advertises and syncs else "sync" if syncs else "redundancy",
        budget=budget,
        sync=syncs,
    )


def _budget(volumes: list[VolumeInfo]) -> float:
    """Twice the busiest seconds of what is confined, taken together."""
    protocols = {"vrrp", "carp", "hsrp", "glbp", *SYNC_DESTINATIONS}
    peaks = sum(volume.packets_per_second.peak for volume in volumes if volume.protocol in protocols)
    return float(max(LEAST_BUDGET, ceil(BUDGET_HEADROOM * peaks)))


def _syncs(volumes: list[VolumeInfo]) -> Iterable[SyncPolicy]:
    protocols: tuple[SyncProtocol, ...] = ("conntrackd", "ipvs", "pfsync")
    for protocol in protocols:
        mine = [volume for volume in volumes if volume.protocol == protocol]
        destinations = {ip_address(volume.destination) for volume in mine}
        peers = {ip_address(source) for volume in mine for source in volume.sources}
        if destinations and peers:
            yield SyncPolicy(
                protocol=protocol,
                peers=tuple(sorted(peers, key=int)),
                destinations=tuple(sorted(destinations, key=lambda address: (address.version, int(address)))),
            )
