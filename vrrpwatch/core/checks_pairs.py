"""What is wrong between two speakers: pure comparisons of what each says now; who to compare is core.checks' matter."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vrrpwatch.core.model import Advert, Auth, Seconds, SpeakerKey
from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import IPAddress, Vrrp

# At 4 am nobody reads more addresses than these in one sentence.
MAX_LISTED: Final = 8
MASK: Final = "********"
METHODS: Final[dict[Auth, str]] = {
    "none": "nothing",
    "simple": "simple password",
    "ah": "AH",
    "hmac": "keyed digest",
    "carp": "CARP's digest",
}


class Mismatch(NamedTuple):
    """A finding's rule, its sentence, and what differs where that makes the two reject each other (else ``None``)."""

    rule: str
    summary: str
    matter: str | None


def mismatches(one: Advert, other: Advert, reveal: bool) -> Iterator[Mismatch]:
    """Everything in which two speakers of one group disagree and must not; sentences name them in a fixed order."""
    if rank(other.speaker) < rank(one.speaker):
        one, other = other, one
    a, b = names(one.speaker, other.speaker)
    yield from _versions(one, other, a, b)
    yield from _intervals(one, other, a, b)
    yield from _auth(one, other, a, b, reveal)
    yield from _addresses(one, other, a, b)
    yield from _checksums(one, other, a, b)


def settings(advert: Advert) -> tuple[object, ...]:
    """All of what a speaker says that it is compared by."""
    return (
        advert.version,
        advert.interval,
        advert.advbase,
        method(advert),
        advert.password,
        advert.addresses,
        advert.checksum,
    )


def rejections(speakers: Sequence[Advert]) -> set[str]:
    """The ``matter`` of every mismatch between any two speakers of one group, without comparing each with each."""
    matters = set()
    if speakers[0].group.protocol == "vrrp":
        if len({advert.version for advert in speakers}) > 1:
            matters.add("versions")
        if len({advert.interval for advert in speakers if advert.version == 2}) > 1:
            matters.add("intervals")
        if speakers[0].group.family == 4:
            rules = {advert.checksum for advert in speakers if advert.version == 3}
            if len(rules - {None, "bad"}) > 1:
                matters.add("checksum rules")
    methods = {(kind, advert.password) for advert in speakers if (kind := method(advert)) is not None}
    if len({kind for kind, _ in methods}) > 1:
        matters.add("auth types")
    kinds = [kind for kind, secret in methods if secret is not None]
    if len(kinds) > len(set(kinds)):
        matters.add("passwords")
    lists = {frozenset(advert.addresses) for advert in speakers if advert.addresses}
    # Fewer together than one by one: some share an address.
    if len(set().union(*lists)) < sum(map(len, lists)):
        matters.add("addresses")
    return matters


def rank(speaker: SpeakerKey) -> tuple[int, int, str]:
    """Speakers in the order of their addresses."""
    return speaker.ip.version, int(speaker.ip), speaker.mac or ""


def names(one: SpeakerKey, other: SpeakerKey) -> tuple[str, str]:
    """What to call two speakers: their addresses, with their MACs where they share the address."""
    if one.ip != other.ip:
        return str(one.ip), str(other.ip)
    return f"{one.ip} ({one.mac})", f"{other.ip} ({other.mac})"


def subject(one: SpeakerKey, other: SpeakerKey) -> str:
    """The subject of a finding about two speakers: both, in a fixed order."""
    return ", ".join(names(one, other) if rank(one) <= rank(other) else names(other, one))


def seconds(duration: Seconds) -> str:
    """A duration as a sentence gives it, without digits that say nothing."""
    return f"{duration:.10g} s"


def listed(addresses: tuple[IPAddress, ...]) -> str:
    """Addresses as text, no more than a sentence can hold."""
    shown = ", ".join(str(address) for address in addresses[:MAX_LISTED])
    rest = len(addresses) - MAX_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown


