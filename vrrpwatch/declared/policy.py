"""Makes a policy of what several hosts declare, and says where they contradict one another or leave something open."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from vrrpwatch.core.policy import GroupPolicy, Policy, SegmentPolicy, SpeakerPolicy, SyncPolicy
from vrrpwatch.declared.claims import Claim, Declaration, GroupClaim, Interfaces, SyncClaim, claims
from vrrpwatch.declared.notes import Note, Notes, Place
from vrrpwatch.wire.values import IPAddress


class Contradiction(NamedTuple):
    """Two lines that cannot both be right; ``text`` says how they differ, and shows no password."""

    one: Place
    other: Place
    text: str

    def __str__(self) -> str:
        return f"{self.one} and {self.other}: {self.text}"


class DeclaredPolicy(NamedTuple):
    """A policy of what is declared, what contradicts in it, and what is not in it because no file tells."""

    policy: Policy
    contradictions: tuple[Contradiction, ...]
    gaps: tuple[Note, ...]


GroupKey = tuple[str, str, int, int, str | None]
SyncKey = tuple[str, str, bool]


def declared_policy(declarations: Iterable[Declaration], interfaces: Interfaces | None = None) -> DeclaredPolicy:
    """The policy that the declarations of one or more hosts make together; segments have their interface's name.

    ``interfaces`` are the addresses of each host's interfaces, primary ones first: where a file does not say which
    address a host sends from, it is taken from there.  What remains unknown is a gap, with what to do about it.
    """
    gaps = Notes()
    found = [claim for declaration in declarations for claim in claims(declaration, interfaces or {}, gaps)]
    groups: dict[GroupKey, list[GroupClaim]] = {}
    syncs: dict[SyncKey, list[SyncClaim]] = {}
    for claim in found:
        match claim:
            case GroupClaim():
                groups.setdefault((claim.interface, claim.protocol, claim.family, claim.id, claim.scope), []).append(
                    claim
                )
            case SyncClaim():
                syncs.setdefault((claim.interface, claim.protocol, claim.unicast), []).append(claim)
    made = [group for group in (_group(members, gaps) for members in groups.values()) if group is not None]
    contradictions = [one for members in groups.values() for one in _differences(members)]
    contradictions += _elsewhere(groups)
    contradictions += [one for members in syncs.values() for one in _sync_differences(members)]
    segments = tuple(_segments(found, {group.segment for group in made}, syncs, gaps))
    return DeclaredPolicy(
        Policy(version=1, unlisted_rate=None, segment=segments, group=tuple(made)),
        tuple(dict.fromkeys(contradictions)),
        gaps.all(),
    )


def _group(members: list[GroupClaim], gaps: Notes) -> GroupPolicy | None:
    first = members[0]
    peers = dict.fromkeys(peer for claim in members for peer in claim.peers)
    speakers: dict[IPAddress, SpeakerPolicy] = {}
    for claim in members:
        if claim.source is not None and claim.source not in speakers:
            speakers[claim.source] = SpeakerPolicy(ip=claim.source, mac=claim.mac, priority=claim.priority)
    for claim in members:
        for peer in claim.peers:
            if peer not in speakers:
                gaps.add(claim.place, f"peer {peer} is listed here only: its own configuration is not given")
                speakers[peer] = SpeakerPolicy(ip=peer)
    if not speakers:
        gaps.add(first.place, f"{first.protocol} {first.id} is left out: none of its speakers is known")
        return None
    return GroupPolicy(
        segment=first.interface,
        protocol=first.protocol,
        family=first.family,
        id=first.id,
        scope=first.scope,
        addresses=tuple(dict.fromkeys(address for claim in members for address in claim.addresses)),
        interval=first.interval,
        speakers=tuple(speakers.values()),
        peers=tuple(dict.fromkeys((*speakers, *peers))) if first.scope == "unicast" else (),
    )


def _differences(members: list[GroupClaim]) -> Iterator[Contradiction]:
    """How the hosts of one group differ from the first one that declares it."""
    first = members[0]
    subject = f"{first.protocol} {first.id} on {first.interface}"
    for other in members[1:]:
        if other.host == first.host:
            if first.scope != "unicast" or set(first.peers) & set(other.peers):
                yield Contradiction(first.place, other.place, f"{subject} is declared twice for one host")
            continue
        for text in _disagreements(first, other):
            yield Contradiction(first.place, other.place, f"{subject}: {text}")


def _disagreements(one: GroupClaim, other: GroupClaim) -> Iterator[str]:
    if set(one.addresses) != set(other.addresses):
        yield f"addresses {_list(one.addresses)} here, {_list(other.addresses)} there"
    if one.interval != other.interval:
        yield f"interval {_seconds(one.interval)} here, {_seconds(other.interval)} there"
    if one.version != other.version:
        yield f"version {one.version} here, {other.version} there"
    if one.auth != other.auth:
        yield f"authentication {one.auth} here, {other.auth} there"
    elif one.auth in ("simple", "ah") and one.password != other.password:
        yield "the passwords differ"
    if one.priority is not None and one.priority == other.priority:
        owns = "both own the addresses" if one.priority == 255 else "the greater IP address decides"
        yield f"both have priority {one.priority}: {owns}"
    if one.source is not None and one.source == other.source:
        yield f"both send from {one.source}"
    elif one.scope == "unicast":
        if one.source is not None and one.source not in other.peers:
            yield f"{one.source} sends here, and is no peer there"
        if other.source is not None and other.source not in one.peers:
            yield f"{other.source} sends there, and is no peer here"


def _elsewhere(groups: Mapping[GroupKey, list[GroupClaim]]) -> Iterator[Contradiction]:
    """Groups that hosts declare alike but for interface or scope: probably meant to be one."""
    alike: dict[tuple[str, int, int], GroupClaim] = {}
    for members in groups.values():
        claim = members[0]
        first = alike.setdefault((claim.protocol, claim.family, claim.id), claim)
        if first is claim or first.host == claim.host or not set(first.addresses) & set(claim.addresses):
            continue
        subject = f"{claim.protocol} {claim.id} with {_list(claim.addresses)}"
        if first.interface != claim.interface:
            text = f"{subject} is on {first.interface} here, on {claim.interface} there: give one segment one name"
        else:
            text = f"{subject} goes to {first.scope or 'its multicast'} here, to {claim.scope or 'its multicast'} there"
        yield Contradiction(first.place, claim.place, text)


def _sync_differences(members: list[SyncClaim]) -> Iterator[Contradiction]:
    first = members[0]
    subject = f"{first.protocol} on {first.interface}"
    for other in members[1:]:
        if other.host == first.host:
            # Several dedicated links of one host are alternatives.
            continue
        pairs = [one for one in members if one.host == first.host]
        if not any(
            (one.port, one.unicast or one.destination) == (other.port, other.unicast or other.destination)
            for one in pairs
        ):
            text = f"goes to {first.destination} port {first.port} here, to {other.destination} port {other.port} there"
            yield Contradiction(first.place, other.place, f"{subject} {text}")
        if first.mode != other.mode:
            text = f"mode {first.mode or 'none'} here, {other.mode or 'none'} there"
            yield Contradiction(first.place, other.place, f"{subject}: {text}")
        if first.unicast and other.source is not None and not any(other.source in one.peers for one in pairs):
            text = f"{other.source} sends there, and is no destination here"
            yield Contradiction(first.place, other.place, f"{subject}: {text}")
        if first.source is not None and first.source == other.source:
            yield Contradiction(first.place, other.place, f"{subject}: both send from {first.source}")


def _segments(
    found: list[Claim], groups: set[str], syncs: Mapping[SyncKey, list[SyncClaim]], gaps: Notes
) -> Iterator[SegmentPolicy]:
    devices: dict[str, dict[str, None]] = {}
    for claim in found:
        devices.setdefault(claim.interface, {})
        if isinstance(claim, GroupClaim):
            devices[claim.interface] |= dict.fromkeys(claim.devices)
    made: dict[str, list[SyncPolicy]] = {}
    for members in syncs.values():
        made.setdefault(members[0].interface, []).extend(_syncs(members, gaps))
    for interface, more in devices.items():
        sync = made.get(interface, [])
        # A segment in the policy is judged: without a speaker to list, all of them would be rogues.
        if interface not in groups and not sync:
            continue
        yield SegmentPolicy(
            name=interface,
            interface=interface,
            interfaces=tuple(more),
            role="both" if interface in groups and sync else "redundancy" if interface in groups else "sync",
            sync=tuple(sync),
        )


def _syncs(members: list[SyncClaim], gaps: Notes) -> Iterator[SyncPolicy]:
    """One entry per destination and port; hosts that send to each other directly share one."""
    links: dict[tuple[IPAddress | None, int], list[SyncClaim]] = {}
    for claim in members:
        links.setdefault((None if claim.unicast else claim.destination, claim.port), []).append(claim)
    for (destination, port), hosts in links.items():
        peers = dict.fromkeys(
            address for claim in hosts for address in (claim.source, *claim.peers) if address is not None
        )
        first = hosts[0]
        if not peers:
            gaps.add(first.place, f"{first.protocol} is left out: none of its peers is known")
            continue
        if len(peers) == 1:
            gaps.add(first.place, f"{first.protocol} has one peer, {next(iter(peers))}: give the other host's too")
        yield SyncPolicy(
            protocol=first.protocol,
            peers=tuple(peers),
            destinations=tuple(peers) if destination is None else (destination,),
            ports=(port,),
        )


def _list(addresses: Iterable[IPAddress]) -> str:
    shown = [str(address) for address in sorted(addresses, key=lambda one: (one.version, int(one)))]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return (", ".join(shown[:5]) or "none") + more


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:g} s"
