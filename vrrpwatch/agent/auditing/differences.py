"""Where one router that is heard and one that is configured would disagree, each with what to do about it."""

from collections.abc import Iterator
from typing import NamedTuple

from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.agent.config.routers import CarpRouter, VrrpRouter
from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo
from vrrpwatch.core.checks_pairs import METHODS, listed, seconds
from vrrpwatch.core.checks_speaker import OWNER_PRIORITY, title
from vrrpwatch.core.model import Severity


class Difference(NamedTuple):
    """An objection's rule and lines; without ``severity`` it has that of its rule."""

    rule: str
    heard: str
    remedy: str
    severity: Severity | None = None


def named(speaker: SpeakerInfo) -> str:
    """A speaker for a sentence: address, card, and what it seems to run."""
    known = [part for part in (speaker.key.mac, speaker.implementation) if part is not None]
    return f"{speaker.key.ip} ({', '.join(known)})" if known else str(speaker.key.ip)


def compare(station: Station, info: GroupInfo, speaker: SpeakerInfo, another_id: str) -> Iterator[Difference]:
    """Everything in which the router and a speaker of its group differ and must not; ``another_id`` advises one."""
    config, who = station.config, named(speaker)
    ours, theirs = set(config.advertised), set(speaker.addresses)
    if theirs and ours.isdisjoint(theirs):
        yield Difference(
            "vrid-collision",
            f"{who} uses {title(info.key)} for {listed(speaker.addresses)}, none of which is configured here: "
            "two unrelated routers would fight over one id",
            f"{another_id}, or correct addresses",
        )
        return
    if theirs and ours != theirs:
        missing = tuple(address for address in speaker.addresses if address not in ours)
        extra = tuple(address for address in config.advertised if address not in theirs)
        parts = [f"also backs up {listed(missing)}"] if missing else []
        parts += [f"does not back up {listed(extra)}"] if extra else []
        yield Difference(
            "address-mismatch",
            f"{who} {' and '.join(parts)}: addresses would vanish or appear with a takeover",
            "list the same addresses in all routers of the group",
        )
    if isinstance(config, CarpRouter):
        yield from _carp(config, speaker, who)
        yield from _equals(station, info, speaker, who)
        return
    yield from _vrrp(station, config, info, speaker, who)


def _vrrp(
    station: Station, config: VrrpRouter, info: GroupInfo, speaker: SpeakerInfo, who: str
) -> Iterator[Difference]:
    if round(speaker.interval * 100) != round(config.interval * 100):
        rejected = "they would reject each other's advertisements"
        effect = rejected if config.version == 2 else "how soon a failure is noticed would depend on who is master"
        yield Difference(
            "interval-mismatch",
            f"{who} announces {seconds(speaker.interval)}, this router is to announce {seconds(config.interval)}: "
            + effect,
            f"set interval = {seconds(speaker.interval).removesuffix(' s')}, or correct that router",
        )
    # A router on its way from version 2 to 3 speaks both (RFC 9568 §8.4).
    if config.version not in speaker.versions:
        version = speaker.versions[-1]
        yield Difference(
            "version-mismatch",
            f"{who} speaks VRRPv{version}, this router is to speak VRRPv{config.version}: "
            "they would ignore each other, and both be master",
            f"set version = {version}, or correct that router",
        )
    elif len(speaker.versions) == 1:
        yield from _auth(config, speaker, who)
        yield from _checksum(config, speaker, who)
    if speaker.priority == OWNER_PRIORITY:
        yield from _owner(config, speaker, who)
    elif speaker.priority == config.priority:
        yield from _equals(station, info, speaker, who)


def _owner(config: VrrpRouter, speaker: SpeakerInfo, who: str) -> Iterator[Difference]:
    owns = speaker.key.ip in speaker.addresses
    if owns and config.priority != OWNER_PRIORITY:
        yield Difference(
            "owner-priority",
            f"{who} owns {speaker.key.ip} and advertises priority 255: it is master whenever it runs",
            "nothing is wrong with that",
            Severity.INFO,
        )
        return
    also = ", and so is this router's" if config.priority == OWNER_PRIORITY else ""
    reason = "" if owns else f", which is for the owner of {listed(speaker.addresses)}, and it owns none of these"
    yield Difference(
        "owner-priority",
        f"{who} advertises priority 255{also}{reason}",
        "give all but the address owner a priority of 254 or less",
    )


