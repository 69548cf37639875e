"""What the interface of a capture is called: by the capture itself, by the user, or after the file."""

from collections.abc import Sequence
from pathlib import PurePath

from vrrpwatch.core.frames import Interface
from vrrpwatch.wire.text import safe_text

COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
# Cooked v2 frames carry the index of the interface they crossed (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
LINUX_SLL2 = 276


def uncompressed(path: str) -> str:
    """A file's name without the extension of its compression."""
    name = PurePath(path).name
    for suffix in COMPRESSED:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix)
    return name


def stem(path: str) -> str:
    """A file's name without its extension (nor that of its compression); ``stdin`` for ``-``."""
    if path == "-":
        return "stdin"
    name = uncompressed(path)
    return PurePath(name).stem or name


def key_text(name: str) -> str:
    r"""``name`` made safe to print and to stand in a group's key.

    ``|`` and ``/`` divide keys and segments, so they are written ``\x7c`` and ``\x2f``.
    """
    return safe_text(name).replace("|", r"\x7c").replace("/", r"\x2f")


class Names:
    """Names interfaces: ``streams`` has a name a source, ``segment`` overrides it for captures without names."""

    def __init__(self, streams: Sequence[str], segment: str | None) -> None:
        self._streams = [key_text(segment or stream) for stream in streams]
        self._segment = segment
        self._interfaces: dict[int, tuple[Interface, ...]] = {}
        self._formats: dict[int, str] = {}

    def describe(self, source: int, form: str, interfaces: tuple[Interface, ...]) -> None:
        """Tells what is known of a source's interfaces so far."""
        self._formats[source] = form
        self._interfaces[source] = interfaces

    def interface(self, source: int, interface: int, ifindex: int) -> str:
        """The name of an interface; ``ifindex`` is a cooked v2 frame's, else 0 (for the interface as a whole)."""
        known = self._interfaces.get(source, ())
        described = known[interface] if interface < len(known) else Interface(None, 0)
        given = described.name.strip() if described.name else ""
        name = key_text(given) if given else self._streams[source]
        if described.linktype & 0xFFFF == LINUX_SLL2:
            return f"{name}#{ifindex}" if ifindex else name
        numbered = self._formats.get(source) == "pcapng" and not (self._segment and interface == 0)
        return name if given or not numbered else f"{name}#{interface}"
