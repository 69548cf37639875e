"""ARP answers that no group disputes, kept as columns until their grace is over; hardly ever one comes to dispute."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from vrrpwatch.core.claims import Claim
from vrrpwatch.core.model import Evidence, Instant
from vrrpwatch.core.sightings import Answers
from vrrpwatch.wire.values import IPAddress, Mac

# Packets remembered at most; a flood of answers beyond that is forgotten from its beginning.
MAX_ANSWERS: Final = 1 << 20


class Answered:
    """The answers of the last few seconds, by segment and address."""

    def __init__(self, grace: int) -> None:
        """``grace``: how many nanoseconds an answer is remembered at least."""
        self._grace = grace
        self._by_ip: dict[tuple[str, IPAddress], deque[Answers]] = {}
        self._all: deque[Answers] = deque()
        self._packets = 0
        self.evicted = 0

    def add(self, answers: Answers) -> None:
        """Remembers ``answers``, which come in order of time."""
        self._by_ip.setdefault(_key(answers), deque()).append(answers)
        self._all.append(answers)
        self._packets += len(answers.instants)
        began = int(answers.instants[0]) - self._grace
        while self._packets > MAX_ANSWERS or int(self._all[0].instants.max()) < began:
            oldest = self._all.popleft()
            self._packets -= len(oldest.instants)
            self.evicted += int(oldest.instants.max()) >= began
            kept = self._by_ip.get(_key(oldest))
            # It may have been taken.
            if kept and kept[0] is oldest:
                kept.popleft()
                if not kept:
                    del self._by_ip[_key(oldest)]

    def take(self, segment: str, address: IPAddress, virtual: frozenset[Mac], since: Instant) -> list[Claim]:
        """Gives up, as claims, what was answered ``since`` about ``address`` from a MAC that is none of ``virtual``."""
        kept = self._by_ip.pop((segment, address), deque())
        disputed = [answers for answers in kept if answers.arp.sender_mac not in virtual]
        undisputed = deque(answers for answers in kept if answers.arp.sender_mac in virtual)
        if undisputed:
            self._by_ip[segment, address] = undisputed
        return [claim for answers in disputed for claim in _claims(answers) if claim.at >= since]


def _key(answers: Answers) -> tuple[str, IPAddress]:
    return answers.observation.segment, answers.arp.sender_ip


def _claims(answers: Answers) -> Iterator[Claim]:
    segment, arp = answers.observation.segment, answers.arp
    columns = answers.instants.tolist(), answers.sources.tolist(), answers.packets.tolist()
    for at, source, packet in zip(*columns, strict=True):
        yield Claim(segment, at, Evidence(source, packet), arp.sender_ip, arp.sender_mac, gratuitous=False)