def _versions(one: Advert, other: Advert, a: str, b: str) -> Iterator[Mismatch]:
    if one.group.protocol == "vrrp" and one.version != other.version:
        yield Mismatch(
            "version-mismatch",
            f"{a} speaks VRRPv{one.version}, {b} VRRPv{other.version}: they ignore each other's advertisements, "
            "so both may be master; configure one version",
            "versions",
        )


def _intervals(one: Advert, other: Advert, a: str, b: str) -> Iterator[Mismatch]:
    if one.group.protocol == "carp":
        if one.advbase is None or other.advbase is None or one.advbase == other.advbase or one.resigns or other.resigns:
            return
        yield Mismatch(
            "interval-mismatch",
            f"{a} has advbase {one.advbase} s, {b} {other.advbase} s: the smaller one wins whatever the advskew, "
            "and each waits for the other by its own figure; configure one advbase",
            None,
        )
    elif one.interval != other.interval:
        matter = None
        effect = "how soon a failure is noticed depends on who is master"
        if one.group.protocol == "vrrp" and one.version == other.version == 2:
            matter = "intervals"
            effect = "they reject each other's advertisements (VRRPv2), so both may be master"
        yield Mismatch(
            "interval-mismatch",
            f"{a} announces {seconds(one.interval)}, {b} announces {seconds(other.interval)}: {effect}; "
            "configure one interval",
            matter,
        )


def method(advert: Advert) -> str | None:
    """How a VRRP, HSRP or GLBP speaker authenticates, as text; ``None`` where the protocol leaves no choice (CARP)."""
    if advert.group.protocol == "carp":
        return None
    if advert.auth is not None:
        return METHODS[advert.auth]
    return f"type {advert.message.auth_type}" if isinstance(advert.message, Vrrp) else None


def _auth(one: Advert, other: Advert, a: str, b: str, reveal: bool) -> Iterator[Mismatch]:
    mine, theirs = method(one), method(other)
    if mine is None or theirs is None:
        return
    if mine != theirs:
        yield Mismatch(
            "auth-mismatch",
            f"{a} authenticates by {mine}, {b} by {theirs}: they reject each other's advertisements, "
            "so both may be master; configure one authentication",
            "auth types",
        )
    elif one.password is not None and other.password is not None and one.password != other.password:
        shown = f" ({password(one.password, True)} and {password(other.password, True)})" if reveal else ""
        yield Mismatch(
            "auth-mismatch",
            f"{a} and {b} send different simple passwords{shown}: they reject each other's advertisements, "
            "so both may be master; configure one password",
            "passwords",
        )


def password(data: bytes, reveal: bool) -> str:
    """A password for a sentence: masked, its length too, unless it is to be revealed."""
    return f'"{safe_text(data)}"' if reveal else MASK


def _addresses(one: Advert, other: Advert, a: str, b: str) -> Iterator[Mismatch]:
    # No address at all is seen in the field and says nothing.  Sets that share none are two unrelated routers: that is
    # a collision of ids, which only shows once both keep advertising.
    if not one.addresses or not other.addresses:
        return
    mine, theirs = set(one.addresses), set(other.addresses)
    if mine == theirs or mine.isdisjoint(theirs):
        return
    only_a = tuple(address for address in one.addresses if address not in theirs)
    only_b = tuple(address for address in other.addresses if address not in mine)
    parts = [f"only {name} backs up {listed(extra)}" for name, extra in ((a, only_a), (b, only_b)) if extra]
    yield Mismatch(
        "address-mismatch",
        f"{' and '.join(parts)}: after a takeover addresses vanish or appear; configure one address list",
        "addresses",
    )


def _checksums(one: Advert, other: Advert, a: str, b: str) -> Iterator[Mismatch]:
    if one.group.protocol != "vrrp" or one.group.family != 4 or not one.version == other.version == 3:
        return
    mine, theirs = one.checksum, other.checksum
    if mine is None or theirs is None or "bad" in (mine, theirs) or mine == theirs:
        return
    yield Mismatch(
        "checksum-variant",
        f"{a} computes its checksum by the {mine} rule, {b} by the {theirs} rule: they reject each other's "
        "advertisements, so both may be master; configure one rule",
        "checksum rules",
    )
