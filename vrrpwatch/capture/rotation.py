"""Which captures are one stream: the files of one rotation, told by their names and, where these deceive, by time."""

import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from pathlib import PurePath

from vrrpwatch.capture.naming import stem, uncompressed
from vrrpwatch.core.model import Instant

_DIGITS = re.compile(r"\d+")
Members = tuple[int, ...]


class Streams:
    """Captures, by position, grouped into streams.

    Files whose names are equal but for digits are taken for one rotation (``alone``: captures that belong to none)
    until two of them turn out to overlap in time.
    """

    def __init__(self, paths: Sequence[str], alone: Collection[int] = ()) -> None:
        self._paths = tuple(paths)
        self._numbers = [_DIGITS.findall(uncompressed(path)) for path in paths]
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for position, path in enumerate(paths):
            alike[position if position in alone else _without_digits(path)].append(position)
        self._members: list[Members] = [tuple(positions) for positions in alike.values()]

    @property
    def rotations(self) -> list[frozenset[int]]:
        """The streams of more than one file."""
        return [frozenset(members) for members in self._members if len(members) > 1]

    def part(self, one: int, other: int) -> None:
        """Takes apart the stream of two captures that overlap.

        The first thing in which their names differ (the folder, then number by number) tells one interface from
        another, so ``eth0-1 eth0-2 eth1-1 eth1-2`` become two rotations.
        """
        members = next(members for members in self._members if one in members and other in members)
        most = max(len(self._numbers[position]) for position in members)
        marks = {position: self._marks(position, most) for position in members}
        column = next(column for column, (a, b) in enumerate(zip(marks[one], marks[other], strict=True)) if a != b)
        parts: dict[str, list[int]] = defaultdict(list)
        for position in members:
            parts[marks[position][column]].append(position)
        self._members.remove(members)
        self._members.extend(tuple(positions) for positions in parts.values())

    def complete(self, last: Sequence[Instant | None], until: Sequence[Instant | None]) -> Instant | None:
        """Up to when all streams are complete, if that is later than their last packets.

        Of each capture: its ``last`` packet's instant, and ``until`` when it says that it is complete.
        """
        ends = []
        for members in self._members:
            said = [(at, True) for position in members if (at := until[position]) is not None]
            heard = [(at, False) for position in members if (at := last[position]) is not None]
            if said or heard:
                ends.append(max(said + heard))
        end, is_said = min(ends, default=(0, False))
        return end if is_said else None

    def names(self) -> list[str]:
        """The name of each capture's stream; parts of what looked like one rotation never share a name."""
        names = [""] * len(self._paths)
        alike: dict[tuple[str, str], list[Members]] = defaultdict(list)
        for members in self._members:
            first = self._paths[members[0]]
            alike[_without_digits(first), common_name([stem(self._paths[position]) for position in members])].append(
                members
            )
        for (_, name), streams in alike.items():
            for members, distinct in zip(streams, self._told_apart(name, streams), strict=True):
                for position in members:
                    names[position] = distinct
        return names

    def _marks(self, position: int, most: int) -> tuple[str, ...]:
        path, numbers = PurePath(self._paths[position]), self._numbers[position]
        padding = [""] * (most - len(numbers))
        return str(path.parent), *numbers, *padding, path.name, str(position)

    def _told_apart(self, name: str, streams: Sequence[Members]) -> list[str]:
        """``name`` for one stream; for several ``name@folder``, or their files' names where the folder is the same."""
        if len(streams) == 1:
            return [name]
        paths = [PurePath(self._paths[members[0]]) for members in streams]
        folders = [[part for part in path.parent.parts if part != path.anchor] for path in paths]
        for depth in range(1, max(map(len, folders)) + 1):
            tails = ["-".join(folder[-depth:]) for folder in folders]
            if len(set(tails)) == len(tails):
                return [f"{name}@{tail}" if tail else name for tail in tails]
        return _numbered([path.name for path in paths])


def common_name(names: Sequence[str]) -> str:
    """What remains of names that are equal but for digits when the numbers that differ are left out."""
    shortest = min(names, key=lambda name: (len(name), name))
    if len(set(names)) == 1:
        return shortest
    if len({tuple(_DIGITS.split(name)) for name in names}) > 1:
        # ``cap`` and ``cap1``: the first file of a rotation may go without a number.
        return shortest
    numbers = [_DIGITS.findall(name) for name in names]
    shared = [column[0] if len(set(column)) == 1 else "" for column in zip(*numbers, strict=True)]
    texts = _DIGITS.split(names[0])
    kept = texts[0] + "".join(number + text for number, text in zip(shared, texts[1:], strict=True))
    return re.sub(r"([-_.])[-_.]+", r"\1", kept).strip("-_.") or shortest


def _without_digits(path: str) -> str:
    return _DIGITS.sub("", uncompressed(path))


def _numbered(names: Iterable[str]) -> list[str]:
    """Names, and numbers behind those that come again."""
    seen: dict[str, int] = defaultdict(int)
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}@{seen[name]}")
    return distinct
