"""One group from one source on several segments at once: advertisements that escape the segment they belong to."""

from dataclasses import dataclass
from typing import Final

from vrrpwatch.core.checks_speaker import title
from vrrpwatch.core.dialect import longest_wait
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Advert, Evidence, GroupKey, Instant, Run, nanoseconds
from vrrpwatch.wire.values import IPAddress

# Sources are forgeable: beyond these, the one that was heard longest ago is forgotten.
MAX_HOMES: Final = 32_768
# The segments of one source; further ones are not compared.
MAX_PLACES: Final = 64

Home = tuple[str, int, int, str, IPAddress]


@dataclass(slots=True)
class _Place:
    """A segment on which a source was heard; ``packets`` are not reported yet, ``leaks_from`` is the first segment.

    ``since`` is when it was heard again after a silence in which nobody would have waited for it any more.
    """

    group: GroupKey
    evidence: Evidence
    first: Instant
    since: Instant
    last: Instant
    packets: int = 0
    leaks_from: "_Place | None" = None


class Leaks:
    """Compares where each source is heard.

    A host that moved, or an interface that was renamed, is no leak: the first segment must hear it still after the
    second has begun to.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._homes: dict[Home, dict[str, _Place]] = {}
        self.evicted = 0

    def heard(self, run: Run, packets: int, first: Instant, last: Instant) -> None:
        """``packets`` advertisements of ``run``, from ``first`` to ``last``; calls come in order of ``first``."""
        advert = run.advert
        if advert.group.scope.startswith("unicast"):
            # Routed unicast is rightly seen on every segment that it crosses.
            return
        places = self._places(advert)
        place = places.get(advert.group.segment)
        if place is None:
            if len(places) >= MAX_PLACES:
                return
            place = _Place(advert.group, Evidence(run.source, run.first_packet), first, first, last)
            places[advert.group.segment] = place
        elif first > place.last + nanoseconds(longest_wait(advert)):
            place.since = first
        place.last = max(place.last, last)
        place.packets += packets
        if len(places) == 1:
            return
        # The segment on which it was first heard counts as where it belongs.
        ranked = list(places.values())
        own = ranked.index(place)
        for rank, other in enumerate(ranked):
            if other is place or other.last < place.since or place.last < other.since:
                continue
            later, earlier = (place, other) if rank < own else (other, place)
            later.leaks_from = later.leaks_from or earlier
            self._report(advert.speaker.ip, later)
        if place.leaks_from is not None:
            self._report(advert.speaker.ip, place)

    def _places(self, advert: Advert) -> dict[str, _Place]:
        group = advert.group
        home = (group.protocol, group.family, group.id, group.scope, advert.speaker.ip)
        places = self._homes.pop(home, None)
        if places is None:
            places = {}
            if len(self._homes) >= MAX_HOMES:
                del self._homes[next(iter(self._homes))]
                self.evicted += 1
        self._homes[home] = places
        return places

    def _report(self, ip: IPAddress, place: _Place) -> None:
        origin = place.leaks_from
        if origin is None or not place.packets:
            return
        self._findings.add(
            "leak",
            segment=place.group.segment,
            group=place.group,
            subject=str(ip),
            first=place.first,
            last=place.last,
            count=place.packets,
            summary=f"{ip} advertises {title(place.group)} on {place.group.segment} as well as on "
            f"{origin.group.segment}: the segments are joined somewhere, or one host bridges them",
            evidence=(origin.evidence, place.evidence),
        )
        place.packets = 0
