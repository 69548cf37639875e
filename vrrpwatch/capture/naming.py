"""What the interface of a capture is called: by the capture itself, by the user, or after the file."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

from vrrpwatch.core.frames import Interface
from vrrpwatch.wire.text import safe_text

COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
# Cooked v2 frames carry the index of the interface they crossed (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
LINUX_SLL2 = 276
_DIGITS = re.compile(r"\d+")


def stem(path: str) -> str:
    """A file's name without its extension (nor that of its compression); ``stdin`` for ``-``."""
    if path == "-":
        return "stdin"
    name = PurePath(path).name
    for suffix in COMPRESSED:
        if name.endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return PurePath(name).stem or name


def rotations(paths: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The sets of captures that may be one rotation, by common name: their names are equal but for digits."""
    alike: dict[str, list[int]] = defaultdict(list)
    for position, path in enumerate(paths):
        if path != "-":
            alike[_DIGITS.sub("", PurePath(path).name)].append(position)
    return {
        common_name([stem(paths[position]) for position in positions]): tuple(positions)
        for positions in alike.values()
        if len(positions) > 1
    }


def common_name(names: Sequence[str]) -> str:
    """What remains of names that are equal but for digits when the digits that differ are left out."""
    split = [_DIGITS.split(name) for name in names]
    if len({tuple(texts) for texts in split}) > 1:
        # ``cap.pcap`` and ``cap.pcap1`` differ only in what is no part of the stem.
        return min(names, key=len)
    numbers = [_DIGITS.findall(name) for name in names]
    shared = [column[0] if len(set(column)) == 1 else "" for column in zip(*numbers, strict=True)]
    texts = split[0]
    kept = texts[0] + "".join(number + text for number, text in zip(shared, texts[1:], strict=True))
    return re.sub(r"([-_.])[-_.]+", r"\1", kept).strip("-_.") or names[0]


class Names:
    """Names interfaces: ``streams`` has a name a source, ``segment`` overrides it for captures without names."""

    def __init__(self, streams: Sequence[str], segment: str | None) -> None:
        self._streams = tuple(streams)
        self._segment = segment
        self._interfaces: dict[int, tuple[Interface, ...]] = {}
        self._formats: dict[int, str] = {}

    def describe(self, source: int, form: str, interfaces: tuple[Interface, ...]) -> None:
        """Tells what is known of a source's interfaces so far."""
        self._formats[source] = form
        self._interfaces[source] = interfaces

    def interface(self, source: int, interface: int, ifindex: int) -> str:
        """The name of an interface, made safe to print; ``ifindex`` is a cooked v2 frame's, else 0."""
        known = self._interfaces.get(source, ())
        described = known[interface] if interface < len(known) else Interface(None, 0)
        base = safe_text(self._segment or self._streams[source])
        if described.name:
            base = safe_text(described.name)
        elif self._formats.get(source) == "pcapng" and not (self._segment and interface == 0):
            base = f"{base}#{interface}"
        return f"{base}#{ifindex}" if described.linktype & 0xFFFF == LINUX_SLL2 else base
