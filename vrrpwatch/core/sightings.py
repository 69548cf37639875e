"""Which packets of neighbour and membership messages must be looked at, where the same is said again and again."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.bystanders import Bystanders
from vrrpwatch.core.hearing import Observation
from vrrpwatch.core.membership import MEMBERSHIP_INTERVAL
from vrrpwatch.core.model import Evidence, Instant, nanoseconds
from vrrpwatch.wire.values import Arp, IPAddress, MembershipQuery, MembershipReport

# Of what only says that it is still so, the first and the last packet of every stretch of this length suffice:
# memberships are judged after longer silence than that.
STRETCH: Final = nanoseconds(MEMBERSHIP_INTERVAL - 20)

_EACH, _EDGES, _TOGETHER = range(3)


class Sighting(NamedTuple):
    """One observed packet."""

    observation: Observation
    evidence: Evidence


class Answers(NamedTuple):
    """One ARP answer said many times, which no group disputes as yet; the columns have one element a packet."""

    observation: Observation
    arp: Arp
    instants: NDArray[np.int64]
    sources: NDArray[np.int32]
    packets: NDArray[np.int64]


# (instant, source, packet number, rank among the deliveries of one packet, what is delivered)
Seen = tuple[Instant, int, int, int, Sighting | Answers]
Entries = Sequence[object]


def sightings(
    rows: NDArray[np.void],
    chosen: NDArray[np.intp],
    which: NDArray[np.intp],
    heard: Entries,
    bystanders: Bystanders,
) -> Iterator[Seen]:
    """What must be looked at of the ``chosen`` rows, of which row ``r`` holds the observation ``heard[which[r]]``."""
    if not len(chosen):
        return
    mine, at = which[chosen], rows["at"][chosen]
    manners, links = _manners(heard, bystanders)
    manner = manners[mine]
    wanted = _edges(mine, at // STRETCH) | (manner == _EACH)
    wanted |= _first_reports(mine, wanted, links, heard)
    alone = chosen[wanted]
    for instant, source, packet, entry in zip(*places(rows[alone]), which[alone].tolist(), strict=True):
        observation = heard[entry]
        if isinstance(observation, Observation):
            yield instant, source, packet, 0, Sighting(observation, Evidence(source, packet))
    together = np.flatnonzero(~wanted & (manner == _TOGETHER))
    if len(together):
        yield from _answers(rows[chosen[together]], mine[together], heard)


def _manners(heard: Entries, bystanders: Bystanders) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How each observation's repetitions are looked at, and the number of its link (-1: no membership message)."""
    numbers: dict[tuple[str, str], int] = {}
    manners = np.full(len(heard), _EDGES, dtype=np.int64)
    links = np.full(len(heard), -1, dtype=np.int64)
    left: set[tuple[str, IPAddress, IPAddress]] = set()
    queriers: dict[int, set[IPAddress]] = {}
    reports: list[tuple[int, Observation, MembershipReport, IPAddress]] = []
    queries: list[tuple[int, int]] = []
    for place, observation in enumerate(heard):
        if not isinstance(observation, Observation):
            continue
        message, network = observation.message, observation.packet.network
        if isinstance(message, MembershipReport | MembershipQuery) and network is not None:
            link = numbers.setdefault((observation.segment, message.protocol), len(numbers))
            links[place] = link
            if isinstance(message, MembershipQuery):
                queriers.setdefault(link, set()).add(network.source)
                queries.append((place, link))
            else:
                left.update((observation.segment, network.source, group) for group in message.left)
                reports.append((place, observation, message, network.source))
        elif not observation.repeats:
            calm = isinstance(message, Arp) and bystanders.undisputed(observation.segment, message)
            manners[place] = _TOGETHER if calm else _EACH
    # Where there are several queriers it matters who went on after whom.
    manners[[place for place, link in queries if len(queriers[link]) > 1]] = _EACH
    if left:
        # Who leaves and joins again is a new member.
        manners[
            [
                place
                for place, observation, message, source in reports
                if any((observation.segment, source, group) in left for group in (*message.joined, *message.left))
            ]
        ] = _EACH
    return manners, links


def _edges(mine: NDArray[np.intp], stretch: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The first and the last of each observation in every stretch of time."""
    order = np.lexsort((stretch, mine))
    said, when = mine[order], stretch[order]
    begins = np.concatenate(([True], (said[1:] != said[:-1]) | (when[1:] != when[:-1])))
    edges = np.empty(len(mine), dtype=np.bool_)
    edges[order] = begins | np.append(begins[1:], True)
    return edges


def _first_reports(
    mine: NDArray[np.intp], wanted: NDArray[np.bool_], links: NDArray[np.int64], heard: Entries
) -> NDArray[np.bool_]:
    """The first report on a link after each query that is looked at: what a stretch without queries begins with."""
    asks = np.array([_is_query(observation) for observation in heard], dtype=np.bool_)[mine]
    link = links[mine]
    found = np.zeros(len(mine), dtype=np.bool_)
    reports, queries = np.flatnonzero((link >= 0) & ~asks), np.flatnonzero(wanted & asks)
    if not len(reports) or not len(queries):
        return found
    # By link, and in stream order on each.
    placed = link[reports] * len(mine) + reports
    order = np.argsort(placed)
    following = np.searchsorted(placed[order], link[queries] * len(mine) + queries)
    queries, following = queries[following < len(reports)], following[following < len(reports)]
    nearest = reports[order][following]
    found[nearest[link[nearest] == link[queries]]] = True
    return found


def _is_query(observation: object) -> bool:
    return isinstance(observation, Observation) and isinstance(observation.message, MembershipQuery)


def _answers(rows: NDArray[np.void], mine: NDArray[np.intp], heard: Entries) -> Iterator[Seen]:
    for entry, said in by_entry(mine):
        observation, repeated = heard[entry], rows[said]
        if isinstance(observation, Observation) and isinstance(observation.message, Arp):
            # Whole rows would be kept for their columns otherwise.
            at, source, packet = (repeated[name].copy() for name in ("at", "source", "packet"))
            answers = Answers(observation, observation.message, at, source, packet)
            yield int(at[0]), int(source[0]), int(packet[0]), 0, answers


def by_entry(entries: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each entry once, and where it stands, in ascending order; there must be one."""
    order = np.argsort(entries, kind="stable")
    ranked = entries[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    yield from zip(ranked[starts].tolist(), np.split(order, starts[1:]), strict=True)


def places(rows: NDArray[np.void]) -> tuple[list[int], list[int], list[int]]:
    """Instants, sources and packet numbers as plain numbers."""
    return rows["at"].tolist(), rows["source"].tolist(), rows["packet"].tolist()