def _auth(config: VrrpRouter, speaker: SpeakerInfo, who: str) -> Iterator[Difference]:
    ours = "none" if config.auth is None else config.auth.type
    if speaker.auth != ours:
        theirs = next((said for method, said in METHODS.items() if method == speaker.auth), "a method of its own")
        told = "remove auth" if speaker.auth == "none" else f'set auth with type = "{speaker.auth}"'
        yield Difference(
            "auth-mismatch",
            f"{who} authenticates by {theirs}, this router by {METHODS[ours]}: "
            "they would reject each other's advertisements",
            "correct auth here or there" if speaker.auth is None else f"{told}, or correct that router",
        )
    elif config.auth is not None and speaker.authentic is False:
        if ours == "simple":
            yield Difference(
                "auth-mismatch",
                f"{who} sends another simple password: they would reject each other's advertisements",
                "put the password of that router into secret_file, or correct it there",
            )
        else:
            yield Difference(
                "auth-failed",
                f"what {who} signs by {METHODS[ours]} does not verify with the secret given: "
                "they would reject each other's advertisements",
                "put the secret of that router into secret_file, or correct it there",
            )
    elif config.auth is not None and ours == "hmac" and speaker.authentic is None:
        yield Difference(
            "auth-mismatch",
            f"{who} signs with another key id than {config.auth.key_id}: they would reject each other's advertisements",
            "set auth.key_id to that router's, or correct it there",
        )


def _checksum(config: VrrpRouter, speaker: SpeakerInfo, who: str) -> Iterator[Difference]:
    if config.version != 3 or config.family != 4 or speaker.checksum in (None, "bad", config.camp):
        return
    known = speaker.checksum in ("plain", "pseudo-header")
    yield Difference(
        "checksum-variant",
        f"{who} computes its checksum by the {speaker.checksum} rule, this router by the {config.camp} rule: "
        "they would reject each other's advertisements",
        f'set checksum = "{speaker.checksum}", or correct that router'
        if known
        else f"have that router use the {config.camp} rule",
    )


def _carp(config: CarpRouter, speaker: SpeakerInfo, who: str) -> Iterator[Difference]:
    if speaker.authentic is False:
        yield Difference(
            "auth-failed",
            f"the digest of {who} does not verify with the passphrase and addresses configured here: "
            "they would reject each other's advertisements",
            "give both the same passphrase and the same addresses, or this router another id",
        )
    if speaker.advbase is not None and speaker.advbase != config.advbase:
        yield Difference(
            "interval-mismatch",
            f"{who} has advbase {speaker.advbase}, this router {config.advbase}: "
            "the smaller one wins whatever the advskew, and each waits by its own figure",
            f"set advbase = {speaker.advbase}, or correct that router",
        )


def _equals(station: Station, info: GroupInfo, speaker: SpeakerInfo, who: str) -> Iterator[Difference]:
    """Who wins where neither is better: in VRRP the higher address (RFC 9568 §6.4.3), in CARP the lower (ucarp)."""
    config, source = station.config, station.attachment.source
    if isinstance(config, CarpRouter):
        if (speaker.advbase, speaker.advskew) != (config.advbase, config.advskew):
            return
        what, wins = f"advbase {config.advbase} and advskew {config.advskew}", int(source) < int(speaker.key.ip)
    else:
        what, wins = f"priority {config.priority}", int(source) > int(speaker.key.ip)
    stays = ", but a master stays while it advertises" if info.master == speaker.key else ""
    yield Difference(
        "equal-priority",
        f"{who} has {what} too: of two such {'this router' if wins else speaker.key.ip} wins{stays}",
        f"give each its own {'advskew' if isinstance(config, CarpRouter) else 'priority'}",
    )
