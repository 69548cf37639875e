"""Compares what is declared with what the wire shows: who is missing, who should not be there, who says otherwise."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo, VolumeInfo
from vrrpwatch.core.policy import GroupPolicy, Policy, SpeakerPolicy, SyncPolicy
from vrrpwatch.firewall.learn import Observed
from vrrpwatch.wire.values import IPAddress

Kind = Literal[
    "unknown-group",
    "silent-group",
    "unknown-speaker",
    "silent-speaker",
    "other-mac",
    "other-priority",
    "other-interval",
    "other-addresses",
    "unknown-peer",
    "silent-sync",
]

# A backup is silent as long as its master is not: not hearing it is no difference, only worth a word.
EXPECTED: Final[frozenset[Kind]] = frozenset({"silent-speaker"})


class Difference(NamedTuple):
    """One thing that is not as declared: on ``segment``, about ``subject``; ``text`` is the sentence for people."""

    kind: Kind
    segment: str
    subject: str
    text: str

    @property
    def expected(self) -> bool:
        """Whether a healthy network may show it."""
        return self.kind in EXPECTED


def drift(policy: Policy, seen: Observed) -> tuple[Difference, ...]:
    """Every difference, sorted by segment; segments that the policy does not cover are not judged."""
    found = [
        difference
        for info in seen.groups
        if policy.covers(info.key.segment)
        for difference in _heard(policy.group_for(info.key), info)
    ]
    found += (difference for group in policy.group for difference in _unheard(group, seen.groups))
    found += _volumes(policy, seen.multicast)
    return tuple(sorted(set(found), key=lambda each: (each.segment, each.subject, each.kind, each.text)))


def _heard(group: GroupPolicy | None, info: GroupInfo) -> Iterator[Difference]:
    segment, subject = info.key.segment, f"{info.key.protocol} {info.key.id}"
    if group is None:
        speakers = _listed(speaker.key.ip for speaker in info.speakers)
        yield Difference("unknown-group", segment, subject, f"is not declared; {speakers} advertise it")
        return
    for speaker in info.speakers:
        yield from _speaker(group, segment, subject, speaker)
    if group.interval is not None and abs(info.interval - group.interval) > 1e-9:
        text = f"is declared every {group.interval:g} s and advertised every {info.interval:g} s"
        yield Difference("other-interval", segment, subject, text)
    declared, shown = set(group.addresses), set(info.addresses)
    # CARP and authenticated protocols do not say which addresses they hold.
    if declared and shown and declared != shown:
        parts = [
            f"{word} {_listed(addresses)}"
            for word, addresses in (("lacks", declared - shown), ("also has", shown - declared))
            if addresses
        ]
        yield Difference("other-addresses", segment, subject, " and ".join(parts))


def _speaker(group: GroupPolicy, segment: str, subject: str, speaker: SpeakerInfo) -> Iterator[Difference]:
    ip, mac = speaker.key
    entries = [listed for listed in group.speakers if listed.ip == ip]
    if not entries:
        yield Difference("unknown-speaker", segment, subject, f"{ip} advertises it and is not declared")
        return
    if not group.lists(speaker.key):
        known = ", ".join(sorted(entry.mac for entry in entries if entry.mac is not None))
        yield Difference("other-mac", segment, subject, f"{ip} is declared with {known} and speaks from {mac}")
    priorities = {entry.priority for entry in entries if entry.priority is not None}
    if priorities and speaker.priority is not None and speaker.priority not in priorities:
        declared = ", ".join(map(str, sorted(priorities)))
        text = f"{ip} is declared with priority {declared} and has {speaker.priority}"
        yield Difference("other-priority", segment, subject, text)


def _unheard(group: GroupPolicy, infos: tuple[GroupInfo, ...]) -> Iterator[Difference]:
    mine = [info for info in infos if group.matches(info.key)]
    subject = f"{group.protocol} {group.id}"
    if not mine:
        yield Difference("silent-group", group.segment, subject, "is declared and was not heard")
        return
    spoke = {speaker.key.ip for info in mine for speaker in info.speakers}
    for listed in _silent(group.speakers, spoke):
        text = f"{listed} was not heard to speak, as a backup whose master is there"
        yield Difference("silent-speaker", group.segment, subject, text)


def _silent(listed: tuple[SpeakerPolicy, ...], spoke: set[IPAddress]) -> list[IPAddress]:
    return sorted({speaker.ip for speaker in listed} - spoke, key=int)


def _volumes(policy: Policy, volumes: tuple[VolumeInfo, ...]) -> Iterator[Difference]:
    for segment in policy.segment:
        mine = [volume for volume in volumes if policy.segment_for(volume.segment) is segment]
        for sync in segment.sync:
            yield from _sync(sync, segment.name, mine)
        for volume in mine:
            known = any(volume.destination == str(to) for sync in segment.sync for to in sync.destinations)
            if volume.protocol in ("conntrackd", "pfsync", "ipvs") and not known:
                text = f"goes to {volume.destination} from {', '.join(volume.sources)} and is not declared"
                yield Difference("unknown-peer", volume.segment, volume.protocol, text)


def _sync(sync: SyncPolicy, segment: str, volumes: list[VolumeInfo]) -> Iterator[Difference]:
    destinations = {str(to) for to in sync.destinations}
    mine = [volume for volume in volumes if volume.destination in destinations]
    if not mine and any(to.is_multicast for to in sync.destinations):
        yield Difference("silent-sync", segment, sync.protocol, f"to {_listed(sync.destinations)} was not heard")
    peers = {str(peer) for peer in sync.peers}
    for volume in mine:
        for source in volume.sources:
            if source not in peers:
                text = f"{source} sends to {volume.destination} and is not declared"
                yield Difference("unknown-peer", volume.segment, sync.protocol, text)


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(str(address) for address in sorted(set(addresses), key=lambda each: (each.version, int(each))))
