"""Tells an advertisement that came back (a loop, a mirror port, NIC teaming) from one that was sent again, and says so.

A copy has the same source, destination, IP identification and payload as a packet seen within the last second.  Where
a speaker never varies its identification (IPv6 has none) the same bytes are simply its next advertisement, so only
a frame that follows within half an interval is a copy.
"""

import numpy as np
from numpy.typing import NDArray

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import NANOSECONDS, Advert, Evidence, GroupKey, Instant
from vrrpwatch.core.runs import Contents
from vrrpwatch.wire.values import IPAddress

WINDOW = NANOSECONDS
# Copies of a packet before they are worth a finding: a loop or a mirror, not a stray.
REFLECTION_COPIES = 3
# Groups and sources are forgeable: beyond so many together, what comes back of others is not told.
MAX_RETURNED = 4096


class Reflections:
    """Remembers the identities of the last second across batches."""

    def __init__(self) -> None:
        self._identity = np.empty(0, dtype=np.uint64)
        self._at = np.empty(0, dtype=np.int64)

    def forget(self) -> None:
        """Drops what is remembered: the capture's clock was stepped."""
        self._identity, self._at = self._identity[:0], self._at[:0]

    def copies(
        self,
        contents: Contents,
        index: NDArray[np.int64],
        at: NDArray[np.int64],
        identity: NDArray[np.uint64],
    ) -> NDArray[np.bool_]:
        """Which rows (in stream order, ``index`` pointing into ``contents``) are copies of an earlier one."""
        copy = np.zeros(len(index), dtype=np.bool_)
        if not len(index):
            return copy
        known = len(self._at)
        identities = np.concatenate((self._identity, identity ^ contents.mark[index]))
        instants = np.concatenate((self._at, at))
        varies_after = self._variation(contents, index, identity)
        # As a rule all identities differ, so only the few that look alike are worth putting in order.
        order = _alike(identities)
        order = order[np.argsort(identities[order], kind="stable")]
        since = np.diff(instants[order])
        near = (identities[order][1:] == identities[order][:-1]) & (since <= WINDOW)
        rows, since = order[1:][near] - known, since[near]
        rows, since = rows[rows >= 0], since[rows >= 0]
        which = index[rows]
        copy[rows] = (rows > varies_after[which]) | (since < contents.half_interval[which])
        self._remember(identities, instants)
        return copy

    def _remember(self, identities: NDArray[np.uint64], instants: NDArray[np.int64]) -> None:
        recent = instants > instants[-1] - WINDOW
        self._identity, self._at = identities[recent], instants[recent]

    @staticmethod
    def _variation(contents: Contents, index: NDArray[np.int64], identity: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each content the row after which its identities are known to vary (beyond the last row: not yet)."""
        total = len(contents.items)
        varied = contents.varied[:total]
        after = np.where(varied, -1, len(index))
        rows = np.flatnonzero((identity != contents.identity[index]) & ~varied[index])
        which, position = np.unique(index[rows], return_index=True)
        after[which] = rows[position]
        varied[which] = True
        return after


class Returns:
    """Raises ``reflection`` once enough of a speaker's advertisements have come back."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._waiting: dict[tuple[GroupKey, IPAddress], list[tuple[Instant, Evidence]]] = {}

    def came_back(self, advert: Advert, at: Instant, evidence: Evidence) -> None:
        """A copy of ``advert`` was heard."""
        key = (advert.group, advert.speaker.ip)
        if key not in self._waiting and len(self._waiting) >= MAX_RETURNED:
            return
        waiting = self._waiting.setdefault(key, [])
        waiting.append((at, evidence))
        raised = self._findings.get("reflection", advert.group.segment, advert.group, str(advert.speaker.ip))
        if raised is None and len(waiting) < REFLECTION_COPIES:
            return
        self._findings.add(
            "reflection",
            segment=advert.group.segment,
            group=advert.group,
            subject=str(advert.speaker.ip),
            first=waiting[0][0],
            last=at,
            count=len(waiting),
            summary=f"advertisements of {advert.speaker.ip} come back: a loop, a mirror port or NIC teaming "
            "(copies are not counted as advertisements)",
            evidence=[evidence for _, evidence in waiting],
        )
        waiting.clear()


def _alike(identities: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The places, in their order, of all identities that share their lower halves with another one."""
    # A stable sort of 16-bit numbers is a radix sort; one more such sort of what the first one ordered sorts by both.
    order = np.argsort(identities.astype(np.uint16), kind="stable")
    order = order[np.argsort((identities >> 16).astype(np.uint16)[order], kind="stable")]
    ranked = identities.astype(np.uint32)[order]
    same = ranked[1:] == ranked[:-1]
    return np.sort(order[np.append(same, False) | np.append(False, same)])
